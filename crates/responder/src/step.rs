//! At which moments may the program be killed, and does a test want that now?

/// Marks a moment between two steps that must be allowed to be the last. Nothing but a place in the text, except in
/// this crate's own tests: there a process that was asked to kills itself, as `kill -9` does.
#[cfg(not(test))]
#[inline]
pub(crate) fn between() {}

#[cfg(test)]
pub(crate) use dying::{DIE_AT, between};

#[cfg(test)]
mod dying {
    use std::process::Command;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// Which moment is the last, counted from one.
    pub const DIE_AT: &str = "TRIPOINT_TEST_DIE_AT";

    pub fn between() {
        let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
        if std::env::var(DIE_AT).is_ok_and(|at| at == passed.to_string()) {
            let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
            // The signal is on its way; nothing more may be done here.
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

//! Does the whole system hold what it promises on a real kernel? Needs root and RUN_KERNEL_TESTS=1.

mod apart;
mod blind;
mod bulk;
mod called_back;
mod contacts;
mod crowdsec;
mod demo;
mod disturbed;
mod enforce;
mod evidence;
mod exposed;
mod follow;
mod instance;
mod kill;
mod lacking;
mod mechanism;
mod named;
mod names;
mod network;
mod outlive;
mod overrule;
mod poisoned;
mod policies;
mod quick;
mod reboot;
mod rungs;
mod scoped;
mod second;
mod survive;

/// Whether kernel tests are asked for; says so when they are skipped.
fn asked_for() -> bool {
    let asked = std::env::var_os("RUN_KERNEL_TESTS").is_some();
    if !asked {
        println!("skipped: RUN_KERNEL_TESTS is not set");
    }
    asked
}

/// The kernel programs of every instance see the whole host: one at a time.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

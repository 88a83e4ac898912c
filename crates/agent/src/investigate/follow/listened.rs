//! Does something new about a peer stand in the journal of an alert?

use std::time::{Duration, Instant, SystemTime};

use tripoint_evidence::journal::{Journal, JournalError, Tail};
use tripoint_evidence::search::Finders;
use tripoint_linux::child;
use tripoint_model::Timestamp;

/// A tool that ended is started again, not at once.
const PAUSE: Duration = Duration::from_secs(30);
/// As much as is read at one time; the rest waits in the tool.
const BYTES_MAX: usize = 4 << 20;

/// A journal that is followed, by a child that ends with the thread.
pub(super) struct Listened {
    journal: Journal,
    tail: Option<Tail>,
    /// Until when it was read.
    read: Timestamp,
    /// When the tool may be started again.
    again: Instant,
}

impl Listened {
    /// Follows it from now on.
    pub(super) fn to(journal: &Journal) -> Result<Self, JournalError> {
        let read = now();
        Ok(Self { tail: Some(start(journal, read)?), journal: journal.clone(), read, again: Instant::now() })
    }

    /// Whether it is this one.
    pub(super) fn is(&self, journal: &Journal) -> bool {
        self.journal == *journal
    }

    /// Whether a record that came meanwhile names one of the peers.
    pub(super) fn has_news(&mut self, finders: &[Finders]) -> bool {
        let Some(tail) = &mut self.tail else {
            self.restart();
            return false;
        };
        let mut found = false;
        let mut show = |record: &str| found |= finders.iter().any(|finders| finders.is_named(record));
        let at = now();
        match tail.records(BYTES_MAX, &mut show) {
            Ok(()) => self.read = at,
            Err(reason) => {
                tracing::warn!(journal = %self.journal, %reason, "it is not followed for a moment");
                (self.tail, self.again) = (None, Instant::now() + PAUSE);
            }
        }
        found
    }

    /// From where it was read to: what was written meanwhile comes then.
    fn restart(&mut self) {
        if Instant::now() < self.again {
            return;
        }
        match start(&self.journal, self.read) {
            Ok(tail) => self.tail = Some(tail),
            Err(reason) => {
                tracing::warn!(journal = %self.journal, %reason, "it cannot be followed");
                self.again = Instant::now() + PAUSE;
            }
        }
    }
}

fn start(journal: &Journal, since: Timestamp) -> Result<Tail, JournalError> {
    journal.follow(since, &child::ends_with_parent)
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use tripoint_evidence::journal::Of;
    use tripoint_model::AlertId;

    use super::*;
    use crate::investigate::Case;
    use crate::investigate::follow::{Follow, JOURNALS_MAX};

    /// Debian's package systemd-journal-remote; a variable names it where it is unpacked only.
    fn writer() -> Option<PathBuf> {
        let named = std::env::var_os("TRIPOINT_JOURNAL_REMOTE").map(PathBuf::from);
        let usual = ["/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"];
        let found = named.into_iter().chain(usual.map(PathBuf::from)).find(|path| path.is_file());
        if found.is_none() || !Path::new("/usr/bin/journalctl").is_file() {
            println!("skipped: journalctl or systemd-journal-remote is not here");
            return None;
        }
        found
    }

    fn write(writer: &Path, folder: &Path, number: u32, unit: &str, message: &str) {
        let time = now().0;
        let text = format!(
            "__CURSOR=s=00000000000000000000000000000001;i={number:x};b=00000000000000000000000000000001;m={time:x};t={time:x};x={number:x}\n__REALTIME_TIMESTAMP={time}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID=00000000000000000000000000000001\n_MACHINE_ID=00000000000000000000000000000002\n_SYSTEMD_UNIT={unit}\nMESSAGE={message}\n\n"
        );
        let export = folder.join("export");
        std::fs::write(&export, text).unwrap();
        let output = format!("--output={}", folder.join("system.journal").display());
        let done = Command::new(writer).arg(output).arg(&export).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn case(alert: usize) -> Case {
        Case {
            alert: AlertId(alert.to_string()),
            process: None,
            connection: None,
            peers: vec!["203.0.113.9".parse().unwrap()],
            since: Timestamp(0),
            is_raised: true,
        }
    }

    fn has_news(follow: &mut Follow, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if !follow.news().is_empty() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    #[test]
    fn what_a_unit_writes_about_the_peer_is_news() {
        let Some(writer) = writer() else { return };
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal { of: Of::Unit("shop.service".into()), folder: Some(folder.path().into()) };
        write(&writer, folder.path(), 1, "shop.service", "203.0.113.9 long before");
        // The tool looks for whole seconds.
        std::thread::sleep(Duration::from_millis(1100));
        let mut follow = Follow::default();
        assert_eq!(follow.keep(&case(0), &[], Some(&journal)), None);
        assert!(!has_news(&mut follow, Duration::from_millis(500)));
        write(&writer, folder.path(), 2, "other.service", "203.0.113.9 of another unit");
        write(&writer, folder.path(), 3, "shop.service", "203.0.113.99 another peer");
        assert!(!has_news(&mut follow, Duration::from_millis(700)));
        assert_eq!(follow.keep(&case(0), &[], Some(&journal)), None, "it goes on");
        write(&writer, folder.path(), 4, "shop.service", "203.0.113.9 again");
        assert!(has_news(&mut follow, Duration::from_secs(10)));
        assert!(!has_news(&mut follow, Duration::from_millis(300)), "told once");
    }

    #[test]
    fn so_many_journals_are_followed_and_the_others_are_said() {
        let Some(_) = writer() else { return };
        let folder = tempfile::tempdir().unwrap();
        let journal = |n: usize| Journal { of: Of::Unit(format!("u{n}.service")), folder: Some(folder.path().into()) };
        let mut follow = Follow::default();
        let said: Vec<_> = (0..=JOURNALS_MAX).map(|n| follow.keep(&case(n), &[], Some(&journal(n)))).collect();
        assert!(said[..JOURNALS_MAX].iter().all(Option::is_none), "{said:?}");
        assert!(said[JOURNALS_MAX].as_ref().is_some_and(|why| why.contains("is not followed")), "{said:?}");
        let none = Journal { of: Of::Unit("--x".into()), folder: None };
        let why = Follow::default().keep(&case(0), &[], Some(&none)).unwrap();
        assert!(why.contains("is not followed") && why.contains("no name of a unit"), "{why}");
    }
}

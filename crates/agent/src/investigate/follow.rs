//! Does something new about a peer stand in the logs of an alert that was looked into?
//!
//! Only what is appended is read, and only for lines that name a peer; what they mean is for the next whole look to say.
//! A log is known by its device, its number and its first bytes, so that one that was moved away, and one that was
//! emptied and grew again, are read from their beginning.

mod listened;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tripoint_evidence::journal::Journal;
use tripoint_evidence::locate::{Log, open};
use tripoint_evidence::search::Finders;

use super::Case;
use listened::Listened;

/// Logs that are followed at once, and for how long after an alert last changed.
const LOGS_MAX: usize = 64;
const ALERTS_MAX: usize = 32;
/// Journals that are followed at once: each is a child, of some MiB.
const JOURNALS_MAX: usize = 16;
const FOLLOWED: Duration = Duration::from_secs(1800);
/// As much as is read of one log at one time; of more the rest comes a second later.
const BYTES_MAX: u64 = 4 << 20;
const HEAD_BYTES: usize = 256;
/// A peer that is busy shall not keep the thread busy: of five parts of the time one.
const REST_FOLD: u32 = 4;
const REST_MIN: Duration = Duration::from_secs(1);

/// Where reading goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    head: Vec<u8>,
    offset: u64,
}

struct Followed {
    case: Box<Case>,
    finders: Vec<Finders>,
    logs: Vec<(Log, Option<Mark>)>,
    journal: Option<Listened>,
    until: Instant,
    /// Whole looks have their cost: not before this.
    rest_until: Instant,
}

/// The alerts whose logs are followed.
#[derive(Default)]
pub struct Follow {
    alerts: HashMap<String, Followed>,
}

impl Follow {
    /// Follows these logs and this journal for an alert from where they end now, or goes on where it does already. Says
    /// what is not followed, and why.
    pub fn keep(&mut self, case: &Case, logs: &[Log], journal: Option<&Journal>) -> Option<String> {
        let key = case.alert.to_string();
        let mut known = self.alerts.remove(&key);
        if logs.is_empty() && journal.is_none() {
            return None;
        }
        if self.alerts.len() >= ALERTS_MAX {
            return Some(format!("its logs are not followed: those of {ALERTS_MAX} other alerts are"));
        }
        let others: usize = self.alerts.values().map(|one| one.logs.len()).sum();
        let room = LOGS_MAX.saturating_sub(others);
        let mut left_out = Vec::new();
        if logs.len() > room {
            left_out.push(format!("{} of its logs are not followed: {LOGS_MAX} logs are", logs.len() - room));
        }
        let mark = |log: &Log| {
            let place = |path: &PathBuf| *path == log.path;
            let before = known.as_ref().and_then(|known| known.logs.iter().find(|(one, _)| place(&one.path)));
            before.map_or_else(|| at_end(log), |(_, mark)| mark.clone())
        };
        let logs = logs.iter().take(room).map(|log| (log.clone(), mark(log))).collect();
        let before = known.as_mut().and_then(|known| known.journal.take());
        let journal = journal.and_then(|journal| match before.filter(|before| before.is(journal)) {
            Some(before) => Some(before),
            None => self.listen(journal).map_err(|why| left_out.push(why)).ok(),
        });
        let finders = case.peers.iter().map(|peer: &IpAddr| Finders::of(*peer)).collect();
        let case = Box::new(case.clone());
        let now = Instant::now();
        self.alerts.insert(key, Followed { case, finders, logs, journal, until: now + FOLLOWED, rest_until: now });
        (!left_out.is_empty()).then(|| left_out.join("; "))
    }

    fn listen(&self, journal: &Journal) -> Result<Listened, String> {
        let others = self.alerts.values().filter(|one| one.journal.is_some()).count();
        if others >= JOURNALS_MAX {
            return Err(format!("the {journal} is not followed: {JOURNALS_MAX} others are"));
        }
        Listened::to(journal).map_err(|error| format!("the {journal} is not followed: {error}"))
    }

    /// Whether anything is followed.
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// A look at an alert took so long: the next one waits.
    pub fn rest(&mut self, case: &Case, took: Duration) {
        if let Some(followed) = self.alerts.get_mut(&case.alert.to_string()) {
            followed.rest_until = Instant::now() + (took * REST_FOLD).max(REST_MIN);
        }
    }

    /// Reads what was appended; gives the alerts of which it names a peer, and before when none shall be looked into.
    pub fn news(&mut self) -> Vec<(Box<Case>, Instant)> {
        let now = Instant::now();
        self.alerts.retain(|_, followed| followed.until > now);
        let has_news = |followed: &mut Followed| {
            let mut found = false;
            for (log, mark) in &mut followed.logs {
                found |= appended(log, mark).is_some_and(|text| {
                    let named = |line: &str| followed.finders.iter().any(|finders| finders.is_named(line));
                    text.lines().any(named)
                });
            }
            // All are asked: a tool that nobody reads waits.
            found | followed.journal.as_mut().is_some_and(|journal| journal.has_news(&followed.finders))
        };
        let mut news = Vec::new();
        for followed in self.alerts.values_mut() {
            if has_news(followed) {
                news.push((followed.case.clone(), followed.rest_until));
            }
        }
        news
    }
}

fn at_end(log: &Log) -> Option<Mark> {
    let mut file = open(log).ok()?;
    let about = file.metadata().ok()?;
    Some(Mark { device: about.dev(), inode: about.ino(), head: head(&mut file)?, offset: about.len() })
}

fn head(file: &mut File) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

/// What stands behind the mark, as whole lines; the mark moves behind them.
fn appended(log: &Log, mark: &mut Option<Mark>) -> Option<String> {
    let mut file = open(log).ok()?;
    let about = file.metadata().ok()?;
    let is_same = |mark: &Mark| (mark.device, mark.inode) == (about.dev(), about.ino()) && about.len() >= mark.offset;
    let known = mark.as_ref().filter(|mark| is_same(mark));
    if known.is_some_and(|mark| mark.offset == about.len()) {
        return None;
    }
    let head = head(&mut file)?;
    // What it began with stays, unless it was emptied and written anew.
    let from = known.filter(|mark| head.starts_with(&mark.head)).map_or(0, |mark| mark.offset);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    // A line that is not whole yet is read with its end; one beyond all bounds is passed over.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = if whole == 0 && bytes.len() as u64 == BYTES_MAX { bytes.len() } else { whole };
    bytes.truncate(whole);
    *mark = Some(Mark { device: about.dev(), inode: about.ino(), head, offset: from + whole as u64 });
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tripoint_evidence::locate::How;
    use tripoint_model::AlertId;

    use super::*;

    fn append(path: &std::path::Path, text: &str) {
        File::options().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn what_is_appended_is_news_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let case = Case {
            alert: AlertId("a".into()),
            process: None,
            connection: None,
            peers: vec!["203.0.113.9".parse().unwrap()],
            since: tripoint_model::Timestamp(0),
            is_raised: true,
        };
        append(&path, "203.0.113.9 before\n");
        let log = Log { path: path.clone(), root: "/".into(), how: How::OpenFile, pattern: None };
        let mut follow = Follow::default();
        follow.keep(&case, std::slice::from_ref(&log), None);
        let mut news = |text: &str| {
            append(&path, text);
            follow.keep(&case, std::slice::from_ref(&log), None);
            follow.news().len()
        };
        assert_eq!(news(""), 0, "what stood there before is none");
        assert_eq!(news("203.0.113.99 x\n198.51.100.1 y\n"), 0);
        assert_eq!(news("203.0.113.9 half"), 0, "not whole yet");
        assert_eq!((news(" a line\n"), news("")), (1, 0));
        // Moved away, and a new one in its place.
        std::fs::rename(&path, folder.path().join("a.log.1")).unwrap();
        assert_eq!((news("203.0.113.9 new file\n"), news("")), (1, 0));
        // Emptied, shorter than before; then emptied, and longer by the time it is looked at.
        File::options().write(true).truncate(true).open(&path).unwrap();
        assert_eq!(news("203.0.113.9 a\n"), 1);
        File::options().write(true).truncate(true).open(&path).unwrap();
        assert_eq!(news("198.51.100.1 another beginning\n203.0.113.9 b\n"), 1);
        // A link in its place is not followed, and a pipe not waited for.
        std::fs::rename(&path, folder.path().join("other")).unwrap();
        append(&folder.path().join("other"), "203.0.113.9 of another file\n");
        std::os::unix::fs::symlink(folder.path().join("other"), &path).unwrap();
        assert_eq!(follow.news().len(), 0);
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(follow.news().len(), 0);
    }

    #[test]
    fn so_many_logs_are_followed_and_no_more() {
        let mut follow = Follow::default();
        let log =
            |n: usize| Log { path: format!("/none/{n}").into(), root: "/".into(), how: How::Layout, pattern: None };
        for n in 0..100 {
            let case = Case {
                alert: AlertId(n.to_string()),
                process: None,
                connection: None,
                peers: vec![],
                since: tripoint_model::Timestamp(0),
                is_raised: true,
            };
            let said = follow.keep(&case, &(0..10).map(log).collect::<Vec<_>>(), None);
            assert_eq!(said.is_some(), n >= 6, "what is not followed is said: {n} {said:?}");
        }
        assert_eq!(follow.alerts.values().map(|one| one.logs.len()).sum::<usize>(), LOGS_MAX);
        assert!(follow.news().is_empty() && !follow.is_empty());
    }
}

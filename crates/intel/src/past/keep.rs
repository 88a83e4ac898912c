//! What must be remembered when a new copy of a feed takes force?

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Duration;

use tripoint_model::{Indicator, Observable, Timestamp};

use super::sorted::{Line, key_of, next_line, text_of, write_line};
use super::{SINCE, WITHDRAWN, Withdrawn, entry_of, file, key};
use crate::change::{Change, Tally};
use crate::images::write_whole;
use crate::store::{check_copy, copy_path, read_copy};

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most withdrawn entries of one feed; the oldest go first.
    pub entries_max: usize,
    /// How long an entry is kept.
    pub age_max: Duration,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Entries that are new in the past.
    pub withdrawn: u64,
    /// Entries that are kept in all.
    pub kept: u64,
    /// Entries that were dropped: too old, or too many.
    pub dropped: u64,
    /// Lines of the former past that were damaged and are gone.
    pub lost: u64,
    /// Between the copy in force and the one that takes its place.
    pub change: Change,
}

/// Compares the copy in force with the one that takes its place at `now`, and keeps what goes. To be called before
/// the copy is replaced: a crash between the two repeats it, and repeating changes nothing but a count.
pub fn remember(
    data_dir: &Path,
    feed: &str,
    indicators: &[Indicator],
    limits: Limits,
    now: Timestamp,
) -> io::Result<Remembered> {
    let listed: HashSet<&Observable> = indicators.iter().map(|indicator| &indicator.observable).collect();
    let mut gone: Vec<(String, Withdrawn)> = Vec::new();
    let mut tally = Tally::new(&listed);
    // A copy in force that is damaged says nothing of the past, and is replaced all the same: a bit that turned in it
    // would accuse a stranger.
    let copy = copy_path(data_dir, feed);
    let mut keep = |indicator: &Indicator| {
        if !tally.stays(&indicator.observable) && gone.len() < limits.entries_max {
            gone.push((key(&indicator.observable), Withdrawn::of(indicator.clone(), now)));
        }
    };
    let _ = check_copy(&copy).and_then(|()| read_copy(&copy, &mut keep));
    gone.sort_by(|a, b| order(a).cmp(&order(b)));
    gone.dedup_by(|a, b| order(a) == order(b));
    let since_path = file(data_dir, feed, SINCE);
    let mut since = Since::open(&since_path);
    for (key, entry) in &mut gone {
        entry.since = since.of(key, entry.observable.port())?;
    }
    let change = tally.change();
    let mut remembered = Remembered { change, ..merge(&file(data_dir, feed, WITHDRAWN), gone, limits, now)? };
    let mut keys: Vec<(String, Option<u16>)> =
        listed.iter().map(|observable| (key(observable), observable.port())).collect();
    keys.sort_unstable_by(|a, b| (&a.0, port(a.1)).cmp(&(&b.0, port(b.1))));
    let mut former = Since::open(&since_path);
    write_whole(&since_path, |out| {
        for (key, own) in &keys {
            let since = former.of(key, *own)?.unwrap_or(now);
            write_line(out, &format!("{key}\t{} {}", port(*own), since.0))?;
        }
        Ok(())
    })?;
    remembered.lost += former.lost;
    Ok(remembered)
}

/// Ports in order; -1 stands for all.
fn port(port: Option<u16>) -> i32 {
    port.map_or(-1, i32::from)
}

type Order<'e> = (&'e str, i32, tripoint_model::Category, tripoint_model::AppliesTo);

fn order((key, entry): &(String, Withdrawn)) -> Order<'_> {
    (key, port(entry.observable.port()), entry.category, entry.direction)
}

/// Reads `since` beside keys that are asked in order.
struct Since {
    reader: Option<BufReader<File>>,
    line: Option<(String, i32, Timestamp)>,
    /// Lines that were passed because they are none.
    lost: u64,
}

impl Since {
    fn open(path: &Path) -> Self {
        Self { reader: File::open(path).ok().map(BufReader::new), line: None, lost: 0 }
    }

    fn of(&mut self, key: &str, own: Option<u16>) -> io::Result<Option<Timestamp>> {
        loop {
            if let Some((at_key, at_port, since)) = &self.line {
                match (at_key.as_str(), *at_port).cmp(&(key, port(own))) {
                    std::cmp::Ordering::Equal => return Ok(Some(*since)),
                    std::cmp::Ordering::Greater => return Ok(None),
                    std::cmp::Ordering::Less => {}
                }
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            let line = match next_line(reader) {
                Ok(Line::Whole(line)) => line,
                Ok(Line::Damaged(_)) => {
                    self.lost += 1;
                    continue;
                }
                end => {
                    self.lost += u64::from(end.is_err());
                    self.reader = None;
                    self.line = None;
                    return Ok(None);
                }
            };
            self.line = text_of(&line).split_once(' ').and_then(|(port, at)| {
                Some((key_of(&line).to_owned(), port.parse().ok()?, Timestamp(at.parse().ok()?)))
            });
            self.lost += u64::from(self.line.is_none());
        }
    }
}

/// Writes the former past and what is new in it, sorted, without what is too old or too much.
fn merge(path: &Path, new: Vec<(String, Withdrawn)>, limits: Limits, now: Timestamp) -> io::Result<Remembered> {
    let oldest = now.minus(limits.age_max);
    // First pass: only the moments, to know from which on there is room.
    let mut moments: Vec<Timestamp> = new.iter().map(|(_, entry)| entry.gone).collect();
    let mut expired = false;
    let lost = each_entry(path, &mut |(_, entry)| {
        expired |= entry.gone < oldest;
        moments.push(entry.gone);
        Ok(())
    })?;
    // A file with damaged lines is written anew, so that they are said once.
    if new.is_empty() && !expired && lost == 0 && moments.len() <= limits.entries_max {
        return Ok(Remembered { kept: moments.len() as u64, ..Remembered::default() });
    }
    // The newest have room; of those as old as the oldest of them, as many as are left.
    let (mut from, mut tied) = (oldest, usize::MAX);
    let surplus = moments.len().saturating_sub(limits.entries_max.max(1));
    if surplus > 0 {
        let cut = *moments.select_nth_unstable(surplus).1;
        if cut >= from {
            from = cut;
            tied = limits.entries_max.saturating_sub(moments.iter().filter(|moment| **moment > cut).count());
        }
    }
    let mut remembered = Remembered { withdrawn: new.len() as u64, lost, ..Remembered::default() };
    let mut new = new.into_iter().peekable();
    write_whole(path, |out| {
        let mut put = |(key, entry): (String, Withdrawn), remembered: &mut Remembered| {
            let oldest_kept = entry.gone == from;
            if entry.gone < from || (oldest_kept && tied == 0) {
                remembered.dropped += 1;
                return Ok(());
            }
            tied -= usize::from(oldest_kept);
            remembered.kept += 1;
            write_line(out, &format!("{key}\t{}", serde_json::to_string(&entry)?))
        };
        each_entry(path, &mut |old| {
            while let Some(earlier) = new.next_if(|entry| order(entry) < order(&old)) {
                put(earlier, &mut remembered)?;
            }
            match new.next_if(|entry| order(entry) == order(&old)) {
                Some(same) => put(together(old, same), &mut remembered),
                None => put(old, &mut remembered),
            }
        })?;
        new.by_ref().try_for_each(|entry| put(entry, &mut remembered))
    })?;
    Ok(remembered)
}

/// What was taken out before and is taken out again.
fn together(old: (String, Withdrawn), (key, new): (String, Withdrawn)) -> (String, Withdrawn) {
    let since = old.1.since.or(new.since);
    let first_seen = [old.1.first_seen, new.first_seen].into_iter().flatten().min();
    (key, Withdrawn { since, first_seen, times: old.1.times.saturating_add(1), ..new })
}

/// Shows every entry that can be read, in the file's order; gives how many lines are damaged.
fn each_entry(path: &Path, show: &mut dyn FnMut((String, Withdrawn)) -> io::Result<()>) -> io::Result<u64> {
    let Ok(file) = File::open(path) else { return Ok(0) };
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut lost = 0;
    loop {
        let line = match next_line(&mut reader) {
            Ok(Line::Whole(line)) => line,
            Ok(Line::Damaged(_)) => {
                lost += 1;
                continue;
            }
            Ok(Line::End) => return Ok(lost),
            // A disk that gives no more costs the rest of the past, not the new copy.
            Err(_) => return Ok(lost + 1),
        };
        match entry_of(&line) {
            Some(entry) => show((key_of(&line).to_owned(), entry))?,
            None => lost += 1,
        }
    }
}

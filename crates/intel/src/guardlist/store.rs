//! Which guard lists are kept, and how do they come into an image?
//!
//! `DATA/intel/guard/<name>.list` is one list: a line of JSON about it, then one entry a line in the form in which
//! it is compared, sealed by a last line with their count and checksum.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tripoint_model::Timestamp;
use tripoint_model::address::parse_net;

use super::entry::Place;
use super::{BUILT_IN, GuardList, Kind, Purpose, Texts};
use crate::image::Builder;
use crate::images::write_whole;
use crate::store::{Seal, Store, StoreError, at, each_line, hex, sweep};

/// The folder of guard lists, beside those of feeds.
pub const FOLDER: &str = "guard";

/// What is known about a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardStatus {
    /// Its name here.
    pub list: String,
    /// Its own title.
    pub title: String,
    /// Its version, as it writes it.
    pub version: String,
    /// How its entries are compared.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What being on it means.
    pub purpose: Purpose,
    /// Distinct entries.
    pub count: u64,
    /// Entries refused when it was loaded.
    pub refused: u64,
    /// The file it came from.
    pub source: String,
    /// When it was loaded; nothing for a built-in one.
    pub loaded: Option<Timestamp>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
}

/// Keeps a list whole, in place of the one of its name.
pub(super) fn save(store: &Store, status: &GuardStatus, list: &GuardList) -> Result<(), StoreError> {
    let folder = folder(&store.data_dir);
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    sweep(&folder);
    let path = path(&store.data_dir, &status.list);
    let write = |file: &mut dyn io::Write| {
        let mut hash = Sha256::new();
        let mut line = serde_json::to_vec(status)?;
        line.push(b'\n');
        hash.update(&line);
        file.write_all(&line)?;
        for entry in &list.parsed.accepted {
            line.clear();
            line.extend_from_slice(entry.as_bytes());
            line.push(b'\n');
            hash.update(&line);
            file.write_all(&line)?;
        }
        let seal = Seal { count: list.parsed.accepted.len() as u64 + 1, sha256: hex(&hash.finalize()) };
        serde_json::to_writer(file, &seal)?;
        Ok(())
    };
    write_whole(&path, write).map_err(at(&path))
}

/// Takes a list out; says whether there was one.
pub(super) fn remove(store: &Store, name: &str) -> Result<bool, StoreError> {
    let path = path(&store.data_dir, name);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at(&path)(error)),
    }
}

/// Every kept list, by name. Reads the first lines only: `alarm` stands for a list that cannot be read at all.
pub fn list(data_dir: &Path) -> Vec<GuardStatus> {
    let entries = fs::read_dir(folder(data_dir)).into_iter().flatten().flatten();
    let mut all: Vec<GuardStatus> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let name = file.strip_suffix(END)?;
            crate::store::check_name(name).ok()?;
            Some(status(data_dir, name).unwrap_or_else(|error| GuardStatus {
                list: name.to_owned(),
                title: String::new(),
                version: String::new(),
                kind: Kind::Plain,
                purpose: Purpose::Guard,
                count: 0,
                refused: 0,
                source: String::new(),
                loaded: None,
                alarm: Some(format!("cannot be read: {error}")),
            }))
        })
        .collect();
    all.sort_by(|a, b| a.list.cmp(&b.list));
    let count = all.len();
    for surplus in all.iter_mut().skip(LISTS_MAX) {
        surplus.alarm = Some(format!("there are {count} guard lists, at most {LISTS_MAX} may be: forget some"));
    }
    all
}

/// As `list`, the built-in ones first, and with an alarm for each list that is damaged anywhere.
pub fn list_checked(data_dir: &Path) -> Vec<GuardStatus> {
    let built_in = BUILT_IN.iter().map(|(name, title, entries)| GuardStatus {
        list: (*name).to_owned(),
        title: (*title).to_owned(),
        version: String::new(),
        kind: Kind::Cidr,
        purpose: Purpose::Guard,
        count: entries.len() as u64,
        refused: 0,
        source: "built-in".to_owned(),
        loaded: None,
        alarm: None,
    });
    let kept = list(data_dir).into_iter().map(|mut status| {
        if status.alarm.is_none() {
            status.alarm = check(data_dir, &status.list).err().map(|error| format!("damaged: {error}"));
        }
        if let Some(alarm) = &mut status.alarm {
            alarm.push_str(HELD);
        }
        status
    });
    built_in.chain(kept).collect()
}

/// Said of a list that keeps any new image from being made.
const HELD: &str = "; no new image is made, the one in force stays, until it is imported again or forgotten";

/// Why no image may be made: without all of its guard lists it would guard less than somebody wanted.
pub fn hindrance(data_dir: &Path) -> Option<String> {
    let said = |status: GuardStatus| status.alarm.map(|alarm| format!("guard list {}: {alarm}", status.list));
    list_checked(data_dir).into_iter().find_map(said)
}

/// Adds every list to an image, after all that is listed. With one of them damaged none is made.
pub(crate) fn add(data_dir: &Path, builder: &mut Builder) -> Result<(), StoreError> {
    if let Some(reason) = hindrance(data_dir) {
        return Err(StoreError::Guard(reason));
    }
    let full = || StoreError::Guard("there are more guard lists than the 65,535 that an image numbers".to_owned());
    for status in list(data_dir) {
        if status.purpose == Purpose::Other || matches!(status.kind, Kind::Substring | Kind::Regex) {
            continue;
        }
        let number = builder.guard_list(&status.list, status.purpose).ok_or_else(full)?;
        let put = &mut |entry: &str| match status.kind.place(entry) {
            Place::Net(net) => builder.guard_net(number, net),
            Place::Name(name, below) => builder.guard_name(number, name, below),
            Place::Nowhere => {}
        };
        entries(data_dir, &status.list, put).map_err(at(&path(data_dir, &status.list)))?;
    }
    builder.guard_texts(&Texts::load(data_dir)).ok_or_else(full)
}

/// Every network that a list guards, those of built-in ones too.
pub(crate) fn guarded(data_dir: &Path) -> Vec<IpNet> {
    let built_in = BUILT_IN.iter().flat_map(|(.., entries)| *entries).filter_map(|text| parse_net(text).ok());
    let mut nets: Vec<IpNet> = built_in.collect();
    for status in list(data_dir).into_iter().filter(|status| status.purpose.spares()) {
        // A list that cannot be read is a reason to make no image at all.
        let _ = entries(data_dir, &status.list, &mut |entry| {
            if let Place::Net(net) = status.kind.place(entry) {
                nets.push(net);
            }
        });
    }
    nets
}

/// Whether a list is whole.
pub(super) fn check(data_dir: &Path, name: &str) -> io::Result<()> {
    let (mut hash, mut count) = (Sha256::new(), 0);
    let seal = each_line(&path(data_dir, name), &mut |line| {
        hash.update(line);
        count += 1;
        Ok(())
    })?;
    if seal == Some(Seal { count, sha256: hex(&hash.finalize()) }) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not hold"))
}

/// Shows every entry of a list.
pub(super) fn entries(data_dir: &Path, name: &str, show: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut first = true;
    each_line(&path(data_dir, name), &mut |line| {
        if !std::mem::replace(&mut first, false) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            show(std::str::from_utf8(line).map_err(io::Error::other)?);
        }
        Ok(())
    })?;
    Ok(())
}

fn status(data_dir: &Path, name: &str) -> io::Result<GuardStatus> {
    use std::io::{BufRead as _, Read as _};

    let mut line = Vec::new();
    let file = fs::File::open(path(data_dir, name))?;
    io::BufReader::new(file).take(64 << 10).read_until(b'\n', &mut line)?;
    let status: GuardStatus = serde_json::from_slice(&line)?;
    // The file's name is what `forget` takes.
    Ok(GuardStatus { list: name.to_owned(), ..status })
}

fn folder(data_dir: &Path) -> PathBuf {
    crate::store::folder(data_dir).join(FOLDER)
}

fn path(data_dir: &Path, name: &str) -> PathBuf {
    folder(data_dir).join(format!("{name}{END}"))
}

const END: &str = ".list";
/// Lists that may be kept; MISP publishes some hundred and thirty.
pub(super) const LISTS_MAX: usize = 1024;
/// Entries of all lists together: some 200 MB while an image is made.
pub(super) const ENTRIES_MAX: u64 = 4_000_000;

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

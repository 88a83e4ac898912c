//! What do the feeds in force call bad, and since when do we say so?
//!
//! When the image of the feeds changes, what they say now is compared with what was told before: an object that
//! says the same keeps its version and its place, a new or changed one comes in anew, and one that is
//! said no more is revoked. So who pulls what was added gets just the difference. It lies in one file, a line each.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use tripoint_model::Timestamp;

use super::filter::Filter;
use super::{Listed, Page, Refused, refuse, stix};
use crate::content::{Stamp, look};
use crate::state::now;

/// Writes a STIX bundle with each object on a line of its own, the bundle's own head on the first.
pub type WriteIndicators = Arc<dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync>;

/// The collection.
pub(crate) struct Indicators {
    write: WriteIndicators,
    images: PathBuf,
    file: PathBuf,
    shelf: Mutex<Option<Arc<Shelf>>>,
}

/// What was told last.
struct Shelf {
    stamp: Stamp,
    file: File,
    /// Oldest first; no two moments are the same.
    entries: Vec<Entry>,
}

/// Where an object lies.
#[derive(Clone, Copy)]
struct Entry {
    added: Timestamp,
    id: [u8; 16],
    is_revoked: bool,
    from: u64,
    length: usize,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    added: i64,
    object: Value,
}

impl Indicators {
    pub(crate) fn new(write: WriteIndicators, images: PathBuf, folder: &Path) -> Self {
        Self { write, images, file: folder.join("taxii-indicators.ndjson"), shelf: Mutex::default() }
    }

    /// Reads the next page.
    pub(crate) async fn page(&self, filter: &Filter) -> Result<Page, Refused> {
        let bad = || refuse(StatusCode::BAD_REQUEST, "next is not one that this server gave");
        let after = match &filter.next {
            Some(text) => Timestamp(text.parse().map_err(|_| bad())?),
            None => filter.added_after.unwrap_or(Timestamp(i64::MIN)),
        };
        let ids: Vec<[u8; 16]> = filter.ids().iter().map(|id| digest(id.as_bytes())).collect();
        let shelf = self.shelf().await?;
        let begin = shelf.entries.partition_point(|entry| entry.added <= after);
        let mut page = Page::default();
        let mut last = after;
        let wanted = shelf.entries.iter().skip(begin).filter(|entry| ids.is_empty() || ids.contains(&entry.id));
        for (looked, entry) in wanted.enumerate() {
            if page.listed.len() == filter.limit || looked == LOOKED_AT_MAX {
                page.next = Some(last.0.to_string());
                break;
            }
            let line = match shelf.line(entry) {
                Ok(line) => line,
                Err(error) => {
                    // The next who asks is told what the feeds say now, all of it.
                    *self.shelf.lock().await = None;
                    return Err(unreadable(&error));
                }
            };
            let listed = Listed { added: entry.added, object: line.object };
            page.listed.extend(Some(listed).filter(|listed| filter.admits(listed)));
            last = entry.added;
        }
        Ok(page)
    }

    /// What is told now; compared anew when the images changed.
    async fn shelf(&self) -> Result<Arc<Shelf>, Refused> {
        let mut held = self.shelf.lock().await;
        let stamp = look(&self.images);
        if let Some(shelf) = held.as_ref().filter(|shelf| shelf.stamp == stamp) {
            return Ok(Arc::clone(shelf));
        }
        let (write, path) = (Arc::clone(&self.write), self.file.clone());
        let renewed = tokio::task::spawn_blocking(move || renew(&write, &path, stamp)).await;
        let shelf = renewed.map_err(io::Error::other).and_then(|done| done).map_err(|error| unreadable(&error))?;
        let shelf = Arc::new(shelf);
        *held = Some(Arc::clone(&shelf));
        Ok(shelf)
    }
}

fn unreadable(error: &io::Error) -> Refused {
    tracing::error!(error = %error, "indicators cannot be told");
    refuse(StatusCode::SERVICE_UNAVAILABLE, "what the feeds say cannot be read at the moment")
}

impl Shelf {
    fn open(path: &Path, stamp: Stamp) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut entries = Vec::new();
        let mut from = 0;
        let mut reader = BufReader::with_capacity(256 << 10, &file);
        let mut text = Vec::new();
        while reader.read_until(b'\n', &mut text)? > 0 {
            let line = unsealed(&text)?;
            let id = line.object.get("id").and_then(Value::as_str).unwrap_or_default();
            let (added, length) = (Timestamp(line.added), text.len());
            let is_revoked = line.object.get("revoked").is_some();
            entries.push(Entry { added, id: digest(id.as_bytes()), is_revoked, from, length });
            from += length as u64;
            text.clear();
        }
        entries.sort_unstable_by_key(|entry| entry.added);
        Ok(Self { stamp, file, entries })
    }

    fn line(&self, entry: &Entry) -> io::Result<Line> {
        let mut text = vec![0; entry.length];
        self.file.read_exact_at(&mut text, entry.from)?;
        unsealed(&text)
    }
}

/// A line as it lies in the file: ends with a sum, for a bit that turns must not call another address bad.
fn sealed(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    let sum = sum(&text);
    text.extend_from_slice(sum.as_bytes());
    Ok(text)
}

/// What was written there.
fn unsealed(text: &[u8]) -> io::Result<Line> {
    let (line, kept) = text.split_at(text.len().saturating_sub(SUM_BYTES));
    if sum(line).as_bytes() != kept {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is not what was written"));
    }
    Ok(serde_json::from_slice(line)?)
}

fn sum(line: &[u8]) -> String {
    format!("\t{:08x}\n", crc32fast::hash(line))
}

/// A tabulator, eight digits, the line's end.
const SUM_BYTES: usize = 10;

/// Compares what is said now with what was told, and puts the outcome in its place.
fn renew(write: &WriteIndicators, path: &Path, stamp: Stamp) -> io::Result<Shelf> {
    let said = path.with_extension("said");
    let mut out = BufWriter::new(File::create(&said)?);
    write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?;
    // One that cannot be read is told anew, all of it.
    let former = Shelf::open(path, Stamp::new()).inspect_err(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::error!(%error, path = %path.display(), "what was told cannot be read; all is told anew");
        }
    });
    let former = former.ok();
    let new = path.with_extension("new");
    compare(former.as_ref(), BufReader::new(File::open(&said)?), &new)?;
    fs::rename(&new, path)?;
    fs::remove_file(&said)?;
    Shelf::open(path, stamp)
}

fn compare(former: Option<&Shelf>, said: impl BufRead, new: &Path) -> io::Result<()> {
    let told = former.map_or(&[][..], |former| &former.entries);
    let mut left: HashMap<[u8; 16], Entry> = told.iter().map(|entry| (entry.id, *entry)).collect();
    let began = now();
    let last = told.last().map_or(Timestamp(0), |entry| entry.added);
    // A moment for each, so that any of them can be where somebody goes on.
    let mut moments = (began.0.max(last.0.saturating_add(1))..).map(Timestamp);
    let mut out = BufWriter::with_capacity(256 << 10, File::create(new)?);
    let mut put = |line: &Line| -> io::Result<()> { out.write_all(&sealed(line)?) };
    let mut count = 0;
    for text in said.lines().skip(1) {
        let text = text?;
        let text = text.strip_suffix(',').unwrap_or(&text);
        if text == "]}" {
            break;
        }
        count += 1;
        if count > OBJECTS_MAX {
            tracing::warn!(told = OBJECTS_MAX, "there are more indicators than are told over TAXII");
            break;
        }
        let mut object: Value = serde_json::from_str(text)?;
        let id = digest(object["id"].as_str().unwrap_or_default().as_bytes());
        if let (Some(entry), Some(former)) = (left.remove(&id), former) {
            let line = former.line(&entry)?;
            if says_nothing_new(&line.object, &mut object) {
                put(&line)?;
                continue;
            }
        }
        put(&Line { added: moments.next().unwrap_or(began).0, object })?;
    }
    for entry in left.values() {
        let Some(former) = former else { break };
        let mut line = former.line(entry)?;
        if !entry.is_revoked {
            line.object["revoked"] = true.into();
            line.object["modified"] = stix::moment(began).into();
            line.added = moments.next().unwrap_or(began).0;
        } else if began.since(entry.added) > REVOKED_KEPT {
            continue;
        }
        put(&line)?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Whether both say the same, whenever they say it. The new one keeps the day on which the thing was first called
/// bad: the export knows none where the feeds name none.
fn says_nothing_new(former: &Value, new: &mut Value) -> bool {
    if new["type"] == "identity" {
        return true;
    }
    if new["valid_from"] == new["created"] {
        new["valid_from"] = former["valid_from"].clone();
    }
    new["created"] = former["created"].clone();
    let (Some(former), Some(new)) = (former.as_object(), new.as_object()) else { return false };
    let counts = |(name, _): &(&String, &Value)| *name != "modified";
    former.iter().filter(counts).eq(new.iter().filter(counts))
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Who did not ask for so long pulls everything anyway.
const REVOKED_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// A quarter of a gigabyte on disk; an index of them takes 32 MB.
const OBJECTS_MAX: usize = 500_000;
/// Objects that one request reads.
const LOOKED_AT_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(names: &[&str], modified: &str) -> WriteIndicators {
        let mut text = "{\"type\":\"bundle\",\"objects\":[\n{\"type\":\"identity\",\"id\":\"identity--1\"}".to_owned();
        for name in names {
            let (id, content) = name.split_once('=').unwrap();
            text.push_str(&format!(
                ",\n{{\"type\":\"indicator\",\"id\":\"indicator--{id}\",\"name\":\"{content}\",\"created\":\"{modified}\",\
                \"valid_from\":\"{modified}\",\"modified\":\"{modified}\"}}"
            ));
        }
        text.push_str("\n]}\n");
        Arc::new(move |out: &mut dyn Write| out.write_all(text.as_bytes()))
    }

    #[tokio::test]
    async fn only_the_difference_is_added() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        let mut indicators = Indicators::new(said(&["a=1", "b=1", "c=1"], "1"), images.clone(), folder.path());
        let filter = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            Filter::read(&pairs).unwrap()
        };
        let first = indicators.page(&filter(&[("limit", "3")])).await.unwrap();
        let rest = indicators.page(&filter(&[("next", first.next.as_deref().unwrap())])).await.unwrap();
        assert_eq!((first.listed.len(), rest.listed.len(), rest.next.is_none()), (3, 1, true));
        assert_eq!(rest.listed[0].text("id"), "indicator--c");
        let since = rest.listed[0].added.to_string();
        // The images change: one stays, one says something else, one goes, one comes.
        fs::create_dir(&images).unwrap();
        fs::write(images.join("intel.1"), "x").unwrap();
        indicators.write = said(&["a=1", "b=2", "d=1"], "2");
        let added = indicators.page(&filter(&[("added_after", &since)])).await.unwrap().listed;
        let names: Vec<&str> = added.iter().map(|listed| listed.text("id")).collect();
        assert_eq!(names, ["indicator--b", "indicator--d", "indicator--c"]);
        assert_eq!(added[2].object["revoked"], true);
        let one = indicators.page(&filter(&[("match[id]", "indicator--a")])).await.unwrap().listed;
        assert_eq!((one.len(), one[0].text("modified")), (1, "1"));
        // Another run of the server tells the same.
        let again = Indicators::new(said(&["a=1", "b=2", "d=1"], "3"), images, folder.path());
        let all = again.page(&filter(&[])).await.unwrap().listed;
        let versions: Vec<&str> = all.iter().map(|listed| listed.text("modified")).collect();
        assert_eq!((all.len(), versions[1], versions[2]), (5, "1", "2"));
        assert_eq!(all[2].text("created"), "1");
        assert_eq!(again.page(&filter(&[("next", "x")])).await.unwrap_err().into_status(), 400);
    }

    /// Fails when a bit that turned in the file, before or after it was opened, reaches whoever pulls.
    #[tokio::test]
    async fn d8_a_bit_that_turns_is_told_to_nobody() {
        let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..40).map(|number| format!("{number:03}=203.0.113.{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let images = folder.path().join("images");
        let open = || Indicators::new(said(&names, "1"), images.clone(), folder.path());
        let filter = Filter::read(&[]).unwrap();
        let objects = |page: Page| page.listed.into_iter().map(|listed| listed.object).collect::<Vec<Value>>();
        let expected = objects(open().page(&filter).await.unwrap());
        assert_eq!(expected.len(), 41);
        for flip in 0..flips {
            let indicators = open();
            if flip % 2 == 0 {
                indicators.page(&filter).await.unwrap();
            }
            let whole = fs::read(&indicators.file).unwrap();
            let bit = flip.wrapping_mul(2_654_435_761) % (whole.len() * 8);
            let mut turned = whole;
            turned[bit / 8] ^= 1 << (bit % 8);
            fs::write(&indicators.file, turned).unwrap();
            if flip % 2 == 0 {
                assert_eq!(indicators.page(&filter).await.unwrap_err().into_status(), 503, "bit {bit}");
            }
            assert!(objects(indicators.page(&filter).await.unwrap()) == expected, "bit {bit}");
        }
        println!("{flips} of {flips} turned bits found");
    }
}

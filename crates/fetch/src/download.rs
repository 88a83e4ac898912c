//! How does a large file reach the disk, when the line is cut on the way?
//!
//! The body goes to `FILE.part`, beside it `FILE.note` says which URL and which version of it the
//! part is of. The next attempt, of this run or a later one, asks for the rest on the condition
//! that the server still has that version (RFC 9110, `If-Range`); otherwise it begins anew.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ureq::http::{Response, Uri, header};

use crate::client::{Fetcher, Request, header_text, header_value, jittered, read_key};
use crate::error::{FetchError, explain};
use crate::pace::Paced;

/// What came of a download.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The copy at hand is still right.
    NotModified,
    /// The file is there.
    Saved(Saved),
}

/// A file that is there, whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its length.
    pub bytes: u64,
    /// How many of them were there before this download began.
    pub resumed_from: u64,
    /// Its tag.
    pub etag: Option<String>,
    /// Its date, in the server's words.
    pub last_modified: Option<String>,
    /// Its media type, in the server's words.
    pub content_type: Option<String>,
    /// Where it came from in the end.
    pub url: String,
}

/// The rest of a file that is partly there.
pub(crate) struct Rest {
    pub(crate) from: u64,
    pub(crate) validator: String,
}

/// Continuations of one download; each brought bytes, so this only ends a server that drips them.
const ROUNDS_MAX: u32 = 100;
const CHUNK_BYTES: usize = 128 << 10;

impl Fetcher {
    /// Fetches into `file`, which appears whole or not at all. `progress` is told how many bytes
    /// are there, and of how many where the server says so. An attempt that brought something does not
    /// count against the attempts of the settings.
    pub fn download(
        &self,
        request: &Request<'_>,
        file: &Path,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<Arrival, FetchError> {
        let key = match request.key {
            Some(key) => Some((key.name, header_value(key.name, read_key(key.file)?))),
            None => None,
        };
        let part = Part::new(file);
        let resumed_from = part.rest(request.url).map_or(0, |rest| rest.from);
        let mut pause = self.settings.pause;
        let (mut failures, mut had) = (0, resumed_from);
        for _ in 0..ROUNDS_MAX {
            let error = match self.round(request, key.as_ref(), &part, progress) {
                Ok(None) => {
                    part.discard();
                    return Ok(Arrival::NotModified);
                }
                Ok(Some(mut saved)) => {
                    part.finish(file)?;
                    saved.resumed_from = resumed_from.min(saved.resumed_from);
                    return Ok(Arrival::Saved(saved));
                }
                Err(error) => error,
            };
            let has = part.length();
            (failures, had) = if has > had { (1, has) } else { (failures + 1, has) };
            if !error.is_transient() || failures >= self.settings.attempts {
                return Err(error);
            }
            std::thread::sleep(jittered(pause));
            pause = if failures == 1 { self.settings.pause } else { pause.saturating_mul(2) };
        }
        Err(FetchError::Transport { url: request.url.to_owned(), reason: format!("it was cut {ROUNDS_MAX} times") })
    }

    fn round(
        &self,
        request: &Request<'_>,
        key: Option<&(&str, String)>,
        part: &Part,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<Option<Saved>, FetchError> {
        let rest = part.rest(request.url);
        let Some((response, at)) = self.respond(request, key, rest.as_ref())? else { return Ok(None) };
        let from = match (response.status().as_u16(), &rest) {
            (206, Some(rest)) if continues(&response, rest) => rest.from,
            (206 | 416, _) => {
                part.discard();
                let reason = "the server cannot continue the part that is there".to_owned();
                return Err(FetchError::Transport { url: at.to_string(), reason });
            }
            _ => 0,
        };
        let stated = response.body().content_length().map(|length| length.saturating_add(from));
        let total = whole_length(&response).filter(|_| from > 0).or(stated);
        let too_big = || FetchError::TooBig { url: at.to_string(), bytes_max: request.bytes_max };
        if total.is_some_and(|total| total > request.bytes_max) {
            part.discard();
            return Err(too_big());
        }
        let saved = Saved {
            bytes: 0,
            resumed_from: from,
            etag: header_text(&response, header::ETAG),
            last_modified: header_text(&response, header::LAST_MODIFIED),
            content_type: header_text(&response, header::CONTENT_TYPE),
            url: at.to_string(),
        };
        let mut out = if from > 0 { part.append()? } else { part.begin(request.url, &saved)? };
        let body = Paced::new(response.into_body().into_reader(), self.settings.stall_timeout);
        let bytes = copy(body, &at, from, request.bytes_max, &mut |chunk, have| {
            out.write_all(chunk).map_err(part.bad())?;
            progress(have, total);
            Ok(())
        })?;
        let Some(bytes) = bytes else {
            part.discard();
            return Err(too_big());
        };
        if let Some(total) = total.filter(|total| *total != bytes) {
            let reason = format!("it ended after {bytes} of {total} bytes");
            return Err(FetchError::Transport { url: at.to_string(), reason });
        }
        out.sync_all().map_err(part.bad())?;
        Ok(Some(Saved { bytes, ..saved }))
    }
}

/// Whether the answer is the missing rest of the very version that the part is of.
fn continues(response: &Response<ureq::Body>, rest: &Rest) -> bool {
    let range = header_text(response, header::CONTENT_RANGE).unwrap_or_default();
    let begins = range.strip_prefix("bytes ").and_then(|text| text.split('-').next()?.trim().parse().ok());
    let same = |name| header_text(response, name).is_none_or(|value| value == rest.validator);
    let tag = rest.validator.starts_with('"');
    begins == Some(rest.from) && same(if tag { header::ETAG } else { header::LAST_MODIFIED })
}

/// What the range is of: `bytes 5-11/12` is of twelve.
fn whole_length(response: &Response<ureq::Body>) -> Option<u64> {
    header_text(response, header::CONTENT_RANGE)?.rsplit_once('/')?.1.trim().parse().ok()
}

/// Is given each piece and the length with it.
type TakeChunk<'t> = dyn FnMut(&[u8], u64) -> Result<(), FetchError> + 't;

/// Shows the body in pieces with the length so far; `None` when it is longer than allowed.
fn copy(
    mut reader: impl Read,
    at: &Uri,
    from: u64,
    bytes_max: u64,
    take: &mut TakeChunk<'_>,
) -> Result<Option<u64>, FetchError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut have = from;
    loop {
        let count = reader.read(&mut chunk).map_err(|error| explain(at, ureq::Error::from(error)))?;
        if count == 0 {
            return Ok(Some(have));
        }
        have = have.saturating_add(count as u64);
        if have > bytes_max {
            return Ok(None);
        }
        take(chunk.get(..count).unwrap_or_default(), have)?;
    }
}

/// The part of a file that is there, and the note on what it is a part of.
struct Part {
    part: PathBuf,
    note: PathBuf,
}

impl Part {
    fn new(file: &Path) -> Self {
        let with = |end: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        Self { part: with(".part"), note: with(".note") }
    }

    fn bad(&self) -> impl Fn(std::io::Error) -> FetchError {
        |error| FetchError::File { path: self.part.clone(), reason: error.to_string() }
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |found| found.len())
    }

    /// What is missing, where the part is of this URL and a version that can be told from others.
    fn rest(&self, url: &str) -> Option<Rest> {
        let note = fs::read_to_string(&self.note).ok()?;
        let mut lines = note.lines();
        let of = lines.next()?;
        let validator = lines.next().filter(|text| !text.is_empty())?.to_owned();
        let from = self.length();
        (of == url && from > 0).then_some(Rest { from, validator })
    }

    /// Begins anew.
    fn begin(&self, url: &str, version: &Saved) -> Result<File, FetchError> {
        // A weak tag may stay the same while the bytes change: RFC 9110 forbids it here.
        let tag = version.etag.as_deref().filter(|tag| tag.starts_with('"'));
        let validator = tag.or(version.last_modified.as_deref()).unwrap_or_default();
        // The old part goes first: it must never stand beside a note on another version.
        let file = File::create(&self.part).map_err(self.bad())?;
        fs::write(&self.note, format!("{url}\n{validator}\n")).map_err(self.bad())?;
        Ok(file)
    }

    fn append(&self) -> Result<File, FetchError> {
        OpenOptions::new().append(true).open(&self.part).map_err(self.bad())
    }

    fn discard(&self) {
        // What cannot be removed is overwritten by the next attempt.
        let _ = fs::remove_file(&self.note);
        let _ = fs::remove_file(&self.part);
    }

    fn finish(&self, file: &Path) -> Result<(), FetchError> {
        fs::rename(&self.part, file).map_err(self.bad())?;
        let _ = fs::remove_file(&self.note);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

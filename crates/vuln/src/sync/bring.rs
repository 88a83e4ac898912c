//! How do the files of a source get here, from whichever server has them?

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tripoint_fetch::{Answer, Arrival, Fetcher, KeyHeader, Request};

use super::descriptor::{Descriptor, Mirror};
use super::listing;
use crate::status::{Part, SourceStatus};

/// Files that lie in the incoming folder now.
pub(super) struct Brought {
    /// Where they lie, in the order of the URLs.
    pub(super) files: Vec<PathBuf>,
    /// What they are.
    pub(super) parts: Vec<Part>,
    /// Bytes that an earlier, cut download had already brought.
    pub(super) resumed: u64,
    /// Where the content came from.
    pub(super) from: String,
}

/// What is needed to bring a source.
pub(super) struct Bringing<'b> {
    pub(super) fetcher: &'b Fetcher,
    pub(super) mirrors: &'b [Mirror],
    /// Where files arrive, and the parts of cut ones wait.
    pub(super) folder: &'b Path,
    /// Told how much is there, and of how much.
    pub(super) progress: &'b mut dyn FnMut(u64, Option<u64>),
}

/// A place to ask for a file.
struct Candidate {
    url: String,
    permit_private: bool,
    /// The descriptor's own server, which may see its key.
    is_original: bool,
}

impl Bringing<'_> {
    /// The files of a source; `None` when they are those in force. `known`: whether tags of the
    /// former copy may be shown.
    pub(super) fn bring(
        &mut self,
        descriptor: &Descriptor,
        former: &SourceStatus,
        known: bool,
    ) -> Result<Option<Brought>, String> {
        fs::create_dir_all(self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let urls = descriptor.urls.iter().map(|url| self.resolve(descriptor, url)).collect::<Result<Vec<_>, _>>()?;
        // A file that did not change is still needed when another one of the source did.
        match self.files(descriptor, &urls, &former.parts, known)? {
            Some(brought) => {
                let sums = |parts: &[Part]| {
                    parts.iter().map(|part| (part.url.clone(), part.sha256.clone())).collect::<BTreeSet<_>>()
                };
                // Some servers ignore conditions.
                Ok((!known || sums(&brought.parts) != sums(&former.parts)).then_some(brought))
            }
            None => Ok(None),
        }
    }

    /// Every file; those that did not change are fetched too when another did. `None`: none did.
    fn files(
        &mut self,
        descriptor: &Descriptor,
        urls: &[String],
        former: &[Part],
        known: bool,
    ) -> Result<Option<Brought>, String> {
        let mut brought = Brought { files: Vec::new(), parts: Vec::new(), resumed: 0, from: String::new() };
        let mut unchanged: Vec<usize> = Vec::new();
        for (at, url) in urls.iter().enumerate() {
            let part = former.iter().find(|part| part.url == *url).filter(|_| known);
            if !self.file(descriptor, url, at, part, &mut brought)? {
                unchanged.push(at);
            }
        }
        if unchanged.len() == urls.len() {
            return Ok(None);
        }
        for at in unchanged {
            if let Some(url) = urls.get(at) {
                self.file(descriptor, url, at, None, &mut brought)?;
            }
        }
        Ok(Some(brought))
    }

    /// Brings one file; false when it is the one that is known.
    fn file(
        &mut self,
        descriptor: &Descriptor,
        url: &str,
        at: usize,
        known: Option<&Part>,
        brought: &mut Brought,
    ) -> Result<bool, String> {
        let file = self.folder.join(format!("{at}-{}", base_name(url)));
        let mut troubles: Vec<String> = Vec::new();
        for candidate in self.candidates(descriptor, url) {
            let request = Request {
                etag: known.and_then(|part| part.etag.as_deref()),
                last_modified: known.and_then(|part| part.last_modified.as_deref()),
                ..self.request(descriptor, &candidate, descriptor.bytes_max)
            };
            match self.fetcher.download(&request, &file, self.progress) {
                Ok(Arrival::NotModified) => return Ok(false),
                Ok(Arrival::Saved(saved)) => {
                    let sha256 = sha256_of(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                    let (etag, last_modified) = (saved.etag, saved.last_modified);
                    let part = Part { url: url.to_owned(), sha256, bytes: saved.bytes, etag, last_modified };
                    brought.parts.push(part);
                    brought.files.push(file);
                    brought.resumed += saved.resumed_from;
                    brought.from = candidate.url;
                    return Ok(true);
                }
                Err(error) => troubles.push(error.to_string()),
            }
        }
        Err(troubles.join("; "))
    }

    /// The URL of the file that a listing leads to.
    fn resolve(&self, descriptor: &Descriptor, url: &str) -> Result<String, String> {
        let Some(mut kind) = descriptor.listing else { return Ok(url.to_owned()) };
        let mut at = url.to_owned();
        // A list of mirrors leads to a repository, and that to a file.
        for _ in 0..2 {
            let (next, following) = listing::follow(kind, &at, &self.small(descriptor, &at)?)?;
            match following {
                None => return Ok(next),
                Some(following) => (at, kind) = (next, following),
            }
        }
        Err("the listing leads to listings only".to_owned())
    }

    fn small(&self, descriptor: &Descriptor, url: &str) -> Result<Vec<u8>, String> {
        let mut troubles: Vec<String> = Vec::new();
        for candidate in self.candidates(descriptor, url) {
            match self.fetcher.get(&self.request(descriptor, &candidate, LISTING_BYTES_MAX)) {
                Ok(Answer::Body(body)) => return Ok(body.bytes),
                Ok(Answer::NotModified) => troubles.push(format!("{}: nothing", candidate.url)),
                Err(error) => troubles.push(error.to_string()),
            }
        }
        Err(troubles.join("; "))
    }

    fn request<'r>(&self, descriptor: &'r Descriptor, candidate: &'r Candidate, bytes_max: u64) -> Request<'r> {
        let key = descriptor.header.as_deref().zip(descriptor.key_file.as_deref());
        Request {
            key: key.filter(|_| candidate.is_original).map(|(name, file)| KeyHeader { name, file }),
            permit_private: candidate.permit_private,
            bytes_max,
            ..Request::new(&candidate.url)
        }
    }

    /// Mirrors that the user named, the original, then those of the descriptor.
    fn candidates(&self, descriptor: &Descriptor, url: &str) -> Vec<Candidate> {
        let mut out = Vec::new();
        let mut original = true;
        for mirror in self.mirrors {
            let Some(rest) = url.strip_prefix(&mirror.from) else { continue };
            original &= !mirror.only;
            out.extend(mirror.to.iter().map(|to| Candidate {
                url: format!("{to}{rest}"),
                permit_private: mirror.permit_private,
                is_original: false,
            }));
        }
        let permit_private = descriptor.permit_private;
        if original {
            out.push(Candidate { url: url.to_owned(), permit_private, is_original: true });
            let more = descriptor.mirrors.iter().filter(|_| descriptor.listing.is_none());
            out.extend(more.map(|url| Candidate { url: url.clone(), permit_private, is_original: false }));
        }
        out
    }
}

/// The last part of a URL's path, in letters that any file system takes; formats look at its end.
pub(super) fn base_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let start = name.len().saturating_sub(80);
    let name = name.get(start..).unwrap_or_default();
    if name.is_empty() { "advisories".to_owned() } else { name.to_owned() }
}

fn sha256_of(file: &Path) -> std::io::Result<String> {
    let mut file = File::open(file)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 128 << 10];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(chunk.get(..count).unwrap_or_default());
    }
}

/// A repomd.xml has some ten kilobytes.
const LISTING_BYTES_MAX: u64 = 4 << 20;

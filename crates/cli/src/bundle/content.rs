//! What do the members of a bundle say, and can all of it come into force?
//!
//! Members wait in a folder of ours under their numbers. Nothing is in force before all of them were
//! read to their end and the image that they make was built.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;
use tripoint_intel::FeedStatus;
use tripoint_intel::carry::FeedCopy;
use tripoint_model::Timestamp;
use tripoint_vuln::SourceStatus;
use tripoint_vuln::carry::{SourceCopy, Sources};
use tripoint_vuln::sync::Catalogue;

use super::manifest::{Kind, Manifest, Member};
use super::{BundleError, folder, io as io_error};

/// Members that were read and are believed as soon as the whole bundle is.
pub struct Staging {
    folder: tempfile::TempDir,
    open: Option<(usize, File)>,
}

impl Staging {
    /// An empty one in the data folder, so that files are moved from it and not copied.
    pub fn new(data_dir: &Path) -> Result<Self, BundleError> {
        let folder = folder(data_dir);
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(&folder).map_err(io_error(&folder))?;
        Ok(Self { folder: staging, open: None })
    }

    /// Keeps a piece of a member.
    pub fn take(&mut self, number: usize, piece: &[u8]) -> io::Result<()> {
        let file = match self.open.take() {
            Some((open, file)) if open == number => file,
            _ => File::create(self.path(number))?,
        };
        let (_, file) = self.open.insert((number, file));
        file.write_all(piece)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.path().join(number.to_string())
    }

    fn small<T: DeserializeOwned>(&self, number: usize, member: &Member) -> Result<T, String> {
        let bytes = fs::read(self.path(number)).map_err(|error| format!("{}: {error}", member.name))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", member.name))
    }

    /// Unpacks a member that is exactly as long as the manifest says.
    fn unpack(&self, number: usize, member: &Member) -> Result<PathBuf, String> {
        let bad = |error: io::Error| format!("{}: {error}", member.name);
        let path = self.path(number).with_extension("plain");
        let packed = File::open(self.path(number)).map_err(bad)?;
        let mut out = File::create(&path).map_err(bad)?;
        let mut plain = GzDecoder::new(packed).take(member.plain_bytes.saturating_add(1));
        let bytes = io::copy(&mut plain, &mut out).map_err(bad)?;
        if bytes != member.plain_bytes {
            return Err(format!("{} is not as long unpacked as its manifest says", member.name));
        }
        out.sync_all().map_err(bad)?;
        Ok(path)
    }

    /// Reads everything to its end.
    pub fn check(&self, manifest: &Manifest) -> Result<Content, String> {
        let mut content = Content { feeds: Vec::new(), sources: Vec::new(), rules: Vec::new() };
        for (number, _) in manifest.members.iter().enumerate().filter(|(_, member)| member.bytes == 0) {
            // No piece of it came.
            File::create(self.path(number)).map_err(|error| error.to_string())?;
        }
        for (number, member) in manifest.members.iter().enumerate() {
            match member.kind() {
                Some(Kind::Feed(feed)) => {
                    let status: FeedStatus = self.beside(manifest, Kind::FeedStatus(feed))?;
                    if status.feed != feed {
                        return Err(format!("the status of {feed} is that of {:?}", status.feed));
                    }
                    let copy = FeedCopy { status, path: self.unpack(number, member)? };
                    tripoint_intel::carry::check(&copy).map_err(|error| format!("{}: {error}", member.name))?;
                    content.feeds.push(copy);
                }
                Some(Kind::Source(source)) => {
                    let status: SourceStatus = self.beside(manifest, Kind::SourceStatus(source))?;
                    if status.source != source {
                        return Err(format!("the status of {source} is that of {:?}", status.source));
                    }
                    content.sources.push(SourceCopy { status, path: self.unpack(number, member)? });
                }
                Some(Kind::Rules(name)) => {
                    let path = self.path(number);
                    check_rules(name, &path).map_err(|reason| format!("{}: {reason}", member.name))?;
                    content.rules.push((name.to_owned(), path));
                }
                Some(Kind::FeedStatus(_) | Kind::SourceStatus(_)) => {}
                None => return Err(format!("no bundle holds a member {:?}", member.name)),
            }
        }
        Ok(content)
    }

    fn beside<T: DeserializeOwned>(&self, manifest: &Manifest, wanted: Kind<'_>) -> Result<T, String> {
        let mut members = manifest.members.iter().enumerate();
        match members.find(|(_, member)| member.kind() == Some(wanted)) {
            Some((number, member)) => self.small(number, member),
            None => Err(format!("{wanted:?} is missing")),
        }
    }
}

const STAGING: &str = ".staging-";

/// What a kill left behind: nobody else imports while the lock of the sources is held.
pub fn sweep(data_dir: &Path) {
    for entry in fs::read_dir(folder(data_dir)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            // What cannot be removed only takes room.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Rules are what the configuration would take; no other section of it comes from a bundle.
fn check_rules(name: &str, path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    match name {
        "feeds.toml" => tripoint_intel::parse_descriptors(&text, name).map(drop).map_err(|error| error.to_string()),
        "advisories.toml" => Catalogue::read(Some((&text, name))).map(drop).map_err(|error| error.to_string()),
        _ => {
            tripoint_agent::config::check(path).map_err(|error| error.to_string())?;
            tripoint_agent::config::only_judges(&text)
        }
    }
}

/// Everything that a bundle brings, read to its end.
pub struct Content {
    /// Feeds.
    pub feeds: Vec<FeedCopy>,
    /// Sources of advisories.
    pub sources: Vec<SourceCopy>,
    /// Rules: name in the data folder, and where they lie now.
    pub rules: Vec<(String, PathBuf)>,
}

impl Content {
    /// Puts all of it into force. What can be refused has been; what fails here is the disk.
    pub fn commit(self, context: &tripoint_intel::Context<'_>) -> Result<(), BundleError> {
        let (data_dir, now) = (context.data_dir, context.now);
        let refused = |reason: String| BundleError::Refused { path: data_dir.to_owned(), reason };
        let prepared = self.prepare(data_dir, now)?;
        if !self.feeds.is_empty() {
            tripoint_intel::carry::put(&self.feeds, context).map_err(|error| refused(error.to_string()))?;
        }
        if let Some(prepared) = prepared {
            prepared.commit().map_err(|error| refused(error.to_string()))?;
        }
        for (name, path) in &self.rules {
            let to = data_dir.join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).map_err(io_error(path))?;
            fs::rename(path, &to).map_err(io_error(&to))?;
        }
        Ok(())
    }

    fn prepare(&self, data_dir: &Path, now: Timestamp) -> Result<Option<tripoint_vuln::carry::Prepared>, BundleError> {
        if self.sources.is_empty() {
            return Ok(None);
        }
        let refused = |reason: String| BundleError::Refused { path: data_dir.to_owned(), reason };
        let sources = Sources::open(data_dir).map_err(|error| refused(error.to_string()))?;
        sources.prepare(self.sources.clone(), now).map(Some).map_err(|error| refused(error.to_string()))
    }
}

//! How does what this host knows become one signed file?

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tripoint_model::Timestamp;

use super::key::SecretKey;
use super::manifest::{Manifest, Member, RULES, SCHEMA};
use super::read::{MANIFEST, SIGNATURE, hex};
use super::{BundleError, counter, folder, io as io_error, layout};

/// What shall be exported.
pub struct Wish<'w> {
    /// The data folder.
    pub data_dir: &'w Path,
    /// Where rules and descriptors lie that the data folder has none of.
    pub system: &'w Path,
    /// The file to write.
    pub file: &'w Path,
    /// Signs it.
    pub key: &'w SecretKey,
    /// How long it is good.
    pub good_for: Duration,
    /// Now.
    pub now: Timestamp,
}

/// What was exported.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The key that it is signed with.
    pub key: String,
    /// What is in it.
    #[serde(flatten)]
    pub manifest: Manifest,
}

/// Writes the bundle beside and renames it.
pub fn export(wish: &Wish<'_>) -> Result<Exported, BundleError> {
    let data = wish.data_dir;
    let bad = |path: &Path, reason: String| BundleError::Unusable { path: path.to_owned(), reason };
    let mut packing = Packing { folder: folder(data), parts: Vec::new(), members: Vec::new() };
    fs::create_dir_all(&packing.folder).map_err(io_error(&packing.folder))?;
    {
        // Both locked: what is packed belongs together.
        let _feeds = tripoint_intel::store::Store::open(data).map_err(|error| bad(data, error.to_string()))?;
        let sources = tripoint_vuln::carry::Sources::open(data).map_err(|error| bad(data, error.to_string()))?;
        for copy in tripoint_intel::carry::copies(data) {
            let feed = &copy.status.feed;
            packing.packed(&format!("intel/{feed}/indicators.ndjson.gz"), &copy.path)?;
            packing.status(&format!("intel/{feed}/status.json"), &copy.status)?;
        }
        for copy in sources.copies().map_err(|error| bad(data, error.to_string()))? {
            let source = &copy.status.source;
            packing.packed(&format!("vuln/{source}.jsonl.gz"), &copy.path)?;
            packing.status(&format!("vuln/{source}.status.json"), &copy.status)?;
        }
    }
    for name in RULES {
        let path = [data, wish.system].iter().map(|folder| folder.join(name)).find(|path| path.exists());
        if let Some(path) = path {
            packing.plain(&format!("rules/{name}"), &fs::read(&path).map_err(io_error(&path))?)?;
        }
    }
    if packing.members.is_empty() {
        return Err(bad(data, "there is nothing to export: no feeds, no advisories, no rules".to_owned()));
    }
    let Packing { parts, members, .. } = packing;
    let manifest = Manifest {
        schema: SCHEMA,
        counter: counter::next(data, &wish.key.id, wish.now)?,
        created: wish.now,
        expires: wish.now.plus(wish.good_for),
        made_by: concat!("tripoint ", env!("CARGO_PKG_VERSION")).to_owned(),
        members,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| io_error(wish.file)(error.into()))?;
    // An importer would refuse it: better said here.
    Manifest::parse(&text).map_err(|reason| bad(wish.file, reason))?;
    let comment = format!("tripoint bundle {} of {}", manifest.counter, manifest.created);
    let signature = wish.key.sign(&text, &comment);
    let bytes = write(wish.file, &manifest, &text, &signature, parts).map_err(io_error(wish.file))?;
    Ok(Exported { file: wish.file.to_owned(), bytes, key: wish.key.id.clone(), manifest })
}

fn write(file: &Path, manifest: &Manifest, text: &[u8], signature: &str, parts: Vec<File>) -> io::Result<u64> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = BufWriter::with_capacity(256 << 10, named_in(folder)?);
    layout::write_member(&mut out, MANIFEST, text.len() as u64, &mut &*text)?;
    layout::write_member(&mut out, SIGNATURE, signature.len() as u64, &mut signature.as_bytes())?;
    for (member, mut part) in manifest.members.iter().zip(parts) {
        part.rewind()?;
        layout::write_member(&mut out, &member.name, member.bytes, &mut part)?;
    }
    layout::write_end(&mut out)?;
    out.flush()?;
    let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    out.as_file().sync_all()?;
    let bytes = out.as_file().metadata()?.len();
    out.persist(file).map_err(|error| error.error)?;
    Ok(bytes)
}

/// An error without the name of a file that nobody asked for.
fn named_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("no file in {}: {}", folder.display(), error.kind())))
}

/// Members on their way, in files without a name.
struct Packing {
    folder: PathBuf,
    parts: Vec<File>,
    members: Vec<Member>,
}

impl Packing {
    fn packed(&mut self, name: &str, path: &Path) -> Result<(), BundleError> {
        let mut from = File::open(path).map_err(io_error(path))?;
        let out = tempfile::tempfile_in(&self.folder).map_err(io_error(&self.folder))?;
        let mut zip = GzEncoder::new(out, Compression::fast());
        let plain_bytes = io::copy(&mut from, &mut zip).map_err(io_error(path))?;
        let out = zip.finish().map_err(io_error(path))?;
        self.add(name, out, plain_bytes).map_err(io_error(path))
    }

    fn status(&mut self, name: &str, status: &impl Serialize) -> Result<(), BundleError> {
        let text = serde_json::to_vec_pretty(status).map_err(|error| io_error(&self.folder)(error.into()))?;
        self.plain(name, &text)
    }

    fn plain(&mut self, name: &str, content: &[u8]) -> Result<(), BundleError> {
        let out = tempfile::tempfile_in(&self.folder).and_then(|mut out| out.write_all(content).map(|()| out));
        let out = out.map_err(io_error(&self.folder))?;
        self.add(name, out, content.len() as u64).map_err(io_error(&self.folder))
    }

    fn add(&mut self, name: &str, mut part: File, plain_bytes: u64) -> io::Result<()> {
        part.rewind()?;
        let mut hash = Sha256::new();
        let mut chunk = vec![0; 128 << 10];
        let mut bytes = 0;
        loop {
            let count = part.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            hash.update(chunk.get(..count).unwrap_or_default());
        }
        self.members.push(Member { name: name.to_owned(), bytes, sha256: hex(&hash.finalize()), plain_bytes });
        self.parts.push(part);
        Ok(())
    }
}

//! Which layers does an image have, as a Docker archive or an OCI layout tells it?

mod digest;

use serde::Deserialize;
use tripoint_model::Rejected;

use super::{Image, Part};
use crate::root::Root;

/// Where the documents and layers lie.
pub(super) enum Blobs<'a> {
    /// In an archive.
    Archive(&'a Image),
    /// In a folder.
    Folder(&'a Root),
}

/// One layer.
pub(super) struct Layer {
    /// As the manifest names it.
    pub(super) name: String,
    pub(super) part: Part,
}

impl Blobs<'_> {
    fn part(&self, path: &str) -> std::io::Result<Part> {
        match self {
            Self::Archive(image) => image.part(path),
            Self::Folder(root) => {
                let file = root.file(path)?;
                let size = file.metadata()?.len();
                Ok(Part { file: std::sync::Arc::new(file), offset: 0, size })
            }
        }
    }

    fn document<T: for<'d> Deserialize<'d>>(&self, path: &str) -> Result<T, String> {
        let bytes = self.part(path).and_then(|part| part.read(DOCUMENT_BYTES_MAX));
        parsed(path, &bytes.map_err(|error| format!("{path}: {error}"))?)
    }

    /// A document that has to be what its descriptor says.
    fn described<T: for<'d> Deserialize<'d>>(&self, by: &Descriptor) -> Result<T, String> {
        let path = blob(&by.digest)?;
        let part = self.part(&path).map_err(|error| format!("{path}: {error}"))?;
        let bytes = part.read(DOCUMENT_BYTES_MAX).map_err(|error| format!("{path}: {error}"))?;
        // What was hashed is what is read.
        digest::check_bytes(&bytes, by).map_err(|reason| format!("{path}: {reason}"))?;
        parsed(&path, &bytes)
    }
}

fn parsed<T: for<'d> Deserialize<'d>>(path: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{path}:{}: {error}", error.line()))
}

/// One image of `manifest.json`.
#[derive(Deserialize)]
struct Saved {
    #[serde(default, rename = "Config")]
    config: String,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// An image index, or a manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Clone, Default, Deserialize)]
struct Descriptor {
    digest: String,
    /// Bytes; every published document has it.
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Clone, Default, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// The layers of the image, lowest first; nothing when it is neither kind of archive. A layer that
/// is missing, or is not what its digest says, is refused and the others stand; of a document that
/// is not, nothing can be said. Of several images the first is read, of several platforms this host's.
pub(super) fn layers(blobs: &Blobs<'_>, rejected: &mut Vec<Rejected>) -> Result<Option<Vec<Layer>>, String> {
    let mut refuse = |file: &str, reason: String| {
        rejected.push(Rejected { file: file.to_owned(), line: 0, reason });
    };
    let named = if blobs.part("manifest.json").is_ok() {
        saved(blobs, &mut refuse)?
    } else if blobs.part("index.json").is_ok() {
        described(blobs, &mut refuse)?
    } else {
        return Ok(None);
    };
    if named.len() > LAYERS_MAX {
        return Err(format!("more than {LAYERS_MAX} layers"));
    }
    let mut out = Vec::new();
    for (name, by) in named {
        match blobs.part(&name) {
            Ok(part) => match by.map_or(Ok(()), |by| digest::check(&part, &by)) {
                Ok(()) => out.push(Layer { name, part }),
                Err(reason) => refuse(&name, reason),
            },
            Err(error) => refuse(&name, format!("the layer cannot be read: {error}")),
        }
    }
    Ok(Some(out))
}

/// A blob's path, and what it has to be where that is known.
type Named = (String, Option<Descriptor>);

/// The layers of a Docker archive. Only a path that is made of a digest says what lies there.
fn saved(blobs: &Blobs<'_>, refuse: &mut dyn FnMut(&str, String)) -> Result<Vec<Named>, String> {
    let images: Vec<Saved> = blobs.document("manifest.json")?;
    if images.len() > 1 {
        refuse("manifest.json", format!("{} images in one archive: the first is read", images.len()));
    }
    let image = images.into_iter().next().ok_or("manifest.json: no image")?;
    if let Some(by) = digest::of_path(&image.config) {
        configuration(blobs, &by, refuse);
    }
    Ok(image.layers.into_iter().map(|name| (name.clone(), digest::of_path(&name))).collect())
}

/// The layers of an OCI layout.
fn described(blobs: &Blobs<'_>, refuse: &mut dyn FnMut(&str, String)) -> Result<Vec<Named>, String> {
    let mut manifest: Manifest = blobs.document("index.json")?;
    let mut depth = 0;
    while !manifest.manifests.is_empty() {
        depth += 1;
        if depth > INDEXES_MAX {
            return Err("indexes of indexes of indexes".to_owned());
        }
        let (chosen, others) = choose(&manifest.manifests).ok_or("index.json: no image")?;
        if others > 0 {
            refuse("index.json", format!("{others} more images in one layout: the first is read"));
        }
        manifest = blobs.described(chosen)?;
    }
    if let Some(config) = &manifest.config {
        configuration(blobs, config, refuse);
    }
    let of_files = |layer: &Descriptor| !layer.media_type.contains("in-toto");
    manifest.layers.into_iter().filter(of_files).map(|layer| Ok((blob(&layer.digest)?, Some(layer)))).collect()
}

/// Nothing is read from it; that it is not the one that was published is worth a word all the same.
fn configuration(blobs: &Blobs<'_>, by: &Descriptor, refuse: &mut dyn FnMut(&str, String)) {
    let name = blob(&by.digest).unwrap_or_else(|_| "config".to_owned());
    let found = blobs.part(&name).map_err(|error| format!("the configuration cannot be read: {error}"));
    if let Err(reason) = found.and_then(|part| digest::check(&part, by)) {
        refuse(&name, reason);
    }
}

/// The image for this host, else the first; how many were passed over that are not the same image
/// for other platforms.
fn choose(all: &[Descriptor]) -> Option<(&Descriptor, usize)> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    // Attestations are of the platform `unknown`.
    let images = || all.iter().filter(|one| one.platform.as_ref().is_none_or(|platform| platform.os != "unknown"));
    let own = |one: &&Descriptor| {
        one.platform.as_ref().is_some_and(|platform| platform.os == "linux" && platform.architecture == architecture)
    };
    let chosen = images().find(own).or_else(|| images().next())?;
    let others = images().filter(|one| one.platform.is_none() && one.digest != chosen.digest).count();
    Some((chosen, others))
}

/// Where the blob of a digest lies.
fn blob(digest: &str) -> Result<String, String> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match digest.split_once(':') {
        Some((kind, hash)) if plain(kind) && plain(hash) => Ok(format!("blobs/{kind}/{hash}")),
        _ => Err(format!("{:?} is no digest", tripoint_model::text::truncate(digest, 100).0)),
    }
}

const DOCUMENT_BYTES_MAX: u64 = 8 << 20;
/// Docker stops at 127.
const LAYERS_MAX: usize = 512;
const INDEXES_MAX: usize = 4;

#[cfg(test)]
mod tests;

//! Which layers does an image have, as a Docker archive or an OCI layout tells it?

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
        let bytes = bytes.map_err(|error| format!("{path}: {error}"))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{path}:{}: {error}", error.line()))
    }
}

/// One image of `manifest.json`.
#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// An image index, or a manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
struct Descriptor {
    digest: String,
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
/// is missing is refused and the others stand. Of several images the first is read, of several
/// platforms this host's.
pub(super) fn layers(blobs: &Blobs<'_>, rejected: &mut Vec<Rejected>) -> Result<Option<Vec<Layer>>, String> {
    let mut refuse = |file: &str, reason: String| {
        rejected.push(Rejected { file: file.to_owned(), line: 0, reason });
    };
    let names = if blobs.part("manifest.json").is_ok() {
        let images: Vec<Saved> = blobs.document("manifest.json")?;
        if images.len() > 1 {
            refuse("manifest.json", format!("{} images in one archive: the first is read", images.len()));
        }
        images.into_iter().next().ok_or("manifest.json: no image")?.layers
    } else if blobs.part("index.json").is_ok() {
        let mut manifest: Manifest = blobs.document("index.json")?;
        let mut depth = 0;
        while !manifest.manifests.is_empty() {
            depth += 1;
            if depth > INDEXES_MAX {
                return Err("indexes of indexes of indexes".to_owned());
            }
            let (chosen, others) = choose(&manifest.manifests).ok_or("index.json: no image")?;
            if others > 0 {
                refuse("index.json", format!("{} more images in one layout: the first is read", others));
            }
            manifest = blobs.document(&blob(&chosen.digest)?)?;
        }
        let of_files = |layer: &&Descriptor| !layer.media_type.contains("in-toto");
        manifest.layers.iter().filter(of_files).map(|layer| blob(&layer.digest)).collect::<Result<_, _>>()?
    } else {
        return Ok(None);
    };
    if names.len() > LAYERS_MAX {
        return Err(format!("more than {LAYERS_MAX} layers"));
    }
    let mut out = Vec::new();
    for name in names {
        match blobs.part(&name) {
            Ok(part) => out.push(Layer { name, part }),
            Err(error) => refuse(&name, format!("the layer cannot be read: {error}")),
        }
    }
    Ok(Some(out))
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

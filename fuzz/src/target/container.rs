//! Does any container image, any layer of one, or any document about its layers do harm?

use std::fs;

use sha2::{Digest, Sha256};
use tripoint_inventory::{ScanOptions, scan_image};

use super::Target;
use super::archive::tar;
use super::catalog::folder;

/// An archive as it is given.
pub const ARCHIVE: Target = Target { name: "image-archive", run: scan, seeds: archive_seeds };
/// Two layers, divided where the first bytes say, in a good archive.
pub const LAYERS: Target = Target { name: "image-layers", run: layers, seeds: layer_seeds };
/// The documents of an OCI layout, one a line: the index, then what it leads to.
pub const LAYOUT: Target = Target { name: "image-layout", run: layout, seeds: layout_seeds };

fn scan(data: &[u8]) {
    let file = folder(0).join("image");
    fs::write(&file, data).expect("write");
    match scan_image(&file, &ScanOptions::default(), &mut |_| {}) {
        Ok(inventory) => assert!(inventory.packages.iter().all(|package| !package.purl.is_empty())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn layers(data: &[u8]) {
    let Some((at, content)) = data.split_first_chunk::<2>() else { return };
    let at = usize::from(u16::from_le_bytes(*at)).saturating_mul(64).min(content.len());
    let (lower, upper) = content.split_at(at);
    scan(&together(&[("manifest.json", SAVED.as_bytes()), ("lower", lower), ("upper", upper)]));
}

fn layout(data: &[u8]) {
    let mut documents = data.split(|byte| *byte == b'\n');
    let mut next = || documents.next().unwrap_or_default();
    let (index, first, second) = (next(), next(), next());
    let layer = tar("etc/os-release", b"ID=debian\n");
    // Each is found by its digest only: those that the documents name by a letter are put in.
    let cc = digest(&layer);
    let second = named(second, &[("cc", &cc)]);
    let bb = digest(&second);
    let first = named(first, &[("cc", &cc), ("bb", &bb)]);
    let aa = digest(&first);
    let index = named(index, &[("aa", &aa), ("bb", &bb)]);
    let place = |hash: &str| format!("blobs/sha256/{hash}");
    scan(&together(&[("index.json", &index), (&place(&aa), &first), (&place(&bb), &second), (&place(&cc), &layer)]));
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named(document: &[u8], names: &[(&str, &str)]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(document) else { return document.to_vec() };
    let put = |text: String, (name, hash): &(&str, &str)| {
        text.replace(&format!("\"sha256:{name}\""), &format!("\"sha256:{hash}\""))
    };
    names.iter().fold(text.to_owned(), put).into_bytes()
}

/// The files in one tar.
fn together(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let one = tar(name, content);
        out.extend_from_slice(&one[..one.len() - 1024]);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn archive_seeds() -> Vec<Vec<u8>> {
    let layer = tar("etc/os-release", b"ID=debian\nVERSION_ID=12\n");
    vec![
        layer.clone(),
        together(&[("manifest.json", SAVED.as_bytes()), ("lower", &layer), ("upper", &layer)]),
        together(&[("index.json", INDEX.as_bytes()), ("blobs/sha256/aa", MANIFEST.as_bytes())]),
    ]
}

fn layer_seeds() -> Vec<Vec<u8>> {
    let lower = together(&[("etc/os-release", b"ID=debian\n"), ("opt/app/a", b"1"), ("opt/app/b", b"2")]);
    let upper = together(&[("etc/.wh.os-release", b""), ("opt/app/.wh..wh..opq", b""), ("opt/app/c", b"3")]);
    let at = u16::try_from(lower.len() / 64).unwrap_or(0).to_le_bytes();
    vec![[&at[..], &lower, &upper].concat()]
}

fn layout_seeds() -> Vec<Vec<u8>> {
    vec![format!("{INDEX}\n{MANIFEST}\n{INDEX}").into_bytes(), format!("{INDEX}\n{INDEX}\n{MANIFEST}").into_bytes()]
}

const SAVED: &str = r#"[{"Config":"c","Layers":["lower","upper"]}]"#;
const INDEX: &str =
    r#"{"manifests":[{"digest":"sha256:aa","platform":{"os":"linux","architecture":"amd64"}},{"digest":"sha256:bb"}]}"#;
const MANIFEST: &str = r#"{"layers":[{"digest":"sha256:cc","mediaType":"application/vnd.oci.image.layer.v1.tar"}]}"#;

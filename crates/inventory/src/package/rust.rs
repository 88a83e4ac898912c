//! Which crates were built into a program (`cargo auditable`), or are locked (Cargo.lock)?
//!
//! The section `.dep-v0` holds zlib-packed JSON, as the crate auditable-serde documents it.

use std::io::Read;

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry, lock};
use crate::elf::Elf;
use crate::root::Root;

/// Rust crates.
pub struct Rust;

impl Cataloger for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn wants(&self, path: &str) -> bool {
        (path == "Cargo.lock" || path.ends_with("/Cargo.lock")) && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        lock::packages(&bytes, path, out, &mut |locked, out| {
            // Without a source it is a member of the project itself.
            if !locked.source.is_empty() || locked.name.is_empty() {
                entry::take(Ecosystem::CratesIo, &locked.name, &locked.version, path, locked.line, out);
            }
        });
    }

    fn executable(&self, elf: &Elf, path: &str, out: &mut Parsed<Package>) -> bool {
        let Some(packed) = elf.section_bytes(".dep-v0") else { return false };
        read_auditable(&packed, path, out);
        true
    }
}

#[derive(Deserialize)]
struct Audit {
    packages: Vec<Built>,
}

#[derive(Deserialize)]
struct Built {
    name: String,
    version: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    kind: String,
}

fn read_auditable(packed: &[u8], path: &str, out: &mut Parsed<Package>) {
    let mut json = Vec::new();
    let read = flate2::read::ZlibDecoder::new(packed).take(JSON_BYTES_MAX + 1).read_to_end(&mut json);
    if let Err(error) = read {
        return out.refuse(path, 1, format!("the section .dep-v0 cannot be unpacked: {error}"));
    }
    if json.len() as u64 > JSON_BYTES_MAX {
        return out.refuse(path, 1, format!("the section .dep-v0 holds more than {JSON_BYTES_MAX} bytes"));
    }
    match serde_json::from_slice::<Audit>(&json) {
        Err(error) => out.refuse(path, 1, format!("the section .dep-v0 is no list of crates: {error}")),
        Ok(audit) => {
            // What only ran while it was built is not in the program; local crates are nobody else's.
            let foreign = audit.packages.iter().filter(|built| built.kind != "build" && built.source != "local");
            for (built, place) in foreign.zip(1..) {
                entry::take(Ecosystem::CratesIo, &built.name, &built.version, path, place, out);
            }
        }
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
/// What the format's own reader takes.
const JSON_BYTES_MAX: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::elf::tests::{built, opened};

    fn packed(json: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(json).expect("zlib");
        encoder.finish().expect("zlib")
    }

    fn found(section: &[u8]) -> Parsed<Package> {
        let mut out = Parsed::default();
        let elf = opened(&built(&[(".text", b"x"), (".dep-v0", section)])).expect("elf");
        assert!(Rust.executable(&elf, "app", &mut out));
        out
    }

    #[test]
    fn what_is_built_in_is_named() {
        let json = br#"{"packages":[{"name":"app","version":"0.1.0","source":"local","root":true},
            {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
            {"name":"ring","version":"0.17.1","source":"crates.io","dependencies":[1]}]}"#;
        let out = found(&packed(json));
        assert_eq!(out.accepted.iter().map(|p| p.purl.as_str()).collect::<Vec<_>>(), ["pkg:cargo/ring@0.17.1"]);
        assert_eq!(found(&packed(&vec![b' '; 9 << 20])).refused, 1);
        assert_eq!(found(b"not zlib").refused, 1);
    }

    proptest::proptest! {
        #[test]
        fn nothing_hurts(section: Vec<u8>, json: Vec<u8>) {
            found(&section);
            found(&packed(&json));
        }
    }
}

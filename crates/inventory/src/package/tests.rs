//! Does every registered cataloger give its golden output?

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::owner::{Owners, PathIndex};
use crate::root::Root;
use crate::scan::executable;
use crate::walk::{WalkLimits, walk};

fn render(cataloger: &dyn Cataloger, folder: &Path) -> String {
    let root = Root::open(folder).expect("fixture");
    let mut out = Parsed::default();
    let mut index = PathIndex::default();
    cataloger.database(&root, &mut out, &mut Owners::new(&mut index, 0));
    let owned = index.len();
    let limits = WalkLimits { entries_max: 10_000, depth_max: 32 };
    walk(&root, "", limits, &mut |path| {
        if cataloger.wants(path) {
            cataloger.read(&root, path, &mut out);
        }
        if let Some(elf) = executable(&root, path) {
            cataloger.executable(&elf, path, &mut out);
        }
    });
    assert_eq!(out.accepted.len() as u64 + out.refused, out.read);
    out.accepted.sort();
    let mut text = String::new();
    for package in &out.accepted {
        let _ = writeln!(
            text,
            "{}  {}:{} {} {}{}  {}",
            package.purl,
            package.ecosystem,
            package.release,
            package.source,
            package.source_version,
            if package.module.is_empty() { String::new() } else { format!(" ({})", package.module) },
            package.paths.join(" ")
        );
    }
    if owned > 0 {
        let _ = writeln!(text, "{owned} files owned");
    }
    for refusal in &out.rejected {
        let _ = writeln!(text, "refused {}:{}: {}", refusal.file, refusal.line, refusal.reason);
    }
    text
}

#[test]
fn every_cataloger_gives_its_golden_output() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/package");
    for cataloger in CATALOGERS {
        let folder = fixtures.join(cataloger.name());
        for case in ["good.in", "hostile.in"] {
            let found = render(*cataloger, &folder.join(case));
            let golden = folder.join(case).with_extension("out");
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&golden, &found).expect("write golden");
            }
            assert_eq!(found, std::fs::read_to_string(&golden).unwrap_or_default(), "{}/{case}", cataloger.name());
        }
    }
}

#[test]
fn names_are_unique_and_the_page_lists_them() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/catalogers.md"))
            .expect("page");
    for (at, cataloger) in CATALOGERS.iter().enumerate() {
        assert!(CATALOGERS[..at].iter().all(|other| other.name() != cataloger.name()));
        assert!(page.contains(&format!("`{}`", cataloger.name())), "{} is not on the page", cataloger.name());
    }
}

/// Copies a fixture and spoils one file of it.
fn spoilt(from: &Path, to: &Path, victim: &str, spoil: &dyn Fn(Vec<u8>) -> Vec<u8>) {
    let root = Root::open(from).expect("fixture");
    walk(&root, "", WalkLimits { entries_max: 10_000, depth_max: 32 }, &mut |path| {
        let bytes = std::fs::read(from.join(path)).expect("read");
        std::fs::create_dir_all(to.join(path).parent().expect("parent")).expect("mkdir");
        std::fs::copy(from.join(path), to.join(path)).expect("copy");
        if path == victim {
            std::fs::write(to.join(path), spoil(bytes)).expect("write");
        }
    });
}

#[test]
fn no_cut_and_no_changed_byte_hurts_any_cataloger() {
    for cataloger in CATALOGERS {
        let from =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/package").join(cataloger.name()).join("good.in");
        let mut files = Vec::new();
        let root = Root::open(&from).expect("fixture");
        walk(&root, "", WalkLimits { entries_max: 10_000, depth_max: 32 }, &mut |path| files.push(path.to_owned()));
        for victim in &files {
            for step in 0..8_usize {
                let to = tempfile::tempdir().expect("tempdir");
                spoilt(&from, to.path(), victim, &|mut bytes| {
                    let at = bytes.len() * step / 8;
                    if step % 2 == 0 {
                        bytes.truncate(at);
                    } else if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 0xa5;
                    }
                    bytes
                });
                render(*cataloger, to.path());
            }
        }
    }
}

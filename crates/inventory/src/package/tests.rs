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

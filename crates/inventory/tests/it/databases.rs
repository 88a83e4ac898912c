//! Databases, lock files and bills of materials whose shape is made to cost memory.

use std::fmt::Write as _;
use std::fs;

use tripoint_inventory::{ScanOptions, sbom, scan};

use super::{affordable, heap};

/// What lies at one path of an otherwise empty root.
fn at(path: &str, bytes: &[u8]) -> usize {
    let root = tempfile::tempdir().expect("tempdir");
    let file = root.path().join(path);
    fs::create_dir_all(file.parent().expect("parent")).expect("mkdir");
    fs::write(&file, bytes).expect("write");
    let (inventory, peak) = heap(|| scan(root.path(), &ScanOptions::default(), &mut |_| {}));
    inventory.expect("scan");
    peak
}

/// Shapes that text readers are weak against, filled up to so many bytes.
fn shapes(bytes: usize) -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(bytes / piece.len());
    vec![
        ("deep lists", fill("[")),
        ("deep objects", fill("{\"a\":")),
        ("wide list", format!("[{}0]", fill("0,"))),
        ("wide objects", format!("[{}{{}}]", fill("{\"\":0},"))),
        ("one text", format!("\"{}\"", fill("a"))),
        ("escapes", format!("\"{}\"", fill("\\u0000"))),
        ("one line", fill("a")),
        ("empty lines", fill("\n")),
        ("fields", fill("Package: a\n")),
        ("short stanzas", fill("Package: a\nStatus: install ok installed\nVersion: 1\n\n")),
        ("apk stanzas", fill("P:a\nV:1\n\n")),
        ("elements", fill("<a>")),
        ("attributes", format!("<a {}>", fill("b=\"\" "))),
        ("tables", fill("[[package]]\n")),
        ("packages", fill("[[package]]\nname=\"a\"\nversion=\"1\"\n")),
        (
            "indents",
            (0..)
                .map(|n| format!("{:n$}a:\n", ""))
                .scan(0, |sum, line| {
                    *sum += line.len();
                    (*sum < bytes).then_some(line)
                })
                .collect(),
        ),
        ("anchors", format!("a: &a [{}]\n{}", "x,".repeat(100), fill("b: *a\n"))),
    ]
}

const PLACES: &[&str] = &[
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/pacman/local/demo-1.0-1/desc",
    "x/a.dist-info/METADATA",
    "poetry.lock",
    "Pipfile.lock",
    "requirements.txt",
    "node_modules/a/package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "gradle.lockfile",
    "go.mod",
    "Cargo.lock",
    "Gemfile.lock",
    "specifications/a-1.gemspec",
    "vendor/composer/installed.json",
    "composer.lock",
    "a.deps.json",
    "packages.lock.json",
    "pubspec.lock",
    "mix.lock",
    "conan.lock",
    "Package.resolved",
];

#[test]
fn no_shape_of_text_costs_more_than_four_times_its_size() {
    let mut over = String::new();
    for (shape, text) in shapes(SIZE) {
        for path in PLACES {
            let peak = at(path, text.as_bytes());
            if peak > 4 * text.len() + (8 << 20) {
                let _ = writeln!(over, "{path}, {shape}: {peak} bytes for {}", text.len());
            }
        }
    }
    assert!(over.is_empty(), "{over}");
}

#[test]
fn no_bill_of_materials_costs_more_than_four_times_its_size() {
    let folder = tempfile::tempdir().expect("tempdir");
    let file = folder.path().join("bill.json");
    let heads = [
        ("", ""),
        (r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":"#, "}"),
        (r#"{"spdxVersion":"SPDX-2.3","packages":"#, "}"),
        (r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":"#, "}"),
        (r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><components>"#, "</components></bom>"),
    ];
    let mut over = String::new();
    for (shape, text) in shapes(SIZE) {
        for (head, end) in heads {
            let text = format!("{head}{text}{end}");
            fs::write(&file, &text).expect("write");
            let (_, peak) = heap(|| sbom::read(&file).map(drop).is_ok());
            if peak > 4 * text.len() + (8 << 20) {
                let _ = writeln!(over, "{head:.30}, {shape}: {peak} bytes for {}", text.len());
            }
        }
    }
    assert!(over.is_empty(), "{over}");
}

/// Components as small as one can be and still count.
#[test]
fn many_small_components_cost_what_they_are() {
    let folder = tempfile::tempdir().expect("tempdir");
    let file = folder.path().join("bill.json");
    let parts: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"type":"library","name":"n{n}","version":"1","purl":"pkg:npm/n{n}@1"}}"#))
        .collect();
    let text = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{}]}}"#, parts.join(","));
    fs::write(&file, &text).expect("write");
    let (inventory, peak) = heap(|| sbom::read(&file));
    assert_eq!(inventory.expect("read").packages.len(), 20_000);
    affordable(peak, text.len());
}

const SIZE: usize = 2 << 20;

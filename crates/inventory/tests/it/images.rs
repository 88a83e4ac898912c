//! Layers without end, and layers that work against each other.

use std::io::{BufWriter, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{EntryType, Header};
use tripoint_inventory::{Inventory, ScanOptions, scan_image};

use super::{affordable, heap, names, says};

const STATUS: &str = "Package: demo\nStatus: install ok installed\nVersion: 1\n";

fn header(kind: EntryType, name: &str, link: &str, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o755);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    header
}

fn file(out: &mut impl Write, name: &str, content: &str) {
    out.write_all(header(EntryType::Regular, name, "", content.len()).as_bytes()).expect("write");
    out.write_all(content.as_bytes()).expect("write");
    out.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).expect("write");
}

fn link(out: &mut impl Write, kind: EntryType, name: &str, target: &str) {
    out.write_all(header(kind, name, target, 0).as_bytes()).expect("write");
}

fn scanned(path: &Path) -> (Inventory, usize) {
    let (inventory, peak) = heap(|| scan_image(path, &ScanOptions::default(), &mut |_| {}));
    (inventory.expect("scan"), peak)
}

/// A Docker archive of these layers.
fn docker(layers: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let names: Vec<String> = (0..layers.len()).map(|number| format!("\"{number}\"")).collect();
    for (number, layer) in layers.iter().enumerate() {
        out.extend_from_slice(header(EntryType::Regular, &number.to_string(), "", layer.len()).as_bytes());
        out.extend_from_slice(layer);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    file(&mut out, "manifest.json", &format!("[{{\"Layers\":[{}]}}]", names.join(",")));
    out
}

fn of(bytes: &[u8]) -> (Inventory, usize) {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("image.tar");
    std::fs::write(&path, bytes).expect("write");
    scanned(&path)
}

fn sha256(content: &mut dyn Read) -> String {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match content.read(&mut piece).expect("read") {
            0 => return hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            count => hash.update(&piece[..count]),
        }
    }
}

/// An OCI layout whose one layer has a million and a few entries.
#[test]
fn a_million_entries_in_a_layer_end_at_the_limit_and_the_rest_is_said_to_be_left_out() {
    let folder = tempfile::tempdir().expect("tempdir");
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("mkdir");
    let unnamed = std::fs::File::create(blobs.join("layer")).expect("create");
    let mut layer = BufWriter::with_capacity(1 << 20, unnamed);
    file(&mut layer, "var/lib/dpkg/status", STATUS);
    for number in 0..1_000_100 {
        file(&mut layer, &format!("d{}/{number}", number % 100), "");
    }
    file(&mut layer, "opt/late.dist-info/METADATA", "Name: late\nVersion: 1\n");
    layer.flush().expect("flush");
    drop(layer);
    let hash = sha256(&mut std::fs::File::open(blobs.join("layer")).expect("open"));
    std::fs::rename(blobs.join("layer"), blobs.join(&hash)).expect("rename");
    let manifest = format!(r#"{{"layers":[{{"digest":"sha256:{hash}"}}]}}"#);
    let hash = sha256(&mut manifest.as_bytes());
    std::fs::write(blobs.join(&hash), manifest).expect("write");
    let index = format!(r#"{{"manifests":[{{"digest":"sha256:{hash}"}}]}}"#);
    std::fs::write(folder.path().join("index.json"), index).expect("write");
    let (inventory, peak) = scanned(folder.path());
    assert_eq!(names(&inventory), ["demo"]);
    says(&inventory, "left out from entry \"d");
    assert!(peak < 256 << 20, "{peak} bytes");
}

/// A hundred folders in each name: as many nodes from few bytes.
#[test]
fn names_of_many_folders_cost_what_their_bytes_allow() {
    let mut layer = Vec::new();
    file(&mut layer, "var/lib/dpkg/status", STATUS);
    for number in 0..4000 {
        let name: String = (0..30).map(|part| format!("{:x}/", (number * 31 + part) % 4093)).collect();
        file(&mut layer, &format!("{}f", &name[..name.len().min(98)]), "");
    }
    let bytes = docker(&[layer]);
    let (inventory, peak) = of(&bytes);
    assert_eq!(names(&inventory), ["demo"]);
    says(&inventory, "more names than its size lets expect");
    affordable(peak, bytes.len());
}

/// Each whiteout of the same folder would look through all that lies in it: 20,000 times 20,000.
#[test]
fn a_thousand_whiteouts_of_one_folder_look_into_it_once() {
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    file(&mut lower, "var/lib/dpkg/status", STATUS);
    file(&mut lower, "big/lower.dist-info/METADATA", "Name: lower\nVersion: 1\n");
    for number in 0..20_000 {
        file(&mut upper, &format!("big/{number}"), "");
    }
    file(&mut upper, "big/upper.dist-info/METADATA", "Name: upper\nVersion: 1\n");
    for _ in 0..20_000 {
        file(&mut upper, "big/.wh..wh..opq", "");
        file(&mut upper, ".wh.big", "");
    }
    let (inventory, _) = of(&docker(&[lower, upper]));
    assert_eq!(names(&inventory), ["demo", "upper"]);
}

#[test]
fn whiteouts_cannot_hide_what_is_above_their_folder() {
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    file(&mut lower, "var/lib/dpkg/status", STATUS);
    for name in [".wh..", ".wh...", "var/.wh..", "var/.wh...", "var/lib/.wh./", ".wh.", "../.wh.var", "var/../.wh.var"]
    {
        file(&mut upper, name, "");
    }
    let (inventory, _) = of(&docker(&[lower, upper]));
    assert_eq!(names(&inventory), ["demo"]);
}

#[test]
fn links_of_every_kind_stay_inside_and_end() {
    let mut layer = Vec::new();
    link(&mut layer, EntryType::Symlink, "var/lib/dpkg/status", "/etc/hostname");
    link(&mut layer, EntryType::Symlink, "etc/os-release", "../../../../etc/os-release");
    link(&mut layer, EntryType::Symlink, "usr/lib/os-release", "/proc/self/root/etc/os-release");
    link(&mut layer, EntryType::Symlink, "loop", "loop/x");
    link(&mut layer, EntryType::Symlink, "a", "b/..");
    link(&mut layer, EntryType::Symlink, "b", "a/b");
    file(&mut layer, "loop/METADATA", "");
    file(&mut layer, "a/x.dist-info/METADATA", "Name: x\nVersion: 1\n");
    link(&mut layer, EntryType::Link, "hard.dist-info/METADATA", "../../../etc/passwd");
    link(&mut layer, EntryType::Link, "self.dist-info/METADATA", "self.dist-info/METADATA");
    file(&mut layer, "twice.dist-info/METADATA", "Name: old\nVersion: 1\n");
    file(&mut layer, "twice.dist-info/METADATA", "Name: new\nVersion: 2\n");
    link(&mut layer, EntryType::Link, "other.dist-info/METADATA", "twice.dist-info/METADATA");
    let (inventory, _) = of(&docker(&[layer]));
    // What hides under a link to nowhere is a folder of its own.
    let found: Vec<_> = names(&inventory);
    assert_eq!(found, ["new", "x"]);
    assert!(inventory.distro.is_none());
    says(&inventory, "another name of a file that is not there");
}

#[test]
fn refusals_without_end_are_counted() {
    let mut layer = Vec::new();
    file(&mut layer, "var/lib/dpkg/status", STATUS);
    for _ in 0..5000 {
        file(&mut layer, "../out", "");
    }
    let (inventory, peak) = of(&docker(&[layer]));
    assert_eq!(names(&inventory), ["demo"]);
    says(&inventory, "4900 more entries are refused");
    assert!(peak < 8 << 20, "{peak} bytes");
}

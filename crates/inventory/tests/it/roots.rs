//! Roots whose links lead out, round and on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use tripoint_inventory::{ScanOptions, scan};
use tripoint_model::Timestamp;

use super::{heap, names};

fn put(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
    fs::write(path, text).expect("write");
}

const OUTSIDE: &str = "Package: outside\nStatus: install ok installed\nVersion: 1\n";
const METADATA: &str = "Metadata-Version: 2.1\nName: outside\nVersion: 1\n";

/// Everything that a cataloger looks for lies outside; every name of it inside leads there.
#[test]
fn a_scan_never_leaves_its_root() {
    let outer = tempfile::tempdir().expect("tempdir");
    put(outer.path(), "secret/status", OUTSIDE);
    put(outer.path(), "secret/site/outside.dist-info/METADATA", METADATA);
    put(outer.path(), "secret/etc/os-release", "ID=outside\n");
    let root = outer.path().join("root");
    for folder in ["var/lib/dpkg", "usr/lib/python3", "etc", "opt"] {
        fs::create_dir_all(root.join(folder)).expect("mkdir");
    }
    let secret = outer.path().join("secret");
    symlink("../../../../secret/status", root.join("var/lib/dpkg/status")).expect("link");
    symlink(secret.join("site"), root.join("usr/lib/python3/dist-packages")).expect("link");
    symlink("../../secret/etc/os-release", root.join("etc/os-release")).expect("link");
    symlink(&secret, root.join("opt/all")).expect("link");
    symlink("/proc/self/root", root.join("opt/host")).expect("link");
    symlink(format!("/proc/self/cwd/{}", secret.display()), root.join("opt/cwd")).expect("link");
    put(&root, "srv/app/inside.dist-info/METADATA", &METADATA.replace("outside", "inside"));
    let inventory = scan(&root, &ScanOptions::default(), &mut |_| {}).expect("scan");
    assert_eq!(names(&inventory), ["inside"]);
    assert!(inventory.distro.is_none_or(|distro| distro.id != "outside"));
}

#[test]
fn links_in_a_circle_end_and_the_rest_is_found() {
    let root = tempfile::tempdir().expect("tempdir");
    put(root.path(), "app/inside.dist-info/METADATA", &METADATA.replace("outside", "inside"));
    for (name, target) in
        [("self", "self"), ("a", "b"), ("b", "a"), ("up", ".."), ("top", "/"), ("app/again", "../app")]
    {
        symlink(target, root.path().join(name)).expect("link");
    }
    fs::create_dir_all(root.path().join("var/lib/dpkg")).expect("mkdir");
    symlink("status", root.path().join("var/lib/dpkg/status")).expect("link");
    let inventory = scan(root.path(), &ScanOptions::default(), &mut |_| {}).expect("scan");
    assert_eq!(names(&inventory), ["inside"]);
}

/// By the list that dpkg writes when it unpacks, and by what pacman notes; nothing is made up for others.
#[test]
fn since_when_a_package_is_there_is_what_its_manager_says() {
    let root = tempfile::tempdir().expect("tempdir");
    let status = |name: &str| format!("Package: {name}\nStatus: install ok installed\nVersion: 1\n\n");
    put(root.path(), "var/lib/dpkg/status", &["shop", "listless"].map(status).concat());
    put(root.path(), "var/lib/dpkg/info/shop:amd64.list", "/.\n/usr/sbin/shop\n");
    let unpacked = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let list = fs::File::open(root.path().join("var/lib/dpkg/info/shop:amd64.list")).expect("list");
    list.set_modified(unpacked).expect("time");
    let desc = "%NAME%\npac\n\n%VERSION%\n1-1\n\n%INSTALLDATE%\n1780000000\n";
    put(root.path(), "var/lib/pacman/local/pac-1-1/desc", desc);
    put(root.path(), "srv/app/inside.dist-info/METADATA", &METADATA.replace("outside", "inside"));
    let inventory = scan(root.path(), &ScanOptions::default(), &mut |_| {}).expect("scan");
    let mut found: Vec<_> = inventory.packages.iter().map(|one| (one.name.as_str(), one.installed)).collect();
    found.sort();
    let at = |seconds: i64| Some(Timestamp(seconds * 1_000_000));
    let expected = [("inside", None), ("listless", None), ("pac", at(1_780_000_000)), ("shop", at(1_790_000_000))];
    assert_eq!(found, expected);
}

/// Forty-eight levels are walked; what lies deeper is said to be left out.
#[test]
fn a_well_of_folders_has_a_floor() {
    let root = tempfile::tempdir().expect("tempdir");
    put(root.path(), &format!("{}deep.dist-info/METADATA", "d/".repeat(400)), METADATA);
    put(root.path(), "flat.dist-info/METADATA", &METADATA.replace("outside", "flat"));
    let (inventory, peak) = heap(|| scan(root.path(), &ScanOptions::default(), &mut |_| {}));
    let inventory = inventory.expect("scan");
    assert_eq!(names(&inventory), ["flat"]);
    assert!(inventory.coverage.iter().any(|line| line.reason.contains("were left out")), "{:?}", inventory.coverage);
    assert!(peak < 4 << 20, "{peak} bytes");
}

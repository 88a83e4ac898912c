//! Is every file of the public collections read, or refused with a reason?

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tripoint_unpack::{Limits, Source, entries};

use super::tests::{found, put};
use super::*;

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("TRIPOINT_TEST_DATA").map(|data| PathBuf::from(data).join("inventory"));
    if data.is_none() {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
    }
    data
}

fn told(name: &str, inventory: &Inventory) {
    println!("{name}: {} packages", inventory.packages.len());
    for line in inventory.coverage.iter().filter(|line| line.status != CoverageStatus::Absent) {
        println!("  {} {:?} {}", line.cataloger, line.status, line.reason);
    }
}

#[test]
fn alpine_databases() {
    let Some(data) = data() else { return };
    for (name, packages, refused) in [
        ("installed", 15, 0),
        ("single", 1, 0),
        ("empty", 0, 0),
        ("invalid", 0, 2),
        ("no-origin", 1, 0),
        ("different-arch", 1, 0),
        ("syft-corrupt-installed", 1, 1),
        ("syft-multiple-1-installed", 4, 0),
        ("syft-multiple-2-installed", 14, 0),
    ] {
        let folder = tempfile::tempdir().expect("tempdir");
        put(folder.path(), "etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n");
        put(folder.path(), "lib/apk/db/installed", &fs::read_to_string(data.join("apk").join(name)).expect("apk"));
        let inventory = found(folder.path());
        println!("{name}: {} packages, {} refused", inventory.packages.len(), inventory.rejected.len());
        assert_eq!((inventory.packages.len(), inventory.rejected.len()), (packages, refused), "{name}");
        assert!(inventory.packages.iter().all(|package| package.release == "v3.20"));
    }
}

/// Where a file of a collection would lie on a real system.
fn place(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let (stem, _) = file.split_once('.').unwrap_or((file, ""));
    let kind = |part: &str| path.contains(part);
    match () {
        () if kind("python/requirements/") => format!("{stem}/requirements.txt"),
        () if kind("php/composerlock/") => format!("{stem}/composer.lock"),
        () if kind("rust/cargolock/") => format!("{stem}/Cargo.lock"),
        () if kind("dotnet/depsjson/") => format!("{stem}/{stem}.deps.json"),
        () if kind("ruby/gemspec/") => format!("specifications/{file}"),
        () if kind("packagejson/") => format!("node_modules/{}/package.json", path.replace(['/', '.'], "-")),
        () if kind("python/wheelegg/") && !file.ends_with(".whl") && !file.ends_with(".egg") => {
            format!("{stem}.dist-info/METADATA")
        }
        () => path.to_owned(),
    }
}

fn unpacked(archive: &Path, root: &Path) -> usize {
    let mut files = 0;
    entries(Source::Path(archive), "archive", &Limits::default(), &mut |name, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).expect("entry");
        let path = root.join(place(name));
        fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        fs::write(path, bytes).expect("write");
        files += 1;
        ControlFlow::Continue(())
    })
    .expect("archive");
    files
}

#[test]
fn lock_files_and_manifests() {
    let Some(data) = data() else { return };
    for (name, packages_min) in [("osv-scanner-lockfiles.tar.gz", 73), ("scalibr-language-fixtures.tar.gz", 73)] {
        let folder = tempfile::tempdir().expect("tempdir");
        let files = unpacked(&data.join("app").join(name), folder.path());
        let inventory = found(folder.path());
        told(&format!("{name} ({files} files)"), &inventory);
        for refusal in &inventory.rejected {
            println!("  refused {}:{}: {}", refusal.file, refusal.line, refusal.reason);
        }
        assert!(inventory.packages.len() >= packages_min);
    }
    for (name, purls) in [
        ("npm", &["pkg:npm/jquery@3.3.9", "pkg:npm/react@16.8.6"][..]),
        ("cargo", &["pkg:cargo/memchr@1.0.2", "pkg:cargo/regex@1.7.3"]),
        ("composer", &["pkg:composer/guzzlehttp/guzzle@7.4.4"]),
        ("gomod", &["pkg:golang/github.com/docker/distribution@v2.7.1%2Bincompatible"]),
        ("pip", &["pkg:pypi/flask@2.0.0", "pkg:pypi/werkzeug@0.11"]),
        ("trivy-ci-test", &["pkg:cargo/openssl@0.8.3", "pkg:pypi/django@2.0.9"]),
    ] {
        let inventory = found(&data.join("trivy-fixtures/repo").join(name));
        told(name, &inventory);
        for purl in purls {
            assert!(inventory.packages.iter().any(|package| package.purl == *purl), "{purl} is missing in {name}");
        }
    }
}

//! Does any file on a strange root filesystem bring a cataloger down?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tripoint_inventory::elf::Elf;
use tripoint_inventory::owner::{Owners, PathIndex};
use tripoint_inventory::package::CATALOGERS;
use tripoint_inventory::{Distro, Root, sbom};
use tripoint_model::Parsed;

use super::Target;
use crate::seed;

/// Text files, by the first byte: a place in `PLACES`.
pub const FILES: Target = Target { name: "catalog", run: |data| any(PLACES, data), seeds: || seeds(PLACES) };
/// dpkg's status file.
pub const DPKG: Target = Target { name: "dpkg", run: |data| any(DPKG_PLACES, data), seeds: || seeds(DPKG_PLACES) };
/// The three kinds of rpm database.
pub const RPM: Target = Target { name: "rpm", run: |data| any(RPM_PLACES, data), seeds: || seeds(RPM_PLACES) };
/// Java archives.
pub const JAVA: Target = Target { name: "java", run: |data| any(JAVA_PLACES, data), seeds: || seeds(JAVA_PLACES) };
/// Programs: ELF, what Go, Rust and servers leave in them.
pub const PROGRAMS: Target =
    Target { name: "programs", run: |data| any(PROGRAM_PLACES, data), seeds: || seeds(PROGRAM_PLACES) };
/// Bills of materials of every format.
pub const SBOM: Target = Target { name: "sbom", run: bill, seeds: || seed::contents("crates/inventory/fixtures/sbom") };

/// Which distribution it is.
pub const RELEASE: Target = Target { name: "os-release", run: release, seeds: release_seeds };

/// A cataloger and a path that it looks at.
type Place = (&'static str, &'static str);

fn any(places: &[Place], data: &[u8]) {
    let Some((first, content)) = data.split_first() else { return };
    let at = usize::from(*first) % places.len();
    let (name, path) = places[at];
    let folder = folder(at);
    let whole = folder.join(path);
    if !whole.exists() {
        fs::create_dir_all(whole.parent().expect("parent")).expect("mkdir");
        fs::write(&whole, "").expect("write");
        fs::set_permissions(&whole, fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    fs::write(&whole, content).expect("write");
    look(name, &folder, path);
}

fn look(name: &str, folder: &Path, path: &str) {
    let root = Root::open(folder).expect("root");
    let mut out = Parsed::default();
    let mut index = PathIndex::new(&root);
    for cataloger in CATALOGERS.iter().filter(|one| one.name() == name || name == "program") {
        cataloger.database(&root, &mut out, &mut Owners::new(&mut index, 0));
        let _ = cataloger.replacements(&root);
        if cataloger.wants(path) {
            cataloger.read(&root, path, &mut out);
        }
        if name == "program"
            && let Some(elf) = root.file(path).ok().and_then(Elf::open)
        {
            cataloger.executable(&elf, path, &mut out);
        }
    }
    assert_eq!(out.accepted.len() as u64 + out.refused, out.read, "something was dropped in silence");
}

fn bill(data: &[u8]) {
    let file = folder(0).join("bill");
    fs::write(&file, data).expect("write");
    if let Ok(inventory) = sbom::read(&file) {
        std::hint::black_box(inventory.packages.len());
    }
}

fn release(data: &[u8]) {
    let folder = folder(0);
    fs::create_dir_all(folder.join("etc")).expect("mkdir");
    fs::write(folder.join("etc/os-release"), data).expect("write");
    let distro = Distro::of(&Root::open(&folder).expect("root")).expect("there is one");
    std::hint::black_box((distro.dpkg_ecosystem(), distro.rpm_ecosystem()));
    assert!(!distro.name.chars().any(char::is_control));
}

fn release_seeds() -> Vec<Vec<u8>> {
    [
        "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\n",
        "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.3\"\n",
        "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nUBUNTU_CODENAME=noble\nVERSION=\"24.03 (LTS-SP1)\"\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// In memory, where there is such a place: a disk would be the slowest part.
pub fn folder(at: usize) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let whole = FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        tempfile::tempdir_in(parent).expect("tempdir")
    });
    let own = whole.path().join(at.to_string());
    if !own.is_dir() {
        fs::create_dir(&own).expect("mkdir");
    }
    own
}

/// Every fixture of the same cataloger whose file is called as in that place.
fn seeds(places: &[Place]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (number, (name, path)) in places.iter().enumerate() {
        let folders = if *name == "program" { &["go", "rust", "servers"][..] } else { std::slice::from_ref(name) };
        let file = Path::new(path).file_name().unwrap_or_default();
        for folder in folders {
            for (found, content) in seed::files(&format!("crates/inventory/fixtures/package/{folder}")) {
                let same_end = found.extension().is_some() && found.extension() == Path::new(path).extension();
                if found.file_name() == Some(file) || same_end || *name == "program" {
                    out.push(seed::chosen(number, &content));
                }
            }
        }
    }
    out
}

const DPKG_PLACES: &[Place] =
    &[("dpkg", "var/lib/dpkg/status"), ("dpkg", "var/lib/dpkg/status.d/base-demo"), ("dpkg", "var/log/dpkg.log")];
const RPM_PLACES: &[Place] =
    &[("rpm", "var/lib/rpm/rpmdb.sqlite"), ("rpm", "var/lib/rpm/Packages.db"), ("rpm", "var/lib/rpm/Packages")];
const JAVA_PLACES: &[Place] = &[("java", "opt/a-1.jar"), ("java", "opt/a.war")];
const PROGRAM_PLACES: &[Place] = &[("program", "opt/redis-server"), ("program", "opt/lib/libcrypto.so.3")];
const PLACES: &[Place] = &[
    ("apk", "lib/apk/db/installed"),
    ("pacman", "var/lib/pacman/local/demo-1.0-1/desc"),
    ("python", "x/a.dist-info/METADATA"),
    ("python", "x/a.egg-info/PKG-INFO"),
    ("python-lock", "poetry.lock"),
    ("python-lock", "uv.lock"),
    ("python-lock", "pdm.lock"),
    ("python-lock", "Pipfile.lock"),
    ("python-lock", "requirements.txt"),
    ("npm", "node_modules/a/package.json"),
    ("npm", "package-lock.json"),
    ("npm-lock", "yarn.lock"),
    ("npm-lock", "pnpm-lock.yaml"),
    ("gradle", "gradle.lockfile"),
    ("go", "go.mod"),
    ("rust", "Cargo.lock"),
    ("ruby", "specifications/a-1.gemspec"),
    ("ruby", "Gemfile.lock"),
    ("php", "vendor/composer/installed.json"),
    ("php", "composer.lock"),
    ("dotnet", "a.deps.json"),
    ("dotnet", "packages.lock.json"),
    ("dart", "pubspec.lock"),
    ("hex", "mix.lock"),
    ("conan", "conan.lock"),
    ("swift", "Package.resolved"),
];

//! Are the packages of real processes found, and stale ones told apart?

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use tripoint_model::{Ecosystem, PackageState};

use super::*;

/// Ends the process when the test does.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_package_of_a_running_program_is_named() {
    let host = HostInventory::open(Path::new("/")).expect("host");
    if host.inventory().packages.is_empty() {
        println!("skipped: no dpkg database here");
        return;
    }
    let sleep = Running(Command::new("/bin/sleep").arg("60").spawn().expect("sleep"));
    // It takes a moment until the child is no longer this test, and has its libraries.
    let mut names = Vec::new();
    for _ in 0..200 {
        let found = host.packages_of(sleep.0.id()).accepted;
        names = found.iter().map(|package| (package.name.clone(), package.state)).collect();
        if names.iter().any(|(name, _)| name == "coreutils") && names.iter().any(|(name, _)| name == "libc6") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(names.iter().any(|(name, state)| name == "coreutils" && *state == PackageState::Loaded), "{names:?}");
    assert!(names.iter().any(|(name, _)| name == "libc6"), "{names:?}");
    assert!(names.len() < 12, "{names:?}");
    drop(sleep);
    assert!(host.packages_of(u32::MAX).accepted.is_empty());
}

/// A Python virtual environment by hand, with a process that runs in it.
#[test]
fn a_python_process_has_its_environment() {
    let python = ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|path| Path::new(path).exists());
    let Some(python) = python else {
        println!("skipped: no python3 here");
        return;
    };
    let folder = tempfile::tempdir().expect("tempdir");
    let real = std::fs::canonicalize(python).expect("python");
    let library = real.file_name().expect("name").to_string_lossy().into_owned();
    let site = folder.path().join(format!("venv/lib/{library}/site-packages/demo_pkg-1.0.dist-info"));
    std::fs::create_dir_all(&site).expect("mkdir");
    std::fs::create_dir_all(folder.path().join("venv/bin")).expect("mkdir");
    std::fs::write(site.join("METADATA"), "Name: demo_pkg\nVersion: 1.0\n").expect("write");
    std::fs::write(folder.path().join("venv/pyvenv.cfg"), "home = /usr/bin\n").expect("write");
    let called = folder.path().join("venv/bin/python");
    std::os::unix::fs::symlink(python, &called).expect("link");
    let child = Command::new(&called)
        .args(["-c", "print('up', flush=True)\nimport time\ntime.sleep(60)"])
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(child.expect("python"));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().expect("stdout")).read_line(&mut line).expect("up");
    let host = HostInventory::open(Path::new("/")).expect("host");
    let found = host.packages_of(running.0.id()).accepted;
    let demo = found.iter().find(|package| package.name == "demo-pkg").unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!((demo.ecosystem, demo.state), (Ecosystem::PyPI, PackageState::Loaded));
}

/// A root filesystem whose only package owns the program that then is replaced.
#[test]
fn replaced_code_is_stale_and_keeps_its_old_version() {
    let folder = tempfile::tempdir().expect("tempdir");
    let root = folder.path();
    std::fs::create_dir_all(root.join("var/lib/dpkg/info")).expect("mkdir");
    let program = root.join("demo");
    std::fs::copy("/bin/sleep", &program).expect("copy");
    // The process's root is the host's, so the database names the path as the host sees it.
    std::fs::write(root.join("var/lib/dpkg/info/demo.list"), format!("/.\n{}\n", program.display())).expect("write");
    let status = |version: &str| {
        let mut file = std::fs::File::create(root.join("var/lib/dpkg/status.new")).expect("create");
        write!(file, "Package: demo\nStatus: install ok installed\nVersion: {version}\n").expect("write");
        std::fs::rename(root.join("var/lib/dpkg/status.new"), root.join("var/lib/dpkg/status")).expect("rename");
    };
    status("1.0");
    let catalog = Catalog::open(root).expect("catalog");
    assert!(!catalog.has_changed());
    let owner = catalog.owner(&program.to_string_lossy()).expect("owner");
    let of = |catalog: &Catalog, owner: &Package, stale: bool| {
        let mut found = Found::default();
        found.owned(catalog, owner, stale);
        found.finish().accepted.remove(0)
    };
    assert_eq!(of(&catalog, owner, false).state, PackageState::Loaded);
    status("1.1");
    assert!(catalog.has_changed());
    let catalog = catalog.renewed(root).expect("renewed");
    let owner = catalog.owner(&program.to_string_lossy()).expect("owner");
    assert_eq!(owner.version, "1.1");
    let stale = of(&catalog, owner, true);
    assert_eq!((stale.version.as_str(), stale.state), ("1.0", PackageState::Stale));
}

#[test]
fn the_log_tells_what_was_replaced_before_we_looked() {
    let folder = tempfile::tempdir().expect("tempdir");
    let root = folder.path();
    std::fs::create_dir_all(root.join("var/lib/dpkg")).expect("mkdir");
    std::fs::create_dir_all(root.join("var/log")).expect("mkdir");
    std::fs::write(root.join("var/lib/dpkg/status"), "Package: demo\nStatus: install ok installed\nVersion: 1.2\n")
        .expect("write");
    let log = "2026-01-01 00:00:00 upgrade demo:amd64 1.0 1.1\n2026-01-02 00:00:00 upgrade demo:amd64 1.1 1.2\n2026-01-02 00:00:00 upgrade other:amd64 7 1.2\nbroken\n";
    std::fs::write(root.join("var/log/dpkg.log"), log).expect("write");
    let catalog = Catalog::open(root).expect("catalog");
    let before = catalog.replaced(&catalog.inventory.packages[0]);
    assert_eq!((before.version.as_str(), before.source_version.as_str()), ("1.1", "1.1"));
}

/// This test process holds an archive open that is then replaced.
#[test]
fn an_archive_replaced_under_a_process_is_stale() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("demo.jar");
    let write = |version: &str, path: &Path| {
        let mut jar = zip::ZipWriter::new(std::fs::File::create(path).expect("create"));
        jar.start_file("META-INF/maven/org.example/demo/pom.properties", zip::write::SimpleFileOptions::default())
            .expect("zip");
        write!(jar, "groupId=org.example\nartifactId=demo\nversion={version}\n").expect("zip");
        jar.finish().expect("zip");
    };
    write("1.0", &path);
    let held = std::fs::File::open(&path).expect("open");
    let host = HostInventory::open(Path::new("/")).expect("host");
    let seen = |purl: &str| {
        host.packages_of(std::process::id())
            .accepted
            .into_iter()
            .find(|package| package.purl == purl)
            .map(|package| package.state)
    };
    assert_eq!(seen("pkg:maven/org.example/demo@1.0"), Some(PackageState::Loaded));
    write("1.1", &folder.path().join("new.jar"));
    std::fs::rename(folder.path().join("new.jar"), &path).expect("rename");
    assert_eq!(seen("pkg:maven/org.example/demo@1.0"), Some(PackageState::Stale));
    drop(held);
    assert_eq!(seen("pkg:maven/org.example/demo@1.0"), None);
}

#[test]
fn an_open_archive_that_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("broken.jar");
    std::fs::write(&path, b"PK\x03\x04 and no more").expect("write");
    let held = std::fs::File::open(&path).expect("open");
    let found = HostInventory::open(Path::new("/")).expect("host").packages_of(std::process::id());
    let path = path.to_string_lossy();
    let said: Vec<_> = found.rejected.iter().filter(|rejected| rejected.file.starts_with(path.as_ref())).collect();
    assert_eq!(said.len(), 1, "{:?}", found.rejected);
    assert!(found.refused >= 1 && found.read == found.accepted.len() as u64 + found.refused);
    drop(held);
}

/// Any process, interpreter or not, is tied to the packages it holds open.
#[test]
fn open_wheels_and_modules_count() {
    let folder = tempfile::tempdir().expect("tempdir");
    let wheel = folder.path().join("demo-2.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&wheel).expect("create"));
    zip.start_file("demo-2.0.dist-info/METADATA", zip::write::SimpleFileOptions::default()).expect("zip");
    write!(zip, "Name: demo\nVersion: 2.0\n").expect("zip");
    zip.finish().expect("zip");
    let module = folder.path().join("node_modules/left");
    std::fs::create_dir_all(&module).expect("mkdir");
    std::fs::write(module.join("package.json"), r#"{"name":"left","version":"1.0.0"}"#).expect("write");
    std::fs::write(module.join("index.js"), "").expect("write");
    let held = [std::fs::File::open(&wheel), std::fs::File::open(module.join("index.js"))];
    let host = HostInventory::open(Path::new("/")).expect("host");
    let purls: Vec<String> =
        host.packages_of(std::process::id()).accepted.into_iter().map(|package| package.purl).collect();
    assert!(purls.iter().any(|purl| purl == "pkg:pypi/demo@2.0"), "{purls:?}");
    assert!(purls.iter().any(|purl| purl == "pkg:npm/left@1.0.0"), "{purls:?}");
    drop(held);
}

#[test]
fn a_program_deleted_while_it_runs_is_seen_as_deleted() {
    let folder = tempfile::tempdir().expect("tempdir");
    let program = folder.path().join("demo");
    std::fs::copy("/bin/sleep", &program).expect("copy");
    let running = Running(Command::new(&program).arg("60").spawn().expect("spawn"));
    let pid = running.0.id();
    // Until it has become the program and mapped it.
    for _ in 0..200 {
        let mapped = proc::maps(pid).unwrap_or_default();
        if mapped.iter().any(|file| file.executable && Path::new(&file.path) == program) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(!proc::exe(pid).expect("exe").1);
    std::fs::remove_file(&program).expect("remove");
    let (exe, deleted) = proc::exe(pid).expect("exe");
    assert!(deleted && Path::new(&exe) == program, "{exe}");
    let mapped = proc::maps(pid).expect("maps");
    assert!(mapped.iter().any(|file| file.deleted && Path::new(&file.path) == program), "{mapped:?}");
}

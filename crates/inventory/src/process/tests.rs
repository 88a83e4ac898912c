//! Are the packages of real processes found, and stale ones told apart?

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use tripoint_model::Ecosystem;

use super::*;

/// Ends the process when the test does.
struct Running(Child);

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
        let found = host.packages_of(sleep.0.id());
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
    assert!(host.packages_of(u32::MAX).is_empty());
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
    let site = folder.path().join("venv/lib/python3.11/site-packages/demo_pkg-1.0.dist-info");
    std::fs::create_dir_all(&site).expect("mkdir");
    std::fs::create_dir_all(folder.path().join("venv/bin")).expect("mkdir");
    std::fs::write(site.join("METADATA"), "Name: demo_pkg\nVersion: 1.0\n").expect("write");
    std::fs::write(folder.path().join("venv/pyvenv.cfg"), "home = /usr/bin\n").expect("write");
    let called = folder.path().join("venv/bin/python");
    std::os::unix::fs::symlink(python, &called).expect("link");
    let child = Command::new(&called).args(["-c", "print('up', flush=True)\nimport time\ntime.sleep(60)"]).stdout(Stdio::piped()).spawn();
    let mut running = Running(child.expect("python"));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().expect("stdout")).read_line(&mut line).expect("up");
    let host = HostInventory::open(Path::new("/")).expect("host");
    let found = host.packages_of(running.0.id());
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
    let mut found = BTreeMap::new();
    take(&catalog, owner, false, &mut found);
    assert_eq!(found.values().next().map(|package| package.state), Some(PackageState::Loaded));
    status("1.1");
    assert!(catalog.has_changed());
    let catalog = catalog.renewed(root).expect("renewed");
    let owner = catalog.owner(&program.to_string_lossy()).expect("owner");
    assert_eq!(owner.version, "1.1");
    let mut found = BTreeMap::new();
    take(&catalog, owner, true, &mut found);
    let stale = found.values().next().expect("stale");
    assert_eq!((stale.version.as_str(), stale.state), ("1.0", PackageState::Stale));
}

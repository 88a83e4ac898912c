//! Is what runs told apart from what is installed, and old code that still runs from what lies on disk?

use std::process::Child;

use serde_json::Value;

use crate::bench::Bench;
use crate::scan::{cell, with_advisories};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts a copy in the place of a file, as package managers do.
fn replace(bench: &Bench, path: &str) {
    let (old, new) = (bench.path(path), bench.path(&format!("{path}.new")));
    std::fs::copy(&old, &new).unwrap();
    std::fs::rename(new, old).unwrap();
}

fn states(report: &Value) -> Vec<(String, String, String)> {
    let text = |package: &Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = report["packages"].as_array().unwrap().iter();
    packages.map(|one| (text(one, "name"), text(one, "version"), text(one, "state"))).collect()
}

fn is(name: &str, version: &str, state: &str) -> (String, String, String) {
    (name.to_owned(), version.to_owned(), state.to_owned())
}

/// A real program with its libraries in a root filesystem of its own, which is updated under it.
#[test]
fn replaced_code_is_stale_until_the_restart() {
    let bench = with_advisories();
    let Some(child) = cell(&bench) else {
        println!("skipped: needs root, chroot and ldd");
        return;
    };
    let running = Running(child);
    let libraries = std::fs::read_to_string(format!("/proc/{}/maps", running.0.id())).unwrap();
    let library =
        libraries.lines().find_map(|line| line.split_whitespace().last().filter(|path| path.contains("/libc.so")));
    let cell = bench.path("cell").canonicalize().unwrap().display().to_string();
    let library = library.unwrap().trim_start_matches(cell.as_str()).to_owned();
    bench.write("cell/var/lib/dpkg/info/libshop.list", format!("/.\n{library}\n"));
    let root = format!("/proc/{}/root", running.0.id());
    let scan = |more: &[&str]| bench.run(&[&["scan", "--root", &root], more].concat()).expect(0);
    assert_eq!(
        states(&scan(&["--json"]).json()),
        [is("libshop", "1:2.0-3", "loaded"), is("shopd", "1:2.0-3", "loaded")]
    );

    // The library is replaced by one of the same version: a rebuild, or a repair.
    replace(&bench, &format!("cell{library}"));
    let report = scan(&["--json"]).json();
    assert_eq!(states(&report), [is("libshop", "1:2.0-3", "stale"), is("shopd", "1:2.0-3", "loaded")]);

    // Now the fix is installed and its program replaced; the process runs on.
    let fixed = "1:2.0-3+deb12u1";
    let status = std::fs::read_to_string(bench.path("cell/var/lib/dpkg/status")).unwrap();
    bench.write("cell/var/lib/dpkg/status", status.replace("1:2.0-3", fixed));
    let log = ["shopd", "libshop"].map(|name| format!("2026-01-02 00:00:00 upgrade {name}:amd64 1:2.0-3 {fixed}\n"));
    bench.write("cell/var/log/dpkg.log", log.concat());
    replace(&bench, "cell/bin/sleep");
    let report = scan(&["--json"]).json();
    let expected = [
        is("libshop", fixed, "installed"),
        is("libshop", "1:2.0-3", "stale"),
        is("shopd", fixed, "installed"),
        is("shopd", "1:2.0-3", "stale"),
    ];
    assert_eq!(states(&report), expected);
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty(), "the old code is as vulnerable as before");
    for finding in findings {
        assert_eq!((&finding["version"], &finding["presence"]), (&"1:2.0-3".into(), &"stale".into()), "{finding}");
        let fix = finding["fix_command"].as_str().unwrap();
        assert!(fix.contains(&format!("restart process {}", running.0.id())) && !fix.contains("apt-get"), "{fix}");
    }
    let table = scan(&[]).out;
    assert!(table.contains("stale") && table.contains("restart process"), "{table}");

    drop(running);
    let report = bench.run(&["scan", "--root", "cell", "--json"]).expect(0).json();
    assert_eq!(states(&report), [is("libshop", fixed, "installed"), is("shopd", fixed, "installed")]);
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// Nobody may look into everybody's processes: what was not seen is said, and is no "nothing found".
#[test]
fn processes_of_others_are_said_to_be_missing() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let bench = with_advisories();
    let theirs = std::process::Command::new("/bin/sleep").arg("300").spawn();
    let Ok(theirs) = theirs.map(Running) else {
        println!("skipped: no sleep here");
        return;
    };
    // As nobody, who has to be let into the test's folder; root alone can become somebody else.
    let anybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("."), anybody).unwrap();
    let mut command = bench.command(&["scan", "--in-use", "--json"]);
    let Ok(told) = command.uid(65534).gid(65534).output() else {
        println!("skipped: needs root, and a program that others may run");
        return;
    };
    drop(theirs);
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(3), "{said}");
    let report: Value = serde_json::from_slice(&told.stdout).unwrap();
    let coverage = report["coverage"].as_array().unwrap();
    let line = coverage.iter().find(|line| line["cataloger"] == "processes").expect("a line of its own");
    assert_eq!(line["status"], "partial");
    assert!(line["reason"].as_str().unwrap().contains("belong to other users"), "{line}");
}

//! Is a change of the package database noticed, and does it make every answer due again?

use std::sync::mpsc;

use super::*;

fn install(root: &Path, status: &str) {
    let folder = root.join("var/lib/dpkg");
    std::fs::create_dir_all(&folder).unwrap();
    // As dpkg does it: aside, then renamed.
    std::fs::write(folder.join("status-new"), status).unwrap();
    std::fs::rename(folder.join("status-new"), folder.join("status")).unwrap();
}

fn opened(root: &Path) -> (Findings, ProcessKey) {
    let (detector, hash) = (mpsc::sync_channel(8).0, mpsc::channel().0);
    let mut findings = Findings::open_root(root, detector, hash, Duration::from_secs(3600)).unwrap();
    let key = procfs::key_of(std::process::id()).unwrap();
    let process = Arc::new(Process { key, ..Process::default() });
    findings.take(Request::Started { process, found: true });
    findings.due.clear();
    (findings, key)
}

#[test]
fn a_settled_change_makes_every_answer_due() {
    let folder = tempfile::tempdir().unwrap();
    let status = |version: &str| format!("Package: demo\nStatus: install ok installed\nVersion: {version}\n");
    install(folder.path(), &status("1.0"));
    let (mut findings, key) = opened(folder.path());
    let start = Instant::now();
    findings.glance(start);
    assert!(findings.due.is_empty() && findings.changed.is_none());
    install(folder.path(), &status("2.0"));
    findings.glance(start + GLANCE);
    assert!(findings.due.is_empty(), "a package manager is still writing");
    findings.glance(start + GLANCE * 2);
    assert!(findings.due.contains_key(&key), "asked about again");
    assert_eq!(findings.inventory.inventory().packages[0].version, "2.0");
    findings.due.clear();
    findings.glance(start + GLANCE * 4);
    assert!(findings.due.is_empty() && findings.changed.is_none(), "once for one change");
}

/// From the rename of a database of some 750 packages to the moment at which answers are due.
#[test]
fn a_change_on_a_large_host_is_read_at_once() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(std::path::PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let packed = data.join("inventory/debian12/dpkg-status.gz");
    let out = std::process::Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
    let status = String::from_utf8(out.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), &status);
    let lists = folder.path().join("var/lib/dpkg/info");
    std::fs::create_dir_all(&lists).unwrap();
    for package in status.lines().filter_map(|line| line.strip_prefix("Package: ")) {
        let list: String = (0..150).map(|number| format!("/usr/share/{package}/file{number}\n")).collect();
        std::fs::write(lists.join(format!("{package}.list")), list).unwrap();
    }
    let (mut findings, key) = opened(folder.path());
    let packages = findings.inventory.inventory().packages.len();
    let changed = Instant::now();
    install(folder.path(), &format!("{status}\n\nPackage: demo\nStatus: install ok installed\nVersion: 1\n"));
    let mut glances = 0;
    while !findings.due.contains_key(&key) && glances < 40 {
        std::thread::sleep(GLANCE);
        findings.glance(Instant::now());
        glances += 1;
    }
    println!("{packages} packages: due again after {} ms, {glances} glances", changed.elapsed().as_millis());
    let glance = Instant::now();
    (0..1000).for_each(|_| findings.glance(Instant::now()));
    println!("a glance at nothing new costs {} µs", glance.elapsed().as_micros() / 1000);
    assert_eq!(findings.inventory.inventory().packages.len(), packages + 1);
    assert!(glances <= 3, "seen at one glance, read at the next");
}

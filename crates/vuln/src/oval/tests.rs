//! Are definitions true of the right packages?

use super::*;

const FILE: &str = include_str!("../../fixtures/advisory/oval/good.in");

fn package(name: &str, evr: &str) -> RpmPackage {
    let (epoch, rest) = evr.split_once(':').unwrap_or(("0", evr));
    let (version, release) = rest.split_once('-').expect("release");
    RpmPackage {
        name: name.into(),
        epoch: epoch.into(),
        version: version.into(),
        release: release.into(),
        arch: "x86_64".into(),
        signature_keyid: "00000000deadbeef".into(),
    }
}

fn truths(packages: &[RpmPackage]) -> Vec<Truth> {
    let oval = read(&mut FILE.as_bytes(), &mut |_, reason| panic!("{reason}"));
    oval.evaluate(packages).into_iter().map(|(_, truth)| truth).collect()
}

#[test]
fn criteria_are_evaluated() {
    let release = package("demo-release", "9.4-1.el9");
    let old = package("demo", "1.0-1.el9");
    let new = package("demo", "1.2-3.el9_4");
    assert_eq!(truths(&[release.clone(), old.clone()])[0], Truth::True);
    assert_eq!(truths(&[release.clone(), new])[0], Truth::False);
    assert_eq!(truths(&[package("demo-release", "8.4-1.el8"), old.clone()])[0], Truth::False);
    assert_eq!(truths(&[release.clone(), RpmPackage { signature_keyid: String::new(), ..old }])[0], Truth::Unknown);
    assert_eq!(truths(&[release])[0], Truth::False);
}

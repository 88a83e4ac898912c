//! Is said of an alert's software what is so, and nothing where nothing can be known?

use std::sync::mpsc;

use super::*;

const OPENSSL: &str = "pkg:deb/debian/openssl@3.0.1?distro=debian-12";

fn alert() -> OpenAlert {
    serde_json::from_str(&format!(
        r#"{{"alert":"a1","application":"unit:shop.service","packages":[{{"purl":"{OPENSSL}","name":"openssl",
        "version":"3.0.1","presence":"loaded"}}]}}"#
    ))
    .unwrap()
}

fn runs(purl: &str, presence: PackageState, is_vulnerable: bool) -> Runs {
    let state = if is_vulnerable { "affected" } else { "fixed" };
    let mut finding: Finding = serde_json::from_str(&format!(
        r#"{{"purl":"{purl}","id":"D1","cves":["CVE-2025-1"],"state":"{state}","fixed":"3.0.2"}}"#
    ))
    .unwrap();
    finding.presence = presence;
    if presence == PackageState::Stale {
        finding.on_disk = Some("3.0.2".to_owned());
        finding.fix_command = Some("systemctl restart shop.service".to_owned());
    }
    let package = Package {
        purl: purl.to_owned(),
        ecosystem: tripoint_model::Ecosystem::Debian,
        release: String::new(),
        name: "openssl".to_owned(),
        version: String::new(),
        source: "openssl".to_owned(),
        source_version: String::new(),
        module: String::new(),
        paths: Vec::new(),
        state: presence,
        installed: None,
    };
    Runs { packages: vec![package], findings: vec![finding] }
}

#[test]
fn what_lives_says_how_present_its_code_is() {
    let never = |_: &OpenPackage| panic!("what lives is asked, not the disk");
    let said = |runs: &[Runs]| software(&alert(), runs, never).unwrap();
    let loaded = said(&[runs(OPENSSL, PackageState::Loaded, true)]);
    assert!(alert().says(&loaded), "nothing new: {loaded:?}");
    let stale = said(&[runs(OPENSSL, PackageState::Stale, true)]);
    assert!(!alert().says(&stale) && !stale.mended);
    let now = &stale.packages[0];
    assert_eq!((now.presence, now.on_disk.as_deref(), now.fixed_on_disk), (PackageState::Stale, Some("3.0.2"), true));
    // Of two processes the one that runs it counts.
    let both = [runs(OPENSSL, PackageState::Stale, true), runs(OPENSSL, PackageState::Loaded, true)];
    assert_eq!(said(&both).packages[0].presence, PackageState::Loaded);
    let other = OPENSSL.replace("3.0.1", "3.0.2");
    let begun = said(&[runs(&other, PackageState::Loaded, false)]);
    assert_eq!(begun, Software { packages: vec![], mended: true });
    let mut taken = alert();
    taken.take(&begun);
    assert!(taken.says(&begun), "said once");
    // A newer one that has a hole too mends nothing, nor does what could not be read.
    assert!(!said(&[runs(&other, PackageState::Loaded, true)]).mended);
    assert!(!said(&[Runs { packages: vec![], findings: vec![] }]).mended);
    let elsewhere = runs("pkg:deb/debian/zlib1g@1?distro=debian-12", PackageState::Loaded, true);
    assert!(said(&[elsewhere]).mended, "another package's hole is another matter");
}

#[test]
fn what_has_ended_is_mended_by_what_is_installed_only() {
    assert_eq!(software(&alert(), &[], |_| Installed::Same), None, "it will be begun again");
    for (installed, on_disk) in [(Installed::Other("3.0.2".into()), Some("3.0.2")), (Installed::Gone, None)] {
        let said = software(&alert(), &[], |_| installed.clone()).unwrap();
        let now = &said.packages[0];
        assert!(said.mended && !now.fixed_on_disk);
        assert_eq!((now.presence, now.on_disk.as_deref()), (PackageState::Installed, on_disk));
    }
}

fn install(root: &Path, packages: &str) {
    let folder = root.join("var/lib/dpkg");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
    std::fs::write(folder.join("status"), packages).unwrap();
}

#[test]
fn what_lies_on_disk_is_read_from_the_database_or_the_file() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.2\n");
    let (detector, hash) = (mpsc::sync_channel(8).0, mpsc::channel().0);
    let findings = Findings::open_root(folder.path(), detector, hash, Duration::from_secs(3600)).unwrap();
    let package = |purl: &str, version: &str, paths: &[&str]| OpenPackage {
        purl: purl.to_owned(),
        version: version.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..alert().packages.remove(0)
    };
    let of = |alert: &OpenAlert, package: OpenPackage| findings.installed(alert, &package, |_| false);
    assert_eq!(of(&alert(), package(OPENSSL, "3.0.1", &[])), Installed::Other("3.0.2".to_owned()));
    assert_eq!(of(&alert(), package(OPENSSL, "3.0.2", &[])), Installed::Same);
    let holed = findings.installed(&alert(), &package(OPENSSL, "3.0.1", &[]), |_| true);
    assert_eq!(holed, Installed::Same, "the newer one has a hole too");
    let gone = package("pkg:deb/debian/nginx@1?distro=debian-12", "1", &["/var/lib/dpkg/status"]);
    assert_eq!(of(&alert(), gone.clone()), Installed::Gone);
    let container = OpenAlert { application: "container:0123".to_owned(), ..alert() };
    assert_eq!(of(&container, gone), Installed::Same, "another root");
    let jar = "pkg:maven/org.example/shop@1";
    std::fs::write(folder.path().join("shop.jar"), "").unwrap();
    assert_eq!(of(&alert(), package(jar, "1", &["/shop.jar!/lib/a.jar"])), Installed::Same);
    assert_eq!(of(&alert(), package(jar, "1", &["/old.jar!/lib/a.jar"])), Installed::Gone);
    assert_eq!(of(&alert(), package(jar, "1", &["/old.jar", "/shop.jar"])), Installed::Same);
    assert_eq!(of(&alert(), package(jar, "1", &["/\u{f7ff}.jar", "old.jar"])), Installed::Same);
    assert_eq!(of(&alert(), package(jar, "1", &[])), Installed::Same);
}

//! Is what people complained about in other scanners right here? Each test is one complaint: what is
//! fixed gives no finding, and the same software before the fix gives one, so that silence proves
//! something.

use serde_json::{Value, json};

use crate::bench::Bench;

/// An instance with these advisories, each a file of its own.
struct Case {
    bench: Bench,
}

/// A source package's CVE in Debian's tracker: release, status, fixed version.
type Entry<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, &'a str)]);

fn tracker(entries: &[Entry<'_>]) -> String {
    let mut out = json!({});
    for (package, cve, releases) in entries {
        let mut named = json!({});
        for (release, status, fixed) in *releases {
            named[*release] = json!({"status": status, "fixed_version": fixed, "urgency": "medium",
                "repositories": {*release: "0.1-1", format!("{release}-security"): fixed}});
        }
        out[*package][*cve] = json!({"description": "x", "scope": "local", "releases": named});
    }
    out.to_string()
}

/// A record as OSV writes it.
fn osv(ecosystem: &str, name: &str, cve: &str, fixed: &str) -> String {
    json!({"schema_version": "1.6.0", "id": format!("X-{cve}"), "modified": "2025-01-01T00:00:00Z", "upstream": [cve],
        "aliases": [cve], "affected": [{"package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]})
    .to_string()
}

impl Case {
    fn new(advisories: &[String]) -> Self {
        let bench = Bench::new();
        for (number, text) in advisories.iter().enumerate() {
            let file = format!("advisories{number}.json");
            bench.write(&file, text);
            bench.run(&["vulns", "import", &file]).expect(0);
        }
        Self { bench }
    }

    /// A Debian or Ubuntu root with these packages: name, version, source.
    fn root(&self, root: &str, release: &str, packages: &[(&str, &str, &str)]) {
        let (id, version) = release.split_once('-').unwrap();
        self.bench.write(&format!("{root}/etc/os-release"), format!("ID={id}\nVERSION_ID=\"{version}\"\n"));
        let status: Vec<String> = packages
            .iter()
            .map(|(name, version, source)| {
                let source = if source.is_empty() { String::new() } else { format!("Source: {source}\n") };
                format!(
                    "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n{source}Version: {version}\n"
                )
            })
            .collect();
        self.bench.write(&format!("{root}/var/lib/dpkg/status"), status.join("\n"));
    }

    /// Package and CVE of all that is said to be vulnerable.
    fn found(&self, root: &str) -> Vec<String> {
        let report = self.bench.run(&["scan", "--root", root, "--json"]).expect(0).json();
        let vulnerable = |finding: &&Value| {
            ["affected", "wont-fix", "no-dsa", "postponed"].contains(&finding["state"].as_str().unwrap())
        };
        let all = report["findings"].as_array().unwrap().iter().filter(vulnerable);
        all.map(|f| format!("{} {}", f["name"].as_str().unwrap(), f["cves"][0].as_str().unwrap())).collect()
    }

    /// One package: nothing in the fixed version, the CVE in the version before.
    fn fixed(&self, release: &str, name: &str, source: &str, fixed: &str, before: &str, cve: &str) {
        self.root("fixed", release, &[(name, fixed, source)]);
        assert_eq!(self.found("fixed"), Vec::<String>::new(), "{name} {fixed}");
        self.root("before", release, &[(name, before, source)]);
        assert_eq!(self.found("before"), [format!("{name} {cve}")], "{name} {before}");
    }
}

#[test]
fn a_fix_in_the_security_suite_is_a_fix() {
    let case = Case::new(&[tracker(&[(
        "shopd",
        "CVE-2026-1001",
        &[("trixie", "resolved", "1.2-3+deb13u1"), ("sid", "resolved", "1.4-1")],
    )])]);
    case.fixed("debian-13", "shopd", "", "1.2-3+deb13u1", "1.2-3", "CVE-2026-1001");
    case.fixed("debian-13", "shopd", "", "1.2-3+deb13u2", "1.2-3", "CVE-2026-1001");
}

#[test]
fn libngtcp2_of_the_stable_update_is_fixed_by_its_source_package() {
    let case = Case::new(&[tracker(&[("ngtcp2", "CVE-2026-1002", &[("trixie", "resolved", "1.11.0-1+deb13u1")])])]);
    case.fixed("debian-13", "libngtcp2-16", "ngtcp2", "1.11.0-1+deb13u1", "1.11.0-1", "CVE-2026-1002");
}

#[test]
fn samba_with_an_epoch_has_no_holes_of_2004() {
    let case = Case::new(&[tracker(&[
        ("samba", "CVE-2004-0600", &[("bookworm", "resolved", "3.0.5-1"), ("trixie", "resolved", "3.0.5-1")]),
        ("samba", "CVE-2023-0614", &[("bookworm", "resolved", "2:4.17.7+dfsg-1")]),
    ])]);
    case.fixed("debian-12", "libsmbclient", "samba", "2:4.24.6+dfsg-1", "2:4.17.6+dfsg-1", "CVE-2023-0614");
}

#[test]
fn a_backport_of_the_fixed_version_is_fixed() {
    let case = Case::new(&[tracker(&[("zabbix", "CVE-2026-1003", &[("bookworm", "resolved", "1:6.0.14+dfsg-1")])])]);
    case.fixed(
        "debian-12",
        "zabbix-agent",
        "zabbix",
        "1:7.0.0+dfsg-1~bpo12+1",
        "1:6.0.13+dfsg-1~bpo12+1",
        "CVE-2026-1003",
    );
    // Built from 6.0.14-1 itself: `~bpo` sorts before it and holds the same code.
    case.fixed("debian-12", "zabbix-agent", "zabbix", "1:6.0.14+dfsg-1~bpo12+1", "1:6.0.13+dfsg-1", "CVE-2026-1003");
}

#[test]
fn a_stable_update_sorts_after_the_version_that_it_updates() {
    let case = Case::new(&[tracker(&[("demo", "CVE-2026-1004", &[("bookworm", "resolved", "2.5-1+deb12u2")])])]);
    case.fixed("debian-12", "demo", "", "2.5-1+deb12u10", "2.5-1+deb12u1", "CVE-2026-1004");
    case.fixed("debian-12", "demo", "", "2.5-2~deb12u1", "2.5-1~deb12u9", "CVE-2026-1004");
}

#[test]
fn a_rebuild_of_the_binary_is_the_same_source() {
    let case = Case::new(&[tracker(&[("demo", "CVE-2026-1005", &[("bookworm", "resolved", "1.0-2")])])]);
    case.fixed("debian-12", "demo", "", "1.0-2+b1", "1.0-1+b9", "CVE-2026-1005");
    // A binary with a version of its own is judged by the version of its source.
    case.root("own", "debian-12", &[("libdemo1", "0.3-2+b1", "demo (1.0-2)")]);
    assert_eq!(case.found("own"), Vec::<String>::new());
}

#[test]
fn a_kernel_from_backports_is_compared_by_its_own_version() {
    let case = Case::new(&[tracker(&[
        ("linux", "CVE-2026-1006", &[("bookworm", "resolved", "6.1.90-1")]),
        ("linux", "CVE-2026-1007", &[("bookworm", "resolved", "0")]),
    ])]);
    let signed = "linux-signed-amd64 (6.9.7+1~bpo12+1)";
    case.root("backport", "debian-12", &[("linux-image-6.9.7+bpo-amd64", "6.9.7-1~bpo12+1", signed)]);
    assert_eq!(case.found("backport"), Vec::<String>::new());
    // The signed image is built from the source package `linux`: silence there would be a miss.
    let signed = "linux-signed-amd64 (6.1.76+1)";
    case.root("old", "debian-12", &[("linux-image-6.1.0-18-amd64", "6.1.76-1", signed)]);
    assert_eq!(case.found("old"), ["linux-image-6.1.0-18-amd64 CVE-2026-1006"]);
}

#[test]
fn a_hardware_enablement_kernel_is_another_source_than_the_release_kernel() {
    let case = Case::new(&[
        osv("Ubuntu:22.04:LTS", "linux", "CVE-2026-1008", "5.15.0-107.117"),
        osv("Ubuntu:22.04:LTS", "linux-hwe-6.5", "CVE-2026-1009", "6.5.0-35.35~22.04.1"),
    ]);
    let image = |version: &str| (format!("linux-image-{version}-generic"), "linux-signed-hwe-6.5");
    let (name, source) = image("6.5.0-35");
    case.root("fixed", "ubuntu-22.04", &[(&name, "6.5.0-35.35~22.04.1", source)]);
    assert_eq!(case.found("fixed"), Vec::<String>::new());
    let (name, source) = image("6.5.0-28");
    case.root("before", "ubuntu-22.04", &[(&name, "6.5.0-28.29~22.04.1", source)]);
    assert_eq!(case.found("before"), ["linux-image-6.5.0-28-generic CVE-2026-1009"]);
    case.root("release", "ubuntu-22.04", &[("linux-image-5.15.0-91-generic", "5.15.0-91.101", "linux-signed")]);
    assert_eq!(case.found("release"), ["linux-image-5.15.0-91-generic CVE-2026-1008"]);
}

#[test]
fn headers_of_the_kernel_are_not_the_kernel() {
    let case = Case::new(&[tracker(&[("linux", "CVE-2026-1010", &[("bookworm", "resolved", "6.1.90-1")])])]);
    case.root(
        "headers",
        "debian-12",
        &[
            ("linux-libc-dev", "6.1.76-1", "linux"),
            ("linux-headers-6.1.0-18-amd64", "6.1.76-1", "linux"),
            ("linux-headers-6.1.0-18-common", "6.1.76-1", "linux"),
            ("linux-kbuild-6.1", "6.1.76-1", "linux"),
            ("linux-doc-6.1", "6.1.76-1", "linux"),
        ],
    );
    assert_eq!(case.found("headers"), Vec::<String>::new());
    // Tools are built from the kernel's source and run.
    case.root("tools", "debian-12", &[("linux-perf", "6.1.76-1", "linux")]);
    assert_eq!(case.found("tools"), ["linux-perf CVE-2026-1010"]);
}

#[test]
fn old_kernels_on_disk_are_marked_as_not_running() {
    let case = Case::new(&[tracker(&[("linux", "CVE-2026-1011", &[("bookworm", "resolved", "6.1.90-1")])])]);
    case.root(
        "two",
        "debian-12",
        &[
            ("linux-image-6.1.0-18-amd64", "6.1.76-1", "linux-signed-amd64 (6.1.76+1)"),
            ("linux-image-6.1.0-21-amd64", "6.1.90-1", "linux-signed-amd64 (6.1.90+1)"),
        ],
    );
    let report = case.bench.run(&["scan", "--root", "two", "--json"]).expect(0).json();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        (&findings[0]["name"], &findings[0]["presence"]),
        (&json!("linux-image-6.1.0-18-amd64"), &json!("installed"))
    );
}

#[test]
fn a_removed_package_that_left_its_configuration_is_gone() {
    let case = Case::new(&[tracker(&[("demo", "CVE-2026-1012", &[("bookworm", "resolved", "2.0-1")])])]);
    case.root("gone", "debian-12", &[("other", "1", "")]);
    let status = "Package: demo\nStatus: deinstall ok config-files\nVersion: 1.0-1\n";
    case.bench.write(
        "gone/var/lib/dpkg/status",
        format!("Package: other\nStatus: install ok installed\nVersion: 1\n\n{status}"),
    );
    assert_eq!(case.found("gone"), Vec::<String>::new());
    case.root("there", "debian-12", &[("demo", "1.0-1", "")]);
    assert_eq!(case.found("there"), ["demo CVE-2026-1012"]);
}

/// Twisted of the distribution carries the fix under an old version; its egg-info says only the version.
#[test]
fn twisted_from_the_distribution_is_not_counted_again_as_pythons() {
    let case = Case::new(&[
        tracker(&[("twisted", "CVE-2026-1013", &[("bookworm", "resolved", "22.4.0-4+deb12u1")])]),
        osv("PyPI", "twisted", "CVE-2026-1013", "23.10.0"),
    ]);
    let egg = "usr/lib/python3/dist-packages/Twisted-22.4.0.egg-info/PKG-INFO";
    case.root("root", "debian-12", &[("python3-twisted", "22.4.0-4+deb12u1", "twisted")]);
    case.bench.write(&format!("root/{egg}"), "Name: Twisted\nVersion: 22.4.0\n");
    case.bench.write("root/var/lib/dpkg/info/python3-twisted.list", format!("/.\n/usr\n/{egg}\n"));
    assert_eq!(case.found("root"), Vec::<String>::new());
    // A second one that pip put beside it is somebody else's.
    case.bench.write(
        "root/usr/local/lib/python3.11/dist-packages/Twisted-22.4.0.dist-info/METADATA",
        "Name: Twisted\nVersion: 22.4.0\n",
    );
    assert_eq!(case.found("root"), ["twisted CVE-2026-1013"]);
}

#[test]
fn a_name_means_the_package_of_its_own_ecosystem() {
    let case = Case::new(&[
        osv("PyPI", "snappy", "CVE-2026-1014", "9.0"),
        osv("npm", "snappy", "CVE-2026-1015", "9.0.0"),
        osv("Ubuntu:22.04:LTS", "snappy", "CVE-2026-1016", "9.0-1"),
    ]);
    case.root("root", "debian-12", &[("libsnappy1v5", "1.1.9-3", "snappy"), ("snappy", "1.0-1", "")]);
    assert_eq!(case.found("root"), Vec::<String>::new());
    case.bench.write("root/srv/snappy-1.0.dist-info/METADATA", "Name: snappy\nVersion: 1.0\n");
    assert_eq!(case.found("root"), ["snappy CVE-2026-1014"]);
}

#[test]
fn a_binary_package_named_like_another_source_is_not_that_source() {
    let case = Case::new(&[tracker(&[("git", "CVE-2026-1017", &[("bookworm", "resolved", "1:2.39.5-0+deb12u1")])])]);
    // A binary `git` of another source, as gnuit once had it.
    case.fixed("debian-12", "git-man", "git", "1:2.39.5-0+deb12u1", "1:2.39.2-1", "CVE-2026-1017");
    case.root("other", "debian-12", &[("git", "4.9.5-1", "gnuit")]);
    assert_eq!(case.found("other"), Vec::<String>::new());
}

#[test]
fn another_releases_fix_says_nothing_here() {
    let case = Case::new(&[tracker(&[(
        "demo",
        "CVE-2026-1018",
        &[("bookworm", "resolved", "0"), ("trixie", "resolved", "3.0-1"), ("sid", "resolved", "3.0-1")],
    )])]);
    case.root("twelve", "debian-12", &[("demo", "2.0-1", "")]);
    assert_eq!(case.found("twelve"), Vec::<String>::new(), "the vulnerable code came later");
    case.root("thirteen", "debian-13", &[("demo", "2.0-1", "")]);
    assert_eq!(case.found("thirteen"), ["demo CVE-2026-1018"]);
}

#[test]
fn what_is_not_affected_or_undecided_is_shown_apart() {
    let case = Case::new(&[tracker(&[
        ("demo", "CVE-2026-1019", &[("bookworm", "resolved", "0")]),
        ("demo", "CVE-2026-1020", &[("bookworm", "undetermined", "")]),
        ("demo", "CVE-2026-1021", &[("bookworm", "open", "")]),
    ])]);
    case.root("root", "debian-12", &[("demo", "2.0-1", "")]);
    assert_eq!(case.found("root"), ["demo CVE-2026-1021"]);
    let report = case.bench.run(&["scan", "--root", "root", "--json"]).expect(0).json();
    assert_eq!(report["not_affected"][0]["cves"][0], "CVE-2026-1019");
    assert!(report["findings"].as_array().unwrap().iter().any(|f| f["state"] == "under-investigation"));
    let table = case.bench.run(&["scan", "--root", "root"]).expect(0).out;
    assert!(
        table.contains("under-investigation") && table.contains("1 statement that a version is not affected"),
        "{table}"
    );
    assert!(table.contains("debian medium"), "the distribution's severity: {table}");
}

//! Are versions ordered, advisories read and questions answered as promised?

use crate::bench::{Bench, gzip, tar, zip};

/// A record as the Maven ecosystem publishes them.
pub const LOG4SHELL: &str = r#"{"schema_version":"1.6.0","id":"GHSA-jfh8-c2jp-5v3q","modified":"2025-05-09T13:13:16Z","aliases":["CVE-2021-44228"],"summary":"Remote code execution in Log4j","affected":[{"package":{"ecosystem":"Maven","name":"org.apache.logging.log4j:log4j-core"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.13.0"},{"fixed":"2.15.0"}]}]}],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H"}]}"#;
/// A record as Debian publishes them.
pub const SHOPD: &str = r#"{"schema_version":"1.6.0","id":"DEBIAN-CVE-2024-0001","modified":"2025-01-01T00:00:00Z","upstream":["CVE-2024-0001"],"affected":[{"package":{"ecosystem":"Debian:12","name":"shopd"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:2.0-3+deb12u1"}]}]}]}"#;
/// A record as the Python ecosystem publishes them.
pub const TROLLEY: &str = r#"{"schema_version":"1.6.0","id":"PYSEC-2024-1","modified":"2025-01-01T00:00:00Z","aliases":["CVE-2024-0002"],"affected":[{"package":{"ecosystem":"PyPI","name":"trolley-kit"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.4.2"}]}]}]}"#;
/// A record as the Node ecosystem publishes them.
pub const CARTLIB: &str = r#"{"schema_version":"1.6.0","id":"GHSA-aaaa-bbbb-cccc","modified":"2025-01-01T00:00:00Z","aliases":["CVE-2024-0003"],"affected":[{"package":{"ecosystem":"npm","name":"cart-lib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.2.3"}]}]}]}"#;
const ELSEWHERE: &str = r#"{"schema_version":"1.6.0","id":"MOON-1","modified":"2025-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Moonbase","name":"hatch"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#;
/// CISA's catalogue, cut.
pub const EXPLOITED: &str = r#"{"title":"known exploited","catalogVersion":"2021.12.10","dateReleased":"2021-12-10T00:00:00.000Z","count":1,"vulnerabilities":[{"cveID":"CVE-2021-44228","vendorProject":"Apache","product":"Log4j2","vulnerabilityName":"Log4j2 remote code execution","dateAdded":"2021-12-10","shortDescription":"Remote code execution.","requiredAction":"Update.","dueDate":"2021-12-24"}]}"#;
const PROBABILITIES: &str = "#model_version:v2025.03.14,score_date:2025-06-01T12:55:00Z\ncve,epss,percentile\nCVE-2021-44228,0.94358,0.99958\nCVE-2024-0001,0.00042,0.05\n";

/// Every scheme and alias with a pair that its own rules order as `<`.
const NAMES: &[(&str, &str, &str)] = &[
    ("dpkg", "1.0~rc1-1", "1.0-1"),
    ("deb", "2.0", "1:1.0"),
    ("Debian", "5.3-2~bpo12+1", "5.3-2"),
    ("Debian:12", "1.2-3", "1.2-3+deb12u1"),
    ("Ubuntu:22.04:LTS", "1.2-3ubuntu1", "1.2-3ubuntu1.1"),
    ("rpm", "1.0~rc1-1", "1.0-1"),
    ("Red Hat", "1.0-1.el9", "1.0-1.el9_2"),
    ("Rocky Linux:9", "1.0-9", "1.0-10"),
    ("AlmaLinux:8", "9:1-1", "10:1-1"),
    ("SUSE", "1.0", "1.0^git1"),
    ("openSUSE", "1.0", "1.1"),
    ("openEuler:22.03-LTS", "1.0-1", "1.0-2"),
    ("Mageia:9", "1.0-1", "1.0-2"),
    ("apk", "1.2_rc1", "1.2"),
    ("Alpine:v3.18", "1.2.3-r9", "1.2.3-r10"),
    ("Wolfi", "1.2-r0", "1.2_p1-r0"),
    ("Chainguard", "1.2-r0", "1.2-r1"),
    ("semver", "1.0.0-alpha.9", "1.0.0-alpha.10"),
    ("cargo", "1.0.0-rc.1", "1.0.0"),
    ("crates.io", "1.9.0", "1.10.0"),
    ("Bitnami", "1.0.0", "1.0.1"),
    ("Hex", "1.0.0", "1.0.1"),
    ("hex", "1.0.0-dev", "1.0.0"),
    ("Pub", "1.0.0", "1.0.1"),
    ("SwiftURL", "1.0.0", "1.0.1"),
    ("swift", "1.0.0", "1.0.1"),
    ("GitHub Actions", "1.0.0", "2.0.0"),
    ("npm", "1.0.0-beta", "1.0.0"),
    ("pep440", "1.0.dev1", "1.0a1"),
    ("PyPI", "1.0rc1", "1.0"),
    ("pypi", "1.0", "1!0.1"),
    ("maven", "1.0-alpha-1", "1.0"),
    ("Maven", "1.0-SNAPSHOT", "1.0"),
    ("gem", "1.0.a", "1.0"),
    ("RubyGems", "1.9", "1.10"),
    ("go", "v1.0.0-20200101000000-abcdefabcdef", "v1.0.0"),
    ("golang", "v1.2.3", "v1.10.0"),
    ("Go", "1.2.3", "1.2.4"),
    ("nuget", "1.0.0-Beta", "1.0.0"),
    ("NuGet", "1.0.0", "1.0.0.1"),
    ("composer", "1.0.0-RC1", "1.0.0"),
    ("Packagist", "1.0.0-beta2", "1.0.0-RC1"),
    ("pacman", "1.0rc1-1", "1.0-1"),
    ("alpm", "1.0-1", "1:0.5-1"),
    ("CRAN", "0.9", "0.12"),
    ("Hackage", "1.0", "1.0.0"),
    ("pub", "1.0.0", "1.0.0+1"),
    ("ConanCenter", "3.0.0-rc1", "3.0.0"),
    ("gentoo", "1.0_rc1", "1.0"),
    ("Linux", "6.1-rc1", "6.1"),
    ("generic", "1.0.2z", "1.0.2za"),
    ("openssl", "1.1.1", "1.1.1w"),
    ("nginx", "1.9.15", "1.10.0"),
    ("intdot", "1.9", "1.10"),
    ("datetime", "2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00Z"),
    ("lexicographic", "10", "9"),
];

#[test]
fn every_scheme_and_alias_compares_both_ways() {
    let bench = Bench::new();
    for (scheme, a, b) in NAMES {
        for (left, right, sign) in [(a, b, "<\n"), (b, a, ">\n"), (a, a, "=\n")] {
            let told = bench.run(&["vulns", "compare", scheme, left, right]).expect(0);
            assert_eq!((told.out.as_str(), told.err.as_str()), (sign, ""), "{scheme} {left} {right}");
        }
    }
    let lines: String = NAMES.iter().map(|(scheme, a, b)| format!("{scheme}\t{a}\t{b}\n")).collect();
    let told = bench.feed(&["vulns", "compare", "--stdin"], lines.as_bytes()).expect(0);
    assert_eq!(told.out, "<\n".repeat(NAMES.len()));
}

#[test]
fn compare_and_satisfies_say_so() {
    let mut bench = Bench::new();
    bench.tell(&["vulns", "compare", "dpkg", "1.0", "1.0-1"]).expect(0);
    for (scheme, bad) in [
        ("dpkg", "a b"),
        ("dpkg", ""),
        ("dpkg", "x:1.0"),
        ("pep440", "not-a-version"),
        ("semver", "latest"),
        ("npm", "latest"),
        ("go", "latest"),
        ("nuget", "latest"),
        ("rpm", "1.0 2"),
        ("apk", "-"),
        ("gem", "latest"),
    ] {
        bench.tell(&["vulns", "compare", scheme, bad, "1.0"]).expect(1);
        bench.tell(&["vulns", "compare", scheme, "1.0", bad]).expect(1);
    }
    bench.tell(&["vulns", "compare", "tarot", "1", "2"]).expect(64);
    bench.tell(&["vulns", "compare", "dpkg", "1"]).expect(64);
    bench.tell(&["vulns", "compare"]).expect(64);
    bench
        .tell_with(
            &["vulns", "compare", "dpkg", "--stdin"],
            "1.0\t2.0\n\n1.0\nbad version\t1\nrpm\t1\t2\n2.0\t1.0\r\n1\t1",
        )
        .expect(1);
    bench.tell_with(&["vulns", "compare", "--stdin"], "dpkg\t1.0\t2.0\ntarot\t1\t2\nPyPI\t1.0\t1.0.0\n").expect(1);
    bench.tell_with(&["vulns", "compare", "--stdin", "tarot"], "1\t2\n").expect(64);
    bench.tell_with(&["vulns", "compare", "npm", "--stdin"], "").expect(0);
    for (scheme, version, range) in [
        ("npm", "1.2.3", "^1.0.0"),
        ("npm", "2.0.0", "^1.0.0 || >=3"),
        ("npm", "1.2.3", "vers:npm/>=1.0.0|<2.0.0"),
        ("pep440", "1.5", ">=1.0,<2.0,!=1.5"),
        ("pypi", "1.4", "~=1.3"),
        ("maven", "1.5", "[1.0,2.0)"),
        ("gem", "1.5", "~> 1.4"),
        ("dpkg", "1.0~rc1", "vers:deb/<1.0"),
        ("nuget", "1.5", "[1.0,2.0)"),
        ("composer", "1.5.0", "^1.4"),
        ("cargo", "1.5.0", "^1.4"),
        ("go", "v1.5.0", "vers:golang/>=v1.4.0"),
        ("semver", "1.5.0", "*"),
    ] {
        bench.tell(&["vulns", "satisfies", scheme, version, range]).expect(0);
    }
    bench.tell(&["vulns", "satisfies", "npm", "1.0.0", "vers:npm/"]).expect(1);
    bench.tell(&["vulns", "satisfies", "npm", "a b", "*"]).expect(1);
    bench.tell(&["vulns", "satisfies", "tarot", "1", "*"]).expect(64);
    bench.tell(&["vulns", "satisfies", "npm", "1"]).expect(64);
    bench
        .tell_with(&["vulns", "satisfies", "--stdin"], "npm\t1.2.3\t^1.0.0\nnpm\t2.0.0\t^1.0.0\nnpm\t1\ntarot\t1\t*\n")
        .expect(1);
    bench.tell(&["vulns", "compare", "dpkg", "1.0", "1.0-1", "--json"]).expect(0);
    bench.tell(&["vulns", "satisfies", "pypi", "1.4", "~=1.3", "--json"]).expect(0);
    bench.tell_with(&["vulns", "compare", "--stdin", "--json"], "dpkg\t1.0\t2.0\ntarot\t1\t2\n\n").expect(1);
    bench.tell_with(&["vulns", "satisfies", "--stdin", "--json"], "npm\t1.2.3\t^1.0.0\nnpm\t1\n").expect(1);
    bench.golden("versions");
}

#[test]
fn advisories_are_imported_and_what_is_refused_is_said() {
    let mut bench = Bench::new();
    bench.write("log4shell.json", LOG4SHELL);
    bench.write("debian.ndjson", format!("{SHOPD}\n{TROLLEY}\n"));
    bench.write("npm.zip", zip(&[("a.json", CARTLIB.as_bytes()), ("b.json", b"{\"id\": ")]));
    bench.write(
        "go.tar.gz",
        gzip(&tar(&[("x/one.json", LOG4SHELL.replace("GHSA-jfh8-c2jp-5v3q", "GHSA-copy").as_bytes())])),
    );
    bench.write("kev.json", EXPLOITED);
    bench.write("epss.csv.gz", gzip(PROBABILITIES.as_bytes()));
    bench.write("moon.json", ELSEWHERE);
    bench.write("torn.ndjson", format!("{SHOPD}\nnot json\n{{\"id\":1}}\n{CARTLIB}\n"));
    bench.write("page.json", "<!doctype html><title>no</title>");
    bench.write("empty.json", "");
    for (file, code) in [
        ("log4shell.json", 0),
        ("debian.ndjson", 0),
        ("npm.zip", 0),
        ("go.tar.gz", 0),
        ("kev.json", 0),
        ("epss.csv.gz", 0),
        ("moon.json", 1),
        ("torn.ndjson", 0),
        ("page.json", 1),
        ("empty.json", 1),
        ("missing.json", 1),
    ] {
        let told = bench.tell(&["vulns", "import", file, "--json"]).expect(code);
        let report = told.json();
        for key in ["source", "format", "read", "imported", "refused", "refusals"] {
            assert!(!report[key].is_null(), "{file} says no {key}");
        }
        for refusal in report["refusals"].as_array().unwrap() {
            assert!(
                refusal["file"].is_string() && refusal["line"].as_u64() >= Some(1) && refusal["reason"].is_string(),
                "{refusal}"
            );
        }
    }
    bench.tell(&["vulns", "import", "torn.ndjson"]).expect(0);
    bench.tell(&["vulns", "import", "log4shell.json", "kev.json", "--source", "together"]).expect(0);
    bench.tell(&["vulns", "import", "log4shell.json", "--format", "osv", "--json"]).expect(0);
    bench.tell(&["vulns", "import", "log4shell.json", "--format", "tarot"]).expect(64);
    bench.tell(&["vulns", "import"]).expect(64);
    bench.golden("vulns-import");
}

#[test]
fn questions_are_answered_line_by_line() {
    let mut bench = Bench::new();
    bench.tell(&["vulns", "query", "Maven", "x:y", "1", "--json"]).expect(1);
    bench.tell(&["vulns", "lookup", "CVE-2021-44228"]).expect(1);
    let all = [LOG4SHELL, SHOPD, TROLLEY, CARTLIB].join("\n");
    bench.write("advisories.ndjson", all);
    bench.write("kev.json", EXPLOITED);
    bench.write("epss.csv", PROBABILITIES);
    bench.run(&["vulns", "import", "advisories.ndjson", "kev.json", "epss.csv"]).expect(0);
    bench.tell(&["vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "--json"]).expect(0);
    bench.tell(&["vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.15.0", "--json"]).expect(0);
    bench.tell(&["vulns", "query", "Debian:12", "shopd", "1:2.0-3"]).expect(0);
    bench.tell(&["vulns", "query", "Debian:12", "shopd", "1:2.0-3+deb12u1"]).expect(0);
    bench.tell(&["vulns", "query", "Moonbase", "hatch", "1", "--json"]).expect(1);
    bench.tell(&["vulns", "query", "PyPI"]).expect(64);
    let questions = concat!(
        "{\"ecosystem\":\"PyPI\",\"name\":\"Trolley_Kit\",\"version\":\"1.4.1\"}\n",
        "{\"purl\":\"pkg:npm/cart-lib@1.2.2\"}\n",
        "{\"purl\":\"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1\"}\n",
        "{\"purl\":\"pkg:deb/debian/shopd@2.0-3?epoch=1&arch=source&distro=debian-12\"}\n",
        "not json\n",
        "\n",
        "{\"purl\":\"pkg:moon/hatch@1\"}\n",
        "{\"purl\":\"rubbish\"}\n",
        "{\"ecosystem\":\"Moonbase\",\"name\":\"hatch\",\"version\":\"1\"}\n",
        "{\"ecosystem\":\"npm\",\"name\":\"cart-lib\",\"version\":\"\"}\n",
        "{\"ecosystem\":\"npm\",\"name\":\"cart-lib\"}\n",
        "{\"ecosystem\":\"npm\",\"name\":\"cart-lib\",\"version\":\"1.2.3\"}\n",
        "[1,2]\n",
        "{\"ecosystem\":\"npm\",\"name\":\"nobody-knows\",\"version\":\"9\"}",
    );
    let told = bench.tell_with(&["vulns", "query", "--stdin", "--json"], questions).expect(1);
    let answers = told.lines();
    assert_eq!(answers.len(), 14);
    for (answer, cves) in answers.iter().zip(["CVE-2024-0002", "CVE-2024-0003", "CVE-2021-44228", "CVE-2024-0001"]) {
        assert_eq!(answer["cves"][0], cves);
        let finding = &answer["findings"][0];
        assert!(
            ["id", "cves", "state", "fixed", "severity", "source"].iter().all(|key| finding.get(key).is_some()),
            "{finding}"
        );
    }
    let wrong: Vec<bool> = answers.iter().map(|answer| answer.get("error").is_some()).collect();
    assert_eq!(wrong, [false, false, false, false, true, true, true, true, true, true, true, false, true, false]);
    bench.tell_with(&["vulns", "query", "--stdin"], "{\"purl\":\"pkg:npm/cart-lib@1.2.2\"}\nnot json\n").expect(1);
    bench.tell(&["vulns", "lookup", "cve-2021-44228", "--json"]).expect(0);
    bench.tell(&["vulns", "lookup", "CVE-2021-44228"]).expect(0);
    bench.tell(&["vulns", "lookup", "CVE-1999-0001"]).expect(1);
    bench.tell(&["vulns", "lookup", "CVE-1999-0001", "--json"]).expect(1).json();
    bench.golden("vulns-query");
}

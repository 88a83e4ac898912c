//! Is every document read or refused with a reason, and the good part of a bad one kept?

use std::path::PathBuf;

use proptest::prelude::*;
use tripoint_model::Purl;

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sbom")
}

/// The packages and what was refused, one a line.
fn told(inventory: &Inventory) -> String {
    let mut out = format!("system {:?}\n", inventory.distro.as_ref().map(|d| (&d.id, &d.version)));
    for p in &inventory.packages {
        let release = if p.release.is_empty() { "-" } else { &p.release };
        out.push_str(&format!(
            "{} | {} {release} | {} {} | {} {} | {}\n",
            p.purl,
            p.ecosystem,
            p.name,
            p.version,
            p.source,
            p.source_version,
            p.paths.join(" ")
        ));
    }
    for refused in &inventory.rejected {
        out.push_str(&format!("refused {}: {}\n", refused.line, refused.reason));
    }
    out
}

#[test]
fn own_fixtures_read_as_before() {
    let mut seen = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(fixtures()).expect("fixtures").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "golden") {
            continue;
        }
        let content = std::fs::read(&path).expect("fixture");
        let head = Head::of(&content).expect("a head");
        seen.extend(FORMATS.iter().filter(|format| (format.fits)(&head)).map(|format| format.name));
        let said = told(&read(&path).expect("a document"));
        let golden = path.with_extension(format!("{}.golden", path.extension().unwrap_or_default().to_string_lossy()));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &said).expect("golden");
        }
        assert_eq!(said, std::fs::read_to_string(&golden).unwrap_or_default(), "{}", path.display());
    }
    assert_eq!(seen.len(), FORMATS.len(), "a format without a fixture: {seen:?}");
}

#[test]
fn hostile_documents_are_refused_and_cost_little() {
    let deep = format!(
        "{{\"bomFormat\":\"CycloneDX\",\"components\":{}{}}}",
        "[{\"components\":".repeat(5000),
        "}]".repeat(5000)
    );
    let nested = "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\">".to_owned() + &"<component>".repeat(5000);
    let envelope = "{\"payloadType\":\"x\",\"payload\":\"e30=\"}";
    let doctype = "<!DOCTYPE b [<!ENTITY a \"&a;&a;\">]><bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>";
    for text in [
        "",
        "{",
        "[]",
        "not a bill",
        "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"name\":",
        "<html>cyclonedx.org/schema/bom</html",
        "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"><a></b></bom>",
        "{\"payloadType\":\"x\",\"payload\":\"!\"}",
        "{\"payloadType\":\"x\",\"payload\":7}",
        "{\"bomFormat\":\"CycloneDX\"} trailing",
        envelope,
        doctype,
        &deep,
        &nested,
    ] {
        assert!(parse(text.as_bytes(), "f").is_err(), "{}", &text[..text.len().min(80)]);
    }
    // What is only odd is passed over.
    let odd = r#"{"bomFormat":"CycloneDX","components":{"a":1},"metadata":[1,{"component":2}]}"#;
    assert!(parse(odd.as_bytes(), "f").expect("odd").packages.is_empty());
    let odd = r#"{"bomFormat":"CycloneDX","components":[1,"a",null,[],{"name":{},"purl":[1],"type":"library"},{"purl":"pkg:npm/a@1","version":{"x":[]}}]}"#;
    let read = parse(odd.as_bytes(), "f").expect("odd");
    assert_eq!((read.packages.len(), read.rejected.len()), (1, 1), "{}", told(&read));
    let long = format!(r#"{{"bomFormat":"CycloneDX","components":[{{"purl":"pkg:npm/a@{}"}}]}}"#, "1".repeat(2000));
    assert_eq!(parse(long.as_bytes(), "f").expect("long").rejected.len(), 1);
    // Statements one a line are all read; a byte order mark is no part of a document.
    let line = r#"{"predicateType":"x","predicate":{"components":[{"purl":"pkg:npm/a@N"}]}}"#;
    let lines = format!("\u{feff}{}\n{}\n", line.replace('N', "1"), line.replace('N', "2"));
    assert_eq!(parse(lines.as_bytes(), "f").expect("lines").packages.len(), 2);
    // Many components that say next to nothing are not all kept.
    let small = "{\"name\":\"a\"},".repeat(ENTRIES_MAX);
    let many = format!("{{\"bomFormat\":\"CycloneDX\",\"components\":[{small}{{}}]}}");
    let read = parse(many.as_bytes(), "f").expect("many");
    assert!(read.is_partial() && read.coverage[0].reason.contains("left out"), "{:?}", read.coverage);
}

#[test]
fn releases_are_those_of_the_advisories() {
    let system = ("debian".to_owned(), "12.5".to_owned());
    for (purl, expected) in [
        ("pkg:deb/debian/a@1", Some((tripoint_model::Ecosystem::Debian, "12"))),
        ("pkg:deb/debian/a@1?distro=bookworm", Some((tripoint_model::Ecosystem::Debian, "12"))),
        ("pkg:deb/ubuntu/a@1?distro=ubuntu-22.04", Some((tripoint_model::Ecosystem::Ubuntu, "22.04"))),
        ("pkg:apk/alpine/a@1?distro=alpine-3.18.4", Some((tripoint_model::Ecosystem::Alpine, "v3.18"))),
        ("pkg:rpm/redhat/a@1?distro=rhel-8.6", Some((tripoint_model::Ecosystem::RedHat, "8"))),
        ("pkg:rpm/centos/a@1?distro=centos-7.9.2009", Some((tripoint_model::Ecosystem::RedHat, "7"))),
        ("pkg:rpm/amzn/a@1?distro=amzn-2023", Some((tripoint_model::Ecosystem::AmazonLinux, "2023"))),
        ("pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.6", Some((tripoint_model::Ecosystem::OpenSuse, "Leap 15.6"))),
        ("pkg:apk/wolfi/a@1?distro=wolfi-20230201", Some((tripoint_model::Ecosystem::Wolfi, ""))),
        ("pkg:npm/a@1?distro=debian-12", Some((tripoint_model::Ecosystem::Npm, ""))),
        ("pkg:rpm/unknown/a@1", None),
    ] {
        let entry = Entry { purl: purl.to_owned(), ..Entry::default() };
        let found = entry.package(Some(&system)).ok().flatten();
        let found = found.as_ref().map(|package| (package.ecosystem, package.release.as_str()));
        assert_eq!(found, expected, "{purl}");
    }
}

#[test]
fn public_documents_are_read_or_refused_with_a_reason() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let inventory = Path::new(&data).join("inventory");
    let (mut read, mut refused, mut packages, mut rejected) = (0, Vec::new(), 0, 0);
    let mut judge = |name: &str, content: &[u8]| match parse(content, name) {
        Ok(found) => {
            read += 1;
            packages += found.packages.len();
            rejected += found.rejected.len();
            println!("{name}: {} packages, {}", found.packages.len(), found.coverage[0].reason);
        }
        Err(reason) => refused.push(format!("{name}: {reason}")),
    };
    for folder in ["sbom", "trivy-fixtures/sbom"] {
        for entry in std::fs::read_dir(inventory.join(folder)).expect("sbom").flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            tripoint_unpack::entries(Source::Path(&entry.path()), &file, &Limits::default(), &mut |name, reader| {
                let mut content = Vec::new();
                let wanted = [".json", ".jsonl", ".xml", ".spdx"].iter().any(|end| name.ends_with(end));
                if wanted && reader.read_to_end(&mut content).is_ok() {
                    judge(name, &content);
                }
                ControlFlow::Continue(())
            })
            .expect("an archive");
        }
    }
    println!(
        "{read} documents read with {packages} packages ({rejected} entries refused), {} refused: {refused:#?}",
        refused.len()
    );
    assert!(read > 80 && refused.iter().all(|line| line.len() > 20), "{read} read");
}

#[test]
fn what_the_catalogers_write_is_read_as_it_was_meant() {
    use tripoint_model::Ecosystem::{Debian, Go, Maven, Npm};
    for (ecosystem, name, version) in [
        (Debian, "libstdc++6", "1:12.2.0-14+deb12u1"),
        (Npm, "@scope/na me", "1.0.0-rc.1+b"),
        (Maven, "org.example/core", "2.14.1"),
        (Go, "example.org/a/b", "v1.0.0+incompatible"),
    ] {
        let written = crate::purl::build(ecosystem, name, version, &[("arch", "amd64"), ("upstream", "a b@1:2")]);
        let read: Purl = written.parse().expect("a package URL");
        let whole = format!("{}/{}", read.namespace, read.name);
        assert!(whole.trim_start_matches('/').ends_with(name), "{written} reads as {read:?}");
        assert_eq!((read.version.as_str(), read.qualifier("upstream")), (version, "a b@1:2"), "{written}");
    }
}

/// An alert carries the purl of a package alone: what is asked of it later must be asked of the same package.
#[test]
fn what_a_url_alone_does_not_tell_is_not_guessed() {
    for purl in [
        "pkg:rpm/openeuler/openssl@3.0.12-1.oe2403?distro=openeuler-24.03",
        "pkg:deb/debian/nginx@1.26.0-1?arch=amd64&distro=debian",
        "pkg:apk/alpine/musl@1.2.5-r9?distro=alpine-3.21_alpha20240923",
        "pkg:apk/alpine/musl@1.2.5-r9?distro=edge",
        "pkg:rpm/redhat/bash@5.1-2?distro=somethingelse-9.1",
        "pkg:rpm/suse/bash@5.1-2?distro=sled-15.5",
        "pkg:rpm/amzn/bash@4.2-1?distro=amzn-2018.03",
    ] {
        assert!(package_of(purl).is_none(), "{purl}: {:?}", package_of(purl));
    }
    for (purl, release) in [
        ("pkg:rpm/rocky/bash@5.1.8-6.el9?distro=rocky-9.3", "9"),
        ("pkg:rpm/redhat/bash@5.1.8-6.el9?distro=rhel-9.3", "9"),
        ("pkg:rpm/amzn/bash@5.2-1?distro=amzn-2023", "2023"),
    ] {
        assert_eq!(package_of(purl).map(|package| package.release).as_deref(), Some(release), "{purl}");
    }
}

#[test]
fn a_package_is_found_again_by_its_purl() {
    let folder = tempfile::tempdir().unwrap();
    let write = |root: &str, name: &str, text: &str| {
        let path = folder.path().join(root).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let status = "Package: libx1\nStatus: install ok installed\nArchitecture: amd64\nSource: x (1:2-3)\nVersion: 1:2-3+b1\n\n\
                  Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n\n\
                  Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.9-1\n";
    for (root, release) in
        [("debian", "ID=debian\nVERSION_ID=\"12\"\n"), ("ubuntu", "ID=ubuntu\nVERSION_ID=\"24.04\"\n")]
    {
        write(root, "etc/os-release", release);
        write(root, "var/lib/dpkg/status", status);
    }
    write("alpine", "etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n");
    write(
        "alpine",
        "lib/apk/db/installed",
        "P:libssl3\nV:3.1.4-r5\nA:x86_64\no:openssl\n\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n",
    );
    for (root, least) in [("debian", 3), ("ubuntu", 3), ("alpine", 2)] {
        let found = crate::scan(&folder.path().join(root), &crate::ScanOptions::default(), &mut |_| ()).unwrap();
        assert!(found.packages.len() >= least, "{root}: {found:?}");
        for package in found.packages {
            let again = package_of(&package.purl).unwrap_or_else(|| panic!("{}", package.purl));
            let normal = |release: &str| release.trim_end_matches(":LTS").to_owned();
            assert_eq!(normal(&again.release), normal(&package.release), "{}", package.purl);
            let own = |one: &Package| {
                (one.ecosystem, one.name.clone(), one.version.clone(), one.source.clone(), one.source_version.clone())
            };
            assert_eq!(own(&again), own(&package), "{}", package.purl);
        }
    }
    use tripoint_model::Ecosystem::{CratesIo, Go, Maven, Npm, Packagist, PyPI, RubyGems};
    for (ecosystem, name) in [
        (Maven, "org.example.web/core"),
        (Npm, "@scope/name"),
        (Npm, "plain"),
        (Go, "example.org/a/b"),
        (PyPI, "flask"),
        (RubyGems, "rack"),
        (CratesIo, "ring"),
        (Packagist, "symfony/http-kernel"),
    ] {
        let again = package_of(&crate::purl::build(ecosystem, name, "1.2.3", &[])).unwrap();
        let name = if ecosystem == Maven { name.replace('/', ":") } else { name.to_owned() };
        assert_eq!((again.ecosystem, again.name, again.version.as_str()), (ecosystem, name, "1.2.3"));
    }
    let stream = "pkg:rpm/redhat/nodejs@18.0-1.module%2Bel8?distro=rhel-8.9";
    assert!(package_of(stream).is_none() && package_of("pkg:moon/x@1").is_none() && package_of("x").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    /// Damaged documents: bytes cut out, doubled or replaced.
    #[test]
    fn no_document_panics(which in 0usize..7, from in 0usize..2000, length in 0usize..40, filling in "[\\[\\]{}\",:<>/a%0-]{0,12}") {
        let name = ["cyclonedx.json", "cyclonedx.xml", "spdx2.json", "spdx3.json", "tags.spdx", "statement.json", "envelope.json"][which];
        let mut content = std::fs::read(fixtures().join(name)).expect("fixture");
        let from = from.min(content.len());
        let to = (from + length).min(content.len());
        content.splice(from..to, filling.bytes());
        if let Ok(found) = parse(&content, name) {
            for package in &found.packages {
                prop_assert!(package.purl.parse::<Purl>().is_ok() && !package.version.is_empty(), "{:?}", package);
            }
        }
    }
}

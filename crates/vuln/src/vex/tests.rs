//! Do statements change the right findings?

use std::collections::BTreeMap;
use std::path::PathBuf;

use tripoint_model::PackageState;

use super::*;

fn finding(id: &str, cves: &[&str], state: FindingState) -> Finding {
    Finding {
        purl: "pkg:deb/debian/demo@1.2-3?arch=amd64&distro=debian-12".into(),
        name: "demo".into(),
        version: "1.2-3".into(),
        id: id.into(),
        cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
        state,
        presence: PackageState::Loaded,
        on_disk: None,
        fixed: (state == FindingState::Affected).then(|| "1.2-4".into()),
        severity: BTreeMap::new(),
        cvss_tenths: Some(98),
        known_exploited: false,
        epss_bp: None,
        fix_command: None,
        source: "test".into(),
        paths: Vec::new(),
        installed: None,
    }
}

fn all() -> Vec<Finding> {
    vec![
        finding("DEMO-1", &["CVE-2026-10000", "CVE-2026-10001"], FindingState::Affected),
        finding("CVE-2026-10002", &["CVE-2026-10002"], FindingState::WontFix),
        finding("DEMO-3", &[], FindingState::UnderInvestigation),
        finding("CVE-2026-10004", &["CVE-2026-10004"], FindingState::NotAffected),
    ]
}

#[test]
fn statements_change_findings() {
    let statement = |id: &str, product: &str, status: &str| {
        format!(
            r#"{{"vulnerability":{{"name":"{id}"}},"products":[{{"@id":"{product}"}}],"status":"{status}","justification":"component_not_present"}}"#
        )
    };
    let document = |statements: &[String]| {
        let text = format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","statements":[{}]}}"#,
            statements.join(",")
        );
        let vex = Vex::read("x", text.as_bytes());
        assert!(vex.rejected.is_empty(), "{vex:?}");
        vex
    };
    let demo = "pkg:deb/debian/demo";
    let one = document(&[statement("CVE-2026-10000", demo, "not_affected")]);
    let mut findings = all();
    assert!(one.apply(&mut findings, &|_| true).is_empty(), "the other CVE is still there");
    let mut findings = vec![finding("DEMO-1", &["CVE-2026-10000", "CVE-2026-10001"], FindingState::UnderInvestigation)];
    let second = document(&[statement("CVE-2026-10001", demo, "affected")]);
    assert_eq!(second.apply(&mut findings, &|_| true).len(), 1, "silence about the first does not hide the second");
    assert_eq!(findings[0].state, FindingState::Affected);
    let mut findings = all();
    let both = document(&[
        statement("CVE-2026-10000", demo, "not_affected"),
        statement("CVE-2026-10001", "pkg:deb/debian/demo@1.2-3?arch=amd64", "fixed"),
        statement("CVE-2026-10002", "pkg:deb/debian/demo@1.2-4", "not_affected"),
        statement("DEMO-3", "pkg:deb/debian/other", "not_affected"),
    ]);
    let applied = both.apply(&mut findings, &|_| true);
    assert_eq!(applied.len(), 1);
    assert_eq!((findings[0].state, applied[0].before), (FindingState::NotAffected, FindingState::Affected));
    assert_eq!(findings[1].state, FindingState::WontFix, "another version");
    assert_eq!(findings[2].state, FindingState::UnderInvestigation, "another package");
    let worse = document(&[statement("CVE-2026-10004", demo, "affected")]);
    assert_eq!(worse.apply(&mut findings, &|_| true).len(), 1);
}

#[test]
fn parts_count_within_their_product_and_the_last_word_counts() {
    let text = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","timestamp":"2026-01-01T00:00:00Z","statements":[
        {"vulnerability":{"name":"CVE-2026-10002"},"status":"not_affected","timestamp":"2026-03-01T00:00:00Z",
         "products":[{"@id":"pkg:oci/shop","subcomponents":[{"@id":"pkg:deb/debian/demo"}]}]},
        {"vulnerability":"CVE-2026-10002","status":"affected","products":["pkg:deb/debian/demo"]}]}"#;
    let vex = Vex::read("x", text.as_bytes());
    assert!(vex.rejected.is_empty() && vex.statements.len() == 2, "{vex:?}");
    let state = |is_here: &dyn Fn(&str) -> bool| {
        let mut findings = all();
        vex.apply(&mut findings, is_here);
        findings[1].state
    };
    assert_eq!(
        state(&|product| product == "pkg:oci/shop"),
        FindingState::NotAffected,
        "said later, though written first"
    );
    assert_eq!(state(&|_| false), FindingState::Affected, "the product is not here");
}

#[test]
fn a_purl_means_what_it_names() {
    let own = "pkg:deb/debian/libdemo1@1.2-3%2Bb1?arch=amd64&distro=debian-12&upstream=demo%401.2-3";
    for (said, expected) in [
        ("pkg:deb/debian/libdemo1", true),
        ("pkg:deb/debian/libdemo1@1.2-3%2Bb1", true),
        ("pkg:deb/debian/libdemo1@1.2-3", false),
        ("pkg:deb/debian/libdemo1?arch=arm64", false),
        ("pkg:deb/debian/demo?arch=source", true),
        ("pkg:deb/debian/demo@1.2-3?arch=source&distro=debian-12", true),
        ("pkg:deb/debian/demo@1.2-4?arch=source", false),
        ("pkg:deb/debian/demo", false),
        ("pkg:deb/ubuntu/libdemo1", false),
        ("demo", false),
    ] {
        assert_eq!(means(said, own), expected, "{said}");
    }
    assert!(
        means("pkg:pypi/Demo_Pkg", "pkg:pypi/demo-pkg@1.0") && means("pkg:pypi/demo__.pkg", "pkg:pypi/demo-pkg@1.0")
    );
}

/// Documents as their publishers wrote them.
#[test]
fn public_documents_are_read() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let folder = data.join("vuln/vex/openvex");
    let mut statements = 0;
    for name in
        ["examples/openvex/demo.vex.json", "pkg/ctl/testdata/v001-1.vex.json", "pkg/ctl/testdata/v020-1.vex.json"]
    {
        let vex = Vex::read(name, &std::fs::read(folder.join(name)).expect("document"));
        println!("{name}: {} statements, {:?}", vex.statements.len(), vex.rejected);
        assert!(vex.rejected.is_empty(), "{name}");
        statements += vex.statements.len();
    }
    assert!(statements >= 3);
}

/// CycloneDX has several places for who speaks.
#[test]
fn the_author_of_a_bill_of_materials_is_found() {
    for (metadata, author) in [
        (r#"{"supplier":{"name":"Maker"},"authors":[{"name":"Ann"}]}"#, "Maker"),
        (r#"{"manufacturer":{"name":"Builder"},"manufacture":{"name":"Old"}}"#, "Builder"),
        (r#"{"manufacture":{"name":"Builder"}}"#, "Builder"),
        (r#"{"supplier":{},"authors":[{"name":"Ann"},{"email":"x"},{"name":"Bob"}]}"#, "Ann, Bob"),
        ("{}", ""),
    ] {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","metadata":{metadata},"vulnerabilities":[{{"id":"CVE-2026-10000","analysis":{{"state":"in_triage"}},"affects":[{{"ref":"pkg:npm/a@1"}}]}}]}}"#
        );
        let vex = Vex::read("x", text.as_bytes());
        assert_eq!((vex.author.as_str(), vex.statements.len(), vex.rejected.len()), (author, 1, 0), "{metadata}");
    }
}

#[test]
fn hostile_documents_are_refused() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"@context":"https://openvex.dev/ns","statements":[{"status":"affected"},7]}"#,
        r#"{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"x"},{"id":"y","analysis":{"state":"odd"}}]}"#,
        r#"{"document":{"csaf_version":"2.0"}}"#,
    ] {
        let vex = Vex::read("x", text.as_bytes());
        assert!(vex.statements.is_empty() && !vex.rejected.is_empty(), "{text}");
    }
}

#[test]
fn an_empty_list_of_parts_is_none_however_it_is_written() {
    for empty in ["[]", "[ ]", "[\n\n]", "null"] {
        let text = format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{{"vulnerability":"CVE-2026-1","status":"fixed","subcomponents":{empty},"products":[{{"@id":"pkg:npm/a@1","subcomponents":{empty}}}]}}]}}"#
        );
        let found = Vex::read("x.json", text.as_bytes());
        assert_eq!(found.statements[0].products, ["pkg:npm/a@1".into()], "{empty:?}");
    }
    let parts = r#"{"@context":"https://openvex.dev/ns/v0.0.1","statements":[{"vulnerability":"CVE-2026-1","status":"fixed","products":["pkg:oci/x@1","pkg:oci/y@1"],"subcomponents":["pkg:npm/a@1","no purl",{"@id":"pkg:npm/b@1","subcomponents":["pkg:npm/c@1"]}]}]}"#;
    let found = Vex::read("x.json", parts.as_bytes()).statements.remove(0);
    let pairs: Vec<String> =
        found.products.iter().zip(&found.within).map(|(part, whole)| format!("{part} {whole}")).collect();
    assert_eq!(
        pairs,
        ["pkg:npm/a@1 pkg:oci/x@1", "pkg:npm/b@1 pkg:oci/x@1", "pkg:npm/a@1 pkg:oci/y@1", "pkg:npm/b@1 pkg:oci/y@1"]
    );
}

#[test]
fn what_must_be_there_is_missed() {
    for text in [
        r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#,
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":null}"#,
    ] {
        assert_eq!(Vex::read("x.json", text.as_bytes()).rejected.len(), 1, "{text}");
    }
}

/// A document of many parts of one image, as builders write them: what is said again and again costs little.
#[test]
fn large_documents_fit() {
    let purl = format!("pkg:oci/app@sha256%3A{}?repository_url=registry.example.org%2Fteam%2Fapp", "0".repeat(64));
    let parts: Vec<String> = (0..100).map(|n| format!(r#"{{"@id":"pkg:golang/example.org/part{n}@1.2.3"}}"#)).collect();
    let statement = |n: usize| {
        let product = format!(r#"{{"@id":"{purl}","subcomponents":[{}]}}"#, parts.join(","));
        format!(r#"{{"vulnerability":{{"name":"CVE-2026-{n}"}},"status":"not_affected","products":[{product}]}}"#)
    };
    let statements: Vec<String> = (1000..2000).map(statement).collect();
    let text = format!(r#"{{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{}]}}"#, statements.join(","));
    let found = Vex::read("x.json", text.as_bytes());
    assert_eq!((found.statements.len(), found.rejected.len()), (1000, 0));
}

/// A CSAF document with one product, the given flags, and what is said of the product.
fn csaf(purls: &str, flags: &str, status: &str) -> Vex {
    let text = format!(
        r#"{{"document":{{"csaf_version":"2.0","publisher":{{"name":"Demo"}},"tracking":{{"id":"DEMO-VEX-1"}}}},
        "product_tree":{{"full_product_names":[{{"product_id":"p","name":"demo",
          "product_identification_helper":{{"purls":{purls}}}}}]}},
        "vulnerabilities":[{{"cve":"CVE-2026-10000","flags":{flags},"product_status":{status}}}]}}"#
    );
    Vex::read("x", text.as_bytes())
}

#[test]
fn csaf_says_which_products_and_why() {
    let purls = r#"["pkg:deb/debian/demo@1.2-3"]"#;
    let flags = r#"[{"label":"component_not_present","product_ids":["other"]},
        {"label":"vulnerable_code_not_present","product_ids":["p"]}]"#;
    let vex = csaf(purls, flags, r#"{"known_not_affected":["p","unknown"]}"#);
    assert!(vex.rejected.is_empty(), "{vex:?}");
    assert_eq!((vex.id.as_str(), vex.author.as_str(), vex.statements.len()), ("DEMO-VEX-1", "Demo", 1));
    let [one] = &vex.statements[..] else { panic!("{vex:?}") };
    assert_eq!((one.status, one.justification.as_str()), (FindingState::NotAffected, "vulnerable_code_not_present"));
    assert_eq!(one.products[0].as_ref(), "pkg:deb/debian/demo@1.2-3");
    let mut findings = vec![finding("CVE-2026-10000", &["CVE-2026-10000"], FindingState::Affected)];
    assert_eq!(vex.apply(&mut findings, &|_| true).len(), 1);
    for (status, expected) in [
        ("known_affected", FindingState::Affected),
        ("fixed", FindingState::Fixed),
        ("under_investigation", FindingState::UnderInvestigation),
    ] {
        let vex = csaf(purls, "[]", &format!(r#"{{"{status}":["p"]}}"#));
        assert_eq!(vex.statements[0].status, expected, "{status}");
    }
}

#[test]
fn what_csaf_cannot_say_is_refused_and_the_rest_stands() {
    let (purls, status) = (r#"["pkg:deb/debian/demo@1.2-3"]"#, r#"{"known_not_affected":["p"]}"#);
    let flags = r#"[7,{"label":"vulnerable_code_not_present","product_ids":["p"]}]"#;
    let vex = csaf(purls, flags, status);
    assert_eq!(vex.statements[0].justification, "vulnerable_code_not_present", "what comes after a bad flag counts");
    assert!(vex.rejected.len() == 1 && vex.rejected[0].reason.contains("flags: "), "{vex:?}");
    let vex = csaf("[7]", "[]", status);
    assert!(vex.statements.is_empty() && vex.rejected.len() == 1, "{vex:?}");
    let vex = csaf(purls, "[]", r#"{"fixed":["p"],"fixed":["p"]}"#);
    assert!(vex.rejected[0].reason.contains("twice"), "{vex:?}");
}

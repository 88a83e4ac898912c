//! Do package URLs read and write as the specification's own tests say, but for the listed differences?

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct File {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    test_type: String,
    input: serde_json::Value,
    #[serde(default)]
    expected_output: serde_json::Value,
    expected_failure: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parts {
    r#type: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    version: Option<String>,
    qualifiers: Option<BTreeMap<String, String>>,
    subpath: Option<String>,
}

impl Parts {
    fn purl(self) -> Purl {
        Purl {
            kind: self.r#type.unwrap_or_default(),
            namespace: self.namespace.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            version: self.version.unwrap_or_default(),
            qualifiers: self.qualifiers.unwrap_or_default(),
            subpath: self.subpath.unwrap_or_default(),
        }
    }
}

/// Whether what we do is what the test wants.
fn agrees(test: &Test) -> bool {
    let read = match &test.input {
        serde_json::Value::String(text) => text.parse::<Purl>().ok(),
        parts => serde_json::from_value::<Parts>(parts.clone()).ok().map(|parts| {
            let mut purl = parts.purl();
            purl.normalize();
            purl
        }),
    };
    let Some(purl) = read else { return test.expected_failure };
    if test.expected_failure {
        // What is built from parts without a type or a name is not readable again.
        return purl.to_string().parse::<Purl>().is_err();
    }
    match &test.expected_output {
        serde_json::Value::String(text) => purl.to_string() == *text,
        parts => serde_json::from_value::<Parts>(parts.clone()).is_ok_and(|parts| parts.purl() == purl),
    }
}

#[test]
fn public_tests_agree_but_for_the_listed() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let mut found = BTreeSet::new();
    let mut asked = 0;
    for folder in ["types", "spec"] {
        for entry in std::fs::read_dir(Path::new(&data).join("vectors/purl").join(folder)).expect("purl").flatten() {
            let text = std::fs::read_to_string(entry.path()).expect("tests");
            let file: File = serde_json::from_str(&text).expect("tests");
            let name = entry.file_name().to_string_lossy().replace("-test.json", "");
            for test in file.tests {
                asked += 1;
                if !agrees(&test) {
                    println!("{name} {} {} wants {}", test.test_type, test.input, test.expected_output);
                    found.insert(format!("{name} {} {}", test.test_type, test.input));
                }
            }
        }
    }
    println!("purl: {} of {asked} differ", found.len());
    let listed: BTreeSet<String> = DIFFERENCES
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once('\t').expect("a test, a tab and a reason").0.to_owned())
        .collect();
    let (new, gone): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(asked > 500, "only {asked} tests");
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}; listed but agreeing: {gone:#?}");
}

/// Where reading is more lenient than the tests, each with a reason.
const DIFFERENCES: &str = include_str!("../../fixtures/purl-differences.txt");

#[test]
fn texts_that_are_none_are_refused() {
    for (text, error) in [
        ("npm/a@1", PurlError::Scheme),
        ("pkg:npm", PurlError::Type),
        ("pkg:1x/a", PurlError::Type),
        ("pkg:npm/", PurlError::Name),
        ("pkg:npm/@1", PurlError::Name),
        ("pkg:npm/a?b c=d", PurlError::Qualifier),
    ] {
        assert_eq!(text.parse::<Purl>(), Err(error), "{text}");
    }
    let scoped: Purl = "pkg:npm/@scope/name@1.0".parse().expect("a purl");
    assert_eq!((scoped.namespace.as_str(), scoped.name.as_str(), scoped.version.as_str()), ("@scope", "name", "1.0"));
    assert_eq!(scoped.to_string(), "pkg:npm/%40scope/name@1.0");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_reads_the_same(kind in "[a-z][a-z0-9]{0,5}", namespace in "([^/\u{0}]{1,5}/)?[^/]{0,4}", name in "[^/]{1,8}", version in ".{0,8}") {
        let mut purl = Purl { kind, namespace, name, version, ..Purl::default() };
        purl.normalize();
        prop_assume!(!purl.name.is_empty());
        purl.namespace = purl.namespace.trim_matches('/').to_owned();
        prop_assert_eq!(purl.to_string().parse::<Purl>(), Ok(purl));
    }

    #[test]
    fn no_text_panics(text in "(pkg:)?.{0,40}") {
        if let Ok(purl) = text.parse::<Purl>() {
            prop_assert_eq!(purl.to_string().parse::<Purl>(), Ok(purl));
        }
    }
}

//! Does a question by package URL mean the package that the specification says?
#![cfg(feature = "advisories")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tripoint_model::{Ecosystem, Purl};
use tripoint_vuln::{Database, ImportContext, ImportOptions, open_latest, query_purl};

const RECORD: &str = r#"{"id":"EX-1","modified":"2025-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}"#;

fn database(folder: &Path) -> Database {
    let file = folder.join("one.json");
    std::fs::write(&file, RECORD).expect("a file");
    let context = ImportContext { data_dir: folder.to_owned(), now: tripoint_model::Timestamp::from_seconds(1) };
    tripoint_vuln::import(&[file], &ImportOptions::default(), &context, &mut |_, _| {}).expect("imported");
    open_latest(folder).expect("opened").expect("a database").1
}

/// The name as advisories of the ecosystem spell it, and the version with its epoch.
fn meant(purl: &Purl) -> Option<(String, String)> {
    let first = purl.namespace.split('/').next().unwrap_or_default();
    let whole = format!("{}/{first}", purl.kind);
    let (ecosystem, _, _) = Ecosystem::ALL.iter().find(|(_, _, kind)| *kind == whole || *kind == purl.kind)?;
    let name = match ecosystem {
        Ecosystem::Maven => format!("{}:{}", purl.namespace.replace('/', "."), purl.name),
        _ if ecosystem.is_distribution() || purl.namespace.is_empty() => purl.name.clone(),
        _ => format!("{}/{}", purl.namespace, purl.name),
    };
    let epoch = purl.qualifier("epoch");
    let version = if epoch.is_empty() { purl.version.clone() } else { format!("{epoch}:{}", purl.version) };
    Some((name, version))
}

#[test]
fn questions_mean_what_the_specification_says() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path());
    let (mut asked, mut found) = (0, BTreeSet::new());
    for entry in std::fs::read_dir(Path::new(&data).join("vectors/purl/types")).expect("purl").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("tests");
        let file: Value = serde_json::from_str(&text).expect("tests");
        for test in file["tests"].as_array().expect("tests") {
            let (Some(text), false) = (test["input"].as_str(), test["expected_failure"] == true) else { continue };
            let Some((name, version)) = text.parse::<Purl>().ok().as_ref().and_then(meant) else { continue };
            asked += 1;
            let answer = query_purl(&database, text);
            // The lookup itself folds case and signs; what is asked for may still have them.
            let same = answer.name.replace('_', "-").eq_ignore_ascii_case(&name.replace('_', "-"));
            let same = same && answer.version == version;
            if !same {
                found.insert(format!("{text} means {name} {version}, asked for {} {}", answer.name, answer.version));
            }
        }
    }
    println!("{} of {asked} agree", asked - found.len());
    assert!(asked > 100, "only {asked}");
    assert!(found.is_empty(), "{found:#?}");
}

//! Do ranges agree with the public tests of the vers specification, but for the listed differences?

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::vectors::{data, listed};
use super::*;

#[derive(serde::Deserialize)]
struct VersFile {
    tests: Vec<VersTest>,
}

/// One test of the vers specification; shapes differ by `test_type`.
#[derive(serde::Deserialize)]
struct VersTest {
    test_type: String,
    input: Value,
    #[serde(default)]
    expected_output: Value,
    #[serde(default)]
    expected_failure: bool,
    #[serde(default)]
    expected_message: Value,
}

#[test]
fn public_vers_tests_agree_but_for_the_listed() {
    let Some(folder) = data("vectors/vers") else { return };
    let mut asked = 0;
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("vers").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path()).expect("vers file");
        let file: VersFile = serde_json::from_str(&text).expect("vers tests");
        for test in file.tests {
            asked += 1;
            let (answer, expected) = (answer(&test), expected(&test));
            if answer != expected {
                println!("{name} {} {}: found {answer}, expected {expected}", test.test_type, test.input);
                found.insert((format!("vers/{name}"), test.input.to_string()));
            }
        }
    }
    println!("vers: {} of {asked} agree", asked - found.len());
    let known = listed("vers/");
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(asked > 400, "only {asked} tests");
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}; listed but agreeing: {gone:#?}");
}

fn expected(test: &VersTest) -> Value {
    if test.expected_failure { test.expected_message.clone() } else { test.expected_output.clone() }
}

fn answer(test: &VersTest) -> Value {
    let text = |key: &str| test.input.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let whole = test.input.as_str().unwrap_or_default();
    match test.test_type.as_str() {
        "comparison" => sorted(test),
        "equality" => {
            let versions: Vec<String> = serde_json::from_value(test.input["versions"].clone()).expect("versions");
            let scheme = Scheme::from_name(&text("input_scheme")).expect("a scheme that is known");
            json!(scheme.order(&versions[0], &versions[1]).is_eq())
        }
        "containment" => {
            let range = text("vers");
            let named = range.trim_start_matches("vers:").split('/').next().unwrap_or_default().to_owned();
            json!(satisfies(&named, &text("version"), &range).ok())
        }
        "from_native" => {
            told(Vers::from_native(&text("scheme"), &text("native_range")).map(|vers| json!(vers.to_string())))
        }
        "validate" => told(Vers::parse(whole, false).map(|vers| json!(vers.to_string()))),
        "parse" => told(Vers::parse(whole, true).map(|vers| {
            let sign = |operator: Operator| if operator == Operator::Equal { "=" } else { operator.sign() };
            let all: Vec<_> = vers.constraints().map(|(operator, version)| json!([sign(operator), version])).collect();
            json!({"scheme": vers.name, "version_constraints": all})
        })),
        other => panic!("a type of test that is not run: {other}"),
    }
}

fn told(answer: Result<Value, VersionError>) -> Value {
    answer.unwrap_or_else(|error| match error {
        VersionError::BadRange { reason, .. } => json!(reason),
        error => json!(error.to_string()),
    })
}

fn sorted(test: &VersTest) -> Value {
    let scheme = test.input["input_scheme"].as_str().and_then(Scheme::from_name).expect("a scheme that is known");
    let mut versions: Vec<String> = serde_json::from_value(test.input["versions"].clone()).expect("versions");
    versions.sort_by(|a, b| scheme.order(a, b));
    let wanted: Vec<String> = serde_json::from_value(test.expected_output.clone()).expect("versions");
    // The specification prints versions normalised: equal is enough.
    if versions.iter().zip(&wanted).all(|(a, b)| scheme.order(a, b).is_eq()) {
        test.expected_output.clone()
    } else {
        json!(versions)
    }
}

/// One constraint of a generated range: a sign and a small number.
fn constraints() -> impl Strategy<Value = Vec<(Operator, u8)>> {
    let operator = prop_oneof![
        Just(Operator::Equal),
        Just(Operator::Unequal),
        Just(Operator::Below),
        Just(Operator::UpTo),
        Just(Operator::Above),
        Just(Operator::From),
    ];
    // The specification wants each version once.
    proptest::collection::btree_map(0u8..12, operator, 1..7)
        .prop_map(|by_version| by_version.into_iter().map(|(version, operator)| (operator, version)).collect())
}

/// The specification's own steps: exact ones first, then what is redundant is dropped, then pairs.
fn naive(version: u8, constraints: &[(Operator, u8)]) -> bool {
    use Operator::{Above, Equal, From, Unequal, UpTo};
    if constraints.contains(&(Unequal, version)) {
        return false;
    }
    if constraints.iter().any(|(sign, bound)| *bound == version && matches!(sign, Equal | UpTo | From)) {
        return true;
    }
    if constraints.iter().all(|(sign, _)| *sign == Unequal) {
        return true;
    }
    let lower = |sign: Operator| matches!(sign, Above | From);
    let mut kept: Vec<(Operator, u8)> = Vec::new();
    for (sign, bound) in constraints.iter().filter(|(sign, _)| !matches!(sign, Equal | Unequal)) {
        match kept.last() {
            Some((last, _)) if lower(*last) && lower(*sign) => continue,
            Some((last, _)) if !lower(*last) && !lower(*sign) => {
                kept.pop();
            }
            _ => {}
        }
        kept.push((*sign, *bound));
    }
    let holds = |(sign, bound): &(Operator, u8)| sign.holds(version.cmp(bound));
    let Some(first) = kept.first() else { return false };
    let rest = if lower(first.0) { &kept[..] } else { &kept[1..] };
    (!lower(first.0) && holds(first)) || rest.chunks(2).any(|pair| pair.iter().all(holds))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn containment_agrees_with_the_specifications_steps(all in constraints(), version in 0u8..12) {
        let mut written: Vec<String> = all.iter().map(|(sign, bound)| format!("{}1.{bound}.0", sign.sign())).collect();
        for scheme in ["npm", "deb", "rpm", "pypi", "maven", "gem", "alpine", "generic", "intdot"] {
            written.rotate_left(1);
            let range = format!("vers:{scheme}/{}", written.join("|"));
            let found = satisfies(scheme, &format!("1.{version}.0"), &range);
            prop_assert_eq!(found, Ok(naive(version, &all)), "1.{}.0 in {}", version, range);
        }
    }
}

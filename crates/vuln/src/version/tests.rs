//! Is every order total, and does each agree with its rules line by line?

use std::path::Path;

use proptest::prelude::*;

use super::*;

const ALL: [Scheme; 12] = [
    Scheme::Dpkg,
    Scheme::Rpm,
    Scheme::Apk,
    Scheme::SemVer,
    Scheme::Npm,
    Scheme::Pep440,
    Scheme::Maven,
    Scheme::Gem,
    Scheme::Go,
    Scheme::NuGet,
    Scheme::Composer,
    Scheme::Pacman,
];

/// Reads lines `a < b`, returns how many there were and which disagree.
fn check_lines(scheme: Scheme, text: &str) -> (usize, Vec<String>) {
    let mut read = 0;
    let mut wrong = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with("//") || line.starts_with('#') {
            continue;
        }
        let line = line.split(" //").next().unwrap_or(line);
        let mut words = line.split_whitespace();
        let (Some(a), Some(sign), Some(b)) = (words.next(), words.next(), words.next()) else { continue };
        let expected = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            ">" => Ordering::Greater,
            _ => continue,
        };
        read += 1;
        let found = scheme.order(a, b);
        if found != expected || scheme.order(b, a) != expected.reverse() {
            wrong.push(format!("{line}: found {found:?}"));
        }
    }
    (read, wrong)
}

#[test]
fn own_fixtures_agree() {
    for (scheme, names) in SCHEMES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/version/{}.txt", names[0]));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (read, wrong) = check_lines(*scheme, &text);
        assert!(read >= 5, "{}: only {read} lines", names[0]);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", names[0]);
    }
}

#[test]
fn public_vectors_agree() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    // The share of lines that may differ, in thousandths: apk versions that apk itself calls
    // invalid, `#` in PHP versions, and `1-ga-1`, which Maven's description and program disagree on.
    for (scheme, file, allowed) in [
        (Scheme::Dpkg, "debian", 0),
        (Scheme::Rpm, "redhat", 0),
        (Scheme::SemVer, "semver", 0),
        (Scheme::Pep440, "pypi", 0),
        (Scheme::Maven, "maven", 10),
        (Scheme::Apk, "alpine", 15),
        (Scheme::Gem, "rubygems", 10),
        (Scheme::NuGet, "nuget", 10),
        (Scheme::Composer, "packagist", 15),
    ] {
        for name in [format!("{file}-versions.txt"), format!("{file}-versions-generated-part.txt.gz")] {
            let path = Path::new(&data).join("vectors/semantic").join(&name);
            if !path.exists() {
                continue;
            }
            let (read, wrong) = check_lines(scheme, &content(&path));
            println!("{name}: {} of {read} agree {:?}", read - wrong.len(), wrong.iter().take(20).collect::<Vec<_>>());
            assert!(wrong.len() * 1000 <= read * allowed, "{name}: {wrong:#?}");
        }
    }
}

#[cfg(feature = "advisories")]
fn content(path: &Path) -> String {
    let mut text = String::new();
    tripoint_unpack::entries(
        tripoint_unpack::Source::Path(path),
        "vectors",
        &tripoint_unpack::Limits::default(),
        &mut |_, content| {
            content.read_to_string(&mut text).expect("text");
            std::ops::ControlFlow::Continue(())
        },
    )
    .expect("vectors");
    text
}

#[cfg(not(feature = "advisories"))]
fn content(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[derive(serde::Deserialize)]
struct VersFile {
    tests: Vec<VersTest>,
}

/// One test of the vers specification; shapes differ by `test_type`.
#[derive(serde::Deserialize)]
struct VersTest {
    test_type: String,
    input: serde_json::Value,
    #[serde(default)]
    expected_output: serde_json::Value,
}

#[test]
fn public_vers_tests_agree() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let mut asked = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(Path::new(&data).join("vectors/vers")).expect("vers").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("vers file");
        let file: VersFile = serde_json::from_str(&text).expect("vers tests");
        for test in file.tests {
            let text = |key: &str| test.input.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
            let found = match test.test_type.as_str() {
                "comparison" | "equality" => {
                    let Some(scheme) = Scheme::from_name(&text("input_scheme")) else { continue };
                    let mut versions: Vec<String> =
                        serde_json::from_value(test.input["versions"].clone()).expect("versions");
                    if test.test_type == "equality" {
                        serde_json::json!(scheme.order(&versions[0], &versions[1]).is_eq())
                    } else {
                        versions.sort_by(|a, b| scheme.order(a, b));
                        let wanted: Vec<String> =
                            serde_json::from_value(test.expected_output.clone()).expect("versions");
                        // The specification prints versions normalised: equal is enough.
                        if versions.iter().zip(&wanted).all(|(a, b)| scheme.order(a, b).is_eq()) {
                            test.expected_output.clone()
                        } else {
                            serde_json::json!(versions)
                        }
                    }
                }
                "containment" => {
                    let range = text("vers");
                    let named = range.trim_start_matches("vers:").split('/').next().unwrap_or_default().to_owned();
                    if Scheme::from_name(&named).is_none() {
                        continue;
                    }
                    serde_json::json!(satisfies(&named, &text("version"), &range).ok())
                }
                _ => continue,
            };
            asked += 1;
            if found != test.expected_output {
                wrong.push(format!(
                    "{} {}: found {found}, expected {}",
                    test.test_type, test.input, test.expected_output
                ));
            }
        }
    }
    println!("vers: {} of {asked} agree", asked - wrong.len());
    assert!(wrong.len() * 100 <= asked, "{wrong:#?}");
}

#[test]
fn names_are_unique_and_unknown_ones_refused() {
    let mut names: Vec<_> = SCHEMES.iter().flat_map(|(_, names)| names.iter()).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
    assert_eq!(compare("Debian:12", "1", "2"), Ok(Ordering::Less));
    assert!(matches!(compare("vms", "1", "2"), Err(VersionError::UnknownScheme(_))));
    for bad in ["", " ", "a:1", "1:", "99999999999:1", "1 2", "1\u{7}", "1_2"] {
        assert!(compare("dpkg", bad, "1").is_err(), "{bad:?}");
    }
}

/// Texts that look like versions, and some that do not.
fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "([0-9]{1,2}:)?[0-9]{1,3}(\\.[0-9]{1,2}){0,3}([-~+_.^](alpha|beta|rc|dev|post|p|deb12u|final|sp)?[0-9]{0,2}){0,3}",
        1 => "[0-9a-z.~+:_-]{0,10}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_order_is_antisymmetric(a in version(), b in version()) {
        for scheme in ALL {
            prop_assert_eq!(scheme.order(&a, &a), Ordering::Equal, "{:?}", scheme);
            prop_assert_eq!(scheme.order(&a, &b), scheme.order(&b, &a).reverse(), "{:?}", scheme);
        }
    }

    #[test]
    fn every_order_is_transitive(a in version(), b in version(), c in version()) {
        for scheme in ALL {
            // Maven's, PHP's and pacman's own orders are not transitive over arbitrary text.
            if matches!(scheme, Scheme::Maven | Scheme::Composer | Scheme::Pacman) {
                continue;
            }
            let mut sorted = [&a, &b, &c];
            sorted.sort_by(|x, y| scheme.order(x, y));
            prop_assert!(scheme.order(sorted[0], sorted[2]).is_le(), "{:?} {:?}", scheme, sorted);
            if scheme.order(&a, &b).is_eq() {
                prop_assert_eq!(scheme.order(&a, &c), scheme.order(&b, &c), "{:?}", scheme);
            }
        }
    }

    #[test]
    fn maven_is_transitive_over_usual_versions(
        all in proptest::collection::vec("[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(-(alpha|beta|rc|SNAPSHOT)-?[0-9]?)?", 3)
    ) {
        let order = |a: &str, b: &str| Scheme::Maven.order(a, b);
        let mut sorted = all.clone();
        sorted.sort_by(|x, y| order(x, y));
        prop_assert!(order(&sorted[0], &sorted[2]).is_le(), "{:?}", sorted);
    }

    #[test]
    fn no_text_panics(a in ".{0,40}", range in ".{0,40}") {
        for (scheme, names) in SCHEMES {
            let _ = scheme.order(&a, &range);
            let _ = compare(names[0], &a, &range);
            let _ = satisfies(names[0], &a, &range);
        }
    }
}

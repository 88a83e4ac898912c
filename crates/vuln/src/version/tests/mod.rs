//! Is every order total, and does each agree with its rules line by line?

mod oracle;
mod vectors;
mod vers;

use proptest::prelude::*;

use super::*;

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

fn all() -> impl Iterator<Item = Scheme> {
    SCHEMES.iter().map(|(scheme, _)| *scheme)
}

/// Texts that look like versions, and some that do not.
fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "([0-9]{1,2}:)?[0-9]{1,3}(\\.[0-9]{1,2}){0,3}([-~+_.^](alpha|beta|rc|dev|post|p|deb12u|final|sp)?[0-9]{0,2}){0,3}",
        1 => "[0-9a-z.~+:_-]{0,10}",
    ]
}

/// What versions look like in each ecosystem. Pacman's have a release always: one without equals
/// every release of it, and no order can be transitive over that.
const USUAL: &[(Scheme, &str)] = &[
    (
        Scheme::Dpkg,
        "([0-2]:)?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}([~+](rc|deb|dfsg)[0-9]{0,2}){0,2}(-[0-9][a-z~+.0-9]{0,3})?",
    ),
    (Scheme::Rpm, "([0-2]:)?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}([~^](rc|git)[0-9]{0,2}){0,2}(-[0-9]{1,2}\\.(el|fc)[789])?"),
    (Scheme::Apk, "[0-9](\\.[0-9]{1,2}){0,2}[a-c]?(_(alpha|rc|p|git)[0-9]?){0,2}(-r[0-9])?"),
    (Scheme::Gentoo, "[0-9](\\.[0-9]{1,2}){0,2}[a-c]?(_(alpha|rc|p|pre)[0-9]?){0,2}(-r[0-9])?"),
    (Scheme::Maven, "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(-(alpha|beta|rc|SNAPSHOT)-?[0-9]?)?"),
    (Scheme::Composer, "v?[0-9]\\.[0-9]{1,2}\\.[0-9]{1,2}(-(dev|alpha|beta|RC|p)[0-9]?)?"),
    (Scheme::Pacman, "([0-2]:)?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(rc|beta|\\.r[0-9]\\.g[a-f]{2})?[0-9]?-[1-9]"),
    (Scheme::Generic, "v?[0-9](\\.[0-9]{1,2}){0,3}([a-z]{1,2}|-(rc|beta|alpha|dev)[0-9]?|p[0-9])?"),
    (Scheme::Conan, "(cci\\.)?[0-9](\\.[0-9]{1,2}[a-c]?){0,3}(-(rc|beta)?\\.?[0-9]?)?(\\+[a-z][0-9])?"),
    (Scheme::Pub, "[0-9]\\.[0-9]\\.[0-9]{1,2}(-(dev|rc)\\.[0-9])?(\\+[0-9a-z]{1,2})?"),
    (Scheme::Go, "v[0-2]\\.[0-9]\\.[0-9](-0\\.2024010[1-9]120000-[0-9a-f]{4}|-rc\\.[0-9])?(\\+incompatible)?"),
    (Scheme::DateTime, "20(00|01|24)-0[12]-[0-3][0-9]T[0-2][0-9]:00:00(\\.[0-9]{1,3})?(Z|[+-]0[0-9]:00)"),
];

fn usual() -> impl Strategy<Value = Vec<Vec<String>>> {
    USUAL.iter().map(|(_, grammar)| proptest::collection::vec(*grammar, 3)).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_order_is_antisymmetric(a in version(), b in version()) {
        for scheme in all() {
            prop_assert_eq!(scheme.order(&a, &a), Ordering::Equal, "{:?}", scheme);
            prop_assert_eq!(scheme.order(&a, &b), scheme.order(&b, &a).reverse(), "{:?}", scheme);
        }
    }

    #[test]
    fn every_order_is_transitive(a in version(), b in version(), c in version()) {
        for scheme in all() {
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
    fn every_order_is_transitive_over_usual_versions(texts in usual()) {
        for (at, (scheme, _)) in USUAL.iter().enumerate() {
            let three = &texts[at];
            let mut sorted = three.clone();
            sorted.sort_by(|x, y| scheme.order(x, y));
            prop_assert!(scheme.order(&sorted[0], &sorted[2]).is_le(), "{:?} {:?}", scheme, sorted);
            if scheme.order(&three[0], &three[1]).is_eq() {
                let (a, b) = (scheme.order(&three[0], &three[2]), scheme.order(&three[1], &three[2]));
                prop_assert_eq!(a, b, "{:?} {:?}", scheme, three);
            }
        }
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

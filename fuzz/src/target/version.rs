//! Is each order of versions an order, whatever the texts are, and can no range do harm?

use std::cmp::Ordering;

use tripoint_vuln::version::{SCHEMES, Scheme, Vers, compare, satisfies};

use super::Target;
use crate::seed;

/// Three texts on three lines, in the scheme of the first byte.
pub const ORDER: Target = Target { name: "version-order", run: order, seeds: order_seeds };
/// A version and a range on two lines.
pub const RANGE: Target = Target { name: "version-range", run: range, seeds: range_seeds };

fn order(data: &[u8]) {
    let Some((scheme, texts)) = split(data) else { return };
    let mut lines = texts.splitn(3, '\n');
    let [a, b, c] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let ordered = |x: &str, y: &str| scheme.order(x, y);
    for (x, y) in [(a, b), (b, c), (a, c)] {
        assert_eq!(ordered(x, y), ordered(y, x).reverse(), "{scheme:?} {x:?} {y:?}");
        assert_eq!(ordered(x, x), Ordering::Equal, "{scheme:?} {x:?}");
    }
    // As docs/reference/versions.md says of them.
    if matches!(scheme, Scheme::Maven | Scheme::Composer | Scheme::Pacman) {
        return;
    }
    for (x, y, z) in [(a, b, c), (b, c, a), (c, a, b), (a, c, b), (c, b, a), (b, a, c)] {
        if ordered(x, y).is_le() && ordered(y, z).is_le() {
            assert!(ordered(x, z).is_le(), "{scheme:?} {x:?} <= {y:?} <= {z:?}");
        }
    }
}

fn range(data: &[u8]) {
    let Some((scheme, texts)) = split(data) else { return };
    let (version, range) = texts.split_once('\n').unwrap_or((texts, texts));
    let Some((_, names)) = SCHEMES.iter().find(|(known, _)| *known == scheme) else { return };
    let _ = satisfies(names[0], version, range);
    let _ = compare(names[0], version, range);
    if let Ok(vers) = Vers::from_native(names[0], range) {
        let shown = vers.to_string();
        assert!(Vers::parse(&shown, false).is_ok(), "{range:?} became {shown:?}, which is not read");
    }
    if let Ok(vers) = Vers::parse(range, false) {
        assert!(Vers::parse(&vers.to_string(), false).is_ok_and(|again| again == vers), "{range:?} {vers}");
    }
}

fn split(data: &[u8]) -> Option<(Scheme, &str)> {
    let (first, rest) = data.split_first()?;
    let (scheme, _) = SCHEMES.get(usize::from(*first) % SCHEMES.len())?;
    Some((*scheme, std::str::from_utf8(rest).ok()?))
}

fn order_seeds() -> Vec<Vec<u8>> {
    const TEXTS: &[&str] = &[
        "1:2.0-1\n1:2.0~rc1-1\n2.0-1+deb12u1",
        "1.0~rc1-1.el9\n1.0^git1-1\n1.0-2",
        "1.2.3_rc1-r0\n1.2.3-r1\n1.2.3_p1",
        "1.0.0-alpha.1\n1.0.0-alpha.beta\n1.0.0+build",
        "1!2.0.post1\n2.0.dev1\n2.0rc1+local.1",
        "1.0-SNAPSHOT\n1.0-alpha-1\n1.0-sp",
        "v0.0.0-20240101120000-abcdef\nv1.0.0+incompatible\nv0.1.0",
        "2024-01-01T12:00:00Z\n2024-01-01T12:00:00+01:00\n2023-01-01T00:00:00.5Z",
    ];
    every_scheme(TEXTS)
}

fn range_seeds() -> Vec<Vec<u8>> {
    const TEXTS: &[&str] = &[
        "1.5\nvers:npm/>=1.0|<2.0|!=1.7",
        "1.5\n>=1.0, <2.0, !=1.5.*",
        "1.5\n[1.0,2.0),[3.0,)",
        "1.5\n^1.2.3 || ~2.0 || 1.x - 3",
        "1.5\n~> 1.4, >= 1.4.2",
        "1.5\n~=1.4.2; ===1.5",
    ];
    every_scheme(TEXTS)
}

fn every_scheme(texts: &[&str]) -> Vec<Vec<u8>> {
    let schemes = 0..SCHEMES.len();
    schemes.flat_map(|scheme| texts.iter().map(move |text| seed::chosen(scheme, text.as_bytes()))).collect()
}

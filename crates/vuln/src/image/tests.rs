//! Does the image answer as a plain walk over all advisories would, and survive any offsets?

use std::collections::BTreeSet;

use proptest::prelude::*;
use tripoint_model::{Ecosystem, FindingState};

use super::write::Builder;
use super::*;
use crate::advisory::{Advisory, Affected, Authority, Statement};
use crate::evaluate;
use crate::subject::{Asked, NameKind};
use crate::version::Scheme;

const ECOSYSTEMS: [Ecosystem; 3] = [Ecosystem::Debian, Ecosystem::PyPI, Ecosystem::Npm];

fn affected() -> impl Strategy<Value = Affected> {
    let version = || "[0-9]\\.[0-9](-[0-9])?";
    let range = proptest::collection::vec((0_u8..4, version()), 1..5);
    (
        0_usize..3,
        "(|11|12)",
        "[a-c]",
        proptest::collection::vec(range, 0..3),
        proptest::collection::vec(version(), 0..3),
    )
        .prop_map(|(ecosystem, release, name, mut ranges, versions)| {
            let ecosystem = ECOSYSTEMS[ecosystem];
            for range in &mut ranges {
                evaluate::sort(Scheme::of(ecosystem), range);
            }
            Affected { ranges, versions, ..Affected::new(ecosystem, &release, &name) }
        })
}

/// What the OSV schema says, without index or encoding.
fn naive(all: &[Advisory], ecosystem: Ecosystem, release: &str, name: &str, version: &str) -> BTreeSet<String> {
    let scheme = Scheme::of(ecosystem);
    let hits = |affected: &Affected| {
        let speaks = affected.ecosystem == ecosystem
            && affected.name == name
            && (affected.release.is_empty() || release.is_empty() || affected.release == release);
        let in_range = |range: &Vec<(u8, String)>| evaluate::is_affected(scheme, version, range);
        let listed = |listed: &String| scheme.order(version, listed).is_eq();
        speaks && (affected.ranges.iter().any(in_range) || affected.versions.iter().any(listed))
    };
    all.iter().filter(|advisory| advisory.affected.iter().any(hits)).map(|advisory| advisory.id.clone()).collect()
}

fn asked<'a>(ecosystem: Ecosystem, release: &'a str, name: &'a str, version: &'a str) -> Asked<'a> {
    Asked { ecosystem, release, name, version, kind: NameKind::Any, module: None, arch: "" }
}

fn build(all: &[Advisory]) -> Vec<u8> {
    let mut builder = Builder::default();
    for advisory in all {
        builder.add("test", &Statement::Advisory(Box::new(advisory.clone()))).expect("small");
    }
    builder.finish(Timestamp(1)).expect("small")
}

fn fixed(name: &str, authority: Authority, cves: &[&str], fix: &str) -> Advisory {
    Advisory {
        id: format!("{name}-{authority:?}"),
        cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
        authority,
        affected: vec![Affected::new(Ecosystem::Debian, "12", name).below(fix)],
        ..Advisory::default()
    }
}

#[test]
fn the_keeper_has_the_last_word() {
    let mut not = fixed("quiet", Authority::Keeper, &["CVE-2026-1"], "");
    not.affected[0].state = FindingState::NotAffected;
    let all = [
        fixed("demo", Authority::Converted, &["CVE-2026-1", "CVE-2026-2"], "9"),
        fixed("demo", Authority::Upstream, &["CVE-2026-1", "CVE-2026-2"], "99"),
        fixed("demo", Authority::Keeper, &["CVE-2026-1"], "2"),
        fixed("quiet", Authority::Converted, &["CVE-2026-1"], "9"),
        not,
    ];
    let database = Database::open(Arc::new(build(&all))).expect("valid");
    let found = |name: &str, version: &str| -> Vec<(String, Vec<String>)> {
        let answer = crate::query::query(&database, "Debian:bookworm", name, version);
        answer
            .findings
            .into_iter()
            .map(|finding| (finding.id.to_owned(), finding.cves.into_iter().map(str::to_owned).collect()))
            .collect()
    };
    let one = |id: &str, cve: &str| (id.to_owned(), vec![cve.to_owned()]);
    assert_eq!(found("demo", "1"), [one("demo-Converted", "CVE-2026-2"), one("demo-Keeper", "CVE-2026-1")]);
    assert_eq!(found("demo", "3"), [one("demo-Converted", "CVE-2026-2")]);
    let answer = crate::query::query(&database, "Debian:12", "quiet", "1");
    assert!(answer.cves.is_empty() && answer.findings.len() == 1, "{answer:?}");
    assert_eq!(answer.findings[0].state, FindingState::NotAffected);
}

/// A keeper that names its architectures is still the keeper; a copy of its word without them is not asked.
#[test]
fn the_keepers_architectures_do_not_weaken_its_word() {
    let mut keeper = fixed("demo", Authority::Keeper, &["CVE-2026-1"], "2");
    keeper.affected[0].arch = "aarch64,x86_64".to_owned();
    let all = [fixed("demo", Authority::Converted, &["CVE-2026-1"], "9"), keeper];
    let database = Database::open(Arc::new(build(&all))).expect("valid");
    let answer = crate::query::query(&database, "Debian:12", "demo", "3");
    assert!(answer.findings.is_empty(), "{answer:?}");
    let asked = |arch: &str| {
        let purl = format!("pkg:deb/debian/demo@1?arch={arch}&distro=debian-12");
        crate::query::query_purl(&database, &purl).cves.len()
    };
    assert_eq!(["x86_64", "aarch64", "s390x", "source"].map(asked), [1, 1, 0, 1]);
}

/// Makes every checksum right again, so that only the bounds checks stand between a reader and
/// whatever the bytes say.
fn seal(image: &mut [u8]) {
    for section in 0..SECTIONS {
        let at = 24 + section * 24;
        let number = |from: usize| u64::from_le_bytes(image[from..from + 8].try_into().expect("eight bytes"));
        let (start, len) = (number(at + 8), number(at + 16));
        let body = usize::try_from(start).ok().zip(usize::try_from(len).ok());
        let Some(body) = body.and_then(|(start, len)| image.get(start..start.checked_add(len)?)) else {
            continue;
        };
        let crc = crc32fast::hash(body);
        image[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32fast::hash(&image[..HEADER_BYTES - 4]);
    image[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_agrees_with_a_plain_walk(
        all in proptest::collection::vec(proptest::collection::vec(affected(), 1..4), 0..12),
        version in "[0-9]\\.[0-9](-[0-9])?",
    ) {
        let all: Vec<Advisory> = all.into_iter().enumerate()
            .map(|(at, affected)| Advisory { id: format!("X-{at}"), affected, ..Advisory::default() })
            .collect();
        let database = Database::open(Arc::new(build(&all))).expect("valid");
        for ecosystem in ECOSYSTEMS {
            for release in ["", "11", "12"] {
                for name in ["a", "b", "c", "d"] {
                    let found: BTreeSet<String> = database.hits(&asked(ecosystem, release, name, &version)).iter()
                        .filter_map(|hit| database.advisory(hit.advisory)).map(|advisory| advisory.id.to_owned()).collect();
                    prop_assert_eq!(found, naive(&all, ecosystem, release, name, &version));
                }
            }
        }
    }

    #[test]
    fn wrong_offsets_under_right_checksums_are_harmless(
        affected in affected(), at in 0_usize..2000, byte in any::<u8>(), wide in any::<bool>(),
    ) {
        let advisory = Advisory { id: "CVE-2026-1".into(), cves: vec!["CVE-2026-1".into()], affected: vec![affected.clone()], ..Advisory::default() };
        let mut image = build(&[advisory]);
        let at = at % image.len();
        image[at] = byte;
        if wide {
            let end = (at + 4).min(image.len());
            image[at..end].fill(byte);
        }
        seal(&mut image);
        if let Ok(database) = Database::open(Arc::new(image)) {
            let _ = database.hits(&asked(affected.ecosystem, "", &affected.name, "1.0"));
            let _ = crate::query::lookup_cve(&database, "CVE-2026-1");
            let _ = (database.sources(), database.packages());
        }
    }
}

/// Fails when a bit that turned in an image, or a cut, is opened and answers.
#[test]
fn d8_an_image_that_is_not_what_was_written_is_not_opened() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().expect("a number"));
    let all: Vec<Advisory> =
        (0..40).map(|number| fixed(&format!("demo{number}"), Authority::Keeper, &["CVE-2026-1"], "2")).collect();
    let image = build(&all);
    for flip in 0..flips {
        let bit = flip.wrapping_mul(2_654_435_761) % (image.len() * 8);
        let mut turned = image.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        assert!(Database::open(Arc::new(turned)).is_err(), "bit {bit}");
    }
    for percent in 0..100 {
        assert!(Database::open(Arc::new(image[..image.len() * percent / 100].to_vec())).is_err(), "{percent} %");
    }
    println!("{flips} of {flips} turned bits found, 100 of 100 cuts");
}

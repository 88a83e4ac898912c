//! Does a delta give the very bytes that were built, and nothing at all when it is not whole?

use std::io;
use std::sync::Arc;

use proptest::prelude::*;
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Source, Timestamp};

use super::*;
use crate::guardlist::Purpose;
use crate::image::{Builder, ImageBytes};

/// What an image is built from.
#[derive(Clone, Debug)]
struct Said {
    feeds: Vec<(String, Vec<Indicator>)>,
    guards: Vec<(String, Vec<String>)>,
    built: i64,
}

fn image(said: &Said) -> ImageBytes {
    let mut builder = Builder::default();
    for (name, indicators) in &said.feeds {
        let feed = builder.feed(name).unwrap();
        let origins = if name.len() % 2 == 0 { vec![format!("of {name}")] } else { Vec::new() };
        builder.source(feed, Source { origins, ..Source::default() });
        indicators.iter().for_each(|indicator| builder.add(feed, indicator));
    }
    for (name, entries) in &said.guards {
        let list = builder.guard_list(name, Purpose::Guard).unwrap();
        for entry in entries {
            match entry.parse() {
                Ok(net) => builder.guard_net(list, net),
                Err(_) => builder.guard_name(list, entry, entry.len() % 2 == 0),
            }
        }
    }
    Arc::new(builder.finish(Timestamp(said.built)))
}

fn bytes(image: &ImageBytes) -> &[u8] {
    (**image).as_ref()
}

fn applied(base: &ImageBytes, delta: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    apply(base, delta, &mut out).unwrap();
    out
}

fn observables() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4_u8, 0..6_u8).prop_map(|(c, d)| format!("203.0.{c}.{d}")),
        (0..3_u8, 20..=32_u8).prop_map(|(c, length)| masked(&format!("203.0.{c}.77/{length}"))),
        (0..3_u8, 80..83_u16).prop_map(|(d, port)| format!("203.0.1.{d}:{port}")),
        (0..3_u8, 30..=128_u8).prop_map(|(d, length)| masked(&format!("2001:db8:{d}::{d}/{length}"))),
        (0..3_u8).prop_map(|d| format!("[2001:db8::{d}]:443")),
        "[a-c]{1,3}\\.example".prop_map(|name| name),
    ]
}

fn masked(net: &str) -> String {
    let net: ipnet::IpNet = net.parse().unwrap();
    net.trunc().to_string()
}

fn indicators() -> impl Strategy<Value = Indicator> {
    let times = prop::option::of(0..4_i64);
    (observables(), 0..3_u8, prop::collection::vec("[ab]{1,2}", 0..3), times).prop_map(|(text, sure, labels, seen)| {
        let mut indicator =
            Indicator::new(text.parse::<Observable>().unwrap(), Category::C2, AppliesTo::Out, sure * 40);
        indicator.cves = labels.iter().take(1).map(|label| format!("CVE-2024-{label}")).collect();
        indicator.labels = labels;
        indicator.last_seen = seen.map(Timestamp);
        indicator
    })
}

fn said() -> impl Strategy<Value = Said> {
    let feeds = prop::collection::btree_map("[a-d]{1,2}", prop::collection::vec(indicators(), 0..12), 0..4);
    let entry = prop_oneof![
        (0..4_u8, 8..=32_u8).prop_map(|(c, length)| masked(&format!("203.0.{c}.1/{length}"))),
        (0..4_u8, 20..=128_u8).prop_map(|(c, length)| masked(&format!("2001:db8:{c}::/{length}"))),
        "[a-c]{1,3}\\.example".prop_map(|name| name),
    ];
    let guards = prop::collection::btree_map("[g-i]", prop::collection::vec(entry, 0..6), 0..3);
    (feeds, guards, 0..9_i64).prop_map(|(feeds, guards, built)| Said {
        feeds: feeds.into_iter().collect(),
        guards: guards.into_iter().collect(),
        built,
    })
}

proptest! {
    // An image has six fixed sections of a megabyte and more.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_image_becomes_any_other_byte_by_byte(a in said(), b in said(), c in said()) {
        let [a, b, c] = [a, b, c].map(|said| image(&said));
        let (first, second) = (make(&a, &b).unwrap(), make(&b, &c).unwrap());
        let middle = applied(&a, &first);
        prop_assert!(middle == bytes(&b));
        let middle: ImageBytes = Arc::new(middle);
        prop_assert!(applied(&middle, &second) == bytes(&c));
        prop_assert!(make(&a, &b).unwrap() == first, "the same twice");
        prop_assert!(applied(&a, &make(&a, &a).unwrap()) == bytes(&a));
    }

    #[test]
    fn what_is_put_into_the_body_is_an_error_and_no_panic(
        a in said(), b in said(), at in any::<prop::sample::Index>(), with in any::<[u8; 3]>(),
    ) {
        let (a, b) = (image(&a), image(&b));
        let delta = make(&a, &b).unwrap();
        let changed = rebodied(&delta, |body| {
            let at = at.index(body.len());
            let end = (at + 3).min(body.len());
            body[at..end].copy_from_slice(&with[..end - at]);
        });
        if let Err(error) = apply(&a, &changed, &mut io::sink()) {
            prop_assert!(!matches!(error, DeltaError::Write(_)), "{error}");
        } else {
            prop_assert!(changed == delta || applied(&a, &changed) == bytes(&b));
        }
    }
}

/// The delta with another body, its checksum and lengths right.
fn rebodied(delta: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut body = Vec::new();
    flate2::read::DeflateDecoder::new(&delta[HEADER_BYTES..delta.len() - 4]).read_to_end(&mut body).unwrap();
    change(&mut body);
    let mut out = delta[..HEADER_BYTES].to_vec();
    out[84..92].copy_from_slice(&(body.len() as u64).to_le_bytes());
    let mut packer = flate2::write::DeflateEncoder::new(out, flate2::Compression::new(6));
    packer.write_all(&body).unwrap();
    sealed(packer.finish().unwrap())
}

fn sealed(mut delta: Vec<u8>) -> Vec<u8> {
    delta.extend_from_slice(&crc32fast::hash(&delta).to_le_bytes());
    delta
}

fn one(text: &str, sure: u8) -> Indicator {
    Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, sure)
}

fn small() -> (ImageBytes, ImageBytes) {
    let list = |entries: &[(&str, u8)]| entries.iter().map(|(text, sure)| one(text, *sure)).collect();
    let before = Said {
        feeds: vec![
            ("alpha".into(), list(&[("203.0.113.1", 50), ("203.0.113.2", 50), ("old.example", 50)])),
            ("beta".into(), list(&[("2001:db8::/48", 70), ("203.0.113.2:443", 70)])),
        ],
        guards: vec![("cdn".into(), vec!["198.51.100.0/24".into()])],
        built: 1,
    };
    let after = Said {
        feeds: vec![
            ("alpha".into(), list(&[("203.0.113.2", 50), ("203.0.113.3", 50), ("new.example", 50)])),
            ("beta".into(), list(&[("2001:db8::/48", 80), ("203.0.113.2:443", 80)])),
        ],
        guards: vec![("cdn".into(), vec!["198.51.100.0/24".into(), "cdn.example".into()])],
        built: 2,
    };
    (image(&before), image(&after))
}

#[test]
fn a_small_delta_is_the_golden_one_and_says_what_differs() {
    let (before, after) = small();
    let delta = make(&before, &after).unwrap();
    let header = Header::read(&delta).unwrap();
    assert_eq!((header.added, header.removed, header.changed), (2, 2, 2));
    assert_eq!(header.target_length, bytes(&after).len() as u64);
    // The body as it is before it is deflated: another deflater is no other format.
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/image_delta/small.golden");
    let mut body = Vec::new();
    rebodied(&delta, |plain| body.clone_from(plain));
    let text: String = body
        .chunks(16)
        .map(|row| format!("{}\n", row.iter().map(|b| format!("{b:02x}")).collect::<String>()))
        .collect();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&golden).unwrap_or_default(), text, "run with UPDATE=1");
}

#[test]
fn every_byte_counts_and_every_cut_is_noticed() {
    let (before, after) = small();
    let delta = make(&before, &after).unwrap();
    for at in 0..delta.len() {
        let mut flipped = delta.clone();
        flipped[at] ^= 1;
        assert!(Header::read(&flipped).is_err(), "byte {at}");
        assert!(Header::read(&delta[..at]).is_err(), "cut at {at}");
    }
    assert!(matches!(apply(&after, &delta, &mut io::sink()), Err(DeltaError::WrongBase { .. })));
    let nothing: ImageBytes = Arc::new(Vec::new());
    assert!(matches!(apply(&nothing, &delta, &mut io::sink()), Err(DeltaError::WrongBase { .. })));
}

#[test]
fn what_states_to_be_large_is_refused_before_it_takes_memory() {
    let (before, after) = small();
    let delta = make(&before, &after).unwrap();
    let stating = |at: usize, number: u64| {
        let mut delta = delta[..delta.len() - 4].to_vec();
        delta[at..at + 8].copy_from_slice(&number.to_le_bytes());
        apply(&before, &sealed(delta), &mut io::sink()).unwrap_err()
    };
    assert!(matches!(stating(76, u64::MAX), DeltaError::TooLarge("image", _)));
    assert!(matches!(stating(84, u64::MAX), DeltaError::TooLarge("body", _)));
    assert!(matches!(stating(84, 1), DeltaError::Damaged(_)));
    assert!(matches!(stating(76, 100), DeltaError::Damaged("it gives more than it states")));
    assert!(matches!(stating(76, 1 << 29), DeltaError::TooLarge("image", _)));
    assert!(matches!(stating(76, 1 << 26), DeltaError::WrongTarget));
    let mut version = delta[..delta.len() - 4].to_vec();
    version[8] = 9;
    assert!(matches!(apply(&before, &sealed(version), &mut io::sink()), Err(DeltaError::Version(9))));
    // A bomb: a body of zeros that deflates to next to nothing.
    let bomb = rebodied(&delta, |body| *body = vec![0; DELTA_BYTES_MAX + 1]);
    assert!(matches!(apply(&before, &bomb, &mut io::sink()), Err(DeltaError::TooLarge("body", _))));
}

#[test]
fn a_feed_that_only_says_otherwise_costs_no_more_than_what_it_says() {
    let address = |at: u32| std::net::Ipv4Addr::from(0x0500_0000 + at * 77).to_string();
    let feed = |sure| -> Vec<Indicator> { (0..2000).map(|at| one(&address(at), sure)).collect() };
    let said = |sure: u8, seen: i64| Said {
        feeds: vec![("dated".into(), {
            let mut all = feed(sure);
            all.iter_mut().zip(0..).for_each(|(one, at)| one.last_seen = Some(Timestamp(seen + at)));
            all
        })],
        guards: Vec::new(),
        built: 1,
    };
    let (before, after) = (image(&said(50, 0)), image(&said(50, 86_400_000_000)));
    let delta = make(&before, &after).unwrap();
    let header = Header::read(&delta).unwrap();
    assert_eq!((header.added, header.removed, header.changed), (0, 0, 2000));
    assert!(delta.len() < 1000, "{} bytes for 2000 dates that moved alike", delta.len());
}

//! Does the index agree with a naive list, and does it survive damaged images?

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;
use tripoint_model::confidence::{Percent, total_to_act_on};
use tripoint_model::{
    AppliesTo, Category, Claim, Direction, Indicator, IndicatorLookup, Meeting, Observable, Source, Timestamp,
};

use super::Index;
use crate::image::Builder;

fn index(claims: &[(&str, Indicator)]) -> Index {
    Index::open(Arc::new(image(claims))).unwrap()
}

fn image(claims: &[(&str, Indicator)]) -> Vec<u8> {
    let mut builder = Builder::default();
    let mut feeds: Vec<&str> = claims.iter().map(|(feed, _)| *feed).collect();
    feeds.sort_unstable();
    feeds.dedup();
    for feed in feeds {
        let number = builder.feed(feed).unwrap();
        for (_, indicator) in claims.iter().filter(|(own, _)| *own == feed) {
            builder.add(number, indicator);
        }
    }
    builder.finish(Timestamp(7))
}

fn bad(text: &str) -> Indicator {
    Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 80)
}

#[test]
fn every_word_of_a_claim_comes_back() {
    let mut full = bad("203.0.113.66:443");
    full.first_seen = Some(Timestamp(-5));
    full.valid_until = Some(Timestamp(9));
    full.labels = vec!["one".into(), "two".into()];
    full.cves = vec!["CVE-2021-44228".into()];
    let index = index(&[
        ("b", full.clone()),
        ("b", full),
        ("a", bad("203.0.113.0/24")),
        ("a", bad("Bad.example.")),
        ("a", bad("2001:db8::/32")),
    ]);
    assert_eq!(index.len(), 4);
    assert_eq!(index.feeds(), ["a", "b"]);
    let claims = index.claims("203.0.113.66".parse().unwrap(), 443);
    let shown: Vec<String> = claims.iter().map(|claim| format!("{} {}", claim.feed, claim.matched)).collect();
    assert_eq!(shown, ["a 203.0.113.0/24", "b 203.0.113.66:443"]);
    assert_eq!(claims[1].port, Some(443));
    assert_eq!(claims[1].first_seen, Some(Timestamp(-5)));
    assert_eq!((claims[1].last_seen, claims[1].valid_until), (None, Some(Timestamp(9))));
    assert_eq!(claims[1].labels, ["one", "two"]);
    assert_eq!(claims[1].cves, ["CVE-2021-44228"]);
    assert_eq!(index.claims("203.0.113.66".parse().unwrap(), 80).len(), 1);
    assert_eq!(index.claims_any_port("203.0.113.66".parse().unwrap()).len(), 2);
    assert_eq!(index.claims("2001:db8:5::1".parse().unwrap(), 80).len(), 1);
    assert_eq!(index.claims_for_name("BAD.example").len(), 1);
    assert!(index.claims_for_name("sub.bad.example").is_empty());
    assert!(index.is_listed("203.0.113.66".parse().unwrap()));
}

#[test]
fn damaged_images_are_errors() {
    let image = image(&[("a", bad("203.0.113.66")), ("a", bad("bad.example"))]);
    let mut broken = image.clone();
    // Every byte of the header and the small sections, then samples of the large ones.
    for at in (0..2048).chain((2048..image.len()).step_by(4099)) {
        broken[at] ^= 0x10;
        assert!(Index::open(Arc::new(broken.clone())).is_err(), "flip at {at}");
        broken[at] = image[at];
    }
    for length in (0..1024).chain((1024..image.len()).step_by(99_991)) {
        assert!(Index::open(Arc::new(image[..length].to_vec())).is_err(), "cut at {length}");
    }
}

/// Fails when an image in which a bit turned, or that was cut, is opened.
#[test]
fn d8_an_image_that_is_not_what_was_written_is_not_opened() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
    let whole = image(&[("a", bad("203.0.113.66")), ("a", bad("2001:db8::/32")), ("a", bad("bad.example"))]);
    let mut bytes = whole.clone();
    for flip in 0..flips {
        // Most of it is tables: every other one where the claims are.
        let bits = if flip % 2 == 0 { whole.len() * 8 } else { 4096 * 8 };
        let bit = flip.wrapping_mul(2_654_435_761) % bits;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Index::open(Arc::new(bytes.clone())).is_err(), "bit {bit}");
        bytes[bit / 8] = whole[bit / 8];
    }
    for percent in 0..100 {
        assert!(Index::open(Arc::new(whole[..whole.len() * percent / 100].to_vec())).is_err(), "cut at {percent} %");
    }
    println!("{flips} of {flips} turned bits found, 100 of 100 cuts");
}

#[test]
fn an_empty_image_answers() {
    let index = index(&[]);
    assert!(index.is_empty());
    assert!(index.claims("203.0.113.66".parse().unwrap(), 1).is_empty());
    assert!(index.claims_for_name("bad.example").is_empty());
}

fn observable() -> impl Strategy<Value = Observable> {
    let v4 = (0_u32..2048).prop_map(|low| IpAddr::from(std::net::Ipv4Addr::from(0x0500_0000 | low)));
    let v6 = (0_u128..64, any::<bool>()).prop_map(|(low, far)| {
        IpAddr::from(std::net::Ipv6Addr::from((0x2a00_u128 << 112) | (low << 76) | if far { low } else { 0 }))
    });
    (prop_oneof![v4, v6], 0_u8..=24, prop::option::of(1_u16..4)).prop_map(|(address, short, port)| match port {
        Some(port) => Observable::AddressPort(address, port),
        None => {
            let full = if address.is_ipv4() { 32 } else { 128 };
            let by = if address.is_ipv4() { short } else { short * 4 };
            Observable::from_net(IpNet::new(address, full - by).unwrap().trunc())
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn agrees_with_a_naive_list(list in prop::collection::vec((0_usize..3, observable()), 0..40)) {
        let feeds = ["a", "b", "c"];
        let claims: Vec<(&str, Indicator)> = list
            .iter()
            .map(|(feed, observable)| (feeds[*feed], Indicator::new(observable.clone(), Category::C2, AppliesTo::Both, 50)))
            .collect();
        let index = index(&claims);
        let asked = claims.iter().filter_map(|(_, indicator)| indicator.observable.net()).flat_map(|net| {
            [net.network(), net.broadcast(), IpAddr::from([5, 0, 3, 9])]
        });
        for address in asked {
            for port in 0..4 {
                let mut naive: Vec<(&str, Observable)> = claims
                    .iter()
                    .filter(|(_, indicator)| indicator.observable.matches(address, port))
                    .map(|(feed, indicator)| (*feed, indicator.observable.clone()))
                    .collect();
                naive.sort();
                naive.dedup();
                let found = index.claims(address, port);
                let found: Vec<(&str, Observable)> = found.iter().map(|claim| (claim.feed.as_str(), claim.matched.clone())).collect();
                prop_assert_eq!(found, naive, "{} {}", address, port);
            }
        }
    }
}

/// Fails when what one feed states decides, and not what is left of all claims together.
#[test]
fn what_is_refused_ahead_is_decided_by_the_sum() {
    let day = 86_400_000_000;
    let now = Timestamp(400 * day);
    let mut builder = Builder::default();
    let [a, b, weak] = ["a", "b", "weak"].map(|name| builder.feed(name).unwrap());
    builder.source(weak, Source { reliability: Percent(50), ..Source::default() });
    let bad = |text: &str, sure| Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, sure);
    // Two lists of 70 suffice together, one of 95 that saw it long ago does not, nor one that is right half the time.
    builder.add(a, &bad("203.0.113.1", 70));
    builder.add(b, &bad("203.0.113.1", 70));
    builder.add(a, &Indicator { last_seen: Some(Timestamp(0)), ..bad("203.0.113.2", 95) });
    builder.add(weak, &bad("203.0.113.3", 95));
    builder.add(a, &bad("203.0.113.4", 80));
    builder.add(a, &bad("203.0.113.5", 79));
    // A network around an address counts, a port of it does not, and an end ends.
    builder.add(a, &bad("203.0.113.64/26", 50));
    builder.add(b, &bad("203.0.113.65", 65));
    builder.add(a, &bad("203.0.113.6:443", 99));
    builder.add(b, &bad("203.0.113.6", 70));
    builder.add(a, &Indicator { valid_until: Some(now), ..bad("203.0.113.7", 99) });
    // Called by clients only, and both ways by a category of clients.
    builder.add(a, &Indicator { direction: AppliesTo::In, ..bad("203.0.113.8", 99) });
    builder.add(a, &Indicator { direction: AppliesTo::Both, category: Category::Scanner, ..bad("203.0.113.9", 99) });
    for text in ["2001:db8::1", "2001:db8::2"] {
        builder.add(a, &bad(text, 70));
    }
    builder.add(b, &bad("2001:db8::/64", 70));
    builder.add_through(b, 64500, &["203.0.113.128/25".parse().unwrap()], bad("203.0.113.0", 99));
    builder.add(a, &bad("203.0.113.130", 70));
    let index = Index::open(Arc::new(builder.finish(now))).unwrap();
    let ahead: Vec<String> = index.enforceable(80, now).iter().map(ToString::to_string).collect();
    assert_eq!(ahead, ["203.0.113.1", "203.0.113.4", "203.0.113.65", "2001:db8::1", "2001:db8::2"]);
    // The quick way and the whole sum say the same.
    for sure in 0..=100 {
        for address in index.enforceable(sure, now) {
            let claims = index.claims_any_port(address);
            let own: Vec<&Claim> = claims.iter().filter(|claim| claim.port.is_none()).collect();
            let meeting = Meeting { direction: Some(Direction::Outbound), ..Meeting::at(now) };
            assert!(total_to_act_on(&own, &meeting) >= sure, "{address} at {sure}");
        }
    }
}

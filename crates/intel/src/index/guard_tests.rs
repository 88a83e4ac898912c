//! Do the guard lists of an image agree with a naive walk over all their entries?

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;
use tripoint_model::address::{canonical_net, overlaps};
use tripoint_model::{AppliesTo, Category, GuardHit, GuardKind, Indicator, IndicatorLookup, Timestamp};

use super::Index;
use crate::guardlist::Purpose;
use crate::image::Builder;

fn index(lists: &[(&str, Purpose, &[&str])]) -> Index {
    let mut builder = Builder::default();
    for (name, purpose, entries) in lists {
        let number = builder.guard_list(name, *purpose).unwrap();
        for entry in *entries {
            match entry.parse::<tripoint_model::Observable>().unwrap() {
                tripoint_model::Observable::Domain(name) => builder.guard_name(number, &name, true),
                other => builder.guard_net(number, other.net().unwrap()),
            }
        }
    }
    Index::open(Arc::new(builder.finish(Timestamp(7)))).unwrap()
}

fn shown(hits: &[GuardHit]) -> Vec<String> {
    hits.iter().map(|hit| format!("{} {}", hit.list, hit.range)).collect()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn a_range_counts_from_inside_and_from_outside() {
    let index = index(&[
        ("cdn", Purpose::Guard, &["203.0.113.7/32", "203.0.113.0/28", "198.51.100.0/24", "2001:db8:1::/48"]),
        ("dns", Purpose::Guard, &["203.0.113.7"]),
        ("scanners", Purpose::Scanner, &["203.0.113.7", "192.0.2.1"]),
        ("holes", Purpose::Sinkhole, &["192.0.2.2"]),
    ]);
    assert_eq!(shown(&index.guard("203.0.113.7".parse().unwrap())), ["cdn 203.0.113.7", "dns 203.0.113.7"]);
    assert_eq!(shown(&index.guard("203.0.113.9".parse().unwrap())), ["cdn 203.0.113.0/28"]);
    assert!(index.guard("203.0.113.16".parse().unwrap()).is_empty());
    assert!(index.guard("192.0.2.1".parse().unwrap()).is_empty(), "a scanner is not spared");
    assert_eq!(index.listed(net("192.0.2.1/32"))[0].purpose, Purpose::Scanner);
    assert_eq!(index.guard("192.0.2.2".parse().unwrap())[0].kind, GuardKind::Sinkhole);
    assert_eq!(shown(&index.guard_net(net("203.0.112.0/22"))), ["cdn 203.0.113.0/28", "dns 203.0.113.7"]);
    assert_eq!(shown(&index.guard_net(net("198.51.100.64/26"))), ["cdn 198.51.100.0/24"]);
    assert_eq!(shown(&index.guard_net(net("2001:db8::/32"))), ["cdn 2001:db8:1::/48"]);
    assert_eq!(shown(&index.guard_net(net("::ffff:203.0.113.7/128"))), ["cdn 203.0.113.7", "dns 203.0.113.7"]);
    assert!(index.guard_net(net("203.0.113.16/28")).is_empty());
    assert_eq!(shown(&index.guard("198.41.0.4".parse().unwrap())), ["root-servers 198.41.0.4"]);
    assert_eq!(shown(&index.guard_net(net("9.9.0.0/16"))), ["public-dns 9.9.9.9"]);
}

#[test]
fn a_name_counts_itself_and_from_below() {
    let mut builder = Builder::default();
    let whole = builder.guard_list("whole", Purpose::Guard).unwrap();
    let exact = builder.guard_list("exact", Purpose::Guard).unwrap();
    let rented = builder.guard_list("rented", Purpose::Rented).unwrap();
    builder.guard_name(whole, "shop.example", true);
    builder.guard_name(exact, "www.shop.example", false);
    builder.guard_name(rented, "example", true);
    let index = Index::open(Arc::new(builder.finish(Timestamp(7)))).unwrap();
    assert_eq!(shown(&index.guard_name("Shop.Example.")), ["whole shop.example"]);
    assert_eq!(shown(&index.guard_name("www.shop.example")), ["exact www.shop.example", "whole shop.example"]);
    assert_eq!(shown(&index.guard_name("a.www.shop.example")), ["whole shop.example"]);
    assert!(index.guard_name("workshop.example").is_empty());
    assert_eq!(index.listed_name("workshop.example")[0].list, "rented");
    assert!(index.guard_name("").is_empty() && index.guard_name(&".".repeat(5000)).is_empty());
}

#[test]
fn the_kernel_refuses_no_guarded_address() {
    let mut builder = Builder::default();
    let feed = builder.feed("a").unwrap();
    for text in ["203.0.113.7", "203.0.113.8", "192.0.2.1", "2001:db8::7", "2001:db8::8"] {
        builder.add(feed, &Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 90));
    }
    let guard = builder.guard_list("cdn", Purpose::Guard).unwrap();
    builder.guard_net(guard, net("203.0.113.0/29"));
    builder.guard_net(guard, net("2001:db8::/125"));
    let holes = builder.guard_list("holes", Purpose::Sinkhole).unwrap();
    builder.guard_net(holes, net("192.0.2.1/32"));
    let index = Index::open(Arc::new(builder.finish(Timestamp(7)))).unwrap();
    let sure: Vec<String> = index.enforceable(80, Timestamp(9)).iter().map(IpAddr::to_string).collect();
    assert_eq!(sure, ["203.0.113.8", "2001:db8::8"]);
    assert_eq!(index.claims_any_port("203.0.113.7".parse().unwrap()).len(), 1, "it is still known");
}

/// Networks that are close to each other, so that they nest.
fn nets() -> impl Strategy<Value = IpNet> {
    let v4 = (0_u32..4096, 8_u8..=32)
        .prop_map(|(low, length)| IpNet::new(IpAddr::from((0xcb00_7000 | low).to_be_bytes()), length).unwrap().trunc());
    let v6 = (0_u128..4096, 100_u8..=128)
        .prop_map(|(low, length)| IpNet::new(IpAddr::from(((0x2001_0db8 << 96) | low).to_be_bytes()), length).unwrap());
    let mapped = (0_u32..4096, 100_u8..=128).prop_map(|(low, length)| {
        let v4 = std::net::Ipv4Addr::from(0xcb00_7000 | low);
        IpNet::new(v4.to_ipv6_mapped().into(), length).unwrap()
    });
    let any = (any::<u32>(), 1_u8..=32)
        .prop_map(|(bits, length)| IpNet::new(IpAddr::from(bits.to_be_bytes()), length).unwrap());
    prop_oneof![v4, v6, mapped, any]
}

proptest! {
    #[test]
    fn lists_agree_with_a_naive_walk(
        entries in proptest::collection::vec((0_usize..4, nets()), 0..60),
        asked in proptest::collection::vec(nets(), 1..20),
    ) {
        let names = ["a", "b", "c", "d"];
        let purposes = [Purpose::Guard, Purpose::Guard, Purpose::Scanner, Purpose::Guard];
        let mut builder = Builder::default();
        let numbers: Vec<_> =
            names.iter().zip(purposes).map(|(name, purpose)| builder.guard_list(name, purpose).unwrap()).collect();
        for (list, net) in &entries {
            builder.guard_net(numbers[*list], *net);
        }
        let index = Index::open(Arc::new(builder.finish(Timestamp(7)))).unwrap();
        for asked in asked {
            let wanted = canonical_net(asked);
            let naive: BTreeSet<&str> = entries
                .iter()
                .filter(|(_, net)| overlaps(&canonical_net(*net), &wanted))
                .map(|(list, _)| names[*list])
                .collect();
            let built_in = |list: &str| names.contains(&list);
            let listed = index.listed(asked);
            let found: BTreeSet<&str> = listed.iter().map(|listed| listed.list.as_str()).filter(|l| built_in(l)).collect();
            prop_assert_eq!(&found, &naive);
            for listed in listed.iter().filter(|listed| built_in(&listed.list)) {
                let range: IpNet = tripoint_model::address::parse_net(&listed.range).unwrap();
                prop_assert!(overlaps(&range, &wanted));
                let known = |(list, net): &(usize, IpNet)| names[*list] == listed.list && canonical_net(*net) == range;
                prop_assert!(entries.iter().any(known));
            }
            let guards: BTreeSet<String> = index.guard_net(asked).into_iter().map(|hit| hit.list).collect();
            let guards: BTreeSet<&str> = guards.iter().map(String::as_str).filter(|list| built_in(list)).collect();
            prop_assert_eq!(guards, naive.into_iter().filter(|list| *list != "c").collect::<BTreeSet<_>>());
        }
    }
}

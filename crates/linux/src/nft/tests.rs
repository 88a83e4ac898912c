//! Is the table what it says on a real kernel, and does it leave everybody else's alone?

use std::process::Command;
use std::thread::sleep;

use super::*;
use crate::netns::NetNs;

/// Runs the test inside a network namespace of its own, where there are any.
fn alone(test: impl FnOnce() + Send) {
    let wanted = std::env::var_os("RUN_KERNEL_TESTS").is_some();
    let ready = NetNs::create().map_err(|error| error.to_string()).and_then(|namespace| {
        let probe = namespace.run(|| Table::open("probe").map(drop).map_err(|error| chain(&error)));
        probe.map_err(|error| error.to_string())??;
        Ok(namespace)
    });
    match ready {
        Ok(_) => NetNs::create().unwrap().run(test).unwrap(),
        Err(error) if wanted => panic!("{error}"),
        Err(error) => println!("skipped: {error}"),
    }
}

fn chain(error: &NftError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The program that administrators use, to compare with; nothing where it is not installed.
fn nft(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("nft").args(arguments).output().inspect_err(|_| println!("skipped: nft is not installed"));
    let output = output.ok()?;
    assert!(output.status.success(), "nft {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn block(net: &str, port: u16, seconds: u64) -> Block {
    Block { net: net.parse().unwrap(), port, left: Duration::from_secs(seconds) }
}

const SHAPES: [(&str, u16); 6] = [
    ("203.0.113.66/32", 0),
    ("2001:db8::66/128", 0),
    ("203.0.113.66/32", 443),
    ("2001:db8::66/128", 53),
    ("203.0.113.128/25", 0),
    ("2001:db8:1::/48", 0),
];

fn shapes(seconds: u64) -> Vec<Block> {
    SHAPES.iter().map(|(net, port)| block(net, *port, seconds)).collect()
}

fn keys(blocks: &[Block]) -> Vec<(IpNet, u16)> {
    let mut keys: Vec<_> = blocks.iter().map(|block| (block.net, block.port)).collect();
    keys.sort();
    keys
}

fn assert_left(blocks: &[Block], seconds: u64) {
    for block in blocks {
        let off = block.left.abs_diff(Duration::from_secs(seconds));
        assert!(off < Duration::from_secs(2), "{block:?} is not {seconds} s");
    }
}

#[test]
fn single_blocks_are_looked_for_among_many() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        assert_eq!(table.held(&[(SHAPES[0].0.parse().unwrap(), 0)]).unwrap(), []);
        let many = (0..1000u32).map(|host| block(&format!("198.51.{}.{}/32", host >> 8, host & 255), 0, 3600));
        let mut blocks: Vec<Block> = shapes(3600).into_iter().chain(many).collect();
        table.insert(&blocks).unwrap();
        blocks[0].left = Duration::from_millis(1);
        table.insert(&blocks[..1]).unwrap();
        sleep(Duration::from_millis(20));
        // Every other one is not there, and so is one whose end has come.
        let asked: Vec<(IpNet, u16)> = keys(&blocks)
            .into_iter()
            .flat_map(|(net, port)| [(net, port), (net, if net.prefix_len() % 32 == 0 { port + 7 } else { port })])
            .collect();
        let held = table.held(&asked).unwrap();
        assert_left(&held, 3600);
        assert_eq!(keys(&held), keys(&blocks[1..]));
        assert_eq!(keys(&held), keys(&table.list().unwrap()));
    });
}

#[test]
fn every_shape_goes_in_is_listed_and_comes_out() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        assert_eq!(table.list().unwrap(), []);
        table.insert(&shapes(3600)).unwrap();
        let listed = table.list().unwrap();
        assert_eq!(keys(&listed), keys(&shapes(0)));
        assert_left(&listed, 3600);
        table.insert(&shapes(7200)).unwrap();
        assert_left(&table.list().unwrap(), 7200);
        table.insert(&shapes(60)).unwrap();
        let listed = table.list().unwrap();
        assert_eq!(listed.len(), SHAPES.len(), "once each: {listed:?}");
        assert_left(&listed, 60);
        for (net, port) in SHAPES {
            assert!(table.remove(net.parse().unwrap(), port).unwrap(), "{net} {port}");
            assert!(!table.remove(net.parse().unwrap(), port).unwrap(), "{net} {port}");
        }
        assert_eq!(table.list().unwrap(), []);
    });
}

#[test]
fn networks_may_lie_in_each_other_each_with_its_own_end() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        let nested =
            [block("203.0.113.0/24", 0, 100), block("203.0.113.128/25", 0, 300), block("203.0.113.130/32", 0, 200)];
        table.insert(&nested).unwrap();
        assert!(table.remove(nested[1].net, 0).unwrap());
        let listed = table.list().unwrap();
        assert_eq!(keys(&listed), keys(&[nested[0], nested[2]]));
        assert_left(&listed[..1], 200);
        assert_left(&listed[1..], 100);
    });
}

#[test]
fn the_kernel_ends_a_block_without_us() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        let mut blocks = shapes(1);
        blocks.push(block("198.51.100.1/32", 0, 600));
        table.insert(&blocks).unwrap();
        drop(table);
        sleep(Duration::from_millis(1200));
        assert_eq!(keys(&Table::open("tripoint").unwrap().list().unwrap()), keys(&blocks[6..]));
    });
}

#[test]
fn a_block_whose_time_is_over_is_taken_out_not_kept_for_ever() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&shapes(0)).unwrap();
        assert_eq!(table.list().unwrap(), []);
        table.insert(&shapes(600)).unwrap();
        table.insert(&shapes(0)).unwrap();
        assert_eq!(table.list().unwrap(), []);
    });
}

#[test]
fn all_or_none_goes_in() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&[block("203.0.113.2/32", 0, 60)]).unwrap();
        let refused = table.insert(&[block("203.0.113.1/32", 0, 60), block("203.0.113.0/24", 80, 60)]);
        assert!(matches!(refused, Err(NftError::Shape { port: 80, .. })), "{refused:?}");
        assert_eq!(keys(&table.list().unwrap()), keys(&[block("203.0.113.2/32", 0, 60)]));
        // One of them is there already: the transaction that took them all for new leaves nothing behind.
        let both = [block("203.0.113.1/32", 0, 600), block("203.0.113.2/32", 0, 600)];
        table.insert(&both).unwrap();
        let listed = table.list().unwrap();
        assert_eq!(keys(&listed), keys(&both));
        assert_left(&listed, 600);
    });
}

#[test]
fn a_table_outlives_its_program_and_is_taken_over() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&shapes(600)).unwrap();
        let hold = table.hold();
        if hold == Hold::Owned {
            let refused = Table::open("tripoint").map(drop);
            assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("another program")), "{refused:?}");
        }
        drop(table);
        let mut table = Table::open("tripoint").unwrap();
        assert_eq!(table.hold(), hold);
        let listed = table.list().unwrap();
        assert_eq!(keys(&listed), keys(&shapes(0)));
        assert_left(&listed, 600);
    });
}

/// What other programs have: names like ours in other families, the same chains, sets, a map, a counter.
const FOREIGN: &str = "
table ip tripoint {
  set hosts4 { type ipv4_addr; flags timeout; elements = { 192.0.2.1 }; }
  chain input { type filter hook input priority -99; policy accept; ip saddr @hosts4 counter drop; }
}
table inet other {
  counter seen { packets 3 bytes 99; }
  map ports { type inet_service : verdict; elements = { 22 : accept }; }
  chain input { type filter hook input priority 0; policy accept; tcp dport vmap @ports; counter name seen; }
}
table inet tripoint2 {
  chain from { ip saddr 192.0.2.0/24 drop; }
}";

fn foreign() -> Option<String> {
    let tables = [["ip", "tripoint"], ["inet", "other"], ["inet", "tripoint2"]];
    tables.iter().map(|[family, name]| nft(&["-a", "list", "table", family, name])).collect()
}

#[test]
fn tables_of_others_stay_byte_for_byte() {
    alone(|| {
        let Some(_) = nft(&[FOREIGN]) else { return };
        let before = (nft(&["list", "ruleset"]).unwrap(), foreign().unwrap());
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&shapes(600)).unwrap();
        table.remove(SHAPES[0].0.parse().unwrap(), 0).unwrap();
        assert_eq!(foreign().unwrap(), before.1);
        assert_ne!(nft(&["list", "ruleset"]).unwrap(), before.0, "ours is there to be seen");
        assert!(table.destroy().unwrap());
        assert!(!table.destroy().unwrap());
        assert_eq!((nft(&["list", "ruleset"]).unwrap(), foreign().unwrap()), before);
        assert_eq!(destroy("tripoint").unwrap(), None);
    });
}

#[test]
fn a_table_of_somebody_else_is_refused_and_left() {
    alone(|| {
        let theirs = "table inet tripoint {
            set hosts4 { type ipv4_addr; }
            chain input { type filter hook input priority -99; policy accept; ip saddr @hosts4 counter drop; }
        }";
        let Some(_) = nft(&[theirs]) else { return };
        let before = nft(&["-a", "list", "ruleset"]).unwrap();
        let refused = Table::open("tripoint").map(drop);
        assert!(matches!(&refused, Err(NftError::Foreign { name, .. }) if name == "tripoint"), "{refused:?}");
        assert!(matches!(destroy("tripoint"), Err(NftError::Foreign { .. })));
        assert_eq!(nft(&["-a", "list", "ruleset"]).unwrap(), before);
        for name in ["", "a b", "table;flush", &"x".repeat(41)] {
            assert!(matches!(Table::open(name).map(drop), Err(NftError::Name(_))), "{name}");
        }
    });
}

#[test]
fn administrators_can_read_it() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&shapes(600)).unwrap();
        let Some(text) = nft(&["list", "table", "inet", "tripoint"]) else { return };
        for line in [
            "tripoint release-all takes them away",
            "type filter hook output priority -99; policy accept;",
            "ip saddr @hosts4 counter packets 0 bytes 0 drop",
            "ip6 daddr @hosts6 counter packets 0 bytes 0 drop",
            "meta l4proto @protocols ip daddr . th dport @ports4 counter packets 0 bytes 0 drop",
            "meta l4proto @protocols ip6 saddr . th sport @ports6 counter packets 0 bytes 0 drop",
            "ip saddr & 255.255.255.128 == @nets4_25 counter packets 0 bytes 0 drop",
            "203.0.113.66 . 443 timeout 10m expires",
            "2001:db8:1:: timeout 10m expires",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    });
}

#[test]
fn nobody_flushes_a_table_that_is_held_and_one_that_is_not_comes_back() {
    alone(|| {
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&shapes(600)).unwrap();
        if nft(&["flush", "ruleset"]).is_none() {
            return;
        }
        match table.hold() {
            Hold::Owned => assert_eq!(keys(&table.list().unwrap()), keys(&shapes(0)), "flags owner and persist"),
            Hold::Open => assert_eq!(table.list().unwrap(), []),
        }
        table.destroy().unwrap();
        let mut table = Table::open_as("tripoint", Hold::Open).unwrap();
        assert_eq!(table.hold(), Hold::Open);
        table.insert(&shapes(600)).unwrap();
        nft(&["flush", "ruleset"]).unwrap();
        assert_eq!(table.list().unwrap(), [], "the drift is seen");
        table.insert(&shapes(600)).unwrap();
        assert_eq!(keys(&table.list().unwrap()), keys(&shapes(0)), "and repaired");
    });
}

#[test]
fn elements_without_their_rules_are_no_blocks() {
    alone(|| {
        let mut table = Table::open_as("tripoint", Hold::Open).unwrap();
        for damage in [
            &["flush", "chain", "inet", "tripoint", "from"][..],
            &["flush", "chain", "inet", "tripoint", "output"],
            &["add", "rule", "inet", "tripoint", "input", "accept"],
            &["insert", "rule", "inet", "tripoint", "to", "accept"],
        ] {
            table.insert(&shapes(600)).unwrap();
            assert_eq!(table.list().unwrap().len(), SHAPES.len());
            if nft(damage).is_none() {
                return;
            }
            assert_eq!(table.list().unwrap(), [], "{damage:?}");
        }
        table.insert(&shapes(600)).unwrap();
        assert_eq!(keys(&table.list().unwrap()), keys(&shapes(0)));
    });
}

#[test]
fn a_hundred_thousand_go_in_at_once_and_come_back() {
    alone(|| {
        let host = |n: u32| Block {
            net: IpNet::from(std::net::IpAddr::from((0x0a00_0000 + n).to_be_bytes())),
            port: 0,
            left: Duration::from_secs(3600),
        };
        let blocks: Vec<Block> = (0..100_000).map(host).collect();
        let mut table = Table::open("tripoint").unwrap();
        table.insert(&blocks).unwrap();
        let listed = table.list().unwrap();
        assert_eq!(listed.len(), blocks.len());
        assert!(keys(&listed) == keys(&blocks));
        drop(table);
        assert_eq!(destroy("tripoint").unwrap().map(|held| held.len()), Some(blocks.len()));
        assert_eq!(destroy("tripoint").unwrap(), None);
    });
}

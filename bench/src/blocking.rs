//! How long until many blocks are in force, until one more is, until all are read back and until all are gone?

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use tripoint_agent::firewall::{BpfFirewall, IpsetFirewall, NftFirewall};
use tripoint_linux::bpf;
use tripoint_linux::netns::NetNs;
use tripoint_model::{Observable, Scope, Target, Timestamp};
use tripoint_responder::{Firewall, KernelBlock};

use crate::Figure;
use crate::statistics::median;

const SIZES: [u32; 2] = [1_000, 100_000];
const SINGLES: u32 = 200;
/// Blocks of IPv6 that the programs' table has room for.
const BPF_SIZE: u32 = 32_000;
const NAME: &str = "tripoint_bench";

/// Each mechanism in a network namespace of its own; the kernel programs, which see all of them, with addresses that
/// nobody has (RFC 3849), and no more of them than there is room for.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for size in SIZES {
        let bpf::Loaded { programs, blocks, isolation, .. } = bpf::load(&bpf::LoadOptions::default())?;
        let mut firewall = BpfFirewall::new(blocks, isolation, NAME);
        figures.extend(measure("bpf", &mut firewall, size.min(BPF_SIZE), documented)?);
        drop(programs);
        let nft = || measure("nft", &mut NftFirewall::open(NAME)?, size, private);
        figures.extend(NetNs::create()?.run(nft)??);
        let ipset = || measure("ipset", &mut IpsetFirewall::open(NAME)?, size, private);
        figures.extend(NetNs::create()?.run(ipset)??);
    }
    Ok(figures)
}

fn private(number: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + number).to_be_bytes())
}

fn documented(number: u32) -> IpAddr {
    IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(number)).to_be_bytes())
}

type Address = fn(u32) -> IpAddr;

fn measure(name: &str, firewall: &mut dyn Firewall, size: u32, address: Address) -> Result<Vec<Figure>> {
    let now = Timestamp::from_system(SystemTime::now());
    let expires = now.plus(Duration::from_secs(3600));
    let block = |number: u32| {
        let target = Target::from(Observable::Address(address(number)));
        KernelBlock { target, scope: Scope::Host, expires }
    };
    let blocks: Vec<KernelBlock> = (0..size).map(block).collect();
    let mut figures = Vec::new();
    let mut note = |what: &str, ms: f64| figures.push(Figure::new(format!("{name}: {size} blocks, {what}"), ms, "ms"));
    for what in ["into an empty table", "the same again, each with its new end"] {
        let begun = Instant::now();
        let done = firewall.block_many(&blocks, now);
        note(what, milliseconds(begun));
        done.into_iter().collect::<Result<(), _>>()?;
    }
    let mut singles = Vec::new();
    for number in 0..SINGLES {
        let one = block(size + number);
        let begun = Instant::now();
        firewall.block(&one.target, &one.scope, one.expires, now)?;
        singles.push(milliseconds(begun));
    }
    singles.sort_by(f64::total_cmp);
    note("one more, median", median(&singles));
    note("one more, slowest of a hundred", singles[singles.len() * 99 / 100]);
    let begun = Instant::now();
    let listed = firewall.list(now)?;
    note("read back", milliseconds(begun));
    ensure!(listed.len() == (size + SINGLES) as usize, "{} of {} are in force", listed.len(), size + SINGLES);
    let begun = Instant::now();
    firewall.unblock(&blocks[0].target, &Scope::Host)?;
    note("one less", milliseconds(begun));
    let begun = Instant::now();
    firewall.release(now).context("release")?;
    note("all gone", milliseconds(begun));
    ensure!(firewall.list(now)?.is_empty(), "something is left");
    Ok(figures)
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

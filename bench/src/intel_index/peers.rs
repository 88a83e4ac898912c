//! Who else answers which network is the narrowest that holds an address?

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use foldhash::fast::FixedState;
use tripoint_intel::table::{NONE, V4Table, V6Table};

/// Answers many questions; gives the sum of one more than each number found, which is the same for all who are right.
pub type Answer<'a, A> = Box<dyn Fn(&[A]) -> u64 + 'a>;

/// A structure that answers, and what one question of it is.
pub struct Peer<'a, A> {
    pub name: &'static str,
    pub is_ours: bool,
    pub answer: Answer<'a, A>,
}

fn peer<'a, A>(name: &'static str, answer: impl Fn(&[A]) -> u64 + 'a) -> Peer<'a, A> {
    Peer { name, is_ours: false, answer: Box::new(answer) }
}

fn ours<'a, A>(name: &'static str, answer: impl Fn(&[A]) -> u64 + 'a) -> Peer<'a, A> {
    Peer { name, is_ours: true, answer: Box::new(answer) }
}

fn sum<A: Copy>(asked: &[A], one: impl Fn(A) -> Option<u32>) -> u64 {
    asked.iter().map(|address| one(*address).map_or(0, |number| u64::from(number) + 1)).sum()
}

/// Questions in one call of the batched forms: what a program reads at once.
const BATCH: usize = 1024;

fn batched<A>(asked: &[A], find: impl Fn(&[A], &mut [u32])) -> u64 {
    let mut out = vec![0; BATCH];
    let parts = asked.chunks(BATCH).map(|part| {
        let out = &mut out[..part.len()];
        find(part, out);
        out.iter().map(|number| u64::from(number.wrapping_add(1))).sum::<u64>()
    });
    parts.sum()
}

/// All structures for IPv4; numbers are places in `entries`, which are sorted.
pub fn v4<'a>(entries: &'a [(u32, u8)], table: V4Table<'a>) -> Result<Vec<Peer<'a, u32>>> {
    let mut lc = iptrie::map::RTrieMap::<iptrie::Ipv4Prefix, u32>::new();
    let mut trie = prefix_trie::PrefixMap::<ipnet::Ipv4Net, u32>::new();
    let mut table_of_trees = ip_network_table::IpNetworkTable::<u32>::new();
    for (number, (address, length)) in (0..).zip(entries) {
        let address = Ipv4Addr::from(*address);
        lc.insert(iptrie::Ipv4Prefix::new(address, *length).ok().context("a prefix")?, number + 1);
        trie.insert(ipnet::Ipv4Net::new(address, *length)?, number);
        table_of_trees.insert(ip_network::Ipv4Network::new(address, *length)?, number);
    }
    // The whole address space is always in this trie: no number of an entry.
    let lc = lc.compress();
    let hashes = Hashes::new(entries.iter().map(|(address, length)| (u128::from(*address), *length)));
    let spans = spans(entries);
    let host = |address: u32| ipnet::Ipv4Net::from(Ipv4Addr::from(address));
    Ok(vec![
        peer("iptrie 0.11 (LC trie)", move |asked| {
            asked.iter().map(|address| u64::from(*lc.lookup(&Ipv4Addr::from(*address)).1)).sum()
        }),
        peer("prefix-trie 0.10", move |asked| sum(asked, |address| trie.get_lpm(&host(address)).map(|(_, n)| *n))),
        peer("ip_network_table 0.2", move |asked| {
            sum(asked, |address: u32| table_of_trees.longest_match_ipv4(address.into()).map(|(_, n)| *n))
        }),
        peer("a hash per length", move |asked| sum(asked, |address| hashes.find(u128::from(address), 32))),
        peer("sorted ranges", move |asked| sum(asked, |address| search(&spans, address))),
        ours("one at a time", move |asked| sum(asked, |address| Some(table.find(address)).filter(|n| *n != NONE))),
        ours("many, a number each", move |asked| batched(asked, |part, out| table.find_all(part, out))),
    ])
}

/// The same for IPv6; `numbers` are those of the table's records.
pub fn v6<'a>(entries: &'a [(u128, u8)], table: V6Table<'a>) -> Result<Vec<Peer<'a, u128>>> {
    let mut lc = iptrie::map::RTrieMap::<iptrie::Ipv6Prefix, u32>::new();
    let mut trie = prefix_trie::PrefixMap::<ipnet::Ipv6Net, u32>::new();
    let mut table_of_trees = ip_network_table::IpNetworkTable::<u32>::new();
    for (number, (address, length)) in (0..).zip(entries) {
        let address = Ipv6Addr::from(*address);
        lc.insert(iptrie::Ipv6Prefix::new(address, *length).ok().context("a prefix")?, number + 1);
        trie.insert(ipnet::Ipv6Net::new(address, *length)?, number);
        table_of_trees.insert(ip_network::Ipv6Network::new(address, *length)?, number);
    }
    let lc = lc.compress();
    let hashes = Hashes::new(entries.iter().copied());
    let host = |address: u128| ipnet::Ipv6Net::from(Ipv6Addr::from(address));
    Ok(vec![
        peer("iptrie 0.11 (LC trie)", move |asked| {
            asked.iter().map(|address| u64::from(*lc.lookup(&Ipv6Addr::from(*address)).1)).sum()
        }),
        peer("prefix-trie 0.10", move |asked| sum(asked, |address| trie.get_lpm(&host(address)).map(|(_, n)| *n))),
        peer("ip_network_table 0.2", move |asked| {
            sum(asked, |address: u128| table_of_trees.longest_match_ipv6(address.into()).map(|(_, n)| *n))
        }),
        peer("a hash per length", move |asked| sum(asked, |address| hashes.find(address, 128))),
        ours("one at a time", move |asked| sum(asked, |address| Some(table.find(address)).filter(|n| *n != NONE))),
        ours("many, a number each", move |asked| batched(asked, |part, out| table.find_all(part, out))),
    ])
}

/// A hash table for each prefix length in use, asked from the longest on.
struct Hashes(Vec<(u8, HashMap<u128, u32, FixedState>)>);

impl Hashes {
    fn new(entries: impl Iterator<Item = (u128, u8)>) -> Self {
        let mut by_length: Vec<HashMap<u128, u32, FixedState>> = vec![HashMap::default(); 129];
        for (number, (address, length)) in (0..).zip(entries) {
            by_length[usize::from(length)].insert(address, number);
        }
        let used = (0..=128).zip(by_length).rev().filter(|(_, map)| !map.is_empty());
        Self(used.collect())
    }

    fn find(&self, address: u128, bits: u32) -> Option<u32> {
        let masked = |length: u8| {
            let cut = bits - u32::from(length);
            address.checked_shr(cut).unwrap_or(0).checked_shl(cut).unwrap_or(0)
        };
        self.0.iter().find_map(|(length, map)| map.get(&masked(*length)).copied())
    }
}

/// Disjoint ranges with the number of the narrowest entry: first, last, number.
fn spans(entries: &[(u32, u8)]) -> Vec<(u32, u32, u32)> {
    let mut out: Vec<(u32, u32, u32)> = Vec::new();
    let mut open: Vec<(u32, u32)> = Vec::new();
    let mut next = 0_u64;
    let mut until = |end: u64, open: &mut Vec<(u32, u32)>, next: &mut u64| {
        while let Some((last, number)) = open.last().copied() {
            let stop = (u64::from(last) + 1).min(end);
            if *next < stop {
                out.push((*next as u32, (stop - 1) as u32, number));
                *next = stop;
            }
            if u64::from(last) >= end {
                return;
            }
            open.pop();
        }
    };
    for (number, (address, length)) in (0..).zip(entries) {
        until(u64::from(*address), &mut open, &mut next);
        next = u64::from(*address);
        open.push((address | u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0), number));
    }
    until(1 << 32, &mut open, &mut next);
    out
}

fn search(spans: &[(u32, u32, u32)], address: u32) -> Option<u32> {
    let at = spans.partition_point(|(first, ..)| *first <= address).checked_sub(1)?;
    let (_, last, number) = spans[at];
    (address <= last).then_some(number)
}

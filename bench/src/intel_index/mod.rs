//! How fast is an address looked up among millions, beside what else there is?

mod peers;
pub(crate) mod sets;
mod whole;

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tripoint_intel::table::{V4Parts, V6Parts, class_of};

use crate::Figure;
use crate::statistics::median;
use peers::Peer;
use sets::Mix;

const ROUNDS: usize = 5;
const ASKED: usize = 1 << 22;
const ASKED_V6: usize = 1 << 20;

/// Every structure in one process, asked in turns; each answer is checked by the sum of all answers.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = vec![Figure::new("independent random reads of 2 MiB", ceiling(), "M/s")];
    for count in [1_000_000, 5_000_000] {
        v4(count, &mut figures)?;
    }
    v6(1_000_000, &mut figures)?;
    growth(&mut figures)?;
    whole::run(&mut figures)?;
    Ok(figures)
}

fn v4(count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let entries = sets::v4(count);
    let begun = Instant::now();
    let parts = V4Parts::build((0..).zip(&entries).map(|(number, (address, length))| (*address, *length, number)));
    let built = begun.elapsed();
    let table = parts.table().context("a table")?;
    let millions = count / 1_000_000;
    figures.push(Figure::new(format!("IPv4, {millions} M: built in"), built.as_secs_f64() * 1e3, "ms"));
    let bytes = size_v4(&parts) as f64 / count as f64;
    figures.push(Figure::new(format!("IPv4, {millions} M: the table, its numbers too"), bytes, "bytes/entry"));
    let peers = peers::v4(&entries, table)?;
    for mix in Mix::ALL {
        let asked = sets::ask_v4(&entries, mix, ASKED, &|address| table.contains(address));
        let title = format!("IPv4, {millions} M, {}", mix.name());
        let best = compare(&title, &peers, &asked, figures)?;
        let mut rows = Vec::with_capacity(ASKED);
        let rates = (0..ROUNDS).map(|_| {
            rows.clear();
            rate(asked.len(), || table.hits(&asked, &mut rows))
        });
        say(&title, "many, rows of the hits", median(&rates.collect::<Vec<_>>()), best, figures);
        let listed = asked.iter().filter(|address| table.contains(**address)).count();
        ensure!(rows.len() == listed, "{title}: {} rows, {listed} listed", rows.len());
    }
    Ok(())
}

fn v6(count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let mut entries = sets::v6(count);
    // The table's order, so that numbers are places for everybody.
    entries.sort_by_key(|(address, length)| (class_of(*length), *address, *length));
    let record = |(address, length): &(u128, u8)| {
        let mut record = [0; 24];
        record[..16].copy_from_slice(&address.to_le_bytes());
        record[18] = *length;
        record
    };
    let records: Vec<[u8; 24]> = entries.iter().map(record).collect();
    let parts = V6Parts::build(&records);
    let table = parts.table(records.as_flattened()).context("a table")?;
    let bytes = records.len() * 24 + parts.filters.len() + parts.slots.len() + parts.classes.len();
    figures.push(Figure::new("IPv6, 1 M: the table, the records too", bytes as f64 / count as f64, "bytes/entry"));
    let peers = peers::v6(&entries, table)?;
    for mix in Mix::ALL {
        let asked = sets::ask_v6(&entries, mix, ASKED_V6, &|address| table.contains(address));
        compare(&format!("IPv6, 1 M, {}", mix.name()), &peers, &asked, figures)?;
    }
    Ok(())
}

/// Asks everybody in turns; gives the best rate of those that are not ours.
fn compare<A>(title: &str, peers: &[Peer<'_, A>], asked: &[A], figures: &mut Vec<Figure>) -> Result<f64> {
    let mut rates: Vec<Vec<f64>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        let mut sums = Vec::new();
        for (peer, rates) in peers.iter().zip(&mut rates) {
            rates.push(rate(asked.len(), || sums.push((peer.answer)(asked))));
        }
        ensure!(sums.iter().all(|sum| *sum == sums[0]), "{title}: not all give the same answers");
    }
    let rates: Vec<f64> = rates.iter().map(|rates| median(rates)).collect();
    let others = peers.iter().zip(&rates).filter(|(peer, _)| !peer.is_ours);
    let best = others.map(|(_, rate)| *rate).fold(0.0, f64::max);
    for (peer, rate) in peers.iter().zip(rates) {
        say(title, peer.name, rate, if peer.is_ours { best } else { 0.0 }, figures);
    }
    Ok(best)
}

/// The rate, and for what is ours how many times the best other one it is.
fn say(title: &str, name: &str, rate: f64, best: f64, figures: &mut Vec<Figure>) {
    figures.push(Figure::new(format!("{title}: {name}"), rate, "M/s"));
    if best > 0.0 {
        figures.push(Figure::new(format!("{title}: {name}, of the best other"), rate / best, "x"));
    }
}

/// Millions a second.
fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    count as f64 / begun.elapsed().as_secs_f64() / 1e6
}

/// What this machine reads at most: words of an array as large as the first level, in no order.
fn ceiling() -> f64 {
    let words = vec![1_u64; 1 << 18];
    let mut chance = sets::Chance::new(31);
    let places: Vec<u32> = (0..ASKED).map(|_| chance.next() as u32 >> 14).collect();
    let rates = (0..ROUNDS).map(|_| {
        rate(ASKED, || {
            let sum: u64 = places.iter().map(|place| words[*place as usize & 0x3_ffff]).fold(0, u64::wrapping_add);
            black_box(sum);
        })
    });
    median(&rates.collect::<Vec<_>>())
}

/// From ten thousand to five million entries.
fn growth(figures: &mut Vec<Figure>) -> Result<()> {
    for count in [10_000, 100_000, 1_000_000, 5_000_000] {
        let entries = sets::v4(count);
        let parts = V4Parts::build((0..).zip(&entries).map(|(number, (address, length))| (*address, *length, number)));
        let table = parts.table().context("a table")?;
        let asked = sets::ask_v4(&entries, Mix::Hits(1), ASKED, &|address| table.contains(address));
        let mut rows = Vec::with_capacity(ASKED);
        let rates = (0..ROUNDS).map(|_| {
            rows.clear();
            rate(asked.len(), || table.hits(&asked, &mut rows))
        });
        let rate = median(&rates.collect::<Vec<_>>());
        figures.push(Figure::new(format!("growth, {count} entries, 1 % hits: rows of the hits"), rate, "M/s"));
    }
    Ok(())
}

fn size_v4(parts: &V4Parts) -> usize {
    let sections = parts.sections();
    [
        sections.bitmap,
        sections.rank,
        sections.id_rank,
        sections.nodes,
        sections.ids,
        sections.wide,
        sections.blocks,
        sections.crowds,
        sections.crowded,
        sections.starts,
    ]
    .iter()
    .map(|section| section.len())
    .sum()
}

//! How long is it from a list's text to answers, and does anybody notice when the answers change?

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tripoint_intel::Index;
use tripoint_intel::feed::Defaults;
use tripoint_intel::image::Builder;
use tripoint_intel::load::load;
use tripoint_intel::rules::Rules;
use tripoint_linux::mapped::MappedFile;
use tripoint_model::{AppliesTo, Category, Indicator, IndicatorLookup as _, Observable, Timestamp};
use tripoint_unpack::{Limits, Source};

use super::sets;
use crate::Figure;

/// A feed holds at most two million entries, so five million are three of them.
const A_FEED: usize = 2_000_000;

pub fn run(figures: &mut Vec<Figure>) -> Result<()> {
    let entries = sets::v4(5_000_000);
    let texts: Vec<String> = entries.chunks(A_FEED).map(text).collect();
    let begun = Instant::now();
    let mut builder = Builder::default();
    for (number, text) in texts.iter().enumerate() {
        let feed = builder.feed(&format!("feed{number}")).context("a feed")?;
        let (defaults, limits) = (Defaults::default(), Limits::default());
        let source = Source::Bytes(text.as_bytes());
        let rules = Rules { permit_ranges: &["0.0.0.0/0".parse()?], own: &[] };
        let loaded = load(source, "bench", None, &defaults, rules, &limits, Timestamp::default())?;
        ensure!(loaded.parsed.refused == 0, "{:?}", loaded.parsed.rejected.first());
        loaded.parsed.accepted.iter().for_each(|indicator| builder.add(feed, indicator));
    }
    let image = builder.finish(Timestamp::default());
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("image");
    let index = Index::open(Arc::new(image.clone()))?;
    figures.push(Figure::new("5 M lines of text until it answers", begun.elapsed().as_secs_f64() * 1e3, "ms"));
    ensure!(index.len() == entries.len(), "{} of {}", index.len(), entries.len());
    std::fs::write(&path, &image)?;
    let begun = Instant::now();
    let index = Index::open(Arc::new(MappedFile::open(&std::fs::File::open(&path)?)?))?;
    ensure!(index.is_listed(IpAddr::from(Ipv4Addr::from(entries[0].0))), "the first entry");
    figures.push(Figure::new(
        "5 M: the saved image mapped, checked, first answer",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    ));
    figures.push(Figure::new("5 M: the whole image", image.len() as f64 / entries.len() as f64, "bytes/entry"));
    let begun = Instant::now();
    let mut found = 0;
    for (address, _) in entries.iter().step_by(50) {
        found += usize::from(!index.claims(IpAddr::from(Ipv4Addr::from(*address)), 443).is_empty());
    }
    ensure!(found == entries.len() / 50, "{found} found");
    figures.push(Figure::new(
        "5 M: 100,000 listed addresses, each with its claims",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    ));
    swap(figures)?;
    grepcidr(figures)
}

fn text(entries: &[(u32, u8)]) -> String {
    let mut out = String::new();
    for (address, length) in entries {
        // Writing to a string does not fail.
        let _ = match length {
            32 => writeln!(out, "{}", Ipv4Addr::from(*address)),
            _ => writeln!(out, "{}/{length}", Ipv4Addr::from(*address)),
        };
    }
    out
}

/// Two images that list different addresses take turns while they are asked.
fn swap(figures: &mut Vec<Figure>) -> Result<()> {
    let image = |seed: u32| -> Result<Arc<Index>> {
        let mut builder = Builder::default();
        let feed = builder.feed("bench").context("a feed")?;
        for number in 0..200_000_u32 {
            let address = IpAddr::from(Ipv4Addr::from((number * 2 + seed).wrapping_mul(0x9E37_79B1)));
            builder.add(feed, &Indicator::new(Observable::Address(address), Category::C2, AppliesTo::Both, 50));
        }
        Ok(Arc::new(Index::open(Arc::new(builder.finish(Timestamp(i64::from(seed)))))?))
    };
    let images = [image(0)?, image(1)?];
    let live = Arc::new(RwLock::new(Arc::clone(&images[0])));
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (live, stop) = (Arc::clone(&live), Arc::clone(&stop));
        move || {
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                swaps += 1;
                if let Ok(mut live) = live.write() {
                    *live = Arc::clone(&images[swaps % 2]);
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            swaps
        }
    });
    let (mut longest, mut wrong) = (Duration::ZERO, 0);
    let (mut asked, mut over) = (0_u32, 0);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let (number, seed) = (asked % 200_000, asked & 1);
        let address = IpAddr::from(Ipv4Addr::from((number * 2 + seed).wrapping_mul(0x9E37_79B1)));
        let one = Instant::now();
        let index = live.read().map(|live| Arc::clone(&live)).ok().context("a lock")?;
        let listed = index.is_listed(address);
        longest = longest.max(one.elapsed());
        over += usize::from(one.elapsed() > Duration::from_millis(1));
        // Each image lists its own half and nothing of the other's.
        wrong += usize::from(listed != (index.built() == Timestamp(i64::from(seed))));
        asked += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapper.join().ok().context("the swapper")?;
    figures.push(Figure::count("swapped while asked: swaps", swaps, ""));
    figures.push(Figure::count("swapped while asked: wrong answers", wrong, ""));
    figures.push(Figure::count("swapped while asked: look-ups", asked as usize, ""));
    figures.push(Figure::count("swapped while asked: look-ups of more than 1 ms", over, ""));
    figures.push(Figure::new("swapped while asked: longest look-up", longest.as_secs_f64() * 1e3, "ms"));
    Ok(())
}

/// A program that people use for this: a million addresses against a million entries, text to text.
fn grepcidr(figures: &mut Vec<Figure>) -> Result<()> {
    let entries = sets::v4(1_000_000);
    let asked = sets::ask_v4(&entries, sets::Mix::Hits(1), 1_000_000, &|_| false);
    let folder = tempfile::tempdir()?;
    let (list, log) = (folder.path().join("list"), folder.path().join("log"));
    std::fs::write(&list, text(&entries))?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(&log)?);
    for address in &asked {
        writeln!(out, "{}", Ipv4Addr::from(*address))?;
    }
    out.flush()?;
    let begun = Instant::now();
    let ran = Command::new("grepcidr").arg("-c").arg("-f").arg(&list).arg(&log).stdin(Stdio::null()).output();
    let Ok(ran) = ran else {
        println!("skipped: no grepcidr here");
        return Ok(());
    };
    let theirs = begun.elapsed().as_secs_f64();
    let counted: usize = String::from_utf8_lossy(&ran.stdout).trim().parse().context("a count")?;
    let begun = Instant::now();
    let found = same_work(&list, &log)?;
    let own = begun.elapsed().as_secs_f64();
    ensure!(found == counted, "grepcidr counts {counted}, we {found}");
    figures.push(Figure::new("grepcidr, 1 M lines against 1 M entries, whole process", theirs * 1e3, "ms"));
    figures.push(Figure::new("the same from the same files, in this process", own * 1e3, "ms"));
    figures.push(Figure::new("grepcidr's time to ours", theirs / own, "x"));
    Ok(())
}

fn same_work(list: &std::path::Path, log: &std::path::Path) -> Result<usize> {
    let text = std::fs::read(list)?;
    let mut builder = Builder::default();
    let feed = builder.feed("bench").context("a feed")?;
    let rules = Rules { permit_ranges: &["0.0.0.0/0".parse()?], own: &[] };
    let (defaults, limits) = (Defaults::default(), Limits::default());
    let loaded = load(Source::Bytes(&text), "bench", None, &defaults, rules, &limits, Timestamp::default())?;
    loaded.parsed.accepted.iter().for_each(|indicator| builder.add(feed, indicator));
    let index = Index::open(Arc::new(builder.finish(Timestamp::default())))?;
    let table = index.v4().context("a table")?;
    let log = std::fs::read_to_string(log)?;
    let asked: Vec<u32> = log.lines().filter_map(|line| line.parse::<Ipv4Addr>().ok()).map(u32::from).collect();
    let mut rows = Vec::new();
    table.hits(&asked, &mut rows);
    Ok(rows.len())
}

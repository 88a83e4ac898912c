//! What does a change of a million indicators cost: to send, to apply, and to bring into force?

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tripoint_intel::image::Builder;
use tripoint_intel::image_delta::{Identity, apply, make};
use tripoint_intel::rules::Rules;
use tripoint_intel::store::{FeedState, Store};
use tripoint_intel::{FeedStatus, ImageBytes, images};
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Timestamp};

use crate::Figure;
use crate::intel_index::sets;
use crate::statistics::median;

const ENTRIES: usize = 1_000_000;
const FEEDS: usize = 20;
const ROUNDS: usize = 3;

/// Deltas of three sizes over lists of two kinds, then the parts of a refresh.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    // A tenth more than is listed at once, in no order.
    let mut entries = sets::v4(ENTRIES + ENTRIES / 10);
    entries.sort_by_key(|(address, length)| (address.wrapping_mul(0x9E37_79B1), *length));
    for (kind, dated) in [("plain lists", false), ("each entry dated", true)] {
        let base = image(&entries[..ENTRIES], dated);
        let length = (*base).as_ref().len();
        figures.push(Figure::new(format!("{kind}: the whole image"), length as f64 / 1e6, "MB"));
        let begun = Instant::now();
        ensure!(Identity::of((*base).as_ref()) == Identity::of((*base).as_ref()), "one image");
        figures.push(Figure::new(format!("{kind}: hashed in"), begun.elapsed().as_secs_f64() * 500.0, "ms"));
        for per_mille in [1, 10, 100] {
            // Half of the changes are entries that go, half are entries that come, anywhere in their lists.
            let moved = ENTRIES * per_mille / 2000;
            let place = |at: usize| at * 7_919 % (ENTRIES + moved);
            let without = |from: usize| -> Vec<(u32, u8)> {
                let stays = |at: &usize| !(from..from + moved).contains(&place(*at));
                (0..ENTRIES + moved).filter(stays).map(|at| entries[at]).collect()
            };
            let (base, target) = (image(&without(0), dated), image(&without(moved), dated));
            change(&format!("{kind}, {} % changed", per_mille as f64 / 10.0), &base, &target, &mut figures)?;
        }
    }
    refresh(&entries[..ENTRIES], &mut figures)?;
    Ok(figures)
}

fn change(title: &str, base: &ImageBytes, target: &ImageBytes, figures: &mut Vec<Figure>) -> Result<()> {
    let mut delta = Vec::new();
    let mut made = Vec::new();
    let mut applied = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        delta = make(base, target)?;
        made.push(begun.elapsed().as_secs_f64() * 1e3);
        let mut out = Vec::new();
        let begun = Instant::now();
        apply(base, &delta, &mut out)?;
        applied.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(out == (**target).as_ref(), "{title}: another image");
    }
    let whole = (**target).as_ref().len();
    figures.push(Figure::new(format!("{title}: delta"), delta.len() as f64 / 1e3, "kB"));
    figures.push(Figure::new(format!("{title}: of the whole image"), delta.len() as f64 * 100.0 / whole as f64, "%"));
    figures.push(Figure::new(format!("{title}: made, applied once to prove it"), median(&made), "ms"));
    figures.push(Figure::new(format!("{title}: applied, verified"), median(&applied), "ms"));
    Ok(())
}

fn indicators(entries: &[(u32, u8)], feed: usize, dated: bool) -> impl Iterator<Item = Indicator> {
    let own = entries.iter().filter(move |(address, _)| address.wrapping_mul(0x85EB_CA6B) as usize % FEEDS == feed);
    own.map(move |(address, length)| {
        let net = ipnet::Ipv4Net::new_assert((*address).into(), *length);
        let observable = Observable::from_net(net.into());
        let mut indicator = Indicator::new(observable, Category::Malicious, AppliesTo::Both, 80);
        // As if each had been seen at a second of its own within the last month.
        let second = i64::from(address.wrapping_mul(0xC2B2_AE35) % 2_592_000);
        indicator.last_seen = dated.then_some(Timestamp((1_790_000_000 + second) * 1_000_000));
        indicator
    })
}

fn image(entries: &[(u32, u8)], dated: bool) -> ImageBytes {
    let mut builder = Builder::default();
    for feed in 0..FEEDS {
        let number = builder.feed(&name(feed)).expect("room for twenty feeds");
        indicators(entries, feed, dated).for_each(|indicator| builder.add(number, &indicator));
    }
    Arc::new(builder.finish(Timestamp(1)))
}

fn name(feed: usize) -> String {
    format!("feed-{feed:02}")
}

/// One feed of twenty has changed: where does the time go until its image is there?
fn refresh(entries: &[(u32, u8)], figures: &mut Vec<Figure>) -> Result<()> {
    let data = tempfile::tempdir()?;
    let store = Store::open(data.path())?;
    let feeds: Vec<Vec<Indicator>> = (0..FEEDS).map(|feed| indicators(entries, feed, true).collect()).collect();
    for (feed, indicators) in feeds.iter().enumerate() {
        store.save(&name(feed), indicators, Timestamp(1))?;
        let count = indicators.len() as u64;
        store.set_status(&FeedStatus { feed: name(feed), state: FeedState::Ok, count, ..FeedStatus::default() })?;
    }
    store.rebuild(Timestamp(1), Rules::default())?;
    let part = |what: &str, work: &mut dyn FnMut() -> Result<()>| -> Result<Figure> {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            work()?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Figure::new(format!("refresh of one feed of {FEEDS}: {what}"), median(&times), "ms"))
    };
    let changed = &feeds[7][..feeds[7].len() - 100];
    figures.push(part("its own copy judged, remembered, saved", &mut || {
        store.save(&name(7), changed, Timestamp(2)).map(drop).context("save")
    })?);
    figures.push(part("the image from all copies", &mut || {
        store.rebuild(Timestamp(2), Rules::default()).map(drop).context("rebuild")
    })?);
    figures.push(part("of it claims in memory to sorted records and tables", &mut || {
        let mut builder = Builder::default();
        for (feed, indicators) in feeds.iter().enumerate() {
            let number = builder.feed(&name(feed)).context("room")?;
            indicators.iter().for_each(|indicator| builder.add(number, indicator));
        }
        builder.finish(Timestamp(2));
        Ok(())
    })?);
    let (_, path) = images::generations(data.path()).into_iter().next().context("an image")?;
    let image = std::fs::read(path)?;
    figures.push(part("of it written and synced", &mut || {
        images::publish(data.path(), &image).map(drop).context("publish")
    })?);
    Ok(())
}

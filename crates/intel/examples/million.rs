//! How long does a feed of a million entries take to become answers, and how large is its image?
//!
//! Run with `cargo run --release -p tripoint-intel --example million`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use tripoint_intel::feed::Defaults;
use tripoint_intel::image::Builder;
use tripoint_intel::load::load;
use tripoint_intel::rules::Rules;
use tripoint_intel::{Index, KernelSet};
use tripoint_model::{IndicatorLookup as _, Timestamp};
use tripoint_unpack::{Limits, Source};

fn main() {
    let count = 1_000_000_u32;
    let addresses: Vec<Ipv4Addr> =
        (0..count).map(|at| Ipv4Addr::from(0x0b00_0000 + at.wrapping_mul(0x9E37_79B1) % 0x5000_0000)).collect();
    let text: String = addresses.iter().map(|address| format!("{address}\n")).collect();

    let begun = Instant::now();
    let loaded = load(
        Source::Bytes(text.as_bytes()),
        "million",
        None,
        &Defaults::default(),
        Rules::default(),
        &Limits::default(),
        tripoint_model::Timestamp(0),
    );
    let accepted = loaded.map(|loaded| loaded.parsed.accepted).unwrap_or_default();
    println!("parsed    {:>9} entries in {:?}", accepted.len(), begun.elapsed());

    let begun = Instant::now();
    let set = KernelSet::build(accepted.iter().filter_map(|indicator| indicator.observable.net()));
    println!("kernel set{:>9} /24s    in {:?}", set.nodes.len(), begun.elapsed());

    let begun = Instant::now();
    let mut builder = Builder::default();
    if let Some(feed) = builder.feed("million") {
        accepted.iter().for_each(|indicator| builder.add(feed, indicator));
    }
    let image = builder.finish(Timestamp::default());
    println!(
        "image     {:>9} bytes   in {:?}, {} bytes an entry",
        image.len(),
        begun.elapsed(),
        image.len() / accepted.len().max(1)
    );

    let begun = Instant::now();
    let Ok(index) = Index::open(Arc::new(image)) else { return println!("the image does not open") };
    println!("opened                        in {:?}", begun.elapsed());

    for (what, step) in [("hits", 0), ("strangers", 1 << 24)] {
        let begun = Instant::now();
        let found: usize = addresses
            .iter()
            .map(|address| index.claims(IpAddr::from(Ipv4Addr::from(u32::from(*address) ^ step)), 443).len())
            .sum();
        println!("{what:<10}{found:>9} found   in {:?} for {count} questions", begun.elapsed());
    }
}

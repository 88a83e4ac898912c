//! Does applying a delta cost no more memory than twice the image that comes of it?

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use peak_alloc::PeakAlloc;
use tripoint_intel::ImageBytes;
use tripoint_intel::image::Builder;
use tripoint_intel::image_delta::{apply, make};
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Timestamp};

/// Counts what is on the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ENTRIES: u32 = 60_000;

fn image(from: u32, dated: bool) -> ImageBytes {
    let mut builder = Builder::default();
    let feed = builder.feed("feed").unwrap();
    for at in from..from + ENTRIES {
        let address = Ipv4Addr::from(0x0500_0000 + at.wrapping_mul(0x9E37_79B1) % 0x5000_0000);
        let observable = Observable::Address(address.into());
        let mut indicator = Indicator::new(observable, Category::C2, AppliesTo::Out, 50);
        indicator.last_seen = dated.then_some(Timestamp(i64::from(at)));
        builder.add(feed, &indicator);
    }
    Arc::new(builder.finish(Timestamp(1)))
}

#[test]
fn applying_costs_at_most_twice_the_image() {
    for (dated, moved) in [(false, 100), (true, ENTRIES)] {
        let (base, target) = (image(0, dated), image(moved, dated));
        let delta = make(&base, &target).unwrap();
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        apply(&base, &delta, &mut io::sink()).unwrap();
        let peak = HEAP.peak_usage().saturating_sub(before);
        let whole = (*target).as_ref().len();
        println!("dated {dated}, {moved} of {ENTRIES} moved: {peak} bytes of heap for an image of {whole}");
        assert!(peak <= 2 * whole, "{peak} bytes of heap for an image of {whole}");
    }
}

//! Are roots, images and archives that were made to hurt bounded in memory and depth, and is it said what was left out?

mod databases;
mod images;
mod jars;
mod roots;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use tripoint_inventory::Inventory;

/// Counts what is on the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Of bytes beyond what was there before, the most that `run` held at one time.
fn heap<T>(run: impl FnOnce() -> T) -> (T, usize) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let out = run();
    (out, HEAP.peak_usage().saturating_sub(before))
}

/// What any input may cost.
#[track_caller]
fn affordable(peak: usize, input: usize) {
    assert!(peak <= 4 * input + (8 << 20), "{peak} bytes of heap for {input} bytes of input");
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.packages.iter().map(|package| package.name.as_str()).collect()
}

#[track_caller]
fn says(inventory: &Inventory, reason: &str) {
    let said = || inventory.rejected.iter().map(|one| format!("{}: {}", one.file, one.reason));
    assert!(said().any(|one| one.contains(reason)), "{reason:?} is not among {:#?}", said().collect::<Vec<_>>());
    assert!(inventory.is_partial(), "{:?}", inventory.coverage);
}

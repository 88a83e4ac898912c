//! Are archives that were made to hurt bounded in memory, and is it said what of them was not read?

mod bombs;
mod tars;
mod zips;

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use tripoint_unpack::{Limits, Source, UnpackError, entries};

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

/// Names and contents of what comes out, `!` and the reason for what cannot be read, and how it ended.
fn read(bytes: &[u8]) -> (Vec<(String, String)>, Result<(), UnpackError>) {
    let mut seen = Vec::new();
    let end = entries(Source::Bytes(bytes), "a", &Limits::default(), &mut |name, content| {
        let mut text = String::new();
        if let Err(error) = content.read_to_string(&mut text) {
            text = format!("! {error}");
        }
        seen.push((name.to_owned(), text));
        ControlFlow::Continue(())
    });
    (seen, end)
}

/// How many entries come out, none of them read.
fn count(bytes: &[u8], limits: &Limits) -> (usize, Result<(), UnpackError>) {
    let mut seen = 0;
    let end = entries(Source::Bytes(bytes), "a", limits, &mut |_, _| {
        seen += 1;
        ControlFlow::Continue(())
    });
    (seen, end)
}

#[track_caller]
fn refused(end: Result<(), UnpackError>, reason: &str) {
    let said = end.expect_err(reason).to_string();
    assert!(said.contains(reason), "{said:?} does not say {reason:?}");
}

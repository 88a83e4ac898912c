//! Does any shape of a feed cost more memory than four times its size and 8 MiB?

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use tripoint_intel::feed::{Defaults, FORMATS, Reading};
use tripoint_intel::rules::Rules;
use tripoint_model::Timestamp;

/// Counts what is on the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn heap(act: impl FnOnce()) -> usize {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    act();
    HEAP.peak_usage().saturating_sub(before)
}

fn peak(number: usize, text: &[u8]) -> usize {
    let defaults = Defaults::default();
    heap(|| {
        let mut reading = Reading::new("x", &defaults, Rules::default(), Timestamp(0));
        FORMATS[number].parse(&mut &*text, &mut reading);
    })
}

/// Shapes without an indicator in them; what an indicator costs is bounded by how many a feed may hold.
#[test]
fn no_shape_costs_more_than_four_times_its_size() {
    let fill = |piece: &str| piece.repeat(SIZE / piece.len());
    let shapes = [
        ("deep lists", fill("[")),
        ("deep objects", fill("{\"objects\":")),
        ("wide list", format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{}0]}}"#, fill("0,"))),
        ("empty objects", format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{}{{}}]}}"#, fill("{},"))),
        (
            "small objects",
            format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{}{{}}]}}"#, fill("{\"id\":\"\"},")),
        ),
        ("labels", format!(r#"{{"type":"bundle","objects":[{{"type":"indicator","labels":[{}""]}}]}}"#, fill("\"\","))),
        ("pattern", format!(r#"{{"type":"bundle","objects":[{{"type":"indicator","pattern":"{}"}}]}}"#, fill("[("))),
        ("one text", format!("\"{}\"", fill("a"))),
        ("one line", fill("a")),
        ("empty lines", fill("\n")),
        ("commas", fill(",")),
        ("quotes", fill("\"")),
        ("bad lines", fill("x\n")),
        ("columns", format!("ip,{}\n{}", fill("a,"), "192.0.2.1,".repeat(1000))),
    ];
    let mut over = String::new();
    for (shape, text) in &shapes {
        for (number, format) in FORMATS.iter().enumerate() {
            let peak = peak(number, text.as_bytes());
            if peak > 4 * text.len() + (8 << 20) {
                let _ = writeln!(over, "{}, {shape}: {peak} bytes of heap for {}", format.name(), text.len());
            }
        }
    }
    assert!(over.is_empty(), "{over}");
}

/// Guard lists: entries that are refused cost their text at most; what is kept is bounded by how many a list may hold.
#[test]
fn no_guard_list_costs_more_than_it_may() {
    let fill = |piece: &str| piece.repeat(SIZE / piece.len());
    let list = |piece: &str| format!(r#"{{"type":"cidr","list":[{}0]}}"#, fill(piece));
    let read = |text: &str| heap(|| drop(tripoint_intel::guardlist::read(&mut text.as_bytes(), "x")));
    let most = format!(r#"{{"list":[{}0],"type":"string"}}"#, "\"a\",".repeat(1_200_000));
    for (shape, text) in [
        ("deep", fill("[")),
        ("deep members", fill("{\"list\":")),
        ("numbers", list("0,")),
        ("objects", list("{},")),
        ("empty texts", list("\"\",")),
        ("bad entries", list("\"x\",")),
        ("bad lines", fill("x\n")),
        ("attributes", format!(r#"{{"matching_attributes":[{}0]}}"#, fill("\"a\","))),
        ("members", format!("{{{}\"x\":0}}", fill("\"list\":[],"))),
    ] {
        let peak = read(&text);
        assert!(peak <= 4 * text.len() + (8 << 20), "{shape}: {peak} bytes of heap for {}", text.len());
    }
    let peak = read(&most);
    assert!(peak < 128 << 20, "{peak} bytes of heap for the most entries");
}

const SIZE: usize = 2 << 20;

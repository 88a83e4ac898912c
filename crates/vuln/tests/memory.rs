//! Does any shape of an advisory cost more memory than four times its size and 8 MiB?

mod shapes;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use shapes::{Language, PLACES, shapes};
use tripoint_vuln::advisory::{AdvisoryFormat, FORMATS, Sink, Statement};
use tripoint_vuln::oval;
use tripoint_vuln::vex::Vex;

/// Counts what is on the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Of bytes beyond what was there before, the most that `run` held at one time.
fn heap<T>(run: impl FnOnce() -> T) -> usize {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    drop(run());
    HEAP.peak_usage().saturating_sub(before)
}

/// Keeps nothing: what a statement becomes in the database is another question.
struct Passing;

impl Sink for Passing {
    fn accept(&mut self, _: Statement) {}
    fn add(&mut self, _: Statement) {}
    fn refuse(&mut self, _: &str, _: u64, _: String) {}
    fn refuse_part(&mut self, _: &str, _: u64, _: String) {}
}

fn peak(format: &dyn AdvisoryFormat, text: &[u8]) -> usize {
    heap(|| format.read("x.json", &mut &*text, &mut Passing))
}

#[track_caller]
fn affordable(over: &str) {
    assert!(over.is_empty(), "more than four times the input and 8 MiB:\n{over}");
}

fn judge(over: &mut String, what: &str, shape: &str, peak: usize, input: usize) {
    if peak > 4 * input + (8 << 20) {
        let _ = writeln!(over, "{what}, {shape}: {peak} bytes of heap for {input}");
    }
}

#[test]
fn no_shape_costs_any_format_more_than_its_size_allows() {
    let mut over = String::new();
    for (_, shape, text) in shapes(SIZE) {
        for format in FORMATS {
            judge(&mut over, format.name(), shape, peak(*format, text.as_bytes()), text.len());
        }
    }
    affordable(&over);
}

#[test]
fn no_shape_costs_more_inside_an_advisory_of_packages() {
    inside(|name| ["osv", "ghsa", "cve", "nvd", "kev", "euvd"].contains(&name));
}

#[test]
fn no_shape_costs_more_inside_a_distribution_s_word() {
    inside(|name| ["csaf", "secdb", "debian-tracker", "arch", "updateinfo", "oval"].contains(&name));
}

#[test]
fn no_shape_costs_more_inside_a_record_of_others() {
    inside(|name| ["openvex", "cyclonedx-vex", "php", "ruby", "gitlab", "rustsec", "retire"].contains(&name));
}

/// Every place of these formats, filled with every shape of its language.
#[track_caller]
fn inside(wanted: impl Fn(&str) -> bool) {
    let mut over = String::new();
    for (name, head, end) in PLACES.iter().filter(|(name, ..)| wanted(name)) {
        let format = FORMATS.iter().find(|format| format.name() == *name).expect("a format");
        let (head, mut read) = (head.concat(), 0);
        let language = Language::of(&head);
        for (_, shape, text) in shapes(SIZE).into_iter().filter(|(of, ..)| language.takes(*of)) {
            let text = format!("{head}{text}{end}");
            let file = if language == Language::Yaml { "x.yaml" } else { "x.json" };
            judge(&mut over, &head, shape, heap(|| format.read(file, &mut text.as_bytes(), &mut Passing)), text.len());
            read += 1;
        }
        assert!(read > 1, "{head}: no shape stands in it");
    }
    affordable(&over);
}

#[test]
fn every_place_belongs_to_a_test() {
    let names: BTreeSet<&str> = PLACES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), 19, "a format was added: name it in one of the tests of places");
}

/// What was published, again and again: as records of a list where the format has one, else as lines.
#[test]
fn fixtures_repeated_cost_what_their_size_allows() {
    let mut over = String::new();
    for format in FORMATS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/advisory").join(format.name());
        for file in fs::read_dir(folder).expect("fixtures").flatten().map(|entry| entry.path()) {
            if file.is_dir() || file.extension().is_some_and(|end| end == "out" || end == "golden") {
                continue;
            }
            let bytes = fs::read(&file).expect("read");
            let many = [bytes.as_slice(), b"\n"].concat().repeat(1 + SIZE / (bytes.len() + 1));
            judge(&mut over, format.name(), "repeated", peak(*format, &many), many.len());
        }
    }
    affordable(&over);
}

#[test]
fn documents_held_whole_cost_what_their_size_allows() {
    let mut over = String::new();
    let held = |name: &str| ["openvex", "cyclonedx-vex", "csaf", "oval"].contains(&name);
    for (name, head, end) in PLACES.iter().filter(|(name, ..)| held(name)) {
        let head = head.concat();
        for (_, shape, text) in shapes(SIZE).into_iter().filter(|(of, ..)| Language::of(&head).takes(*of)) {
            let text = format!("{head}{text}{end}");
            let peak = match *name {
                "oval" => heap(|| oval::read(&mut text.as_bytes(), &mut |_, _| {})),
                _ => heap(|| Vex::read("x.json", text.as_bytes())),
            };
            judge(&mut over, &head, shape, peak, text.len());
        }
    }
    affordable(&over);
}

const SIZE: usize = 2 << 20;

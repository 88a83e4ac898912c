//! Does any shape of an advisory cost more memory than four times its size and 8 MiB, or more than the
//! looser bound of the formats that hold a record's lists item by item?

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
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

/// Shapes that readers are weak against, filled up to so many bytes.
fn shapes() -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(SIZE / piece.len());
    vec![
        ("deep lists", fill("[")),
        ("deep objects", fill("{\"a\":")),
        ("wide list", format!("[{}0]", fill("0,"))),
        ("wide texts", format!("[{}\"\"]", fill("\"\","))),
        ("wide objects", format!("[{}{{}}]", fill("{\"\":0},"))),
        ("empty objects", format!("[{}{{}}]", fill("{},"))),
        ("one text", format!("\"{}\"", fill("a"))),
        ("escapes", format!("\"{}\"", fill("\\u0000"))),
        ("same keys", format!("{{{}\"a\":0}}", fill("\"a\":0,"))),
        ("one line", fill("a")),
        ("empty lines", fill("\n")),
        ("commas", fill(",")),
        ("elements", fill("<a>")),
        ("attributes", format!("<a {}>", fill("b=\"\" "))),
    ]
}

/// What a shape stands in where a reader looks deeper than at its outermost value.
const PLACES: &[(&str, &str, &str)] = &[
    ("osv", r#"{"schema_version":"1.6.0","id":"X-1","modified":"2024-01-01T00:00:00Z","affected":"#, "}"),
    ("osv", r#"{"schema_version":"1.6.0","id":"X-1","modified":"2024-01-01T00:00:00Z","aliases":"#, "}"),
    (
        "osv",
        r#"{"schema_version":"1.6.0","id":"X-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":"#,
        "}]}",
    ),
    (
        "osv",
        r#"{"schema_version":"1.6.0","id":"X-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":"#,
        "}]}",
    ),
    ("csaf", r#"{"document":{"category":"csaf_vex","csaf_version":"2.0"},"product_tree":{"branches":"#, "}}"),
    ("csaf", r#"{"document":{"category":"csaf_vex","csaf_version":"2.0"},"vulnerabilities":"#, "}"),
    ("cve", r#"{"dataType":"CVE_RECORD","dataVersion":"5.1","containers":{"cna":{"affected":"#, "}}}"),
    ("nvd", r#"{"format":"NVD_CVE","vulnerabilities":"#, "}"),
    ("nvd", r#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2024-0001","configurations":"#, "}}]}"),
    ("kev", r#"{"catalogVersion":"1","vulnerabilities":"#, "}"),
    ("openvex", r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":"#, "}"),
    ("cyclonedx-vex", r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":"#, "}"),
    ("secdb", r#"{"distroversion":"v3.19","reponame":"main","packages":"#, "}"),
    ("debian-tracker", r#"{"a":{"CVE-2024-0001":{"releases":"#, "}}}"),
    ("debian-tracker", r#"{"a":"#, "}"),
    ("retire", r#"{"jquery":{"vulnerabilities":"#, "}}"),
    ("updateinfo", "<updates><update><id>X-1</id><pkglist><collection>", "</collection></pkglist></update></updates>"),
    ("updateinfo", "<updates><update><id>X-1</id><references>", "</references></update></updates>"),
    (
        "oval",
        "<oval_definitions><definitions><definition id=\"oval:a:def:1\"><criteria>",
        "</criteria></definition></definitions></oval_definitions>",
    ),
    ("oval", "<oval_definitions><tests>", "</tests></oval_definitions>"),
];

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
    for (shape, text) in shapes() {
        for format in FORMATS {
            judge(&mut over, format.name(), shape, peak(*format, text.as_bytes()), text.len());
        }
    }
    affordable(&over);
}

#[test]
fn no_shape_costs_more_inside_a_record_either() {
    let mut over = String::new();
    for (name, head, end) in PLACES {
        let format = FORMATS.iter().find(|format| format.name() == *name).expect("a format");
        for (shape, text) in shapes() {
            let text = format!("{head}{text}{end}");
            let peak = peak(*format, text.as_bytes());
            // These hold their lists item by item; a record or document has a bound in bytes instead.
            let factor = if ["osv", "nvd", "kev", "secdb", "retire"].contains(name) { LISTS_FACTOR } else { 4 };
            if peak > factor * text.len() + (8 << 20) {
                let _ = writeln!(over, "{head}, {shape}: {peak} bytes of heap for {}", text.len());
            }
        }
    }
    affordable(&over);
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
            // Bounded on its own: see below.
            if file.to_string_lossy().contains("yaml") {
                continue;
            }
            let many = [bytes.as_slice(), b"\n"].concat().repeat(1 + SIZE / (bytes.len() + 1));
            judge(&mut over, format.name(), "repeated", peak(*format, &many), many.len());
        }
    }
    affordable(&over);
}

/// A document of YAML is held as events and values: that costs more, so it has a bound of its own.
#[test]
fn no_yaml_costs_more_than_its_own_bound() {
    let format = FORMATS.iter().find(|format| format.name() == "secdb").expect("a format");
    for piece in ["- - - ", "- a\n", "a: b\n", "? a\n", "[],", "\"\": ", "- ''\n"] {
        for size in [YAML_BYTES_MAX - 64, 2 * YAML_BYTES_MAX] {
            let text = format!("distroversion: v3\npackages:\n{}", piece.repeat(size / piece.len()));
            let peak = peak(*format, text.as_bytes());
            assert!(peak < 160 << 20, "{piece:?}: {peak} bytes of heap for {}", text.len());
            assert!(size < YAML_BYTES_MAX || peak < 4 * text.len(), "{piece:?}: {peak} bytes for what is refused");
        }
    }
}

#[test]
fn documents_held_whole_cost_what_their_size_allows() {
    let mut over = String::new();
    for (shape, text) in shapes() {
        for (name, head, end) in PLACES.iter().filter(|(name, ..)| ["openvex", "cyclonedx-vex", "csaf"].contains(name))
        {
            let text = format!("{head}{text}{end}");
            judge(&mut over, name, shape, heap(|| Vex::read("x.json", text.as_bytes())), text.len());
        }
        for (name, head, end) in PLACES.iter().filter(|(name, ..)| *name == "oval") {
            let text = format!("{head}{text}{end}");
            judge(&mut over, name, shape, heap(|| oval::read(&mut text.as_bytes(), &mut |_, _| {})), text.len());
        }
    }
    affordable(&over);
}

const SIZE: usize = 1 << 20;
/// Of a list of the smallest items; real records are far below.
const LISTS_FACTOR: usize = 32;
/// Where YAML is refused.
const YAML_BYTES_MAX: usize = 2 << 20;

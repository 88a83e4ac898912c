//! Does reading twice as much take twice as long, whatever shape the input has?

use std::io::Write;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use tripoint_inventory::{ScanOptions, sbom, scan};
use tripoint_vuln::advisory::{FORMATS, Sink, Statement};

use crate::Figure;

/// Keeps nothing.
struct Passing;

impl Sink for Passing {
    fn accept(&mut self, _: Statement) {}
    fn add(&mut self, _: Statement) {}
    fn refuse(&mut self, _: &str, _: u64, _: String) {}
    fn refuse_part(&mut self, _: &str, _: u64, _: String) {}
}

/// Every reader of texts with every shape, at one and at two megabytes: the worst of each reader.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut all = Worst::default();
    for format in FORMATS {
        let mut worst = Worst::default();
        for (shape, text) in SHAPES {
            worst.take(shape, &mut |bytes| {
                let content = filled(text, bytes);
                cpu(|| format.read("x.json", &mut content.as_bytes(), &mut Passing))
            });
        }
        figures.push(worst.figure(format.name()));
        all.join(worst);
    }
    let folder = tempfile::tempdir()?;
    for path in PLACES {
        let file = folder.path().join("root").join(path);
        let parent = file.parent().context("a folder")?;
        std::fs::create_dir_all(parent)?;
        let mut worst = Worst::default();
        for (shape, text) in SHAPES {
            worst.take(shape, &mut |bytes| {
                let written =
                    std::fs::File::create(&file).and_then(|mut out| out.write_all(filled(text, bytes).as_bytes()));
                written.map_or(f64::NAN, |()| {
                    cpu(|| drop(scan(&folder.path().join("root"), &ScanOptions::default(), &mut |_| {})))
                })
            });
        }
        std::fs::remove_file(&file)?;
        figures.push(worst.figure(path));
        all.join(worst);
    }
    let bill = folder.path().join("bill.json");
    let mut worst = Worst::default();
    for (shape, text) in SHAPES {
        worst.take(shape, &mut |bytes| {
            let written = std::fs::write(&bill, filled(text, bytes));
            written.map_or(f64::NAN, |()| cpu(|| drop(sbom::read(&bill))))
        });
    }
    figures.push(worst.figure("sbom"));
    all.join(worst);
    figures.push(Figure::new("slowest of all", all.per_mib, "s/MiB"));
    Ok(figures)
}

/// The worst that a reader did.
#[derive(Default)]
struct Worst {
    ratio: f64,
    shape: &'static str,
    per_mib: f64,
}

impl Worst {
    fn take(&mut self, shape: &'static str, run: &mut dyn FnMut(usize) -> f64) {
        let mut best = |bytes: usize| (0..ROUNDS).map(|_| run(bytes)).fold(f64::INFINITY, f64::min);
        let (once, twice) = (best(1 << 20), best(2 << 20));
        self.per_mib = self.per_mib.max(twice / 2.0);
        // Below a few milliseconds the ratio is noise.
        if twice > 0.005 && twice / once > self.ratio {
            (self.ratio, self.shape) = (twice / once, shape);
        }
    }

    fn figure(&self, name: &str) -> Figure {
        Figure::new(
            format!("{name}: twice as much, worst {} ({:.3} s/MiB)", self.shape, self.per_mib),
            self.ratio,
            "times",
        )
    }

    fn join(&mut self, other: Self) {
        self.per_mib = self.per_mib.max(other.per_mib);
    }
}

fn filled((head, piece, end): &(&str, &str, &str), bytes: usize) -> String {
    format!("{head}{}{end}", piece.repeat(bytes / piece.len()))
}

/// Seconds of this thread.
fn cpu(run: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let begun = now();
    run();
    now() - begun
}

const ROUNDS: usize = 3;
type Shape = (&'static str, (&'static str, &'static str, &'static str));
const SHAPES: &[Shape] = &[
    ("deep lists", ("", "[", "")),
    ("deep objects", ("", "{\"a\":", "")),
    ("wide list", ("[", "0,", "0]")),
    ("wide objects", ("[", "{\"\":0},", "{}]")),
    ("same keys", ("{", "\"a\":0,", "\"a\":0}")),
    ("one text", ("\"", "a", "\"")),
    ("escapes", ("\"", "\\u0000", "\"")),
    ("one line", ("", "a", "")),
    ("empty lines", ("", "\n", "")),
    ("fields", ("", "Package: a\n", "")),
    ("continued", ("Package: a\nDescription:", "\n x", "\n")),
    ("stanzas", ("", "Package: a\nStatus: install ok installed\nVersion: 1\n\n", "")),
    ("packages", ("", "[[package]]\nname=\"a\"\nversion=\"1\"\n", "")),
    ("keys of a table", ("", "a.a.a.a=1\n", "")),
    ("elements", ("", "<a>", "")),
    ("attributes", ("<a ", "b=\"\" ", ">")),
    ("namespaces", ("<a ", "xmlns:b=\"c\" ", ">")),
    ("entities", ("<a>", "&amp;", "</a>")),
    ("yaml lists", ("", "- - - ", "")),
    ("yaml keys", ("", "a: b\n", "")),
];
const PLACES: &[&str] = &[
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "x/a.dist-info/METADATA",
    "poetry.lock",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "Cargo.lock",
    "Gemfile.lock",
    "composer.lock",
    "a.deps.json",
    "pubspec.lock",
    "mix.lock",
];

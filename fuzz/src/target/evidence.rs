//! Can a log, whatever it holds, harm who reads it?

use tripoint_evidence::log::{FORMATS, LogFormat, pattern};
use tripoint_evidence::scan::{Options, scan};
use tripoint_evidence::{attempt, stamp::Clock};
use tripoint_model::Timestamp;
use tripoint_model::attempt::{LINES_MAX, RAW_BYTES_MAX};

use super::Target;
use crate::seed;

/// Every format by the first byte, and found line by line.
pub const LOG: Target = Target { name: "log", run: log, seeds };
/// A pattern, and a line that it is to read.
pub const PATTERN: Target = Target { name: "log-pattern", run: made, seeds: patterns };

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn log(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let number = usize::from(*first) % (FORMATS.len() + 1);
    read(rest, FORMATS.get(number).map(|format| *format as &dyn LogFormat));
}

fn read(bytes: &[u8], format: Option<&dyn LogFormat>) {
    let pack = attempt::pack();
    let options = Options { format, clock: Clock::at(NOW), pack, is_proxy: &|_| false };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    let counts = scan(bytes, "x", &options, &mut |hit| {
        assert!(hit.line >= 1 && hit.line <= lines && hit.offset <= bytes.len() as u64, "where it stands");
        assert!(hit.raw.len() <= RAW_BYTES_MAX && hit.lines.len() <= LINES_MAX, "a finding is bounded");
        assert!(!hit.rule.is_empty() && !hit.family.is_empty());
    });
    let counts = counts.expect("reading from memory fails never");
    assert!(counts.entries <= counts.lines && counts.lines <= lines);
}

fn made(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((pattern, rest)) = text.split_once('\n') else { return };
    for made in [pattern::compile(pattern), pattern::grok(pattern)].into_iter().flatten() {
        read(rest.as_bytes(), Some(&made));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for (number, format) in FORMATS.iter().enumerate() {
        for content in seed::contents(&format!("crates/evidence/fixtures/log/{}", format.name())) {
            out.push(seed::chosen(number, &content));
            out.push(seed::chosen(FORMATS.len(), &content));
        }
    }
    for folder in ["service", "attempt"] {
        let contents = seed::contents(&format!("crates/evidence/fixtures/{folder}"));
        out.extend(contents.iter().map(|content| seed::chosen(FORMATS.len(), content)));
    }
    out
}

fn patterns() -> Vec<Vec<u8>> {
    let lines = [
        "$remote_addr - $remote_user [$time_local] \"$request\" $status\n203.0.113.9 - - [02/Jan/2026:03:04:05 +0000] \"GET / HTTP/1.1\" 200",
        "%h %l %u %t \"%r\" %>s %b\n203.0.113.9 - - [02/Jan/2026:03:04:05 +0000] \"GET / HTTP/1.1\" 200 1",
        "%{IP:remote} said %{DATA:message};\n203.0.113.9 said x;",
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

//! Can a feed of any format harm its reader?

use tripoint_intel::feed::{Defaults, FORMATS, Reading};
use tripoint_intel::guardlist;
use tripoint_intel::load::load;
use tripoint_intel::rules::Rules;
use tripoint_model::Timestamp;
use tripoint_unpack::{Limits, Source};

use super::Target;
use crate::seed;

/// Every format, by the first byte.
pub const ANY: Target = Target { name: "feed", run: any, seeds };
/// As `intel import` takes it: packed or not, of whatever format it looks like.
pub const LOAD: Target =
    Target { name: "feed-load", run: whole, seeds: || seed::contents("crates/intel/fixtures/feed") };

/// Guard lists, MISP's or plain.
pub const GUARD: Target =
    Target { name: "guard-list", run: guard, seeds: || seed::contents("crates/intel/fixtures/guard") };

fn guard(data: &[u8]) {
    let Ok(list) = guardlist::read(&mut &*data, "x") else { return };
    let parsed = &list.parsed;
    assert!(parsed.accepted.len() as u64 + parsed.refused <= parsed.read, "what was read was counted");
    assert!(parsed.accepted.iter().all(|entry| !entry.is_empty() && !entry.contains('\n')), "an entry is a line");
    assert!(parsed.accepted.is_sorted());
}

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn any(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let defaults = Defaults::default();
    let mut reading = Reading::new("x", &defaults, Rules::default(), NOW);
    let mut input = rest;
    FORMATS[usize::from(*first) % FORMATS.len()].parse(&mut input, &mut reading);
    for indicator in &reading.parsed.accepted {
        assert_eq!(reading.rules.refusal(&indicator.observable), None, "what a rule refuses was let in");
    }
}

fn whole(data: &[u8]) {
    let defaults = Defaults::default();
    let limits = Limits { out_bytes_max: 4 << 20, ..Limits::default() };
    if let Err(error) = load(Source::Bytes(data), "x.gz", None, &defaults, Rules::default(), &limits, NOW) {
        assert!(!error.to_string().is_empty());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (number, format) in FORMATS.iter().enumerate() {
        let folder = format!("crates/intel/fixtures/feed/{}", format.name());
        out.extend(seed::contents(&folder).iter().map(|content| seed::chosen(number, content)));
    }
    out
}

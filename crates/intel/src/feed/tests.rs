//! Does every format in the registry keep its promises, with no test code of its own?

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tripoint_model::parsed::REJECTED_MAX;
use tripoint_model::{Indicator, Timestamp};

use super::{Defaults, FORMATS, FeedFormat, Reading};
use crate::rules::Rules;

fn folder(format: &dyn FeedFormat) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/feed").join(format.name())
}

fn inputs(format: &dyn FeedFormat) -> Vec<PathBuf> {
    let folder = folder(format);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "in"))
        .collect();
    inputs.sort();
    inputs
}

/// What a file gave.
struct Outcome {
    parsed: tripoint_model::Parsed<Indicator>,
    passed_over: u64,
}

/// Reads with the documentation ranges permitted and one own address, at noon on 2026-01-02.
fn read(format: &dyn FeedFormat, bytes: &[u8], file: &str) -> Outcome {
    let permit: Vec<ipnet::IpNet> = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let own = ["5.6.7.8".parse().unwrap()];
    let defaults = Defaults::default();
    let rules = Rules { permit_ranges: &permit, own: &own };
    let mut reading = Reading::new(file, &defaults, rules, "2026-01-02T12:00:00Z".parse().unwrap());
    format.parse(&mut &bytes[..], &mut reading);
    let Reading { parsed, passed_over, .. } = reading;
    assert_eq!(parsed.rejected.len() as u64, parsed.refused.min(REJECTED_MAX as u64), "{file}");
    Outcome { parsed, passed_over }
}

fn shown(Outcome { parsed, passed_over }: &Outcome) -> String {
    let mut out = String::new();
    for indicator in &parsed.accepted {
        let _ = writeln!(out, "{}", serde_json::to_string(indicator).unwrap());
    }
    for rejected in &parsed.rejected {
        let _ = writeln!(out, "! {}: {}", rejected.line, rejected.reason);
    }
    let _ = write!(out, "= read {} refused {}", parsed.read, parsed.refused);
    out.push_str(&if *passed_over > 0 { format!(" passed over {passed_over}\n") } else { "\n".to_owned() });
    out
}

#[test]
fn names_are_unique_and_listed_in_the_reference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/feed-formats.md");
    let page = fs::read_to_string(page).unwrap();
    for (at, format) in FORMATS.iter().enumerate() {
        assert!(FORMATS[..at].iter().all(|other| other.name() != format.name()), "{} twice", format.name());
        assert!(page.contains(&format!("| `{}` |", format.name())), "{} is not on the reference page", format.name());
    }
}

#[test]
fn every_input_gives_its_golden_output() {
    for format in FORMATS {
        let (mut good, mut hostile) = (false, false);
        for path in inputs(*format) {
            let bytes = fs::read(&path).unwrap();
            let outcome = read(*format, &bytes, &path.file_name().unwrap().to_string_lossy());
            let parsed = &outcome.parsed;
            let entries = parsed.accepted.len() as u64;
            good |= entries > 0 && entries == parsed.read;
            hostile |= parsed.refused > 0;
            let golden = path.with_extension("out");
            let found = shown(&outcome);
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&golden, &found).unwrap();
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(found, expected, "{}", path.display());
        }
        assert!(good && hostile, "{} needs a good and a hostile fixture", format.name());
    }
}

#[test]
fn detection_finds_each_format_by_its_good_fixtures() {
    for format in FORMATS {
        for path in inputs(*format)
            .iter()
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("good")))
        {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
            let first = FORMATS.iter().find(|format| format.detect(&text)).map(|format| format.name());
            assert_eq!(first, Some(format.name()), "{}", path.display());
        }
    }
}

#[test]
fn no_cut_and_no_flip_panics_in_any_format() {
    for format in FORMATS {
        for other in FORMATS {
            for path in inputs(*other) {
                let bytes = fs::read(&path).unwrap();
                for cut in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
                    read(*format, &bytes[..cut], "cut");
                    let mut flipped = bytes.clone();
                    flipped[cut] ^= 0x95;
                    read(*format, &flipped, "flip");
                }
            }
        }
    }
}

/// A quarter of a gigabyte without a line's end comes from a generator; only the entry after it is kept.
#[test]
fn a_giant_line_is_passed_over() {
    for format in FORMATS {
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let defaults = Defaults::default();
        let rules = Rules { permit_ranges: &permit, own: &[] };
        let mut reading = Reading::new("giant", &defaults, rules, Timestamp(0));
        let is_json = ["stix", "misp", "json", "crowdsec"].contains(&format.name());
        let (start, end, good) = match format.name() {
            _ if is_json => (&b"{\"id\":\""[..], &b""[..], 0),
            "ipsum" => (&b"203.0.113.8\t3\n"[..], &b"\n203.0.113.9\t3\n"[..], 2),
            "suricata-iprep" => (&b"203.0.113.8,1,9\n"[..], &b"\n203.0.113.9,1,9\n"[..], 2),
            "spamhaus-asn" => (&b"{\"type\":\"metadata\"}\n"[..], &b"\n{\"type\":\"metadata\"}\n"[..], 0),
            _ => (&b"203.0.113.8\n"[..], &b"\n203.0.113.9\n"[..], 2),
        };
        let mut giant = start.chain(std::io::repeat(b'a').take(1 << 28)).chain(end);
        format.parse(&mut giant, &mut reading);
        assert_eq!(reading.parsed.refused, 1, "{}", format.name());
        assert_eq!(reading.parsed.accepted.len(), good, "{}", format.name());
    }
}

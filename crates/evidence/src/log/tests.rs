//! Does every format in the registry keep its promises, with no test code of its own?

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{FORMATS, LogFormat, addresses, peer_in};
use crate::entry::{Entry, Said};
use crate::lines::{LINE_MAX, Lines};
use crate::stamp::Clock;

fn clock() -> Clock {
    Clock::at("2026-06-15T12:00:00Z".parse().unwrap())
}

fn inputs(format: &dyn LogFormat) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/log").join(format.name());
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut inputs: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|ext| ext == "in")).collect();
    inputs.sort();
    inputs
}

fn is_good(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("good"))
}

/// The entries of a file, each with its lines, as `scan` puts lines together.
fn entries(format: &dyn LogFormat, bytes: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    let mut lines = Lines::new(bytes);
    while let Some(line) = lines.next_line().unwrap() {
        let more = open && found.last().is_some_and(|so_far| format.continues(so_far, &line.text));
        match found.last_mut().filter(|_| more) {
            Some(so_far) => {
                so_far.push('\n');
                so_far.push_str(&line.text);
            }
            None => {
                open = format.begins(&line.text);
                found.push(line.text.into_owned());
            }
        }
    }
    found
}

fn shown(entry: Option<Entry<'_>>) -> String {
    let Some(Entry { time, remote, claimed, said }) = entry else { return "-".into() };
    let time = time.map_or("?".into(), |time| time.to_string());
    let remote = remote.map_or("?".into(), |remote| remote.to_string());
    let mut out = format!("{time} {remote}");
    if !claimed.is_empty() {
        let _ = write!(out, " for {claimed:?}");
    }
    let _ = match said {
        Said::Text(text) => write!(out, " text {text:?}"),
        Said::LogIn(log_in) => write!(out, " log-in {} {:?} {:?}", log_in.service, log_in.user, log_in.outcome),
        Said::Request(r) => {
            let _ = write!(out, " request {:?} {:?} {:?} {:?}", r.method, r.target, r.status, r.bytes);
            let parts = [("host", r.host), ("referer", r.referer), ("agent", r.agent), ("user", r.user)];
            for (name, value) in parts.into_iter().chain([("headers", r.headers), ("body", r.body)]) {
                if !value.is_empty() {
                    let _ = write!(out, " {name}={value:?}");
                }
            }
            Ok(())
        }
    };
    out
}

#[test]
fn names_are_unique_and_listed_in_the_reference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/log-formats.md");
    let page = fs::read_to_string(page).unwrap();
    for (at, format) in FORMATS.iter().enumerate() {
        assert!(FORMATS[..at].iter().all(|other| other.name() != format.name()), "{} twice", format.name());
        assert!(page.contains(&format!("| `{}` |", format.name())), "{} is not on the reference page", format.name());
    }
    let services = crate::service::SERVICES.iter().map(|service| service.name());
    for service in
        services.chain(crate::service::row::rows().map(|row| row.service)).chain(crate::service::event::services())
    {
        assert!(page.contains(&format!("`{service}`")), "{service} is not on the reference page");
    }
}

#[test]
fn every_input_gives_its_golden_output() {
    for format in FORMATS {
        let mut kinds = [false; 2];
        for path in inputs(*format) {
            let entries = entries(*format, &fs::read(&path).unwrap());
            let mut found = String::new();
            for text in &entries {
                let entry = format.read(text, &clock());
                assert!(!is_good(&path) || text.is_empty() || entry.is_some(), "{}: {text}", path.display());
                let _ = writeln!(found, "{}", shown(entry));
            }
            kinds[usize::from(is_good(&path))] = true;
            let golden = path.with_extension("out");
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&golden, &found).unwrap();
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(found, expected, "{}", path.display());
        }
        assert_eq!(kinds, [true; 2], "{} needs a good and a hostile fixture", format.name());
    }
}

#[test]
fn detection_finds_each_format_by_its_good_fixtures() {
    for format in FORMATS {
        for path in inputs(*format).iter().filter(|path| is_good(path)) {
            for text in entries(*format, &fs::read(path).unwrap()).iter().filter(|text| !text.is_empty()) {
                let line = text.lines().next().unwrap_or_default();
                let first = FORMATS.iter().find(|format| format.begins(line) || format.read(text, &clock()).is_some());
                assert_eq!(first.map(|format| format.name()), Some(format.name()), "{text}");
            }
        }
    }
}

#[test]
fn no_cut_and_no_flip_panics_in_any_format() {
    for other in FORMATS {
        for path in inputs(*other) {
            let bytes = fs::read(&path).unwrap();
            for cut in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
                let mut flipped = bytes.clone();
                flipped[cut] ^= 0x95;
                for part in [&bytes[cut..], &flipped] {
                    for format in FORMATS {
                        for text in entries(*format, part) {
                            let _ = format.read(&text, &clock());
                        }
                    }
                }
            }
        }
    }
}

/// The longest lines there are, full of what makes parsers try again and again.
#[test]
fn a_hostile_line_costs_no_more_than_its_length() {
    let heads = [
        "",
        "{\"a\":",
        "[",
        "2026/01/02 03:04:05 [error] 7#7: *1 user \"",
        "Jan  2 03:04:05 h sshd[7]: Failed password for ",
        "203.0.113.9 - - [02/Jan/2026:03:04:05 +0000] \"GET /",
        "time=\"",
        "type=EXECVE msg=audit(1767323046.678:10): a0=",
        "2026-01-02 03:04:05,678 WARN ",
        "--abcd-A--\n",
        "GET / HTTP/1.1\n",
        "Jan  2 03:04:05 h dovecot: imap-login: ",
    ];
    let fills = [
        "a",
        " ",
        "\"",
        "\\",
        "[",
        "(",
        "=",
        ": ",
        "\0",
        " from ",
        " from 1.2.3.4",
        "1.2.3.4 ",
        "H=(",
        "auth failed, 1 attempts",
        "Failed password for x from 1.2.3.4 port 1 ssh2: ",
        "user=",
        "::",
        "%u",
        "\n--abcd-B--\n",
    ];
    for head in heads {
        for fill in fills {
            let text = format!("{head}{}", fill.repeat((LINE_MAX - head.len()) / fill.len()));
            for format in FORMATS {
                let start = Instant::now();
                let _ = (format.begins(&text), format.continues(&text, &text), format.read(&text, &clock()));
                let took = start.elapsed();
                // Without optimisation; a quadratic reader takes minutes.
                assert!(took < Duration::from_secs(3), "{} took {took:?} on {head:?} and {fill:?}", format.name());
            }
        }
    }
}

#[test]
fn the_peer_of_a_message_is_found() {
    for (text, expected) in [
        ("Failed password for root from 203.0.113.9 port 4711 ssh2", "203.0.113.9"),
        ("listening on 192.0.2.1, client: 203.0.113.9, server: _", "203.0.113.9"),
        ("rhost=2001:db8::9 user=root", "2001:db8::9"),
        ("peer [2001:db8::9]:443 is gone", "2001:db8::9"),
        ("::ffff:203.0.113.9 said", "203.0.113.9"),
        ("fe80::1%eth0 said", "fe80::1"),
        ("203.0.113.9:4711: bad", "203.0.113.9"),
    ] {
        assert_eq!(peer_in(text), expected.parse().ok(), "{text}");
    }
    for text in ["", "deadbeef", "version 1.2.3", "1.2.3.4.5", "12:30:01", "x203.0.113.9", "203.0.113.9-x"] {
        assert_eq!(peer_in(text), None, "{text}");
    }
    assert_eq!(addresses("203.0.113.9, 2001:db8::1").map(|list| list.len()), Some(2));
    assert_eq!(addresses("203.0.113.9, unknown"), None);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _ = peer_in(&text);
        for format in FORMATS {
            let _ = (format.read(&text, &clock()), format.begins(&text), format.continues(&text, &text));
        }
    }
}

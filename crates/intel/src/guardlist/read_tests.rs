//! Does every fixture of guard lists give its golden output, and does damage stay harmless?

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{GuardList, read};

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/guard");
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "in"))
        .collect();
    inputs.sort();
    inputs
}

fn shown(found: &Result<GuardList, String>) -> String {
    let mut out = String::new();
    match found {
        Err(reason) => {
            let _ = writeln!(out, "no list: {reason}");
        }
        Ok(list) => {
            let about = (&list.title, &list.version, &list.category, &list.matching);
            let _ = writeln!(out, "{:?} {about:?}", list.kind);
            for entry in &list.parsed.accepted {
                let _ = writeln!(out, "{entry} {:?}", list.kind.place(entry));
            }
            for rejected in &list.parsed.rejected {
                let _ = writeln!(out, "! {}: {}", rejected.line, rejected.reason);
            }
            let _ = writeln!(out, "= read {} refused {}", list.parsed.read, list.parsed.refused);
        }
    }
    out
}

#[test]
fn every_input_gives_its_golden_output() {
    let inputs = inputs();
    assert!(inputs.len() >= 8);
    for path in inputs {
        let bytes = fs::read(&path).unwrap();
        let found = shown(&read(&mut &bytes[..], "x"));
        let golden = path.with_extension("out");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn no_cut_and_no_flip_panics_and_every_entry_is_counted() {
    for path in inputs() {
        let bytes = fs::read(&path).unwrap();
        for cut in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
            let _ = read(&mut &bytes[..cut], "cut");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 0x95;
            if let Ok(list) = read(&mut &flipped[..], "flip") {
                assert!(list.parsed.accepted.len() as u64 <= list.parsed.read - list.parsed.refused);
                for entry in &list.parsed.accepted {
                    assert_eq!(list.kind.kept(entry).as_ref(), Ok(entry));
                }
            }
        }
    }
}

#[test]
fn endless_input_is_bounded() {
    use std::io::Read as _;

    let mut giant = (&b"{\"list\":[\""[..]).chain(std::io::repeat(b'a').take(1 << 28));
    assert!(read(&mut giant, "giant").is_err());
    let mut line = (&b"203.0.113.8\n"[..]).chain(std::io::repeat(b'a').take(1 << 28)).chain(&b"\n203.0.113.9\n"[..]);
    let list = read(&mut line, "line").unwrap();
    assert_eq!((list.parsed.accepted.len(), list.parsed.refused), (2, 1));
    let deep = format!("{{\"x\":{}", "[".repeat(1 << 20));
    assert!(read(&mut deep.as_bytes(), "deep").is_err());
    let many = format!("{{\"type\":\"regex\",\"list\":[{}\"a\"]}}", "\"/a/\",".repeat(300));
    let list = read(&mut many.as_bytes(), "many").unwrap();
    assert_eq!(list.parsed.refused, 301 - 256);
}

//! Is every row alive, and does every message mean what its golden file says?

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::rows;
use crate::entry::Said;
use crate::service::entry;

/// `program<TAB>message`, one a line; `\n` is a line's end inside a message.
fn messages() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/service/messages.in");
    let text = fs::read_to_string(path).unwrap();
    let split =
        |line: &str| line.split_once('\t').map(|(program, message)| (program.into(), message.replace("\\n", "\n")));
    text.lines().map(|line| split(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

#[test]
fn every_row_has_a_message_that_holds_its_text_and_fits() {
    let messages = messages();
    for row in rows() {
        // The product's regex knows no case folding, though the tests' does: other crates of theirs switch it on.
        assert!(!row.pattern.contains("(?i"), "{} {:?}", row.service, row.pattern);
        let pattern = row.compiled();
        let fits = messages.iter().filter(|(_, message)| pattern.is_match(message));
        let with_text = fits.clone().filter(|(_, message)| message.contains(row.holds)).count();
        assert!(with_text > 0, "no message fits {} {:?}", row.service, row.pattern);
        assert_eq!(fits.count(), with_text, "{} {:?} fits without its text {:?}", row.service, row.pattern, row.holds);
    }
}

#[test]
fn every_message_means_what_its_golden_file_says() {
    let mut found = String::new();
    for (program, message) in messages() {
        let entry = entry(None, &program, &message);
        let remote = entry.remote.map_or("?".into(), |remote| remote.to_string());
        let _ = match entry.said {
            Said::LogIn(log_in) => {
                writeln!(found, "{} {remote} {:?} {:?}", log_in.service, log_in.user, log_in.outcome)
            }
            _ => writeln!(found, "- {remote}"),
        };
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/service/messages.out");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default());
}

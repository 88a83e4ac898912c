//! Which rules did somebody write down in files, and what is wrong with them?
//!
//! A file is TOML with tables `[[rule]]`, of the fields of `rule::Rule`. Files are strangers' work: their size, their
//! number and the memory of each pattern have bounds, and a rule that cannot be used costs nothing but itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Pack;
use super::rule::Rule;
use super::written::{self, Written};

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// Rules that can be used.
    pub rules: Vec<Rule>,
    /// What cannot.
    pub faults: Vec<Fault>,
    /// Files that were read.
    pub files: usize,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1; that of the rule's table where the rule as a whole is meant.
    pub line: usize,
    /// In words.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    rule: Vec<Spanned<Rule>>,
}

/// Files of a folder.
const FILES_MAX: usize = 1000;
/// Rules of all files.
const RULES_MAX: usize = 10_000;
/// Bytes of a pattern.
const PATTERN_MAX: usize = 16 << 10;

/// Reads a file, or the files of a folder that end in `.toml`, in the order of their names. `taken` are the names that
/// other rules have.
pub fn read(path: &Path, taken: &mut BTreeSet<String>) -> std::io::Result<Read> {
    Ok(read_written(written(path)?, taken))
}

/// What stands in that file, or in those files of a folder.
pub fn written(path: &Path) -> std::io::Result<Vec<Written>> {
    Ok(written::read(files(path)?))
}

/// Which rules stand there.
pub fn read_written(files: Vec<Written>, taken: &mut BTreeSet<String>) -> Read {
    let mut all = Read::default();
    for Written { file: name, text } in files {
        let mut fault = |line: usize, reason: String| all.faults.push(Fault { file: name.clone(), line, reason });
        let text = match text {
            Ok(text) => text,
            Err(reason) => {
                fault(1, reason);
                continue;
            }
        };
        all.files += 1;
        let tables: Tables = match toml::from_str(&text) {
            Ok(written) => written,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                fault(line_of(&text, at), error.message().to_owned());
                continue;
            }
        };
        for one in tables.rule {
            let line = line_of(&text, one.span().start);
            let rule = one.into_inner();
            let checked = if all.rules.len() >= RULES_MAX {
                Err(format!("there are more than {RULES_MAX} rules"))
            } else {
                check(&rule, taken)
            };
            match checked {
                Ok(()) => all.rules.push(rule),
                Err(reason) => fault(line, reason),
            }
        }
    }
    all
}

fn check(rule: &Rule, taken: &mut BTreeSet<String>) -> Result<(), String> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !is_name(&rule.id) {
        return Err(format!("{:?} is no name: small letters, digits and hyphens", rule.id));
    }
    if !is_name(&rule.family) {
        return Err(format!("rule {}: the family {:?} is no name", rule.id, rule.family));
    }
    if rule.pattern.len() > PATTERN_MAX || rule.unless.len() > PATTERN_MAX {
        return Err(format!("rule {}: a pattern has more than {PATTERN_MAX} bytes", rule.id));
    }
    Pack::new([rule.clone()]).map_err(|error| error.to_string())?;
    if !taken.insert(rule.id.clone()) {
        return Err(format!("rule {} is there twice", rule.id));
    }
    Ok(())
}

fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            return Err(std::io::Error::other(format!("there are more than {FILES_MAX} files of rules")));
        }
    }
    found.sort();
    Ok(found)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_told_with_its_line_and_costs_one_rule() {
        let folder = tempfile::tempdir().unwrap();
        let good = "[[rule]]\nid = \"a-b\"\nfamily = \"web-shell\"\npattern = \"evil\\\\.php\"\n";
        std::fs::write(
            folder.path().join("a.toml"),
            format!("{good}\n[[rule]]\nid = \"c\"\nfamily = \"x\"\npattern = \"a+\"\n\n[[rule]]\nid = \"d\"\nfamily = \"x\"\npattern = \"(\"\n{good}"),
        )
        .unwrap();
        std::fs::write(folder.path().join("b.toml"), "[[rule]]\nid = \"e\"\npattern = \"abc\"\nextra = 1\n").unwrap();
        std::fs::write(folder.path().join("c.toml"), "x".repeat(2 << 20)).unwrap();
        std::fs::write(folder.path().join("note.txt"), "none").unwrap();
        let read = read(folder.path(), &mut BTreeSet::new()).unwrap();
        assert_eq!(read.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["a-b"]);
        let faults: Vec<(usize, &str)> = read.faults.iter().map(|fault| (fault.line, fault.reason.as_str())).collect();
        let lines: Vec<usize> = faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [6, 11, 15, 4, 1], "{faults:?}");
        for (fault, wanted) in faults.iter().zip(["no text", "regex", "twice", "unknown field", "bytes"]) {
            assert!(fault.1.contains(wanted), "{fault:?}");
        }
    }
}

//! Has a long file or function become longer, or a new one too long?

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Text;
use super::source::bare;

const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 70;
const RECORD: &str = "xtask/ratchet.toml";
const HEAD: &str =
    "# Lines of what was too long when the ratchet was set. `cargo xtask tidy --update` only lowers.\n\n";

/// What is longer than the limit, by path (and function), in lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lengths {
    #[serde(default)]
    files: BTreeMap<String, usize>,
    #[serde(default)]
    functions: BTreeMap<String, usize>,
}

/// Compares with the record, or lowers it. Updating a missing record writes it as things stand.
pub fn run(texts: &[Text], root: &Path, update: bool) -> Result<Vec<String>> {
    let now = measure(texts);
    let path = root.join(RECORD);
    let kept = fs::read_to_string(&path).ok();
    let frozen: Lengths = match &kept {
        Some(text) => toml::from_str(text).with_context(|| format!("{RECORD} cannot be read"))?,
        None if update => now.clone(),
        None => {
            return Ok(vec![format!("{RECORD} is missing: `cargo xtask tidy --update` freezes things as they stand")]);
        }
    };
    if update {
        fs::write(&path, format!("{HEAD}{}", toml::to_string(&lowered(&frozen, &now))?))?;
    }
    Ok(compare(&frozen, &now))
}

fn measure(texts: &[Text]) -> Lengths {
    let mut lengths = Lengths::default();
    for text in texts.iter().filter(|text| text.path.ends_with(".rs")) {
        let lines = text.text.lines().count();
        if lines > FILE_MAX {
            lengths.files.insert(text.path.clone(), lines);
        }
        for (name, lines) in functions(&text.text).into_iter().filter(|(_, lines)| *lines > FUNCTION_MAX) {
            let longest = lengths.functions.entry(format!("{}::{name}", text.path)).or_default();
            *longest = lines.max(*longest);
        }
    }
    lengths
}

fn compare(frozen: &Lengths, now: &Lengths) -> Vec<String> {
    let mut broken = Vec::new();
    for (what, frozen, now, most) in
        [("file", &frozen.files, &now.files, FILE_MAX), ("function", &frozen.functions, &now.functions, FUNCTION_MAX)]
    {
        for (name, lines) in now {
            match frozen.get(name) {
                None => broken.push(format!("{name}: {lines} lines, a {what} has at most {most}")),
                Some(before) if lines > before => {
                    broken.push(format!("{name}: grew from {before} to {lines} lines; a long {what} may only shrink"));
                }
                Some(_) => {}
            }
        }
    }
    broken
}

/// Nothing new, nothing longer than before; what is short enough now is let go.
fn lowered(frozen: &Lengths, now: &Lengths) -> Lengths {
    let lower = |frozen: &BTreeMap<String, usize>, now: &BTreeMap<String, usize>| {
        frozen.iter().filter_map(|(name, before)| Some((name.clone(), *before.min(now.get(name)?)))).collect()
    };
    Lengths { files: lower(&frozen.files, &now.files), functions: lower(&frozen.functions, &now.functions) }
}

/// Name and lines of every function with a body.
fn functions(source: &str) -> Vec<(String, usize)> {
    let bare = bare(source);
    let bytes = bare.as_bytes();
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let name: String = bare[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() || (at > 0 && word(bytes.get(at - 1))) {
            continue;
        }
        if let Some(lines) =
            body_end(bytes, at).map(|end| bytes[at..end].iter().filter(|byte| **byte == b'\n').count() + 1)
        {
            found.push((name, lines));
        }
    }
    found
}

/// Where the body ends of the function whose head begins here; none for a mere declaration.
fn body_end(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut braces, mut others) = (0usize, 0usize);
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others = others.saturating_sub(1),
            b';' if braces == 0 && others == 0 => return None,
            b'{' => braces += 1,
            b'}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && others == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn long(lines: usize) -> Text {
        text("a.rs", &format!("//! x\nfn f(x: [u8; 4]) -> u8 {{\n{}}}\n", "    x;\n".repeat(lines)))
    }

    #[test]
    fn functions_are_measured_with_head_and_end() {
        let source = "fn a();\nfn b(x: [u8; 2]) {\n  let s = \"}\";\n  if x {}\n}\nimpl X { fn c(&self) {} }\n";
        assert_eq!(functions(source), [("b".to_owned(), 4), ("c".to_owned(), 1)]);
    }

    #[test]
    fn new_and_grown_ones_fail_and_shrunk_ones_pass() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("xtask")).unwrap();
        let run = |lines, update| run(&[long(lines)], root.path(), update).unwrap();
        fs::write(root.path().join(RECORD), "").unwrap();
        assert_eq!(run(100, false).len(), 1, "a new long function");
        assert_eq!(run(500, true).len(), 2, "a new long file with it; an update lets neither in");
        assert_eq!(run(500, false).len(), 2);
        fs::remove_file(root.path().join(RECORD)).unwrap();
        assert_eq!(run(500, false).len(), 1, "no record");
        assert!(run(500, true).is_empty(), "the first time freezes");
        assert_eq!(run(501, false).len(), 2);
        assert!(run(450, true).is_empty());
        assert_eq!(run(451, false).len(), 2, "the record was lowered");
        assert!(run(30, true).is_empty());
        assert_eq!(run(100, false).len(), 1, "what became short is let go");
    }
}

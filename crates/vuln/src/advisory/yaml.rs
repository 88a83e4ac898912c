//! How is a publisher's YAML turned into the JSON that the readers know?

use std::collections::HashSet;

/// The document as JSON; or why not, with its line.
pub(super) fn to_json(bytes: &[u8]) -> Result<Vec<u8>, (u64, String)> {
    if bytes.len() > YAML_BYTES_MAX {
        return Err((1, "a YAML document of more than 2 MiB".to_owned()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| (1, "not UTF-8".to_owned()))?;
    if let Some(line) = dense(text) {
        return Err((line, "a YAML document of more marks than words".to_owned()));
    }
    if let Some(line) = alias(text) {
        return Err((line, "YAML aliases are not read: they make small files huge".to_owned()));
    }
    if let Some(line) = deep(text) {
        return Err((line, "brackets stand too deep in each other".to_owned()));
    }
    let value: yaml_serde::Value = yaml_serde::from_str(text)
        .map_err(|error| (error.location().map_or(1, |at| at.line() as u64), format!("not YAML: {error}")))?;
    serde_json::to_vec(&value).map_err(|error| (1, format!("not a document of texts and lists: {error}")))
}

/// The line on which too many brackets are open: the parser looks at each of them at each token.
fn deep(text: &str) -> Option<u64> {
    let mut open = 0_usize;
    for (number, line) in (1_u64..).zip(text.lines()) {
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > BRACKETS_MAX {
                return Some(number);
            }
        }
    }
    None
}

/// The line on which there are too many marks for the length of the text: each costs the parser hundreds of bytes.
fn dense(text: &str) -> Option<u64> {
    let allowed = MARKS_FREE + text.len() / MARK_BYTES_MIN;
    let mut marks = 0_usize;
    for (number, line) in (1_u64..).zip(text.lines()) {
        marks += 1 + line.matches([',', ':', '[', '{', '?']).count() + line.matches("- ").count();
        if marks > allowed {
            return Some(number);
        }
    }
    None
}

/// The line of the first alias that an anchor stands for.
fn alias(text: &str) -> Option<u64> {
    let mut anchors = HashSet::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            if matches!(c, '&' | '*') && matches!(before, ' ' | '\t' | '[' | '{' | ',' | ':' | '-') {
                let rest = line.get(at + 1..).unwrap_or_default();
                let name = rest.split([' ', '\t', ',', ']', '}', ':']).next().unwrap_or_default();
                match c {
                    _ if name.is_empty() => {}
                    '&' => drop(anchors.insert(name)),
                    _ if anchors.contains(name) => return Some(number),
                    _ => {}
                }
            }
            before = c;
        }
    }
    None
}

/// Texts hold a bracket without its fellow now and then; documents nest ten deep.
const BRACKETS_MAX: usize = 200;
/// Of documents however small, and then one for so many bytes: a list of CVEs has one for ten.
const MARKS_FREE: usize = 4096;
const MARK_BYTES_MIN: usize = 6;
/// Alpine's largest list has 1 MB. The parser holds a document's events and values: up to seventy bytes for each of it.
const YAML_BYTES_MAX: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_json_and_bombs_do_not() {
        let json = to_json(b"a: 1\nb: [x, 2.0]\nc: {d: null}\n").expect("yaml");
        assert_eq!(json, br#"{"a":1,"b":["x",2.0],"c":{"d":null}}"#);
        let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
        assert_eq!(to_json(bomb.as_bytes()).expect_err("bomb").0, 2);
        assert!(to_json(b"text: a & b * c").is_ok());
        assert!(to_json(b"a: [").is_err());
        assert!(to_json("[".repeat(100_000).as_bytes()).is_err());
    }
}

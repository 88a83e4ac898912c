//! Does every source file say what it answers, and does `unsafe` stay in its crates?

use super::Text;

/// The crates that may talk to the kernel, and to SQLite's insides, without the compiler's protection.
const UNSAFE_CRATES: [&str; 2] = ["crates/linux/", "crates/pages/"];

/// Files without a first line, and `unsafe` outside its crates.
pub fn check(texts: &[Text]) -> Vec<String> {
    let mut broken = Vec::new();
    for text in texts.iter().filter(|text| text.path.ends_with(".rs")) {
        if !text.text.starts_with("//! ") {
            broken.push(format!("{}: does not begin with `//!` and the question it answers", text.path));
        }
        if UNSAFE_CRATES.iter().any(|folder| text.path.starts_with(folder)) {
            continue;
        }
        for (number, line) in bare(&text.text).lines().enumerate() {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
                broken.push(format!(
                    "{}:{}: `unsafe` belongs into {}",
                    text.path,
                    number + 1,
                    UNSAFE_CRATES.join(" or ")
                ));
            }
        }
    }
    broken
}

/// The source with the insides of comments, strings and characters blanked; lines stay where they are.
pub fn bare(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skip(bytes, at);
        if end > at {
            out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            at = end;
        } else {
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The end of the comment or literal that begins here; `at` itself when none does.
fn skip(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'r', b'"' | b'#', ..] if !in_word || bytes[at - 1] == b'b' => at + raw_string(rest),
        [b'"', ..] => at + quoted(rest, b'"'),
        [b'\'', b'\\', ..] => at + quoted(rest, b'\''),
        // A character, not a lifetime: closed after one (perhaps long) character.
        [b'\'', ..] => {
            let width = (2..=5).find(|width| rest.get(*width) == Some(&b'\''));
            let one = |width: &usize| std::str::from_utf8(&rest[1..*width]).is_ok_and(|text| text.chars().count() == 1);
            width.filter(one).map_or(at, |width| at + width + 1)
        }
        _ => at,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// `r"…"` or `r#"…"#`; 0 when it is a raw identifier.
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let begin = 2 + hashes;
    rest[begin..]
        .windows(close.len())
        .position(|window| window == close)
        .map_or(rest.len(), |end| begin + end + close.len())
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 1,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn the_first_line_is_demanded() {
        assert!(check(&[text("a.rs", "//! What?\n")]).is_empty());
        assert_eq!(check(&[text("a.rs", "use x;\n")]).len(), 1);
    }

    #[test]
    fn the_keyword_is_found_and_the_word_is_not() {
        let found = |code: &str| !check(&[text("crates/x/src/a.rs", &format!("//! x\n{code}"))]).is_empty();
        assert!(found("unsafe { x() }") && found("let c = 'a'; unsafe fn f() {}") && found("fn f<'a>() { unsafe {} }"));
        assert!(!found("// unsafe") && !found("\"unsafe\"") && !found("unsafe_code") && !found("r#\"\" unsafe \"#"));
        assert!(!found("/* /* */ unsafe */") && !found("'\\'' ; \"\\\" unsafe\""));
        assert!(check(&[text("crates/linux/src/a.rs", "//! x\nunsafe {}")]).is_empty());
    }

    #[test]
    fn blanking_keeps_lines() {
        assert_eq!(bare("a \"{\n}\" b // {\nc '{' d"), "a   \n   b     \nc     d");
    }
}

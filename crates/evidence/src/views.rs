//! What does a text say once its encodings are undone?
//!
//! Attackers write `../` as `%2e%2e%2f`, `%252e…`, `\u002e…`, `&#46;…` or base64. A text is looked at as it stands and
//! after each round of decoding, all in lower case; rounds and bytes are bounded. An undone encoding adds a view and
//! takes none away, so that nothing hides behind a decoder.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The text as it stands and each form of it that decoding gives, lower case, each once.
#[derive(Clone, Debug, Default)]
pub struct Views {
    all: Vec<String>,
    reaches_far: bool,
}

impl Views {
    /// All views of `text`.
    pub fn of(text: &str) -> Self {
        let mut views = Self { all: vec![text.to_ascii_lowercase()], reaches_far: text.len() > NEAR_BYTES };
        if !may_be_encoded(text) {
            return views;
        }
        let mut current = Cow::Borrowed(text);
        for _ in 0..ROUNDS_MAX {
            match undone(&current) {
                Some(next) => {
                    views.add(next.to_ascii_lowercase());
                    current = Cow::Owned(next);
                }
                None => break,
            }
        }
        let (hidden, is_cut) = packed_words(&current);
        views.reaches_far |= is_cut;
        for word in hidden {
            let inner = undone(&word).unwrap_or(word);
            views.add(inner.to_ascii_lowercase());
        }
        let last = current.to_ascii_lowercase();
        views.reaches_far |= last.contains("/*");
        plain_spacing(&last).into_iter().chain(unquoted(&last)).for_each(|view| views.add(view));
        views
    }

    /// Each view.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(String::as_str)
    }

    /// Whether what stands in one place of the text decides how another is read: a comment that begins in one field
    /// ends in the next, and bounds count the whole. Else the views of a part are parts of these.
    pub fn reaches_far(&self) -> bool {
        self.reaches_far
    }

    fn add(&mut self, view: String) {
        let bytes: usize = self.all.iter().map(String::len).sum();
        if bytes + view.len() <= BYTES_MAX && !self.all.contains(&view) {
            self.all.push(view);
        }
    }
}

/// The same forms with capitals as they were written, for who tells them apart: the text itself comes first.
pub fn forms(text: &str) -> Vec<String> {
    let mut forms = Views { all: vec![text.to_owned()], reaches_far: false };
    if !may_be_encoded(text) {
        return forms.all;
    }
    let mut current = Cow::Borrowed(text);
    for _ in 0..ROUNDS_MAX {
        let Some(next) = undone(&current) else { break };
        forms.add(next.clone());
        current = Cow::Owned(next);
    }
    for word in packed_words(&current).0 {
        forms.add(undone(&word).unwrap_or(word));
    }
    plain_spacing(&current).into_iter().chain(unquoted(&current)).for_each(|form| forms.add(form));
    forms.all
}

/// Rounds of decoding.
const ROUNDS_MAX: usize = 4;
/// Bytes of all views.
const BYTES_MAX: usize = 512 << 10;

/// All views of a text of this length are within the bound.
const NEAR_BYTES: usize = 16 << 10;

/// Whether any view could differ from the text in lower case. Cheap, as every line is asked.
pub fn may_be_encoded(text: &str) -> bool {
    text.bytes().any(|byte| ENCODING[usize::from(byte)]) || has_packed_word(text)
}

/// Bytes that begin an encoding, or that are used to break words up.
const ENCODING: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"%\\&+'\"^`$*\t\0";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// One round: every escape that is known, once. Nothing where there was none.
fn undone(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut at = bytes.iter().position(|byte| matches!(byte, b'%' | b'\\' | b'&' | b'+'))?;
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..at]);
    let mut changed = false;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let found = match rest[0] {
            b'%' => percent(rest),
            b'\\' => backslash(rest),
            b'&' => entity(rest),
            b'+' => Some((Decoded::Byte(b' '), 1)),
            _ => None,
        };
        match found {
            Some((decoded, length)) => {
                changed = true;
                match decoded {
                    Decoded::Byte(byte) => out.push(byte),
                    Decoded::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                at += length;
            }
            None => {
                out.push(rest[0]);
                at += 1;
            }
        }
    }
    changed.then(|| String::from_utf8_lossy(&out).into_owned())
}

enum Decoded {
    Byte(u8),
    Char(char),
}

/// `%2e`, `%u002e`, and the overlong forms `%c0%ae`, `%c0%af`, `%c1%9c` that some servers took for ASCII.
fn percent(rest: &[u8]) -> Option<(Decoded, usize)> {
    if matches!(rest.get(1), Some(b'u' | b'U')) {
        return Some((Decoded::Char(folded(hex(rest.get(2..6)?)?)?), 6));
    }
    let first = u8::try_from(hex(rest.get(1..3)?)?).ok()?;
    if matches!(first, 0xc0 | 0xc1)
        && rest.get(3) == Some(&b'%')
        && let Some(second) = rest.get(4..6).and_then(hex)
        && second & 0xc0 == 0x80
    {
        let byte = ((first & 1) << 6) | u8::try_from(second & 0x3f).ok()?;
        return Some((Decoded::Byte(byte), 6));
    }
    Some((Decoded::Byte(first), 3))
}

/// `\x2e` as servers write what does not print, `\u002e` of JSON, `\/`, `\"`.
fn backslash(rest: &[u8]) -> Option<(Decoded, usize)> {
    match rest.get(1)? {
        b'x' | b'X' => Some((Decoded::Byte(u8::try_from(hex(rest.get(2..4)?)?).ok()?), 4)),
        b'u' | b'U' => Some((Decoded::Char(folded(hex(rest.get(2..6)?)?)?), 6)),
        b'/' => Some((Decoded::Byte(b'/'), 2)),
        b'"' => Some((Decoded::Byte(b'"'), 2)),
        _ => None,
    }
}

/// `&lt;`, `&#60;`, `&#x3c;`, without the semicolon too.
fn entity(rest: &[u8]) -> Option<(Decoded, usize)> {
    if rest.get(1) == Some(&b'#') {
        let is_hex = matches!(rest.get(2), Some(b'x' | b'X'));
        let from = 2 + usize::from(is_hex);
        let is_digit = |byte: &u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        let length = rest.get(from..)?.iter().take(8).take_while(|byte| is_digit(byte)).count();
        let text = std::str::from_utf8(rest.get(from..from + length)?).ok()?;
        let code = u32::from_str_radix(text, if is_hex { 16 } else { 10 }).ok()?;
        let end = from + length;
        return Some((Decoded::Char(char::from_u32(code)?), end + usize::from(rest.get(end) == Some(&b';'))));
    }
    let (name, byte) = ENTITIES.iter().find(|(name, _)| rest[1..].starts_with(name.as_bytes()))?;
    Some((Decoded::Byte(*byte), 1 + name.len()))
}

const ENTITIES: &[(&str, u8)] = &[
    ("lt;", b'<'),
    ("gt;", b'>'),
    ("amp;", b'&'),
    ("quot;", b'"'),
    ("apos;", b'\''),
    ("sol;", b'/'),
    ("bsol;", b'\\'),
    ("colon;", b':'),
    ("lpar;", b'('),
    ("rpar;", b')'),
    ("tab;", b' '),
    ("newline;", b' '),
];

fn hex(digits: &[u8]) -> Option<u32> {
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    all.then(|| std::str::from_utf8(digits).ok()).flatten().and_then(|text| u32::from_str_radix(text, 16).ok())
}

/// A character, and the ASCII one for the full-width forms that servers take for it.
fn folded(code: u32) -> Option<char> {
    match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        code => char::from_u32(code),
    }
}

/// What words in base64 say, where it is text; and whether there were more words than are tried.
fn packed_words(text: &str) -> (Vec<String>, bool) {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')));
    let long = words.filter(|word| word.len() >= PACKED_MIN);
    // A path is of the same letters: each of its parts is tried, too.
    let mut parts =
        long.flat_map(|word| std::iter::once(word).chain(word.split('/').filter(|part| part.len() >= PACKED_MIN)));
    let mut found = Vec::new();
    for word in parts.by_ref().take(WORDS_MAX) {
        // A last letter or two that are no whole byte.
        let whole = &word[..word.len() - usize::from(word.len() % 4 == 1)];
        let decoded = STANDARD_NO_PAD.decode(whole).or_else(|_| URL_SAFE_NO_PAD.decode(whole));
        if let Some(text) = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok())
            && text.chars().all(|c| !c.is_control() || c.is_whitespace())
            && !found.contains(&text)
        {
            found.push(text);
        }
    }
    (found, parts.next().is_some())
}

/// Whether a word is long enough to hold something in base64, and of more than small letters.
fn has_packed_word(text: &str) -> bool {
    let (mut length, mut capitals) = (0, false);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            length += 1;
            capitals |= byte.is_ascii_uppercase();
            if length >= PACKED_MIN && capitals {
                return true;
            }
        } else {
            (length, capitals) = (0, false);
        }
    }
    false
}

const PACKED_MIN: usize = 12;
const WORDS_MAX: usize = 32;

/// Comments of SQL taken out and every gap one blank, as databases read it; nothing where that changes nothing.
fn plain_spacing(text: &str) -> Option<String> {
    let is_odd = |pair: &[u8]| pair[0] < b' ' || pair[0] >= 0x7f || matches!(pair, b"  " | b"/*");
    if !text.as_bytes().windows(2).any(is_odd) && !text.ends_with(|c| !(' '..='~').contains(&c)) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        push_spaced(&mut out, &rest[..at]);
        let inner = &rest[at + 2..];
        // What stands in `/*!50000 … */` is executed.
        if let Some(code) = inner.strip_prefix('!') {
            rest = code.trim_start_matches(|c: char| c.is_ascii_digit());
            push_spaced(&mut out, " ");
        } else {
            push_spaced(&mut out, " ");
            rest = inner.find("*/").map_or("", |end| &inner[end + 2..]);
        }
    }
    push_spaced(&mut out, rest);
    Some(out)
}

fn push_spaced(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\0' => {}
            c if c.is_whitespace() || c == '\u{a0}' => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
}

/// Without what a shell takes out of words: quotes, backslashes, carets, empty variables; nothing where there is none.
fn unquoted(text: &str) -> Option<String> {
    let is_quote = |c: char| matches!(c, '\'' | '"' | '\\' | '^' | '`');
    if !text.contains(|c| c == '$' || is_quote(c)) {
        return None;
    }
    let mut text = text.replace("${ifs}", " ").replace("$ifs$9", " ").replace("$ifs", " ").replace("$@", "");
    text.retain(|c| !is_quote(c));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str, wanted: &str) -> bool {
        Views::of(text).iter().any(|view| view.contains(wanted))
    }

    #[test]
    fn every_encoding_is_undone() {
        for (text, wanted) in [
            ("/a?f=../../etc/passwd", "../../etc/passwd"),
            ("/a?f=%2e%2E%2fetc/passwd", "../etc/passwd"),
            ("/a?f=%252e%252e%252fetc", "../etc"),
            ("/a?f=%25252e%25252e/etc", "../etc"),
            ("/a?f=%u002e%u002e%u2215", "..\u{2215}"),
            ("/a?f=%uff0e%uff0e%uff0fetc", "../etc"),
            ("/a?f=%c0%ae%c0%ae%c0%afetc", "../etc"),
            (r"\x24{jndi:ldap://x}", "${jndi:ldap"),
            (r"\u0024\u007bjndi:ldap://x}", "${jndi:ldap"),
            ("&#60;script&#x3e;", "<script>"),
            ("&lt;script&gt;", "<script>"),
            ("a=1+UNION%0aSELECT+2", "union select"),
            ("a=1/**/union/*x*/select", "union select"),
            ("a=1/*!50000union*/ select", "union"),
            ("q=c'a't+/etc/pass\"\"wd", "cat /etc/passwd"),
            ("q=cat${IFS}/etc/passwd", "cat /etc/passwd"),
            ("/Basic/Command/Base64/Y3VybCBodHRwOi8vZXZpbC5leGFtcGxl", "curl http://evil.example"),
            ("q=PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "<script>alert(1)"),
        ] {
            assert!(has(text, wanted), "{text}: {:?}", Views::of(text));
        }
        assert_eq!(Views::of("/plain/path?x=1").iter().count(), 1);
    }

    #[test]
    fn bombs_stay_small() {
        let text = "%25".repeat(20_000);
        let bytes: usize = Views::of(&text).iter().map(str::len).sum();
        assert!(bytes <= BYTES_MAX);
        assert!(Views::of(&"/*".repeat(30_000)).iter().count() >= 1);
    }

    proptest::proptest! {
        /// What is told apart by capitals is the same otherwise; a shell's `${ifs}` alone is known in small letters only.
        #[test]
        fn forms_are_views_with_capitals(text in "[ -~]{0,60}") {
            let small: Vec<String> = forms(&text).iter().map(|form| form.to_ascii_lowercase()).collect();
            let views = Views::of(&text);
            for form in &small {
                proptest::prop_assert!(views.iter().any(|view| view == form) || form.contains("ifs"), "{form}");
            }
        }

        #[test]
        fn what_cannot_be_encoded_has_one_view(text in "[ -~\u{e4}%+'\\\\&]{0,60}") {
            let views = Views::of(&text);
            let lower = text.to_ascii_lowercase();
            proptest::prop_assert_eq!(views.iter().next(), Some(lower.as_str()));
            if !may_be_encoded(&text) {
                proptest::prop_assert_eq!(views.iter().count(), 1);
            }
        }
    }
}

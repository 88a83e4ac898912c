//! How does a path that is not UTF-8 become text, and the same path again?
//!
//! A byte that is no part of UTF-8 becomes the private character `U+F700` + byte. Where a name holds
//! such a character by itself, its bytes are written so too: both ways lose nothing.

use std::borrow::Cow;

/// The path, or a text full of paths. What is UTF-8 without such characters stays as it is.
pub(crate) fn text(path: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(path) {
        Ok(text) if !holds_byte(text) => Cow::Borrowed(text),
        _ => Cow::Owned(escaped(path)),
    }
}

/// They begin with the same byte in UTF-8, which is rare and quickly looked for.
fn holds_byte(text: &str) -> bool {
    memchr::memchr(0xef, text.as_bytes()).is_some() && text.contains(is_byte)
}

fn escaped(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len() * 2);
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_byte(c) {
                true => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push(of_byte(byte))),
                false => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push(of_byte(*byte)));
    }
    out
}

/// The bytes of a path that became text.
pub(crate) fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !holds_byte(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte_of(c) {
            Some(byte) => out.push(byte),
            None => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Cow::Owned(out)
}

fn is_byte(c: char) -> bool {
    ('\u{f780}'..='\u{f7ff}').contains(&c)
}

fn of_byte(byte: u8) -> char {
    char::from_u32(0xf700 + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn byte_of(c: char) -> Option<u8> {
    is_byte(c).then(|| u8::try_from(u32::from(c) - 0xf700).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_not_utf8_changes() {
        assert_eq!(text("/opt/café/x.jar".as_bytes()), "/opt/café/x.jar");
        assert_eq!(text(b"/opt/caf\xe9/x.jar"), "/opt/caf\u{f7e9}/x.jar");
        assert_eq!(text("\u{f7e9}".as_bytes()), "\u{f7ef}\u{f79f}\u{f7a9}");
    }

    proptest! {
        #[test]
        fn every_path_comes_back(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = text(&path);
            let back = bytes(&text).into_owned();
            prop_assert_eq!(back, path);
        }

        #[test]
        fn two_paths_are_never_one_text(a in "[a\u{f780}\u{f7ef}\u{f79f}]{0,6}", b in "[a\u{f780}\u{f7ef}\u{f79f}]{0,6}") {
            prop_assert_eq!(text(a.as_bytes()) == text(b.as_bytes()), a == b);
        }
    }
}

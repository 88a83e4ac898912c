//! Which regular expression does an entry mean, and is it safe to run?
//!
//! MISP writes `/pattern/flags` as PHP does. The engine is linear in the text; what only Perl can (looking around,
//! backreferences) is refused, and so is what would take more than a mebibyte to compile.

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, bytes.
pub(super) const PATTERN_BYTES_MAX: usize = 4096;
/// Patterns in force at once, over all lists: 256 of them take at most 256 MiB.
pub(super) const PATTERNS_MAX: usize = 256;

/// Compiles `/pattern/flags`, or a bare pattern. Texts are compared as bytes: what is looked up is ASCII.
pub(super) fn compile(text: &str) -> Result<Regex, String> {
    let (pattern, flags) = match text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
        Some((pattern, flags)) => (pattern, flags),
        None => (text, ""),
    };
    // PHP needs the delimiter escaped inside; here it is a letter like others.
    let pattern = pattern.replace("\\/", "/");
    if is_possessive(pattern.as_bytes()) {
        return Err("possessive quantifiers (`a++`) are Perl's alone".into());
    }
    let mut builder = RegexBuilder::new(&pattern);
    builder.unicode(false).size_limit(SIZE_MAX).dfa_size_limit(DFA_MAX).nest_limit(64);
    for flag in flags.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            'U' => builder.swap_greed(true),
            // Texts are ASCII, and one match is enough.
            'u' | 'g' => &mut builder,
            other => return Err(format!("the flag {other:?} of a pattern is not understood")),
        };
    }
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("the pattern needs more than {SIZE_MAX} bytes"),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            format!("not a pattern that can be matched in linear time: {reason}")
        }
    })
}

/// Whether a quantifier stands behind a quantifier: the engine would take `a++` for `(a+)+`.
fn is_possessive(pattern: &[u8]) -> bool {
    let (mut in_class, mut after_quantifier, mut escaped) = (false, false, false);
    for byte in pattern {
        if escaped {
            (escaped, after_quantifier) = (false, false);
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'+' if after_quantifier && !in_class => return true,
            _ => {}
        }
        after_quantifier = !in_class && !after_quantifier && matches!(byte, b'+' | b'*' | b'?' | b'}');
    }
    false
}

const SIZE_MAX: usize = 1 << 20;
/// Small: a pattern that wants more falls back to the slower engine, which is linear too.
const DFA_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_php_are_understood_or_refused() {
        for (text, matches) in [
            ("/^(security|abuse)\\@.*\\..*$/i", "ABUSE@shop.example"),
            ("/^a\\/b$/", "a/b"),
            ("^bare[0-9]{2}$", "bare42"),
            ("/a b/xg", "ab"),
            ("/a+?[*+]\\++/", "aa++"),
        ] {
            assert!(compile(text).unwrap().is_match(matches.as_bytes()), "{text}");
        }
        for text in
            ["/(a)\\1/", "/(?<!a)b/", "/a/e", "/(/", "/a++/", "/a{2}+/", "/(a)*+/", "/(((a{1000}){1000}){1000})/"]
        {
            assert!(compile(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_made_to_hang_does_not() {
        let evil = compile("/^(a+)+$/").unwrap();
        let text = format!("{}b", "a".repeat(50_000));
        assert!(!evil.is_match(text.as_bytes()));
    }
}

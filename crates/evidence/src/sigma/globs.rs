//! Does a value fit a text with gaps?

use super::rule::Part;

/// Whether the parts fit the whole value. Time is bounded by the product of both lengths.
pub(super) fn fits(parts: &[Part], value: &str) -> bool {
    let (mut at, mut rest) = (0, value);
    // Where to go on when what follows the last `*` does not fit.
    let mut again: Option<(usize, &str)> = None;
    loop {
        let step = match parts.get(at) {
            Some(Part::Many) => {
                again = Some((at + 1, rest));
                Some(rest)
            }
            Some(Part::One) => rest.chars().next().map(|c| &rest[c.len_utf8()..]),
            Some(Part::Text(text)) => rest.strip_prefix(text.as_str()),
            None if rest.is_empty() => return true,
            None => None,
        };
        if let Some(left) = step {
            (at, rest) = (at + 1, left);
            continue;
        }
        let Some((behind, from)) = again else { return false };
        // The nearest place at which what follows may begin.
        let next = match parts.get(behind) {
            None => return true,
            Some(Part::Text(text)) => {
                let skipped = from.chars().next().map_or(0, char::len_utf8);
                let Some(found) = memchr::memmem::find(&from.as_bytes()[skipped..], text.as_bytes()) else {
                    return false;
                };
                &from[skipped + found..]
            }
            Some(_) => match from.chars().next() {
                Some(c) => &from[c.len_utf8()..],
                None => return false,
            },
        };
        again = Some((behind, next));
        (at, rest) = (behind, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        for c in pattern.chars() {
            match (c, parts.last_mut()) {
                ('*', _) => parts.push(Part::Many),
                ('?', _) => parts.push(Part::One),
                (c, Some(Part::Text(text))) => text.push(c),
                (c, _) => parts.push(Part::Text(c.to_string())),
            }
        }
        parts
    }

    #[test]
    fn gaps_are_any_or_one() {
        for (pattern, value, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("a?c", "a\u{e4}c", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*ab*ab", "abxabab", true),
            ("*aab", "aaab", true),
            ("a*\n", "a\nb\n", true),
        ] {
            assert_eq!(fits(&parts(pattern), value), expected, "{pattern} {value:?}");
        }
    }

    proptest::proptest! {
        /// Against the regular expression that says the same.
        #[test]
        fn as_a_regular_expression(pattern in "[ab*?]{0,8}", value in "[ab\u{e4}]{0,12}") {
            let same: String = pattern.chars().map(|c| match c {
                '*' => "(?s:.*)".to_owned(),
                '?' => "(?s:.)".to_owned(),
                c => c.to_string(),
            }).collect();
            let expected = regex::Regex::new(&format!("^(?:{same})$")).unwrap().is_match(&value);
            proptest::prop_assert_eq!(fits(&parts(&pattern), &value), expected);
        }
    }
}

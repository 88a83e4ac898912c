//! Does a name fit a pattern such as `web-*`?

/// Whether `text` is what `pattern` describes: `*` stands for any characters, also none, `?` for one; letters
/// without regard to case (host names, RFC 4343). Takes at most `pattern.len() * text.len()` steps.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // The last star, and what it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(own) if own.eq_ignore_ascii_case(letter) => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, swallowed)) = star else { return false };
                star = Some((at, swallowed + 1));
                (p, t) = (at + 1, swallowed + 1);
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("web-*", "web-12", true),
            ("web-*", "WEB-", true),
            ("web-*", "db-web-1", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("web-?", "web-1", true),
            ("web-?", "web-12", false),
            ("*.dmz.*", "a.dmz.b.dmz.c", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("*a", "aaab", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}

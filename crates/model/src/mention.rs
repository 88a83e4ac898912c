//! Does a text name an address or a host as such, or one that merely contains it?

/// How often a text names an address or a host as such, and not one that merely contains it; letters of either case.
pub fn mentions(text: &str, name: &str) -> usize {
    let (bytes, name) = (text.as_bytes(), name.as_bytes());
    if name.is_empty() || bytes.len() < name.len() {
        return 0;
    }
    let found = |at: &usize| bytes[*at..*at + name.len()].eq_ignore_ascii_case(name) && stands_alone(bytes, *at, name);
    (0..=bytes.len() - name.len()).filter(found).count()
}

/// Whether `name`, which stands at `at`, neither goes on nor began before.
pub fn stands_alone(text: &[u8], at: usize, name: &[u8]) -> bool {
    let end = at + name.len();
    let is_address = name.iter().all(|byte| byte.is_ascii_hexdigit() || b".:".contains(byte));
    let is_six = is_address && name.contains(&b':');
    let is_part = |byte: u8| match (is_six, is_address) {
        (true, _) => byte.is_ascii_hexdigit(),
        (_, true) => byte.is_ascii_digit(),
        _ => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
    };
    let goes_on = |mark: u8| text.get(end) == Some(&mark) && text.get(end + 1).is_some_and(|next| is_part(*next));
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    // `%2F` before it: an encoded byte has ended there.
    let is_encoded = at
        .checked_sub(3)
        .and_then(|from| text.get(from..at))
        .is_some_and(|code| code[0] == b'%' && code[1..].iter().all(u8::is_ascii_hexdigit));
    let began = !is_encoded && before.is_some_and(|byte| is_part(byte) || (byte == b'.' && !is_six));
    let goes_on = text.get(end).is_some_and(|byte| is_part(*byte)) || goes_on(b'.') || (is_six && goes_on(b':'));
    !began && !goes_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_longer_ones() {
        for (text, name, count) in [
            ("a 203.0.113.9, b 203.0.113.9:80", "203.0.113.9", 2),
            ("203.0.113.90 1203.0.113.9 203.0.113.9.1 .203.0.113.9", "203.0.113.9", 0),
            ("x=%2F%2F203.0.113.9%3A80 %20203.0.113.9", "203.0.113.9", 2),
            ("end 203.0.113.9.", "203.0.113.9", 1),
            ("[2001:DB8::9]:80 2001:db8::9a 2001:db8::9:1", "2001:db8::9", 1),
            ("http://C2.example/ www.c2.example.org xc2.example", "c2.example", 1),
            ("", "c2.example", 0),
        ] {
            assert_eq!(mentions(text, name), count, "{text}");
        }
    }
}

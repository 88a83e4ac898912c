//! Where does an address carry a log-in? `scheme://user:secret@host`

use std::ops::Range;

pub(super) fn find(line: &str, secrets: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(found) = line[from..].find("://") {
        let start = from + found + 3;
        from = start;
        let rest = &line[start..];
        // To the end of the word, or to the next address of a list.
        let word =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')).unwrap_or(rest.len());
        let next = rest[..word].find("://").map_or(word, |next| {
            let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
            rest[..next].rfind(|c: char| !scheme(c)).unwrap_or(next)
        });
        let rest = &rest[..next];
        let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let login = match rest[..host].rfind('@') {
            Some(at) => Some(&rest[..at]),
            // A secret may hold what should have been encoded. What looks like a port is none.
            None => rest.split_once(':').and_then(|(_, after)| {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                let is_port =
                    digits > 0 && after[digits..].chars().next().is_none_or(|c| matches!(c, '/' | '?' | '#' | ','));
                let at = rest.rfind('@').filter(|_| !is_port)?;
                Some(&rest[..at])
            }),
        };
        let Some(login) = login else { continue };
        match login.find(':') {
            Some(colon) => secrets.push(start + colon + 1..start + login.len()),
            // To the web, who stands alone is a token; elsewhere a user.
            None if line[..start - 3].to_ascii_lowercase().ends_with("http")
                || line[..start - 3].to_ascii_lowercase().ends_with("https") =>
            {
                secrets.push(start..start + login.len());
            }
            None => {}
        }
    }
}

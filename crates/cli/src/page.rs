//! How is a page laid out so that no text in it can forge a line?
//!
//! Reasons, command lines, names of files: much on a page was chosen by strangers. A page is made of lines, and what
//! stands in a line stays in it: whatever would end it or steer the terminal is shown as an escape.

use tripoint_model::text::visible;

/// Adds a line.
pub fn line(out: &mut String, text: &str) {
    out.push_str(&visible(text));
    out.push('\n');
}

/// Adds a heading and its lines; nothing where there are none.
pub fn section(out: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    out.push('\n');
    line(out, name);
    for text in lines {
        line(out, &format!("  {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_line() {
        let mut page = String::new();
        let hostile = "a\n\nDONE\r  blocked\u{202e}\u{2028}\u{1b}[2J".to_owned();
        section(&mut page, "BECAUSE", [hostile].into_iter());
        section(&mut page, "NOTHING", std::iter::empty());
        assert_eq!(page, "\nBECAUSE\n  a\\u{a}\\u{a}DONE\\u{d}  blocked\\u{202e}\\u{2028}\\u{1b}[2J\n");
    }
}

//! Is every decision told on one page?

use super::Text;

/// One printed page.
const LINES_MAX: usize = 60;
const PARTS: &[&str] = &["## Context", "## Choice", "## Alternatives", "## What would change our mind"];

/// Pages that are too long or lack a part.
pub fn check(texts: &[Text]) -> Vec<String> {
    let mut broken = Vec::new();
    for text in texts.iter().filter(|text| text.path.starts_with("docs/decisions/")) {
        let lines = text.text.lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{}: {lines} lines, a decision has at most {LINES_MAX}", text.path));
        }
        for part in PARTS.iter().filter(|part| !text.text.lines().any(|line| line == **part)) {
            broken.push(format!("{}: lacks `{part}`", text.path));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn long_and_partial_pages_are_noticed() {
        let whole = PARTS.join("\nbecause\n");
        assert!(check(&[text("docs/decisions/0001-x.md", &whole)]).is_empty());
        assert_eq!(check(&[text("docs/decisions/0001-x.md", &whole.replace("## Choice", ""))]).len(), 1);
        assert_eq!(check(&[text("docs/decisions/0001-x.md", &format!("{whole}{}", "\n.".repeat(60)))]).len(), 1);
        assert!(check(&[text("docs/else.md", "short")]).is_empty());
    }
}

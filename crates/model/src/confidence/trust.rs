//! What did closed alerts teach about each source, and how is that handed on?
//!
//! One line for each source and category: category, confirmed, wrong, the feed's name; tabs between. The server writes
//! it, whoever looks up reads it. It can be made anew from the alerts at any time, so lines that are no such lines are
//! passed over.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Verdicts;
use crate::indicator::Category;

/// Where it lies in the data folder; the server's user may write there.
pub const FILE: &str = "run/trust";
/// Lines read and written; a fleet has some hundred.
pub const LINES_MAX: usize = 4096;
/// As long as a feed's name may be.
const NAME_MAX: usize = 64;

/// Verdicts by source and category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(BTreeMap<String, BTreeMap<Category, Verdicts>>);

impl Trust {
    /// Adds a line; a name that no feed can have is passed over.
    pub fn add(&mut self, feed: &str, category: Category, verdicts: Verdicts) {
        let is_name = !feed.is_empty() && feed.len() <= NAME_MAX && !feed.chars().any(char::is_control);
        if is_name && !verdicts.is_none() && self.len() < LINES_MAX {
            self.0.entry(feed.to_owned()).or_default().insert(category, verdicts);
        }
    }

    /// What is known of a source's claims of this category.
    pub fn of(&self, feed: &str, category: Category) -> Verdicts {
        self.0.get(feed).and_then(|kinds| kinds.get(&category)).copied().unwrap_or_default()
    }

    /// Everything that is known of a source.
    pub fn all_of(&self, feed: &str) -> impl Iterator<Item = (Category, Verdicts)> {
        self.0.get(feed).into_iter().flatten().map(|(category, verdicts)| (*category, *verdicts))
    }

    /// Whether nothing was taught.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Reads the text.
    pub fn read(text: &str) -> Self {
        let mut trust = Self::default();
        for line in text.lines().take(LINES_MAX) {
            let mut fields = line.splitn(4, '\t');
            let mut next = || fields.next().unwrap_or("");
            let (category, confirmed, wrong, feed) = (next(), next(), next(), next());
            if let (Some(category), Ok(confirmed), Ok(wrong)) =
                (Category::parse(category), confirmed.parse(), wrong.parse())
            {
                trust.add(feed, category, Verdicts { confirmed, wrong });
            }
        }
        trust
    }

    /// Writes the text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (feed, kinds) in &self.0 {
            for (category, Verdicts { confirmed, wrong }) in kinds {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{}\t{confirmed}\t{wrong}\t{feed}", category.as_str());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_rubbish_is_passed_over() {
        let mut trust = Trust::default();
        trust.add("a", Category::C2, Verdicts { confirmed: 1, wrong: 2 });
        trust.add("a\tb", Category::C2, Verdicts { confirmed: 1, wrong: 2 });
        trust.add("b", Category::Tor, Verdicts::default());
        assert_eq!(trust.text(), "c2\t1\t2\ta\n");
        let read =
            Trust::read(&format!("\nc2\t1\ntor\tx\t2\tb\nevil\t1\t1\tb\n{}tor\t1\t99999999999\tb", trust.text()));
        assert_eq!(read, trust);
        assert_eq!(read.of("a", Category::C2), Verdicts { confirmed: 1, wrong: 2 });
        assert!(read.of("a", Category::Tor).is_none() && read.all_of("b").next().is_none());
    }
}

//! Is a word used that the vocabulary has a better one for?

use super::Text;

/// Word, and what to write instead. Pieced together, so that this file does not find itself.
const WORDS: &[(&str, &str)] = &[
    (concat!("black", "list"), "indicators, feed, block"),
    (concat!("white", "list"), "exceptions, guard list"),
    (concat!("TO", "DO"), "an issue, or the work itself"),
];

/// It names them to forbid them.
const VOCABULARY: &str = "docs/vocabulary.md";

/// Every line with one of them.
pub fn check(texts: &[Text]) -> Vec<String> {
    let mut broken = Vec::new();
    for text in texts.iter().filter(|text| text.path != VOCABULARY) {
        for (number, line) in text.text.lines().enumerate() {
            for (word, instead) in WORDS {
                if found(line, word) {
                    broken.push(format!("{}:{}: `{word}` is not used, write: {instead}", text.path, number + 1));
                }
            }
        }
    }
    broken
}

/// Capitals are a shout and must match; other words count in any case.
fn found(line: &str, word: &str) -> bool {
    let shout = word.chars().all(char::is_uppercase);
    if shout {
        return line.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    }
    line.to_lowercase().contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(line: &str) -> bool {
        !check(&[super::super::text("crates/x/src/lib.rs", line)]).is_empty()
    }

    #[test]
    fn words_are_found_in_prose_and_identifiers() {
        assert!(broken(concat!("let White", "list = 1;")));
        assert!(broken(concat!("// the black", "listed")));
        assert!(broken(concat!("// TO", "DO: later")));
        assert!(!broken(concat!("to", "do!()")) && !broken("a guard list"));
        assert!(check(&[super::super::text(VOCABULARY, concat!("black", "list"))]).is_empty());
    }
}

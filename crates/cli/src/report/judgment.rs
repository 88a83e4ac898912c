//! Who says otherwise than the advisory of a finding, in which document, and why?

use tripoint_model::{Finding, FindingState};

use super::{Document, Word, state};

/// The judgment in a sentence for people; nothing where the advisory's own word stands.
pub(super) fn told(document: &Document<'_>, finding: &Finding) -> Option<String> {
    let word = document.word(finding)?;
    let why: Vec<&str> =
        [&word.justification, &word.note].into_iter().map(String::as_str).filter(|why| !why.is_empty()).collect();
    let why = if why.is_empty() { "no reason given".to_owned() } else { why.join("; ") };
    let source = source(word);
    Some(match word.author.as_str() {
        "" => format!("{source} says {}: {why}", state(word.state)),
        author => format!("{author} says {} in {source}: {why}", state(word.state)),
    })
}

/// Why a package is not affected: whose judgment it is, or that the advisory says so.
pub(super) fn harmless(document: &Document<'_>, finding: &Finding) -> String {
    told(document, finding).unwrap_or_else(|| format!("{} says that this version is not affected.", finding.source))
}

/// The document by its own id, else the file that it was read from.
pub(super) fn source(word: &Word) -> &str {
    if word.document.is_empty() { &word.file } else { &word.document }
}

/// The word for why it is not affected that OpenVEX and CSAF share; nothing where the document gave
/// none or one that means something else.
pub(super) fn flag(word: &Word) -> Option<&'static str> {
    if word.state != FindingState::NotAffected {
        return None;
    }
    let own = word.justification.as_str();
    JUSTIFICATIONS.iter().find(|(flag, cyclone)| *flag == own || *cyclone == own).map(|(flag, _)| *flag)
}

/// The same for CycloneDX.
pub(super) fn cyclone_dx(word: &Word) -> Option<&'static str> {
    if word.state != FindingState::NotAffected {
        return None;
    }
    let own = word.justification.as_str();
    let kept = CYCLONE_DX.iter().find(|known| **known == own);
    kept.or_else(|| JUSTIFICATIONS.iter().find(|(flag, _)| *flag == own).map(|(_, cyclone)| cyclone)).copied()
}

/// OpenVEX's and CSAF's word, and the one of CycloneDX that means the same; those that are read
/// back as the first of their meaning come first.
const JUSTIFICATIONS: &[(&str, &str)] = &[
    ("vulnerable_code_not_present", "code_not_present"),
    ("component_not_present", "code_not_present"),
    ("vulnerable_code_not_in_execute_path", "code_not_reachable"),
    ("inline_mitigations_already_exist", "protected_by_mitigating_control"),
    ("vulnerable_code_cannot_be_controlled_by_adversary", "requires_environment"),
];

/// All that CycloneDX 1.6 knows.
const CYCLONE_DX: &[&str] = &[
    "code_not_present",
    "code_not_reachable",
    "requires_configuration",
    "requires_dependency",
    "requires_environment",
    "protected_by_compiler",
    "protected_at_runtime",
    "protected_at_perimeter",
    "protected_by_mitigating_control",
];

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{sample, written_with};
    use super::super::{FORMATS, Word};
    use super::*;

    /// One judgment for each finding, with and without an author, a document and a reason.
    pub(in super::super) fn words(findings: &[Finding]) -> Vec<Word> {
        let word = |(at, finding): (usize, &Finding)| Word {
            purl: finding.purl.clone(),
            id: finding.id.clone(),
            before: FindingState::Affected,
            state: finding.state,
            author: if at % 3 == 2 { String::new() } else { format!("Maker {at}") },
            document: if at % 4 == 3 { String::new() } else { format!("https://example.org/vex/{at}") },
            file: format!("said/{at}.json"),
            justification: if at == 1 { "component_not_present".into() } else { String::new() },
            note: if at % 2 == 1 { format!("Because {at}.") } else { String::new() },
        };
        findings.iter().enumerate().map(word).collect()
    }

    #[test]
    fn every_document_names_who_judged_and_where() {
        let (inventory, findings) = sample();
        let words = words(&findings);
        for name in ["openvex", "cyclonedx", "csaf"] {
            let format = FORMATS.iter().find(|format| format.name == name).expect("a format");
            let said = written_with(format, &inventory, &findings, &words);
            // CSAF speaks of a product once for each CVE: its first finding is the one told.
            let told = |at: usize| name != "csaf" || at == 0 || at == 7;
            for (at, word) in words.iter().enumerate().filter(|(at, word)| told(*at) && word.purl.starts_with("pkg:")) {
                assert!(word.author.is_empty() || said.contains(&word.author), "{name}: {} of {at}", word.author);
                assert!(said.contains(source(word)), "{name}: {} of {at}", source(word));
                assert!(word.note.is_empty() || said.contains(&word.note), "{name}: {} of {at}", word.note);
            }
            let without = written_with(format, &inventory, &findings, &[]);
            assert!(!without.contains("Maker") && !without.contains("example.org/vex"), "{name}");
        }
    }

    /// The word of one standard becomes that of the other, and no other word slips in.
    #[test]
    fn justifications_are_told_in_the_words_of_each_format() {
        let (_, findings) = sample();
        let word = |justification: &str, state| Word {
            justification: justification.into(),
            state,
            ..words(&findings).swap_remove(1)
        };
        for (own, csaf, cyclone) in [
            ("component_not_present", Some("component_not_present"), Some("code_not_present")),
            ("code_not_present", Some("vulnerable_code_not_present"), Some("code_not_present")),
            ("code_not_reachable", Some("vulnerable_code_not_in_execute_path"), Some("code_not_reachable")),
            ("protected_by_compiler", None, Some("protected_by_compiler")),
            ("my own word", None, None),
        ] {
            let word = word(own, FindingState::NotAffected);
            assert_eq!((flag(&word), cyclone_dx(&word)), (csaf, cyclone), "{own}");
        }
        let affected = word("component_not_present", FindingState::Affected);
        assert_eq!((flag(&affected), cyclone_dx(&affected)), (None, None), "a reason for what is not said");
    }
}

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

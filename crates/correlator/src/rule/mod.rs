//! Which judgements are there, and which of them does a case deserve?

use crate::dossier::Case;
use crate::severity::Weights;

mod bad_client_of_vulnerable_app;
mod bad_name_of_vulnerable_app;
mod bad_peer;
mod bad_server_of_vulnerable_app;
mod exploited_then_called_back;

/// Every rule; a case gets the first one that applies.
pub const RULES: &[&dyn Rule] = &[
    &exploited_then_called_back::ExploitedThenCalledBack,
    &bad_name_of_vulnerable_app::BadNameOfVulnerableApp,
    &bad_server_of_vulnerable_app::BadServerOfVulnerableApp,
    &bad_client_of_vulnerable_app::BadClientOfVulnerableApp,
    &bad_peer::BadPeer,
];

/// A judgement on the connections between one application and one bad peer in one direction.
pub trait Rule: Sync {
    /// Its name in alerts and exceptions, snake_case, and of its file.
    fn name(&self) -> &'static str;
    /// Whether the case deserves it.
    fn applies(&self, case: &Case, weights: &Weights) -> bool;
    /// What the two did, between their names (`connected to`).
    fn verb(&self) -> &'static str;
    /// ATT&CK techniques that it points to.
    fn techniques(&self, case: &Case) -> Vec<&'static str>;
}

/// The first rule that applies.
pub(crate) fn judge(case: &Case, weights: &Weights) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.applies(case, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_snake_case() {
        for (index, rule) in RULES.iter().enumerate() {
            let name = rule.name();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(RULES[..index].iter().all(|other| other.name() != name), "{name}");
        }
    }
}

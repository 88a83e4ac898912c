//! Did a known-bad client connect to a vulnerable application?

use tripoint_model::{Category, Direction};

use super::Rule;
use crate::dossier::Case;
use crate::severity::Weights;

/// Inbound, from a bad client, to an application with an open vulnerability.
pub struct BadClientOfVulnerableApp;

impl Rule for BadClientOfVulnerableApp {
    fn name(&self) -> &'static str {
        "bad_client_of_vulnerable_app"
    }

    fn applies(&self, case: &Case, _: &Weights) -> bool {
        case.direction == Direction::Inbound && case.was_vulnerable
    }

    fn verb(&self) -> &'static str {
        "was contacted by"
    }

    fn techniques(&self, case: &Case) -> Vec<&'static str> {
        let has =
            |category| case.contacts.iter().flat_map(|contact| &contact.claims).any(|claim| claim.category == category);
        let mut techniques = Vec::new();
        if has(Category::Exploit) || has(Category::Botnet) {
            techniques.push("T1190");
        }
        if has(Category::Scanner) {
            techniques.push("T1595");
        }
        if has(Category::BruteForce) {
            techniques.push("T1110");
        }
        techniques
    }
}

//! Did a vulnerable application connect to a known-bad server?

use tripoint_model::{Category, Direction};

use super::Rule;
use crate::dossier::Case;
use crate::severity::Weights;

/// Outbound, to a bad server, from an application with an open vulnerability.
pub struct BadServerOfVulnerableApp;

impl Rule for BadServerOfVulnerableApp {
    fn name(&self) -> &'static str {
        "bad_server_of_vulnerable_app"
    }

    fn applies(&self, case: &Case, _: &Weights) -> bool {
        case.direction == Direction::Outbound && case.was_vulnerable
    }

    fn verb(&self) -> &'static str {
        "connected to"
    }

    fn techniques(&self, case: &Case) -> Vec<&'static str> {
        let has =
            |category| case.contacts.iter().flat_map(|contact| &contact.claims).any(|claim| claim.category == category);
        let mut techniques = Vec::new();
        if case.contacted_before {
            techniques.push("T1190");
        }
        if has(Category::C2) || has(Category::Botnet) {
            techniques.push("T1071");
        }
        if has(Category::MalwareHost) {
            techniques.push("T1105");
        }
        if has(Category::Mining) {
            techniques.push("T1496");
        }
        if has(Category::Tor) || has(Category::Proxy) {
            techniques.push("T1090");
        }
        techniques
    }
}

//! Did a vulnerable application call a known-bad domain name at an address that nobody lists?

use tripoint_model::Observable;

use super::Rule;
use super::bad_server_of_vulnerable_app::BadServerOfVulnerableApp;
use crate::dossier::Case;
use crate::severity::Weights;

/// As `bad_server_of_vulnerable_app`, by the name alone. A rule of its own, so that policy does not block
/// the address unless it is told to: strangers may share it.
pub struct BadNameOfVulnerableApp;

impl Rule for BadNameOfVulnerableApp {
    fn name(&self) -> &'static str {
        "bad_name_of_vulnerable_app"
    }

    fn applies(&self, case: &Case, weights: &Weights) -> bool {
        let mut claims =
            case.contacts.iter().flat_map(|contact| &contact.claims).map(|claim| &claim.matched).peekable();
        // Where no list names it any more it is still about what was listed.
        let is_named = match claims.peek() {
            Some(_) => claims.all(|matched| matches!(matched, Observable::Domain(_))),
            None => matches!(case.indicator, Observable::Domain(_)),
        };
        BadServerOfVulnerableApp.applies(case, weights) && is_named
    }

    fn verb(&self) -> &'static str {
        BadServerOfVulnerableApp.verb()
    }

    fn techniques(&self, case: &Case) -> Vec<&'static str> {
        BadServerOfVulnerableApp.techniques(case)
    }
}

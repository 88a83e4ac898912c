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
        let mut claims = case.contacts.iter().flat_map(|contact| &contact.claims);
        BadServerOfVulnerableApp.applies(case, weights)
            && claims.all(|claim| matches!(claim.matched, Observable::Domain(_)))
    }

    fn verb(&self) -> &'static str {
        BadServerOfVulnerableApp.verb()
    }

    fn techniques(&self, case: &Case) -> Vec<&'static str> {
        BadServerOfVulnerableApp.techniques(case)
    }
}

//! Did an application that is not known to be vulnerable talk to a known-bad peer?

use tripoint_model::Direction;

use super::Rule;
use crate::dossier::Case;
use crate::severity::Weights;

/// Either direction, no open vulnerability known. Recorded always, an alert only when the
/// configuration asks for it: most of these are scanners at the door.
pub struct BadPeer;

impl Rule for BadPeer {
    fn name(&self) -> &'static str {
        "bad_peer"
    }

    fn applies(&self, _: &Case, weights: &Weights) -> bool {
        weights.alert_bad_peer
    }

    fn verb(&self) -> &'static str {
        "talked with"
    }

    fn techniques(&self, case: &Case) -> Vec<&'static str> {
        match case.direction {
            Direction::Outbound => vec!["T1071"],
            Direction::Inbound => Vec::new(),
        }
    }
}

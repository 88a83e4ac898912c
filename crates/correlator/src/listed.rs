//! What was ever listed, and for which connections did that hold?

use tripoint_model::{AppliesTo, Claim, Connection, Observable, Timestamp};

/// Something that was listed, and when and where that held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed {
    pub(crate) matched: Observable,
    direction: AppliesTo,
    port: Option<u16>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Listed {
    /// What a claim lists.
    pub(crate) fn of(claim: &Claim) -> Self {
        Self {
            matched: claim.matched.clone(),
            direction: claim.direction,
            port: claim.port,
            from: claim.valid_from,
            until: claim.valid_until,
        }
    }

    /// Whether it held for a connection that is known until `end`.
    pub(crate) fn held_for(&self, connection: &Connection, end: Timestamp) -> bool {
        crate::dossier::hold((self.direction, self.port), (self.from, self.until), connection, end)
    }
}

//! What stands in while somebody only wants to see what would be done?

use tripoint_model::{Cut, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

/// Touches nothing. The responder says of each action what it would have done.
pub struct DryRun;

impl Firewall for DryRun {
    fn name(&self) -> &'static str {
        "dry-run"
    }

    fn gaps(&self) -> &'static [&'static str] {
        &["everything: what would be done is told, nothing is done"]
    }

    fn acts(&self) -> bool {
        false
    }

    fn block(&mut self, target: &Target, _: &Scope, _: Timestamp, _: Timestamp) -> Result<(), FirewallError> {
        Err(FirewallError::Unsupported(self.name(), format!("{target} would be blocked")))
    }

    fn unblock(&mut self, _: &Target, _: &Scope) -> Result<bool, FirewallError> {
        Ok(false)
    }

    fn list(&mut self, _: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        Ok(Vec::new())
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        Err(FirewallError::Unsupported(self.name(), format!("{} connections would be ended", cuts.len())))
    }
}

//! What is asked about actions beside their making?

use super::Schema;

pub(super) const SCHEMAS: &[Schema] = &[(
    "Terms",
    "On which terms an action stands, where they are not plain: through which name it came, who agreed, in spite of which rules.",
    &["via object", "approver string", "overrides []string", "confirm_within_s integer", "confirmed_until time"],
)];

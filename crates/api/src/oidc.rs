//! How may one sign in beside name and password?

use serde::{Deserialize, Serialize};

/// How one may sign in beside name and password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignInWays {
    /// What the provider is called that people may sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<String>,
}

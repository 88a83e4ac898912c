//! Who has to prove more than a password, and how does one come in again that has lost something?

use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

/// Of whom an authenticator is demanded, who signs in by a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// Of everybody.
    Required,
    /// Of whoever comes from beyond the server's host. Behind a proxy nobody can be told to sit there.
    #[default]
    Remote,
    /// Of whoever has one.
    Optional,
}

/// Lets somebody who forgot its password choose another.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResetWish {
    /// How it was found out that it is the user who asks.
    pub reason: String,
}

/// A code that opens once, told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResetCode {
    /// For whom.
    pub name: String,
    /// The code.
    pub code: String,
    /// The page that takes it, where the server has an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A new password by such a code. Every session ends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reset {
    /// Who.
    pub name: String,
    /// The code.
    pub code: String,
    /// The password from now on.
    pub password: String,
    /// Six digits of the authenticator, or a recovery code, where the user has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<String>,
}

/// Codes for when the authenticator is lost; each opens once. Shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
}

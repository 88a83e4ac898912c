//! Who may ask the server, and how does one of them prove it?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use tripoint_model::Timestamp;

/// What somebody may do; each may all that the ones before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Work on alerts: comment, assign, close.
    Analyst,
    /// Act on hosts: block, disconnect, isolate, agree; make exceptions.
    Responder,
    /// Say who may what.
    Admin,
}

impl Role {
    /// All, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Analyst, Self::Responder, Self::Admin];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Responder => "responder",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no role: viewer, analyst, responder or admin"))
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Alerts and the work on them.
    Alerts,
    /// Blocks and whatever else is done on hosts.
    Actions,
    /// What is not to be alerted on or blocked.
    Exceptions,
    /// Feeds and what they say.
    Intel,
    /// Who was in contact with whom.
    Connections,
    /// How server and agents are.
    Health,
    /// Who may what, and what was done.
    Admin,
}

impl Area {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Alerts, Self::Actions, Self::Exceptions, Self::Intel, Self::Connections, Self::Health, Self::Admin];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Actions => "actions",
            Self::Exceptions => "exceptions",
            Self::Intel => "intel",
            Self::Connections => "connections",
            Self::Health => "health",
            Self::Admin => "admin",
        }
    }
}

/// One thing that a token may, written `alerts:read` or `alerts:write`. Neither holds the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// About what.
    pub area: Area,
    /// Whether it changes something.
    pub write: bool,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.area.as_str(), if self.write { "write" } else { "read" })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no scope: AREA:read or AREA:write");
        let (area, access) = text.split_once(':').ok_or_else(wrong)?;
        let area = Area::ALL.into_iter().find(|one| one.as_str() == area).ok_or_else(wrong)?;
        match access {
            "read" => Ok(Self { area, write: false }),
            "write" => Ok(Self { area, write: true }),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
tripoint_model::text_schema!(
    Scope,
    "TokenScope",
    "What a token is held to.",
    "pattern": "^(alerts|actions|exceptions|intel|connections|health|admin):(read|write)$"
);

/// Makes the first admin, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Setup {
    /// What the server printed when it started.
    pub code: String,
    /// What to call the admin.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Login {
    /// Who.
    pub name: String,
    /// Its password.
    pub password: String,
    /// Six digits of the authenticator, or a recovery code, where the user has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<String>,
}

/// Proves again who is there; one of the two.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confirm {
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Six digits of the authenticator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// By name.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// `socket`, `machine`, `token` or `session`.
    pub by: String,
    /// Groups of hosts that it sees; none = every host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What a token is held to; none = all that its role may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Whether an authenticator is asked for.
    #[serde(default)]
    pub has_totp: bool,
    /// Of a user: whether a password opens it; else it signs in, and proves again to be there, by the provider.
    #[serde(default)]
    pub has_password: bool,
    /// Of a session: whether nothing but adding an authenticator is open to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_totp: bool,
    /// Of a session: until when it counts as confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_until: Option<Timestamp>,
    /// Of a session: when it ends whatever happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}

/// A session of the one who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// Names it; opens nothing.
    pub id: String,
    /// When it was begun.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub used: Timestamp,
    /// From where it was begun.
    pub source: String,
    /// What the browser calls itself.
    pub agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Changes one's own password. Every session ends, this one too.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordChange {
    /// The one until now.
    pub old: String,
    /// The one from now on.
    pub new: String,
}

/// What an authenticator has to be told; shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TotpSeed {
    /// The seed, base32.
    pub secret: String,
    /// The same for a picture: `otpauth://totp/…`.
    pub uri: String,
}

/// Six digits, so that it is known that the authenticator has the seed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TotpCode {
    /// The digits.
    pub code: String,
}

/// Makes a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewUser {
    /// Lower-case letters, digits, `.`, `_`, `-` and `@`.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// Its first password.
    pub password: String,
    /// Groups of hosts that it sees; none = every host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// Changes a user; what is not said stays. Its sessions end.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserChange {
    /// What it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Groups of hosts that it sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Whether it is shut out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// A new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Forget its authenticator; takes a reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove_totp: bool,
    /// With `remove_totp`: how it was found out that it is its owner who lost it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    /// By this name.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// Groups of hosts that it sees; none = every host.
    pub groups: Vec<String>,
    /// Whether it is shut out.
    pub disabled: bool,
    /// Whether an authenticator is asked for.
    pub has_totp: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Timestamp>,
}

/// A named set of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostGroup {
    /// Its name.
    pub name: String,
    /// Patterns of host names (`web-*`).
    pub hosts: Vec<String>,
}

/// Makes a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewToken {
    /// What to call it.
    pub name: String,
    /// What it may; at most what its maker may.
    pub role: Role,
    /// What it is held to; none = all that its role may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// When it ends; at most a year from now.
    pub expires: Timestamp,
}

/// A token as it is told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenMade {
    /// Names it; opens nothing.
    pub id: String,
    /// For the header `Authorization: Bearer`.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Token {
    /// Names it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Who made it; it acts by this name.
    pub maker: String,
    /// What it may.
    pub role: Role,
    /// What it is held to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

/// Longest name of a user, group or token, bytes.
pub const NAME_MAX: usize = 64;
/// Longest life of a token.
pub const TOKEN_DAYS_MAX: u64 = 366;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_scopes_are_read_as_they_are_written() {
        assert!(Role::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for area in Area::ALL {
            for write in [false, true] {
                let scope = Scope { area, write };
                assert_eq!(scope.to_string().parse(), Ok(scope));
            }
        }
        for wrong in ["", "alerts", "alerts:", "alerts:all", "all:read", "alerts:read:write"] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}

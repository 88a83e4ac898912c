//! Which values does each section of the configuration hold?

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use tripoint_correlator::{UnknownFactor, Weights};

use super::approval::Approval;
use super::policy::Policy;
use super::value::{list, some, span};
use crate::firewall::Mechanism;
use crate::respond::probe::Probe;

/// `[agent]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Agent {
    pub host: String,
    pub socket: PathBuf,
}

/// `[sensor]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Sensor {
    pub kind: SensorKind,
    pub dns: bool,
    pub sni: bool,
    pub contacts: bool,
    #[serde(deserialize_with = "span")]
    pub poll: Duration,
    pub events_mib: u32,
    pub indicators_max: u32,
}

/// How connections are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SensorKind {
    Auto,
    Bpf,
    SockDiag,
}

/// `[intel]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Intel {
    #[serde(deserialize_with = "list")]
    pub permit_ranges: Vec<IpNet>,
}

/// `[online]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Online {
    pub accept: bool,
    #[serde(deserialize_with = "span")]
    pub cache_for: Duration,
    #[serde(deserialize_with = "span")]
    pub timeout: Duration,
    pub abuseipdb_key_file: PathBuf,
    pub abuseipdb_url: String,
    pub abuseipdb_per_day: u32,
    pub greynoise_key_file: PathBuf,
    pub greynoise_url: String,
    pub greynoise_per_day: u32,
    pub otx_key_file: PathBuf,
    pub otx_url: String,
    pub otx_per_day: u32,
    pub virustotal_key_file: PathBuf,
    pub virustotal_url: String,
    pub virustotal_per_day: u32,
    pub internetdb_url: String,
    pub internetdb_per_day: u32,
}

/// Whether anything is done unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Mode {
    Advise,
    Enforce,
}

impl Mode {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advise => "advise",
            Self::Enforce => "enforce",
        }
    }
}

/// `[response]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Response {
    pub mode: Mode,
    pub mechanism: Mechanism,
    pub min_confidence: u8,
    #[serde(deserialize_with = "list")]
    pub rules: Vec<String>,
    pub policy: Vec<Policy>,
    #[serde(deserialize_with = "some")]
    pub probe: Option<Probe>,
    #[serde(deserialize_with = "span")]
    pub block_for: Duration,
    pub preempt: bool,
    #[serde(deserialize_with = "span")]
    pub content_max_age: Duration,
    pub active_max: usize,
    pub automatic_per_minute: usize,
    #[serde(deserialize_with = "list")]
    pub admit: Vec<IpNet>,
    #[serde(deserialize_with = "list")]
    pub approval: Vec<Approval>,
    pub approval_wider_v4: u8,
    pub approval_wider_v6: u8,
    pub approval_more_than: usize,
}

/// `[correlator]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Correlator {
    pub alert_bad_peer: bool,
    #[serde(default)]
    pub weights: BTreeMap<String, i16>,
}

impl Correlator {
    /// What each factor weighs here.
    pub fn weights(&self) -> Result<Weights, UnknownFactor> {
        let mut weights = Weights::new(self.weights.clone())?;
        weights.alert_bad_peer = self.alert_bad_peer;
        Ok(weights)
    }
}

/// `[inventory]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Inventory {
    #[serde(deserialize_with = "span")]
    pub every: Duration,
}

/// `[evidence]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Evidence {
    pub auto: bool,
    pub rules: PathBuf,
    #[serde(deserialize_with = "span")]
    pub back: Duration,
    #[serde(deserialize_with = "list")]
    pub proxies: Vec<IpNet>,
    pub bytes_max_mib: u32,
    #[serde(deserialize_with = "span")]
    pub time_max: Duration,
}

/// `[bouncers]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Bouncers {
    pub expand_prefix: u8,
}

/// `[notify]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Notify {
    pub webhook: String,
    #[serde(deserialize_with = "list")]
    pub kinds: Vec<String>,
    pub secret_file: PathBuf,
    /// Whoever tells knows what they mean.
    pub channel: Vec<toml::Table>,
    pub route: Vec<toml::Table>,
    pub maintenance: Vec<toml::Table>,
}

impl Notify {
    /// What can be told about.
    pub const KINDS: &[&str] = &["alerts", "actions", "feeds", "audit"];
}

/// `[crowdsec]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Crowdsec {
    pub push: bool,
    pub url: String,
    pub machine_id: String,
    pub password_file: PathBuf,
}

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Server {
    pub listen: String,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    #[serde(deserialize_with = "list")]
    pub tls_names: Vec<String>,
    pub public_url: String,
    pub hsts_subdomains: bool,
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<IpNet>,
    pub open_max: usize,
    pub open_per_source: usize,
    pub requests_per_minute: u32,
    pub strangers_per_minute: u32,
    #[serde(deserialize_with = "span")]
    pub connections_for: Duration,
    pub connections_max: u64,
    #[serde(deserialize_with = "span")]
    pub alerts_for: Duration,
    #[serde(deserialize_with = "span")]
    pub dead_letters_for: Duration,
    #[serde(deserialize_with = "span")]
    pub audit_for: Duration,
    pub group: String,
}

/// `[auth]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Auth {
    pub second_factor: tripoint_api::SecondFactor,
    pub breached_passwords: PathBuf,
}

/// `[oidc]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Oidc {
    pub issuer: String,
    pub name: String,
    pub client_id: String,
    pub client_secret_file: PathBuf,
    #[serde(deserialize_with = "list")]
    pub scopes: Vec<String>,
    pub groups_claim: String,
    pub private: bool,
    pub role: Vec<OidcRole>,
}

/// `[[oidc.role]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct OidcRole {
    pub claim: String,
    pub role: tripoint_api::Role,
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Oidc {
    /// What the types alone do not say. Keys are read one after another: what belongs together is looked at by whoever
    /// uses it.
    pub(super) fn check(&self) -> Result<(), String> {
        let issuer = &self.issuer;
        let is_here = |rest: &str| ["127.", "localhost", "[::1]"].iter().any(|here| rest.starts_with(here));
        let is_good = issuer.starts_with("https://") || issuer.strip_prefix("http://").is_some_and(is_here);
        if !issuer.is_empty() && (!is_good || issuer.contains(['?', '#', ' '])) {
            return Err(format!("{issuer:?} is no issuer: https://HOST, perhaps with a path"));
        }
        Ok(())
    }
}

/// A host's own record of an ended connection is a day shorter.
const ALERTS_FOR_MIN: Duration = Duration::from_secs(8 * 86_400);

impl Server {
    /// What the types alone do not say.
    pub(super) fn check(&self) -> Result<(), String> {
        let url = &self.public_url;
        let name = url.strip_prefix("https://").unwrap_or_default();
        if !url.is_empty() && (name.is_empty() || name.contains(['/', '@', '?', '#', ' '])) {
            return Err(format!("{url:?} is no https://NAME (or https://NAME:PORT), without anything behind it"));
        }
        let open = [self.open_max, self.open_per_source];
        if open.iter().any(|most| !(8..=65_536).contains(most)) {
            return Err("is a number of connections from 8 to 65536".into());
        }
        if !self.alerts_for.is_zero() && self.alerts_for < ALERTS_FOR_MIN {
            return Err("is 8d or more, or 0s: a host has an alert on record for seven days, and would \
                        raise it anew where it is forgotten sooner"
                .into());
        }
        Ok(())
    }
}

/// `[fetch]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Fetch {
    pub proxy: String,
    pub ca_file: String,
    #[serde(deserialize_with = "span")]
    pub timeout: Duration,
    pub ports: Vec<u16>,
}

/// `[advisories]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Advisories {
    #[serde(deserialize_with = "span")]
    pub warn_after: Duration,
    #[serde(deserialize_with = "span")]
    pub alarm_after: Duration,
}

/// `[bundle]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Bundle {
    #[serde(deserialize_with = "list")]
    pub keys: Vec<PathBuf>,
}

//! What does the configuration say of channels, routes and maintenance?

use std::path::PathBuf;

use serde::Deserialize;

/// `[[notify.channel]]`: one receiver. Which keys a kind knows, `docs/reference/notifications.md` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelConfig {
    /// What routes and people call it.
    pub name: String,
    /// Which kind of receiver it is.
    pub kind: String,
    /// Where it is.
    pub url: String,
    /// File that holds the URL, where that is a secret.
    pub url_file: PathBuf,
    /// File with the secret that signs messages.
    pub secret_file: PathBuf,
    /// File with a token.
    pub token_file: PathBuf,
    /// Our name there.
    pub user: String,
    /// File with its password.
    pub password_file: PathBuf,
    /// Whether names may lead to private addresses.
    pub private: bool,
    /// Whether it may be spoken to in the clear beyond this host.
    pub unencrypted: bool,
    /// Most messages in a minute; the rest comes as one.
    pub per_minute: Option<u32>,
    /// The text, in minijinja.
    pub template: String,
    /// File that holds it.
    pub template_file: PathBuf,
    /// Form of the message.
    pub format: String,
    /// Sender of mails.
    pub from: String,
    /// Receivers of mails.
    pub to: Vec<String>,
    /// `HOST:PORT` of SMTP or syslog.
    pub server: String,
    /// `starttls`, `tls` or `plain`.
    pub tls: String,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Key of the project.
    pub project: String,
    /// Kind of the issue.
    pub issue_type: String,
    /// Where documents go.
    pub index: String,
    /// Facility of syslog, 0 to 23.
    pub facility: Option<u8>,
}

/// `[[notify.route]]`: what goes where.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    /// What people call it.
    pub name: String,
    /// Which alerts, in the language of `docs/reference/filter.md`; all, where nothing is said.
    pub filter: String,
    /// Alerts of hosts of these groups alone; of all hosts, where nothing is said.
    pub groups: Vec<String>,
    /// `alerts`, `work`, `overdue`, `actions`, `feeds`; alerts, where nothing is said.
    pub kinds: Vec<String>,
    /// To which channels.
    pub channels: Vec<String>,
    /// Hours in which messages are held back until they end.
    pub quiet: Vec<String>,
    /// The zone of these hours, `+01:00`.
    pub zone: String,
    /// Gather messages for so long and tell them as one.
    pub digest: String,
    /// Who else is told when nobody does anything.
    pub escalate: Vec<StepConfig>,
}

/// One step of an escalation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepConfig {
    /// How long after the step before.
    pub after: String,
    /// `open` (nobody has looked) or `unassigned`.
    #[serde(rename = "if")]
    pub when: String,
    /// To which channels.
    pub to: Vec<String>,
}

/// `[[notify.maintenance]]`: what is not told now, but counted and summed up at the end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaintenanceConfig {
    /// What is worked on.
    pub name: String,
    /// Which alerts; everything, where nothing is said.
    pub filter: String,
    /// From when on (RFC 3339); now, where nothing is said.
    pub from: String,
    /// Until when (RFC 3339).
    pub until: String,
}

/// Everything of `[notify]` that has tables.
#[derive(Clone, Debug, Default)]
pub struct NotifyConfig {
    /// The receivers.
    pub channels: Vec<ChannelConfig>,
    /// What goes where.
    pub routes: Vec<RouteConfig>,
    /// What is not told for a while.
    pub maintenance: Vec<MaintenanceConfig>,
}

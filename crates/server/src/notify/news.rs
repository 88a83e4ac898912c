//! What is told, and how is it said in one line?
//!
//! A message is JSON that was written down with what it tells of; it holds all that any channel says, so that a
//! channel needs nothing else. Texts in it come from strangers: whatever steers a terminal or the direction of writing
//! is made visible here, in one place, before any channel sees it (S7).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use tripoint_api::AuditRow;
use tripoint_model::text::{truncate, visible};
use tripoint_model::{Alert, Level, Timestamp};

/// What a message tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    AlertNew,
    AlertEscalated,
    /// Nobody did what a route waited for.
    AlertUnattended,
    /// Nobody did in time what was promised.
    AlertOverdue,
    AlertAcknowledged,
    AlertResolved,
    ActionApplied,
    ActionFailed,
    ActionLifted,
    ActionExpired,
    ActionProposed,
    DriftRepaired,
    FeedTrouble,
    FeedRecovered,
    /// A row of the audit.
    Audit,
    /// Many at once.
    Digest,
    /// Somebody wants to know whether the channel works.
    Test,
}

impl Kind {
    /// The word of `kinds` that it belongs to; none for what no route chooses.
    pub(crate) fn group(self) -> Option<&'static str> {
        match self {
            Self::AlertNew | Self::AlertEscalated => Some("alerts"),
            Self::AlertAcknowledged | Self::AlertResolved => Some("work"),
            Self::ActionApplied
            | Self::ActionFailed
            | Self::ActionLifted
            | Self::ActionExpired
            | Self::ActionProposed
            | Self::DriftRepaired => Some("actions"),
            Self::FeedTrouble | Self::FeedRecovered => Some("feeds"),
            Self::AlertOverdue => Some("overdue"),
            Self::Audit => Some(AUDIT),
            Self::AlertUnattended | Self::Digest | Self::Test => None,
        }
    }

    /// How JSON writes it.
    pub(crate) fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// A message, read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct News {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    pub(crate) at: Timestamp,
    /// Why it is worse; the words of `alert-escalated`.
    #[serde(default)]
    pub(crate) why: Vec<String>,
    #[serde(default)]
    pub(crate) alert: Option<AlertNews>,
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) actions: Vec<ActionNews>,
    #[serde(default)]
    pub(crate) targets: Vec<String>,
    #[serde(default)]
    pub(crate) feed: Option<String>,
    #[serde(default)]
    pub(crate) trouble: Option<String>,
    #[serde(default)]
    pub(crate) digest: Option<Digest>,
    #[serde(default)]
    pub(crate) audit: Option<AuditRow>,
    #[serde(default)]
    pub(crate) channel: Option<String>,
    /// All of it, made harmless.
    #[serde(skip)]
    pub(crate) value: Value,
}

/// What is told of an alert.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AlertNews {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) rule: String,
    pub(crate) host: String,
    pub(crate) application: ApplicationNews,
    pub(crate) indicator: String,
    pub(crate) direction: String,
    pub(crate) severity: SeverityNews,
    pub(crate) confidence: u8,
    pub(crate) status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resolution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assignee: Option<String>,
    pub(crate) count: u64,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<PeerNews>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<ProcessNews>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) feeds: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cves: Vec<String>,
    /// Those that are known to be exploited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exploited: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) techniques: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<String>,
    /// `NAME` or `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    /// Commands a person can run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) suggested: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ApplicationNews {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SeverityNews {
    pub(crate) score: u8,
    pub(crate) level: Level,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerNews {
    pub(crate) address: String,
    pub(crate) port: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessNews {
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) exe: String,
}

/// What is told of an action beside its outcome.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ActionNews {
    pub(crate) action: String,
    pub(crate) target: String,
}

/// Many messages in one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Digest {
    /// Why they were held back.
    pub(crate) why: String,
    pub(crate) count: u64,
    /// How many of each type.
    pub(crate) types: BTreeMap<String, u64>,
    /// How many alerts of each level.
    pub(crate) levels: BTreeMap<String, u64>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// The first of them, one line each.
    pub(crate) lines: Vec<String>,
    /// How many have no line.
    pub(crate) left_out: u64,
}

impl News {
    /// Reads what was written down. What cannot be read is of another version.
    pub(crate) fn read(body: &str) -> Result<Self, serde_json::Error> {
        let mut value: Value = serde_json::from_str(body)?;
        clean(&mut value);
        Ok(Self { value: value.clone(), ..serde_json::from_value(value)? })
    }

    /// One line.
    pub(crate) fn headline(&self) -> String {
        let line = match (&self.alert, &self.digest) {
            (Some(alert), _) => self.of_alert(alert),
            (_, Some(digest)) => format!("{} messages held back: {}", digest.count, digest.why),
            _ => self.of_others(),
        };
        truncate(&line, HEADLINE_MAX).0.to_owned()
    }

    fn of_alert(&self, alert: &AlertNews) -> String {
        let level = alert.severity.level;
        let why = if self.why.is_empty() { String::new() } else { format!(" ({})", self.why.join(", ")) };
        let by = |who: &Option<String>| who.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
        match self.kind {
            Kind::AlertEscalated => format!("{level}, worse{why}: {}", alert.title),
            Kind::AlertUnattended => format!("{level}, unattended{why}: {}", alert.title),
            Kind::AlertOverdue => format!("{level}, overdue{why}: {}", alert.title),
            Kind::AlertAcknowledged => format!("taken up{}: {}", by(&alert.assignee), alert.title),
            Kind::AlertResolved => {
                format!("resolved as {}: {}", alert.resolution.as_deref().unwrap_or("other"), alert.title)
            }
            _ => format!("{level}: {}", alert.title),
        }
    }

    fn of_others(&self) -> String {
        let host = self.host.as_deref().unwrap_or("?");
        let feed = self.feed.as_deref().unwrap_or("?");
        let first: Vec<String> = self
            .actions
            .iter()
            .map(|one| format!("{} {}", one.action, one.target))
            .chain(self.targets.clone())
            .collect();
        let more = first.len().saturating_sub(NAMED);
        let mut named = first.get(..first.len().min(NAMED)).unwrap_or_default().join(", ");
        if more > 0 {
            named.push_str(&format!(" and {more} more"));
        }
        match self.kind {
            Kind::FeedTrouble => format!("feed {feed} is in trouble: {}", self.trouble.as_deref().unwrap_or("?")),
            Kind::FeedRecovered => format!("feed {feed} is well again"),
            Kind::DriftRepaired => format!("put back on {host}: {named}"),
            Kind::Audit => self.audit.as_ref().map(of_audit_row).unwrap_or_default(),
            Kind::Test => format!("a test of the channel {}", self.channel.as_deref().unwrap_or("?")),
            kind => format!("{} on {host}: {named}", kind.word().trim_start_matches("action-")),
        }
    }

    /// How bad it is, where it says so; what is no alert is of little weight, and what failed of some.
    pub(crate) fn level(&self) -> Level {
        match self.kind {
            Kind::ActionFailed | Kind::FeedTrouble => Level::Medium,
            Kind::Audit if self.audit.as_ref().is_some_and(|row| row.entry.result != "done") => Level::Low,
            _ => self.alert.as_ref().map_or(Level::Informational, |alert| alert.severity.level),
        }
    }

    /// Whom it concerns.
    pub(crate) fn host(&self) -> &str {
        self.alert.as_ref().map(|alert| alert.host.as_str()).or(self.host.as_deref()).unwrap_or("tripoint")
    }

    /// The same for everything that is told of the same thing.
    pub(crate) fn subject(&self) -> String {
        match (&self.alert, &self.feed) {
            (Some(alert), _) => alert.id.clone(),
            (_, Some(feed)) => format!("feed:{feed}"),
            _ if self.audit.is_some() => format!("audit:{}", self.audit.as_ref().map_or(0, |row| row.number)),
            _ => format!("{}:{}:{}", self.kind.word(), self.host(), self.at),
        }
    }
}

impl AlertNews {
    /// What is told of an alert, with bounds for each list.
    pub(crate) fn of(alert: &Alert) -> Self {
        let connection = alert.connections.first();
        let own = alert.work.severity.as_ref();
        let level = own.map_or(alert.severity.level, |own| own.level);
        let findings = || alert.findings.iter().filter(|finding| finding.state.is_vulnerable());
        let cves = |exploited: bool| {
            findings().filter(move |finding| !exploited || finding.known_exploited).flat_map(|finding| &finding.cves)
        };
        Self {
            id: alert.id.0.clone(),
            title: alert.title.clone(),
            rule: alert.rule.clone(),
            host: alert.host.clone(),
            application: ApplicationNews {
                kind: word(&alert.application.kind),
                id: alert.application.id.clone(),
                name: alert.application.name.clone(),
            },
            indicator: alert.indicator.to_string(),
            direction: alert.direction.as_str().to_owned(),
            severity: SeverityNews { score: alert.severity.score, level },
            confidence: alert.confidence,
            status: word(&alert.work.status),
            resolution: alert.work.resolution.as_ref().map(word),
            assignee: alert.work.assignee.clone(),
            count: alert.count,
            first_seen: alert.first_seen,
            last_seen: alert.last_seen,
            peer: connection.map(|connection| PeerNews {
                address: connection.remote.ip().to_canonical().to_string(),
                port: connection.remote.port(),
                name: connection.remote_name.clone(),
            }),
            process: alert.process.as_ref().map(|process| ProcessNews {
                pid: process.key.pid,
                uid: process.uid,
                exe: process.exe.clone(),
            }),
            feeds: some(alert.claims.iter().map(|claim| &claim.feed)),
            categories: some(alert.claims.iter().map(|claim| claim.category.as_str())),
            cves: some(cves(false)),
            exploited: some(cves(true)),
            techniques: some(&alert.techniques),
            evidence: alert.investigation.as_ref().and_then(|found| found.logs.verdict.as_ref().map(word)),
            tags: some(alert.work.tags.iter().map(|(name, value)| match value.as_str() {
                "" => name.clone(),
                value => format!("{name}={value}"),
            })),
            suggested: alert.suggested.iter().take(SUGGESTED).cloned().collect(),
        }
    }
}

/// The body of a message about an alert.
pub(crate) fn about(kind: Kind, alert: &Alert, why: &[&str], now: Timestamp) -> Value {
    let mut body = json!({ "schema": 1, "type": kind, "at": now, "alert": AlertNews::of(alert) });
    if !why.is_empty() {
        body["why"] = json!(why);
    }
    body
}

/// The body of a message about a row of the audit.
pub(crate) fn of_audit(row: &AuditRow) -> Value {
    json!({ "schema": 1, "type": Kind::Audit, "at": row.entry.at, "audit": row })
}

fn of_audit_row(row: &AuditRow) -> String {
    let entry = &row.entry;
    let who = if entry.who.is_empty() { "nobody" } else { &entry.who };
    let target = if entry.target.is_empty() { String::new() } else { format!(" {}", entry.target) };
    format!("audit {}: {who} from {}: {}{target}: {}", row.number, entry.from, entry.what, entry.result)
}

/// Whether the application's logs say that an attack has likely succeeded.
/// Sorted, each once, the first few.
fn some<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    let set: BTreeSet<String> = items.into_iter().map(Into::into).collect();
    set.into_iter().filter(|item| !item.is_empty()).take(LISTED).collect()
}

/// A value of a closed set, as JSON writes it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            let (short, is_cut) = truncate(text, TEXT_MAX);
            let mut plain = visible(short).into_owned();
            if is_cut {
                plain.push('…');
            }
            *text = plain;
        }
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The word of `kinds` for rows of the audit.
pub(crate) const AUDIT: &str = "audit";
/// Bytes of one text: a command line is not told whole.
const TEXT_MAX: usize = 1024;
const HEADLINE_MAX: usize = 400;
/// Items of one list.
const LISTED: usize = 20;
const SUGGESTED: usize = 5;
/// Targets in a headline.
const NAMED: usize = 5;

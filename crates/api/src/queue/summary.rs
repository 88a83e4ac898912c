//! What is the one line of an alert?

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tripoint_model::action::in_force;
use tripoint_model::{
    ActionKind, Alert, AlertId, AlertStatus, Application, Direction, Level, Observable, Resolution, ServiceLevels,
    Timestamp, Trend,
};

use crate::filter::{Subject, Value};

/// One line of the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertSummary {
    /// The alert's id.
    pub id: AlertId,
    /// Its one line.
    pub title: String,
    /// The rule that raised it.
    pub rule: String,
    /// Where.
    pub host: String,
    /// Who talked.
    pub application: Application,
    /// With whom, as it is listed.
    pub indicator: Observable,
    /// Who began.
    pub direction: Direction,
    /// How bad, 0 to 100.
    pub score: u8,
    /// The same as a level; what a person set where one did.
    pub level: Level,
    /// How sure, 0 to 100.
    pub confidence: u8,
    /// How it stands.
    pub status: AlertStatus,
    /// Why it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// When it began.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Until when people have promised to take it up, or to close it; absent where they have, or promised nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// When anything about it last changed; no two alerts have the same moment.
    pub changed: Timestamp,
    /// Connections.
    pub count: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went.
    pub bytes_out: u64,
    /// Whether a connection is still open.
    pub still_open: bool,
    /// The exception that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
    /// Until when a verified block is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<Timestamp>,
    /// Whether one of its vulnerabilities is known to be exploited.
    pub known_exploited: bool,
    /// How many comments it has.
    pub comments: u32,
    /// What else can be asked, by field: several values each, the worst or newest first, at most `VALUES_MAX`.
    pub values: Values,
    /// How many values of a field are left out here; they are found all the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, u32>,
}

/// Values by field.
pub type Values = BTreeMap<String, Vec<String>>;

/// Values of a field that a line shows.
const VALUES_MAX: usize = 32;
/// Values of a field that can be asked about: an alert carries 200 findings, and one advisory may name hundreds of
/// vulnerabilities.
const ASKED_MAX: usize = 4096;
/// Bytes of an alert that words are looked for in: all values of 200 findings have some 30 KiB.
const SEARCHED_MAX: usize = 64 << 10;

impl AlertSummary {
    /// The line of an alert that last changed at `changed`.
    pub fn of(alert: &Alert, changed: Timestamp) -> Self {
        Self::with(alert, changed, &values(alert))
    }

    fn with(alert: &Alert, changed: Timestamp, all: &Values) -> Self {
        let shown = |(field, values): (&String, &Vec<String>)| {
            (field.clone(), values.iter().take(VALUES_MAX).cloned().collect())
        };
        let more = |(field, values): (&String, &Vec<String>)| {
            let more = values.len().saturating_sub(VALUES_MAX);
            (more > 0).then(|| (field.clone(), u32::try_from(more).unwrap_or(u32::MAX)))
        };
        Self {
            id: alert.id.clone(),
            title: alert.title.clone(),
            rule: alert.rule.clone(),
            host: alert.host.clone(),
            application: alert.application.clone(),
            indicator: alert.indicator.clone(),
            direction: alert.direction,
            score: alert.work.severity.as_ref().map_or(alert.severity.score, |own| score_of(own.level)),
            level: alert.work.severity.as_ref().map_or(alert.severity.level, |own| own.level),
            confidence: alert.confidence,
            status: alert.work.status,
            resolution: alert.work.resolution,
            assignee: alert.work.assignee.clone(),
            first_seen: alert.first_seen,
            last_seen: alert.last_seen,
            due: None,
            changed,
            count: alert.count,
            bytes_in: alert.bytes_in,
            bytes_out: alert.bytes_out,
            still_open: alert.still_open,
            suppressed_by: alert.suppressed_by.clone(),
            blocked_until: blocked_until(alert, changed),
            known_exploited: alert.findings.iter().any(|finding| finding.known_exploited),
            comments: u32::try_from(alert.work.comments.len()).unwrap_or(u32::MAX),
            values: all.iter().map(shown).collect(),
            more: all.iter().filter_map(more).collect(),
        }
    }
}

/// The score of a level that a person set: the middle of its range.
fn score_of(level: Level) -> u8 {
    20 * level as u8 + 10
}

/// The end of the last block that is in force at `now`.
fn blocked_until(alert: &Alert, now: Timestamp) -> Option<Timestamp> {
    let holding = |kind| in_force(&alert.outcomes, kind, now).filter_map(|outcome| outcome.expires).max();
    holding(ActionKind::Block).max(holding(ActionKind::Isolate))
}

/// What has several values, each once, as the alert has them: findings the worst first, connections the newest.
fn values(alert: &Alert) -> Values {
    let mut all = Values::new();
    let mut known: HashSet<(&str, String)> = HashSet::new();
    let mut add = |field: &'static str, value: &str| {
        let values = all.entry(field.to_owned()).or_default();
        if !value.is_empty() && values.len() < ASKED_MAX && known.insert((field, value.to_owned())) {
            values.push(value.to_owned());
        }
    };
    for connection in &alert.connections {
        add("address", &connection.remote.ip().to_canonical().to_string());
        let port = match connection.direction {
            Direction::Outbound => connection.remote.port(),
            Direction::Inbound => connection.local.port(),
        };
        add("port", &port.to_string());
        add("name", connection.remote_name.as_deref().unwrap_or_default());
        add("name", connection.named.as_ref().map_or("", |named| named.name.as_str()));
    }
    for finding in &alert.findings {
        finding.cves.iter().chain([&finding.id]).for_each(|cve| add("cve", cve));
        add("package", &finding.name);
        add("package", &finding.purl);
    }
    for claim in &alert.claims {
        add("feed", &claim.feed);
        add("category", claim.category.as_str());
    }
    add("merged", alert.work.merged_into.as_ref().map_or("", |into| into.0.as_str()));
    alert.techniques.iter().for_each(|technique| add("technique", technique));
    for (name, value) in &alert.work.tags {
        add("tag", name);
        add("tag", &format!("{name}={value}"));
    }
    if let Some(process) = &alert.process {
        add("process", &process.exe);
        add("process", process.exe.rsplit('/').next().unwrap_or_default());
        add("user", &process.uid.to_string());
        if let Some(container) = &process.container {
            let named =
                [Some(&container.id), container.name.as_ref(), container.image.as_ref(), container.pod.as_ref()];
            named.into_iter().flatten().for_each(|name| add("container", name));
        }
    }
    // As it was raised is how most are: that is not written down.
    let trend = alert.judged.as_ref().map(|judged| judged.trend).filter(|trend| *trend != Trend::Same);
    add("judged", trend.map_or("", Trend::as_str));
    if let Some(found) = &alert.investigation {
        add("evidence", &found.logs.verdict.map_or_else(|| "none".to_owned(), |verdict| word(&verdict)));
        add("cause", &found.why.as_ref().map(|why| word(&why.cause)).unwrap_or_default());
    }
    all.retain(|_, values| !values.is_empty());
    all
}

/// A value of a closed set, as JSON writes it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Everything of an alert that words are looked for in, in lower case.
fn searched(alert: &Alert, values: &Values) -> String {
    let mut text = String::new();
    let mut add = |part: &str| {
        let room = SEARCHED_MAX.saturating_sub(text.len() + 1);
        let end = part.floor_char_boundary(room.min(part.len()));
        text.push_str(&part.get(..end).unwrap_or_default().to_lowercase());
        text.push('\n');
    };
    let whole = [&alert.id.0, &alert.title, &alert.rule, &alert.host, &alert.application.id, &alert.application.name];
    whole.into_iter().for_each(|part| add(part));
    add(&alert.indicator.to_string());
    add(alert.work.assignee.as_deref().unwrap_or_default());
    values.values().flatten().for_each(|value| add(value));
    alert.work.comments.iter().for_each(|comment| add(&comment.text));
    if let Some(process) = &alert.process {
        add(&process.argv.join(" "));
    }
    if let Some(found) = &alert.investigation {
        found.logs.attempts.iter().for_each(|attempt| {
            add(&attempt.family);
            add(&attempt.raw);
        });
    }
    text
}

/// A line of the queue with what words are looked for in.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRow {
    /// The line.
    pub summary: AlertSummary,
    /// The words, in lower case.
    pub text: String,
    /// All values of the fields that have several, where the line shows some of them only.
    pub whole: Option<Values>,
}

impl Subject for QueueRow {
    fn values(&self, field: &str, with: &mut dyn FnMut(Value<'_>) -> bool) {
        let own = &self.summary;
        let number = |number: u64| Value::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let enough = match field {
            "id" => with(Value::Text(&own.id.0)),
            "rule" => with(Value::Text(&own.rule)),
            "title" => with(Value::Text(&own.title)),
            "host" => with(Value::Text(&own.host)),
            "application" => {
                with(Value::Text(&own.application.name))
                    || with(Value::Text(&own.application.id))
                    || with(Value::Text(&own.application.key()))
            }
            "peer" => with(Value::Text(&own.indicator.to_string())),
            "direction" => with(Value::Text(own.direction.as_str())),
            "status" => with(Value::Text(&word(&own.status))),
            "resolution" => own.resolution.is_some_and(|resolution| with(Value::Text(&word(&resolution)))),
            "severity" => with(Value::Number(own.level as i64)),
            "score" => with(Value::Number(own.score.into())),
            "confidence" => with(Value::Number(own.confidence.into())),
            "count" => with(number(own.count)),
            "bytes_in" => with(number(own.bytes_in)),
            "bytes_out" => with(number(own.bytes_out)),
            "first_seen" | "age" => with(Value::Number(own.first_seen.0)),
            "last_seen" | "quiet" => with(Value::Number(own.last_seen.0)),
            "due" | "overdue" => own.due.is_some_and(|due| with(Value::Number(due.0))),
            "changed" => with(Value::Number(own.changed.0)),
            "open" => with(Value::Flag(own.still_open)),
            "suppressed" => with(Value::Flag(own.suppressed_by.is_some())),
            "merged" => with(Value::Flag(!self.of_field("merged").is_empty())),
            "blocked" => with(Value::Flag(own.blocked_until.is_some())),
            "kev" => with(Value::Flag(own.known_exploited)),
            "assignee" => with(Value::Text(own.assignee.as_deref().unwrap_or("none"))),
            "address" => self.addresses(with),
            "port" | "user" => {
                self.of_field(field).iter().any(|value| value.parse().is_ok_and(|port| with(Value::Number(port))))
            }
            "evidence" if self.of_field(field).is_empty() => with(Value::Text("none")),
            "judged" if self.of_field(field).is_empty() => with(Value::Text(Trend::Same.as_str())),
            _ => self.of_field(field).iter().any(|value| with(Value::Text(value))),
        };
        let _ = enough;
    }

    fn text(&self) -> &str {
        &self.text
    }
}

impl QueueRow {
    /// The line of an alert that last changed at `changed`, and its words.
    pub fn of(alert: &Alert, changed: Timestamp) -> Self {
        let values = values(alert);
        let summary = AlertSummary::with(alert, changed, &values);
        let text = searched(alert, &values);
        let whole = Some(values).filter(|_| !summary.more.is_empty());
        Self { summary, text, whole }
    }

    /// The same where people have promised something.
    #[must_use]
    pub fn promised(mut self, alert: &Alert, levels: &ServiceLevels) -> Self {
        self.summary.due = alert.work.clock.and_then(|clock| levels.due(&clock));
        self
    }

    /// What can be asked, by field.
    pub fn values(&self) -> &Values {
        self.whole.as_ref().unwrap_or(&self.summary.values)
    }

    fn of_field(&self, field: &str) -> &[String] {
        self.values().get(field).map_or(&[], Vec::as_slice)
    }

    /// What is listed, and what was met.
    fn addresses(&self, with: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        let listed = match &self.summary.indicator {
            Observable::Address(address) | Observable::AddressPort(address, _) => with(Value::Address(*address)),
            Observable::Network(net) => with(Value::Network(*net)),
            Observable::Domain(_) | Observable::System(_) => false,
        };
        let met = |value: &String| value.parse::<IpAddr>().is_ok_and(|address| with(Value::Address(address)));
        listed || self.of_field("address").iter().any(met)
    }
}

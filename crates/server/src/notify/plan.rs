//! Who is told of this, now or later?
//!
//! Pure: a message, the alert as it stands, and the time; out come channels and what holds each back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tripoint_api::accounts::HostGroup;
use tripoint_api::filter::{Filter, parse};
use tripoint_api::parse_span;
use tripoint_api::queue::{ALERT_FIELDS, QueueRow};
use tripoint_model::{Alert, AlertStatus, Timestamp, glob};

use super::config::{MaintenanceConfig, NotifyConfig, RouteConfig, StepConfig};
use super::hours::Hours;
use super::news::{AUDIT, Kind, News};
use super::wrong::NotifyError;

mod shown;

/// Routes and maintenance, checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    routes: Vec<Route>,
    maintenance: Vec<Maintenance>,
}

#[derive(Clone, Debug)]
struct Route {
    name: String,
    filter: String,
    groups: Vec<String>,
    kinds: Vec<String>,
    channels: Vec<String>,
    quiet: Hours,
    written: Written,
    digest: Option<Duration>,
    steps: Vec<Step>,
}

/// Quiet hours as the configuration writes them.
#[derive(Clone, Debug)]
struct Written {
    spans: Vec<String>,
    zone: String,
}

/// One step of an escalation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) when: When,
    pub(crate) to: Vec<String>,
}

/// What a step waits to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nobody has looked.
    Open,
    /// Nobody works on it.
    Unassigned,
}

#[derive(Clone, Debug)]
struct Maintenance {
    name: String,
    filter: String,
    from: Timestamp,
    until: Timestamp,
}

/// An alert as it stands when its message is divided.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) row: QueueRow,
    /// Names of the groups that its host is in.
    pub(crate) groups: Vec<String>,
}

impl Standing {
    /// With the groups that there are.
    pub(crate) fn new(row: QueueRow, all: &[HostGroup]) -> Self {
        let holds = |group: &&HostGroup| group.hosts.iter().any(|pattern| glob::fits(pattern, &row.summary.host));
        let groups = all.iter().filter(holds).map(|group| group.name.clone()).collect();
        Self { row, groups }
    }
}

/// A message for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) channel: String,
    /// What it waits for; nothing: its turn.
    pub(crate) hold: Option<Hold>,
}

/// Messages of one bundle become one message when it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The reason, in words; the same for all of a bundle.
    pub(crate) bundle: String,
    pub(crate) due: Timestamp,
}

/// An alert that somebody has to do something about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) route: String,
    pub(crate) step: usize,
    pub(crate) due: Timestamp,
}

impl Plan {
    /// Checks what the configuration says; `channels` are those that there are.
    pub(crate) fn new(config: &NotifyConfig, channels: &[String], now: Timestamp) -> Result<Self, NotifyError> {
        let mut routes: Vec<Route> = Vec::new();
        for (at, one) in config.routes.iter().enumerate() {
            let name = if one.name.is_empty() { format!("route {}", at + 1) } else { one.name.clone() };
            let wrong = |why: String| NotifyError::new(why).of("route", at);
            if routes.iter().any(|route| route.name == name) {
                return Err(wrong(format!("two routes are called {name:?}")));
            }
            let called = format!("route {name:?}");
            check_filter(&one.filter, &called, now).map_err(|error| error.of("route", at))?;
            routes.push(route(one, &name, channels).map_err(|why| wrong(format!("{called}: {why}")))?);
        }
        let mut all = Vec::new();
        for (at, one) in config.maintenance.iter().enumerate() {
            let called = format!("maintenance {:?}", one.name);
            check_filter(&one.filter, &called, now).map_err(|error| error.of("maintenance", at))?;
            let read = maintenance(one).map_err(|why| NotifyError::new(format!("{called}: {why}")));
            all.push(read.map_err(|error| error.of("maintenance", at))?);
        }
        Ok(Self { routes, maintenance: all })
    }

    /// Groups of hosts that routes name.
    pub(crate) fn groups(&self) -> BTreeSet<&str> {
        self.routes.iter().flat_map(|route| &route.groups).map(String::as_str).collect()
    }

    /// Whether anybody wants to hear of this word of `kinds`.
    pub(crate) fn wants(&self, group: &str) -> bool {
        self.routes.iter().any(|route| route.kinds.iter().any(|kind| kind == group))
    }

    /// The channels that are told of the audit.
    pub(crate) fn of_audit(&self) -> Vec<String> {
        let routes = self.routes.iter().filter(|route| route.kinds.iter().any(|kind| kind == AUDIT));
        let all: BTreeSet<&String> = routes.flat_map(|route| &route.channels).collect();
        all.into_iter().cloned().collect()
    }

    /// Each channel at most once; of several routes to it, the one that holds it back least.
    pub(crate) fn place(&self, news: &News, alert: Option<&Standing>, now: Timestamp) -> Vec<Placed> {
        // Rows of the audit are told each, whatever is worked on.
        let muted = if news.kind == Kind::Audit { None } else { self.muted(alert.map(|alert| &alert.row), now) };
        let mut placed: BTreeMap<&str, Option<Hold>> = BTreeMap::new();
        for route in self.routes.iter().filter(|route| route.takes(news, alert, now)) {
            let hold = match &muted {
                Some(muted) => Some(muted.clone().then(route.hold(muted.due))),
                None => route.hold(now),
            };
            for channel in &route.channels {
                let least = placed.entry(channel).or_insert_with(|| hold.clone());
                if due(&hold) < due(least) {
                    least.clone_from(&hold);
                }
            }
        }
        placed.into_iter().map(|(channel, hold)| Placed { channel: channel.to_owned(), hold }).collect()
    }

    /// Whom escalations tell besides: nobody is told twice of the same, so maintenance alone holds it back.
    pub(crate) fn place_step(&self, to: &[String], row: &QueueRow, now: Timestamp) -> Vec<Placed> {
        let hold = self.muted(Some(row), now);
        to.iter().map(|channel| Placed { channel: channel.clone(), hold: hold.clone() }).collect()
    }

    /// What maintenance does to it, up to the end of all that follows on another.
    fn muted(&self, row: Option<&QueueRow>, now: Timestamp) -> Option<Hold> {
        let first = self.maintenance.iter().find(|one| one.covers(row, now))?;
        let mut due = first.until;
        while let Some(next) = self.maintenance.iter().find(|one| one.covers(row, due)) {
            due = next.until;
        }
        Some(Hold { bundle: format!("maintenance {}", first.name), due })
    }

    /// What has to be watched after a message of an alert.
    pub(crate) fn watches(&self, news: &News, alert: Option<&Standing>, now: Timestamp) -> Vec<Watch> {
        if !matches!(news.kind, Kind::AlertNew | Kind::AlertEscalated) {
            return Vec::new();
        }
        let routes = self.routes.iter().filter(|route| route.takes(news, alert, now));
        let first = |route: &Route| {
            let step = route.steps.first()?;
            Some(Watch { route: route.name.clone(), step: 0, due: now.plus(step.after) })
        };
        routes.filter_map(first).collect()
    }

    /// A step of a route; nothing where the configuration has it no more.
    pub(crate) fn step(&self, route: &str, step: usize) -> Option<&Step> {
        self.routes.iter().find(|known| known.name == route)?.steps.get(step)
    }
}

impl Hold {
    /// What holds it back when this ends. The bundle is one of its own: another would be told earlier.
    fn then(self, next: Option<Hold>) -> Self {
        match next {
            Some(next) => Self { bundle: format!("{}, {}", self.bundle, next.bundle), due: next.due },
            None => self,
        }
    }
}

fn due(hold: &Option<Hold>) -> Timestamp {
    hold.as_ref().map_or(Timestamp(i64::MIN), |hold| hold.due)
}

impl Route {
    fn takes(&self, news: &News, alert: Option<&Standing>, now: Timestamp) -> bool {
        let Some(group) = news.kind.group() else { return false };
        self.kinds.iter().any(|kind| kind == group)
            && (self.is_of_all() || alert.is_some_and(|alert| self.fits(alert, now)))
    }

    fn is_of_all(&self) -> bool {
        self.filter.is_empty() && self.groups.is_empty()
    }

    fn is_of_host(&self, alert: &Standing) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|name| alert.groups.contains(name))
    }

    fn fits(&self, alert: &Standing, now: Timestamp) -> bool {
        self.is_of_host(alert) && (self.filter.is_empty() || matches(&self.filter, &alert.row, now))
    }

    fn hold(&self, now: Timestamp) -> Option<Hold> {
        if let Some(due) = self.quiet.ends(now) {
            return Some(Hold { bundle: format!("quiet hours of {}", self.name), due });
        }
        self.digest.map(|every| Hold { bundle: format!("digest of {}", self.name), due: now.plus(every) })
    }
}

impl Maintenance {
    fn covers(&self, row: Option<&QueueRow>, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now)
            && (self.filter.is_empty() || row.is_some_and(|row| matches(&self.filter, row, now)))
    }
}

/// Ages are counted from now, so it is read anew.
fn matches(filter: &str, row: &QueueRow, now: Timestamp) -> bool {
    parse(filter, ALERT_FIELDS, now).unwrap_or(Filter::Any(Vec::new())).matches(row)
}

impl Step {
    /// Whether nobody has done what it waits for.
    pub(crate) fn is_met(&self, alert: &Alert) -> bool {
        let work = &alert.work;
        alert.suppressed_by.is_none()
            && work.merged_into.is_none()
            && match self.when {
                When::Open => work.status == AlertStatus::Open,
                When::Unassigned => work.assignee.is_none() && work.status != AlertStatus::Resolved,
            }
    }
}

impl When {
    /// In words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "nobody has looked",
            Self::Unassigned => "nobody works on it",
        }
    }
}

fn route(config: &RouteConfig, name: &str, channels: &[String]) -> Result<Route, String> {
    let kinds = if config.kinds.is_empty() { vec!["alerts".to_owned()] } else { config.kinds.clone() };
    if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(format!("there is nothing to tell of {kind:?}; known: {}", KINDS.join(", ")));
    }
    let of_alerts = ["alerts", "work", "overdue"];
    let chooses = !config.filter.is_empty() || !config.groups.is_empty();
    if chooses && kinds.iter().any(|kind| !of_alerts.contains(&kind.as_str())) {
        let why = "a filter and groups are about alerts: a route that has them tells of alerts, work and overdue alone";
        return Err(why.into());
    }
    let held = !config.quiet.is_empty() || !config.digest.is_empty() || !config.escalate.is_empty();
    if held && kinds.iter().any(|kind| kind == AUDIT) {
        return Err(
            "the audit is told row by row and at once: give it a route without quiet, digest and escalate".into()
        );
    }
    let known = |named: &[String]| match named.iter().find(|name| !channels.contains(name)) {
        Some(missing) => Err(format!("there is no channel {missing:?}")),
        None if named.is_empty() => Err("it names no channel".into()),
        None => Ok(named.to_vec()),
    };
    let steps = config.escalate.iter().map(|step| {
        let StepConfig { after, when, to } = step;
        let when = match when.as_str() {
            "" | "open" => When::Open,
            "unassigned" => When::Unassigned,
            other => return Err(format!("escalate: if = {other:?} is none of open, unassigned")),
        };
        let after = parse_span(after).map_err(|error| format!("escalate: {error}"))?;
        Ok(Step { after, when, to: known(to)? })
    });
    let digest = match config.digest.as_str() {
        "" => None,
        text => Some(parse_span(text).map_err(|error| format!("digest: {error}"))?),
    };
    Ok(Route {
        name: name.to_owned(),
        filter: config.filter.clone(),
        groups: config.groups.clone(),
        kinds,
        channels: known(&config.channels)?,
        quiet: Hours::new(&config.quiet, &config.zone).map_err(|error| format!("quiet: {error}"))?,
        written: Written { spans: config.quiet.clone(), zone: config.zone.clone() },
        digest,
        steps: steps.collect::<Result<_, String>>()?,
    })
}

fn maintenance(config: &MaintenanceConfig) -> Result<Maintenance, String> {
    if config.name.is_empty() {
        return Err("it has no name".into());
    }
    let time = |text: &str| text.parse::<Timestamp>().map_err(|error| error.to_string());
    let from = if config.from.is_empty() { Timestamp(i64::MIN) } else { time(&config.from)? };
    let until = time(&config.until).map_err(|error| format!("until: {error}"))?;
    if until <= from {
        return Err("it ends before it begins".into());
    }
    Ok(Maintenance { name: config.name.clone(), filter: config.filter.clone(), from, until })
}

fn check_filter(filter: &str, of: &str, now: Timestamp) -> Result<(), NotifyError> {
    let read = parse(filter, ALERT_FIELDS, now);
    read.map(drop).map_err(|error| NotifyError::filter(format!("{of}: filter"), error.pointed(filter)))
}

/// What can be told about.
pub(crate) const KINDS: &[&str] = &["alerts", "work", "overdue", "actions", "feeds", AUDIT];

#[cfg(test)]
mod tests;

//! When did our hosts meet this address, as far as a server knows?

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tripoint_api::{AlertList, AlertQuery, path};
use tripoint_model::address::canonical;
use tripoint_model::{Alert, AlertId, Observable, Timestamp};

use crate::context::Context;

/// What the server's alerts tell of an address.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Meetings {
    /// Alerts that name it.
    pub alerts: u64,
    /// Connections in these.
    pub connections: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Which hosts.
    pub hosts: BTreeSet<String>,
    /// Which applications, as `NAME@HOST`.
    pub applications: BTreeSet<String>,
    /// The newest alerts.
    pub ids: Vec<AlertId>,
    /// Whether every alert was looked at.
    pub complete: bool,
}

/// Pages of alerts that are looked through: the newest 20,000.
const PAGES_MAX: usize = 20;
/// An answer about an address must not hang on a server.
const PATIENCE: Duration = Duration::from_secs(5);
/// Names and ids that are kept.
const NAMED_MAX: usize = 10;

/// `None` where no server answers, or where this user may not ask it.
pub(super) fn meetings(context: &Context, asked: &Observable) -> Option<Meetings> {
    let client = context.client().ok()?.with_patience(PATIENCE);
    let asked = asked.clone();
    context
        .ask(async move {
            let mut found = Meetings::default();
            let mut query = AlertQuery {
                suppressed: Some(true),
                limit: Some(tripoint_api::people::LIMIT_MAX),
                ..AlertQuery::default()
            };
            let begun = Instant::now();
            for _ in (0..PAGES_MAX).take_while(|_| begun.elapsed() < PATIENCE) {
                let page: AlertList = client.get(&format!("{}{}", path::ALERTS, query.to_query())).await?;
                page.alerts.iter().filter(|alert| names(alert, &asked)).for_each(|alert| found.add(alert));
                query.after = page.next;
                if query.after.is_none() {
                    found.complete = true;
                    break;
                }
            }
            Ok(found)
        })
        .ok()
}

/// Whether the alert is about the thing asked for, or a connection in it went there.
fn names(alert: &Alert, asked: &Observable) -> bool {
    let about = match asked {
        Observable::Address(_) => alert.indicator.net() == asked.net(),
        other => alert.indicator == *other,
    };
    about
        || alert.connections.iter().any(|connection| match asked {
            Observable::Domain(name) => connection.remote_name.as_deref() == Some(name.as_str()),
            other => other.matches(canonical(connection.remote.ip()), connection.remote.port()),
        })
}

impl Meetings {
    fn add(&mut self, alert: &Alert) {
        self.alerts += 1;
        self.connections = self.connections.saturating_add(alert.count);
        self.first_seen = Some(self.first_seen.map_or(alert.first_seen, |first| first.min(alert.first_seen)));
        self.last_seen = self.last_seen.max(Some(alert.last_seen));
        if self.hosts.len() < NAMED_MAX {
            self.hosts.insert(alert.host.clone());
        }
        if self.applications.len() < NAMED_MAX {
            self.applications.insert(format!("{}@{}", alert.application.name, alert.host));
        }
        if self.ids.len() < NAMED_MAX {
            self.ids.push(alert.id.clone());
        }
    }
}

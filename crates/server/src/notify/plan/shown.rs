//! What does the plan say to people who ask about it?

use tripoint_api::routing::{
    AlertRouting, EscalationStep, MaintenanceStatus, RouteStatus, RouteVerdict, RoutedTo, WindowState,
};
use tripoint_model::{Alert, Timestamp};

use super::{Maintenance, Plan, Route, Standing, Step, When};
use crate::notify::news::News;

impl Plan {
    /// Every route in the order of the configuration, and every window of maintenance: open ones first, then what
    /// begins next, what is over last.
    pub(crate) fn shown(&self, now: Timestamp) -> (Vec<RouteStatus>, Vec<MaintenanceStatus>) {
        let mut all: Vec<MaintenanceStatus> = self.maintenance.iter().map(|one| one.shown(now)).collect();
        all.sort_by_key(|one| match one.state {
            WindowState::Active => (one.state, one.until.0),
            WindowState::Planned => (one.state, one.from.map_or(i64::MIN, |from| from.0)),
            WindowState::Over => (one.state, one.until.0.saturating_neg()),
        });
        (self.routes.iter().map(|route| route.shown(now)).collect(), all)
    }

    /// Where this news of an alert would go now, and why.
    pub(crate) fn explained(&self, news: &News, alert: &Alert, standing: &Standing, now: Timestamp) -> AlertRouting {
        let untold = untold(alert);
        let placed = if untold.is_some() { Vec::new() } else { self.place(news, Some(standing), now) };
        let to = placed.into_iter().map(|placed| {
            let (held_for, until) = placed.hold.map(|hold| (hold.bundle, hold.due)).unzip();
            RoutedTo { channel: placed.channel, held_for, until }
        });
        let verdict = |route: &Route| {
            let takes = route.takes(news, Some(standing), now);
            let tells = news.kind.group().is_some_and(|group| route.kinds.iter().any(|kind| kind == group));
            let why = match () {
                () if !tells => "it does not tell of alerts",
                () if route.is_of_all() => "it takes every alert",
                () if !route.is_of_host(standing) => "the host is in none of its groups",
                () if route.filter.is_empty() => "the host is in one of its groups",
                () if takes => "its filter takes it",
                () => "its filter does not take it",
            };
            RouteVerdict { route: route.name.clone(), takes, why: why.into() }
        };
        AlertRouting { at: now, untold, channels: to.collect(), routes: self.routes.iter().map(verdict).collect() }
    }
}

/// Why nobody is told of an alert, whatever the routes say.
fn untold(alert: &Alert) -> Option<String> {
    let covered = alert.suppressed_by.as_ref().map(|id| format!("exception {id} covers it"));
    covered.or_else(|| alert.work.merged_into.as_ref().map(|id| format!("it is part of alert {}", id.0)))
}

impl Route {
    fn shown(&self, now: Timestamp) -> RouteStatus {
        RouteStatus {
            name: self.name.clone(),
            filter: said(&self.filter),
            groups: self.groups.clone(),
            kinds: self.kinds.clone(),
            channels: self.channels.clone(),
            quiet: self.written.spans.clone(),
            zone: said(&self.written.zone).filter(|zone| zone != "Z"),
            quiet_until: self.quiet.ends(now),
            digest_s: self.digest.map(|every| every.as_secs()),
            escalate: self.steps.iter().map(Step::shown).collect(),
        }
    }
}

impl Step {
    fn shown(&self) -> EscalationStep {
        let when = match self.when {
            When::Open => "open",
            When::Unassigned => "unassigned",
        };
        EscalationStep { after_s: self.after.as_secs(), when: when.into(), to: self.to.clone() }
    }
}

impl Maintenance {
    fn shown(&self, now: Timestamp) -> MaintenanceStatus {
        let state = match () {
            () if now < self.from => WindowState::Planned,
            () if now < self.until => WindowState::Active,
            () => WindowState::Over,
        };
        let from = Some(self.from).filter(|from| from.0 != i64::MIN);
        MaintenanceStatus { name: self.name.clone(), filter: said(&self.filter), from, until: self.until, state }
    }
}

/// Nothing where nothing is written.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

//! Who may ask what? Whatever is not in this table is refused.

use tripoint_api::path;
use tripoint_api::{Area, Role};

/// Who may use a route at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Strangers too: what lets somebody in.
    Anybody,
    /// Programs with a bouncer's key.
    Bouncers,
    /// Agents, through the Unix socket.
    Agents,
    /// People and their programs, from this role on.
    People(Role),
    /// People from this role on, themselves: not with a token, which does not say who agrees.
    Persons(Role),
    /// People who may give rights away: as `Persons`, and the machine's own token.
    Givers(Role),
    /// Whoever has signed in, about itself.
    SignedIn,
    /// Root of the server's host.
    Root,
}

/// What groups of hosts do to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// It is not about hosts.
    Apart,
    /// `{id}` is an alert: of another host's it is as if it were not there.
    OfAlert,
    /// It shows and does what concerns the caller's own hosts.
    Own,
    /// It concerns all hosts: whoever sees some only may not.
    Whole,
}

/// Whether somebody who has signed in has to prove again to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// No.
    No,
    /// Yes.
    Yes,
    /// Unless nothing will be done (`dry_run`).
    ToAct,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    /// Method, lower case.
    pub method: &'static str,
    /// Route, with `{names}`.
    pub route: &'static str,
    /// Who may.
    pub who: Who,
    /// What it is about: tokens are held to areas.
    pub area: Area,
    /// Whether it changes something.
    pub write: bool,
    /// What groups of hosts do to it.
    pub hosts: Hosts,
    /// Whether it has to be confirmed.
    pub confirm: Confirm,
    /// What may stand in its query; nothing where foreign programs ask as they are wont to.
    pub query: Option<&'static [&'static str]>,
}

impl Permit {
    const fn asking(self, query: &'static [&'static str]) -> Self {
        Self { query: Some(query), ..self }
    }

    const fn foreign(self) -> Self {
        Self { query: None, ..self }
    }

    /// The first of these fields that it does not know.
    pub(crate) fn unknown<'q>(&self, mut fields: impl Iterator<Item = &'q str>) -> Option<&'q str> {
        let known = self.query?;
        fields.find(|field| !known.contains(field))
    }

    /// Whether it is a change that a person asks for: those are written down.
    pub fn is_change(&self) -> bool {
        match self.who {
            Who::Agents | Who::Bouncers => false,
            Who::Anybody => self.method != "get",
            _ => self.write && self.method != "get",
        }
    }
}

/// The row of a request; `head` asks as `get` does.
pub(crate) fn find(method: &str, route: &str) -> Option<&'static Permit> {
    let method = if method.eq_ignore_ascii_case("head") { "get" } else { method };
    PERMITS.iter().find(|permit| permit.method.eq_ignore_ascii_case(method) && permit.route == route)
}

/// Whether there is a row for this route at all.
pub(crate) fn knows(route: &str) -> bool {
    PERMITS.iter().any(|permit| permit.route == route)
}

/// The whole table.
pub fn all() -> &'static [Permit] {
    PERMITS
}

const fn read(route: &'static str, area: Area, hosts: Hosts) -> Permit {
    let (who, confirm) = (Who::People(Role::Viewer), Confirm::No);
    Permit { method: "get", route, who, area, write: false, hosts, confirm, query: Some(&[]) }
}

const fn work(route: &'static str) -> Permit {
    let (who, area) = (Who::People(Role::Analyst), Area::Alerts);
    Permit {
        method: "post",
        route,
        who,
        area,
        write: true,
        hosts: Hosts::OfAlert,
        confirm: Confirm::No,
        query: Some(&[]),
    }
}

const fn act(method: &'static str, route: &'static str, area: Area) -> Permit {
    let who = Who::People(Role::Responder);
    Permit { method, route, who, area, write: true, hosts: Hosts::Own, confirm: Confirm::Yes, query: Some(&[]) }
}

const fn rule(method: &'static str, route: &'static str) -> Permit {
    let (who, area) = (Who::People(Role::Admin), Area::Admin);
    Permit { method, route, who, area, write: true, hosts: Hosts::Whole, confirm: Confirm::Yes, query: Some(&[]) }
}

const fn look(route: &'static str) -> Permit {
    Permit { method: "get", write: false, confirm: Confirm::No, ..rule("get", route) }
}

const fn own(method: &'static str, route: &'static str, confirm: Confirm) -> Permit {
    let (who, hosts) = (Who::SignedIn, Hosts::Apart);
    Permit { method, route, who, area: Area::Admin, write: true, hosts, confirm, query: Some(&[]) }
}

const fn other(method: &'static str, route: &'static str, who: Who) -> Permit {
    let (area, write) = (Area::Admin, false);
    Permit { method, route, who, area, write, hosts: Hosts::Apart, confirm: Confirm::No, query: Some(&[]) }
}

const PERMITS: &[Permit] = &[
    read(path::ALERTS, Area::Alerts, Hosts::Own).asking(ALERTS),
    read(path::ALERTS_WATCH, Area::Alerts, Hosts::Own),
    read("/v1/alerts/{id}", Area::Alerts, Hosts::OfAlert),
    work("/v1/alerts/{id}/resolve"),
    work("/v1/alerts/{id}/reopen"),
    work("/v1/alerts/{id}/comment"),
    work("/v1/alerts/{id}/assign"),
    work("/v1/alerts/{id}/investigate"),
    Permit { hosts: Hosts::Own, ..work(path::QUEUE_WORK) },
    work("/v1/alerts/{id}/work"),
    read("/v1/alerts/{id}/context", Area::Alerts, Hosts::OfAlert),
    read("/v1/alerts/{id}/stix", Area::Alerts, Hosts::OfAlert),
    read("/v1/alerts/{id}/routing", Area::Alerts, Hosts::OfAlert),
    read(path::VIEWS, Area::Alerts, Hosts::Apart),
    Permit { who: Who::People(Role::Viewer), hosts: Hosts::Apart, ..work(path::VIEWS) },
    Permit { method: "delete", who: Who::People(Role::Viewer), hosts: Hosts::Apart, ..work("/v1/views/{name}") },
    read(path::QUEUE, Area::Alerts, Hosts::Own).asking(&["filter", "sort", "limit", "after"]),
    read(path::QUEUE_FACETS, Area::Alerts, Hosts::Own).asking(&["filter"]),
    read(path::QUEUE_WATCH, Area::Alerts, Hosts::Own).asking(&["filter", "since"]),
    read(path::QUEUE_SERIES, Area::Alerts, Hosts::Own).asking(&["filter", "since", "until", "buckets"]),
    read(path::CONNECTIONS_SERIES, Area::Connections, Hosts::Own).asking(&[
        "by",
        "application",
        "peer",
        "direction",
        "host",
        "since",
        "until",
    ]),
    read(path::CONNECTIONS_WATCH, Area::Connections, Hosts::Own).asking(&[
        "application",
        "peer",
        "direction",
        "host",
        "since",
        "until",
    ]),
    read(path::ACTIONS, Area::Actions, Hosts::Own),
    Permit { confirm: Confirm::ToAct, ..act("post", path::ACTIONS, Area::Actions) },
    act("post", path::RELEASE_ALL, Area::Actions),
    Permit { who: Who::Persons(Role::Responder), ..act("post", "/v1/actions/{id}/approve", Area::Actions) },
    Permit { who: Who::Persons(Role::Responder), ..act("post", "/v1/actions/{id}/reject", Area::Actions) },
    Permit { who: Who::Root, ..act("post", "/v1/actions/{id}/confirm", Area::Actions) },
    read(path::EXCEPTIONS, Area::Exceptions, Hosts::Own),
    act("post", path::EXCEPTIONS, Area::Exceptions),
    Permit {
        method: "post",
        who: Who::People(Role::Analyst),
        ..read(path::EXCEPTIONS_PREVIEW, Area::Exceptions, Hosts::Own)
    },
    act("delete", "/v1/exceptions/{id}", Area::Exceptions),
    read(path::CONNECTIONS, Area::Connections, Hosts::Own).asking(&[
        "application",
        "peer",
        "direction",
        "host",
        "since",
        "until",
        "limit",
        "after",
    ]),
    read(path::AGENTS, Area::Health, Hosts::Own),
    read(path::FEEDS, Area::Intel, Hosts::Apart),
    read(path::HEALTH, Area::Health, Hosts::Own),
    read(path::METRICS, Area::Health, Hosts::Whole).foreign(),
    Permit { who: Who::People(Role::Viewer), ..look(path::BOUNCERS) },
    rule("post", path::BOUNCERS),
    rule("delete", "/v1/bouncers/{name}"),
    read(path::CHANNELS, Area::Health, Hosts::Apart),
    read(path::ROUTING, Area::Health, Hosts::Apart),
    Permit { hosts: Hosts::Apart, ..act("post", "/v1/channels/{name}/test", Area::Health) },
    Permit {
        method: "post",
        who: Who::People(Role::Analyst),
        ..read("/v1/channels/{name}/preview", Area::Alerts, Hosts::Own)
    },
    // What was given up tells of the whole fleet.
    Permit { who: Who::People(Role::Responder), ..read("/v1/channels/{name}/dead", Area::Alerts, Hosts::Whole) }
        .asking(&["limit", "after"]),
    rule("post", "/v1/channels/{name}/dead/retry"),
    look(path::USERS),
    rule_by_persons("post", path::USERS),
    rule_by_persons("post", "/v1/users/{name}"),
    rule_by_persons("delete", "/v1/users/{name}"),
    rule_by_persons("post", "/v1/users/{name}/reset"),
    look(path::GROUPS),
    rule_by_persons("post", path::GROUPS),
    rule_by_persons("delete", "/v1/groups/{name}"),
    Permit { hosts: Hosts::Apart, who: Who::People(Role::Viewer), ..look(path::TOKENS) },
    Permit { hosts: Hosts::Apart, who: Who::Givers(Role::Viewer), ..rule("post", path::TOKENS) },
    Permit { hosts: Hosts::Apart, who: Who::Givers(Role::Viewer), ..rule("delete", "/v1/tokens/{id}") },
    look(path::AUDIT).asking(&["limit", "after"]),
    Permit { hosts: Hosts::Apart, who: Who::People(Role::Viewer), ..look(path::SESSION) },
    Permit { area: Area::Health, ..other("get", path::ALIVE, Who::Anybody) }.foreign(),
    Permit { area: Area::Health, ..other("get", path::READY, Who::Anybody) }.foreign(),
    other("post", path::SETUP, Who::Anybody),
    other("post", path::SESSION, Who::Anybody),
    other("post", path::RESET, Who::Anybody),
    other("get", path::OIDC, Who::Anybody),
    other("get", path::OIDC_BEGIN, Who::Anybody).asking(&["then", "confirm"]),
    other("get", path::OIDC_CALLBACK, Who::Anybody).foreign(),
    own("delete", path::SESSION, Confirm::No),
    own("post", path::SESSION_CONFIRM, Confirm::No),
    own("get", path::SESSIONS, Confirm::No),
    own("delete", path::SESSIONS, Confirm::Yes),
    own("delete", "/v1/sessions/{id}", Confirm::Yes),
    own("post", path::OWN_PASSWORD, Confirm::No),
    own("post", path::OWN_TOTP, Confirm::Yes),
    own("post", path::OWN_TOTP_CONFIRM, Confirm::Yes),
    own("delete", path::OWN_TOTP, Confirm::Yes),
    other("post", path::AGENT_BATCH, Who::Agents).foreign(),
    other("get", path::AGENT_ORDERS, Who::Agents).foreign(),
    other("get", path::AGENT_ALERTS, Who::Agents).foreign(),
    other("get", path::AGENT_INTEL, Who::Agents).foreign(),
    other("post", "/v1/agent/orders/{number}/answer", Who::Agents).foreign(),
    other("get", path::DECISIONS_STREAM, Who::Bouncers).foreign(),
    other("get", path::DECISIONS, Who::Bouncers).foreign(),
    other("post", path::USAGE_METRICS, Who::Bouncers).foreign(),
    other("get", path::BLOCKLIST, Who::Bouncers).foreign(),
    // Sightings name hosts of the whole fleet.
    read("/taxii2/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/collections/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/collections/{collection}/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/collections/{collection}/manifest/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/collections/{collection}/objects/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/collections/{collection}/objects/{object}/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/root/collections/{collection}/objects/{object}/versions/", Area::Intel, Hosts::Whole).foreign(),
    read("/taxii2/{*rest}", Area::Intel, Hosts::Whole).foreign(),
];

const ALERTS: &[&str] = &["status", "rule", "host", "suppressed", "suppressed_only", "limit", "after"];

/// A token that could make users would outlive being taken back.
const fn rule_by_persons(method: &'static str, route: &'static str) -> Permit {
    Permit { who: Who::Givers(Role::Admin), ..rule(method, route) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_one_row_and_what_gives_rights_away_is_confirmed() {
        for (at, permit) in PERMITS.iter().enumerate() {
            let same = |other: &Permit| other.method == permit.method && other.route == permit.route;
            assert_eq!(PERMITS.iter().position(same), Some(at), "{} {} twice", permit.method, permit.route);
            let dangerous = permit.write && permit.area != Area::Alerts && permit.who != Who::SignedIn;
            assert_eq!(dangerous, permit.confirm != Confirm::No && permit.who != Who::SignedIn, "{permit:?}");
        }
        assert!(find("HEAD", path::ALERTS).is_some() && find("put", path::ALERTS).is_none());
        assert!(find("get", "/v1/alerts/aa").is_none(), "routes, not paths");
    }
}

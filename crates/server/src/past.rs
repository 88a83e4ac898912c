//! Whom would these actions, or this exception, have concerned in the last hours, by the connections that are kept?

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use tripoint_api::connections::{
    APPLICATIONS_MAX, CONNECTIONS_MAX, ConnectionQuery, HostContact, Past, PastApplication,
};
use tripoint_api::exceptions::{COVERED_MAX, CoveredConnections};
use tripoint_model::contact::connections;
use tripoint_model::{ActionKind, Contact, Exception, Observable, PlannedAction, Subject, Timestamp};

use crate::store::{Store, StoreError};

/// How far back is looked.
pub(crate) const SINCE: Duration = Duration::from_secs(24 * 3600);
/// Targets that are looked for: each costs a question to the store.
const TARGETS_MAX: usize = 1_000;
/// Contacts that are looked at for one target: a whole store of the usual size.
const LOOKED_MAX: usize = 500_000;
/// Contacts that are held for one target: some 30 MB.
const MEANT_MAX: usize = 100_000;

/// Whom each planned block or disconnect would have cut off on this host. Says in words where not all was looked at.
pub(crate) async fn cut(
    store: &dyn Store,
    host: &str,
    plan: &[PlannedAction],
    now: Timestamp,
) -> Result<(Vec<Past>, Option<String>), StoreError> {
    let since = now.minus(SINCE);
    let cuts = |planned: &&PlannedAction| matches!(planned.action, ActionKind::Block | ActionKind::Disconnect);
    let mut seen = HashSet::new();
    // A disconnect comes with a block of the same.
    let first = |planned: &&PlannedAction| seen.insert((planned.target.clone(), planned.scope.clone()));
    let cutting: Vec<&PlannedAction> = plan.iter().filter(cuts).filter(first).collect();
    let mut all = Vec::new();
    let mut whole = true;
    for planned in cutting.iter().take(TARGETS_MAX) {
        let query = ConnectionQuery {
            peer: planned.target.peer().cloned(),
            host: Some(host.to_owned()),
            since: Some(since),
            ..ConnectionQuery::default()
        };
        let meant = |one: &HostContact| one.contact.is_meant(&planned.target, &planned.scope);
        let (contacts, complete) = read(store, query, now, meant).await?;
        whole &= complete;
        if !contacts.is_empty() {
            all.push(past(host, planned, since, &contacts));
        }
    }
    let more = cutting.len().saturating_sub(TARGETS_MAX);
    let said = match (more, whole) {
        (0, true) => None,
        (0, false) => Some(format!("{host}: not all connections of the last day were looked at")),
        _ => Some(format!("{host}: whom {more} of the targets would have cut off was not looked for")),
    };
    Ok((all, said))
}

fn past(host: &str, planned: &PlannedAction, since: Timestamp, contacts: &[HostContact]) -> Past {
    let mut by_application: BTreeMap<String, Vec<&Contact>> = BTreeMap::new();
    for HostContact { contact, .. } in contacts {
        by_application.entry(contact.application_key().unwrap_or_default()).or_default().push(contact);
    }
    let one = |(application, contacts): (String, Vec<&Contact>)| PastApplication {
        application,
        name: contacts.iter().find_map(|c| c.application.as_ref()).map(|own| own.name.clone()).unwrap_or_default(),
        connections: connections(contacts.iter().copied()),
        last_seen: contacts.iter().map(|contact| contact.last_seen).max().unwrap_or_default(),
    };
    let mut applications: Vec<PastApplication> = by_application.into_iter().map(one).collect();
    applications.sort_by(|a, b| b.connections.cmp(&a.connections).then_with(|| a.application.cmp(&b.application)));
    let applications_total = applications.len() as u64;
    applications.truncate(APPLICATIONS_MAX);
    Past {
        host: host.to_owned(),
        id: planned.id.clone(),
        target: planned.target.clone(),
        scope: planned.scope.clone(),
        since,
        connections: connections(contacts.iter().map(|one| &one.contact)),
        applications,
        applications_total,
    }
}

/// Kept connections that an exception speaks of, bad or not: how wide it is. Nothing where it speaks of certain alerts
/// only, which connections alone do not tell.
pub(crate) async fn covered(
    store: &dyn Store,
    exception: &Exception,
    now: Timestamp,
) -> Result<(Option<CoveredConnections>, Option<String>), StoreError> {
    if exception.is_about_alerts() {
        return Ok((None, None));
    }
    let since = now.minus(SINCE);
    // A name holds for all beneath it, and a system for its networks: those are found by looking at everybody.
    let peer = exception.target.clone().filter(|t| !matches!(t, Observable::Domain(_) | Observable::System(_)));
    let direction = exception.direction;
    let query = ConnectionQuery { peer, direction, since: Some(since), ..ConnectionQuery::default() };
    let (contacts, whole) = read(store, query, now, |one| covers(exception, one)).await?;
    let meant: Vec<&Contact> = contacts.iter().map(|one| &one.contact).collect();
    let peers: BTreeSet<_> = meant.iter().map(|contact| contact.peer).collect();
    let applications: BTreeSet<String> = meant.iter().filter_map(|contact| contact.application_key()).collect();
    let said = (!whole).then(|| "not all connections of the last day were looked at".to_owned());
    let covered = CoveredConnections {
        connections: connections(meant),
        peers: peers.len() as u64,
        applications_total: applications.len() as u64,
        applications: applications.into_iter().take(COVERED_MAX).collect(),
        since: Some(since),
    };
    Ok((Some(covered), said))
}

fn covers(exception: &Exception, HostContact { host, contact }: &HostContact) -> bool {
    exception.covers(&Subject {
        address: contact.peer,
        port: contact.peer_port(),
        name: contact.name.as_deref(),
        host: Some(host),
        application: contact.application_key().as_deref(),
        direction: Some(contact.direction),
        rule: None,
        indicator: None,
        findings: None,
        at: exception.created,
    })
}

/// All that is meant of it, up to a bound; whether that was all.
async fn read(
    store: &dyn Store,
    mut query: ConnectionQuery,
    now: Timestamp,
    meant: impl Fn(&HostContact) -> bool,
) -> Result<(Vec<HostContact>, bool), StoreError> {
    query.limit = Some(CONNECTIONS_MAX);
    let (mut all, mut looked) = (Vec::new(), 0);
    loop {
        let page = store.contacts(query.clone(), None, now).await?;
        looked += page.connections.len();
        all.extend(page.connections.into_iter().filter(&meant));
        match page.next {
            Some(_) if looked >= LOOKED_MAX || all.len() >= MEANT_MAX => return Ok((all, false)),
            Some(next) => query.after = Some(next),
            None => return Ok((all, true)),
        }
    }
}

//! What is known of one application, one indicator and one direction together?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tripoint_model::address::canonical;
use tripoint_model::{
    Application, AppliesTo, Attempt, CallBack, Claim, Connection, ConnectionId, Direction, Finding, GuardHit,
    Observable, Process, ProcessKey, Timestamp,
};

use crate::call_back;
use crate::known::{ConnectionRecord, Known};

/// What one alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DossierKey {
    /// The application's key, or `UNKNOWN_APPLICATION`. First, so that one application's dossiers lie together.
    pub(crate) application: String,
    /// Which way.
    pub(crate) direction: Direction,
    /// The most specific observable among the claims.
    pub(crate) indicator: Observable,
}

/// Stands for the owner of a connection that nobody could name.
pub(crate) const UNKNOWN_APPLICATION: &str = "unknown";

/// The connections counted in one alert.
#[derive(Debug, Default)]
pub(crate) struct Dossier {
    /// The newest connections by opening, at most `KEPT_MAX`.
    pub(crate) connections: BTreeSet<(Timestamp, ConnectionId)>,
    /// What became of the rest.
    pub(crate) folded: Folded,
    /// What was last said.
    pub(crate) emitted: Option<tripoint_model::Alert>,
}

/// The sums of connections that are no longer kept one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Folded {
    pub(crate) count: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) first: Option<Timestamp>,
}

impl Folded {
    /// Adds a connection that is about to be forgotten.
    pub(crate) fn add(&mut self, connection: &Connection) {
        self.count += 1;
        self.bytes_in = self.bytes_in.saturating_add(connection.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(connection.bytes_out);
        self.first = Some(self.first.map_or(connection.opened, |first| first.min(connection.opened)));
    }
}

/// Connections kept one by one in a dossier.
pub(crate) const KEPT_MAX: usize = 256;

/// A connection with what makes it bad.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    /// Its newest state, with the name it was reached by filled in.
    pub(crate) connection: Arc<Connection>,
    /// When that state was true.
    pub(crate) at: Timestamp,
    /// Its owner.
    pub(crate) process: Option<Arc<Process>>,
    /// Whether any list names its peer, or did.
    pub(crate) is_listed: bool,
    /// The claims that hold for it.
    pub(crate) claims: Vec<Claim>,
    /// Guard lists that hold the peer.
    pub(crate) guard: Vec<GuardHit>,
}

impl Contact {
    /// The last moment at which this connection is known to have stood as it does.
    pub(crate) fn end(&self, now: Timestamp) -> Timestamp {
        end_of(&self.connection, self.at, now)
    }
}

/// A dossier laid open for the rules.
#[derive(Debug)]
pub struct Case {
    /// The application; `None` when nobody could name the owner.
    pub application: Option<Application>,
    /// What was met.
    pub indicator: Observable,
    /// Which way.
    pub direction: Direction,
    /// What the application's processes are vulnerable to, worst first, at most `FINDINGS_MAX`.
    pub findings: Vec<Finding>,
    /// Whether its processes were said to be vulnerable to anything at any time since they were connected: an advisory
    /// that is withdrawn makes an alert milder, not one that never was.
    pub was_vulnerable: bool,
    /// Where nothing is vulnerable any more: what its processes were last said to be vulnerable to, for each.
    pub(crate) withdrawn: Vec<Arc<[Finding]>>,
    /// How many there are in all.
    pub findings_total: usize,
    /// How many CVEs those are.
    pub cves_total: usize,
    /// Whether the software of every process concerned has been looked at.
    pub scanned: bool,
    /// Whether none of the application's processes that live now runs any of that any more.
    pub mended: bool,
    /// Whether a bad client had contacted the same application within the hour before.
    pub contacted_before: bool,
    /// The attack that the newest of its connections followed.
    pub call_back: Option<CallBack>,
    /// The gravest thing that the application's logs tell of its peers.
    pub(crate) told: Option<Attempt>,
    /// Newest first, never empty.
    pub(crate) contacts: Vec<Contact>,
    pub(crate) folded: Folded,
    /// The latest tick.
    pub(crate) now: Timestamp,
}

pub(crate) fn end_of(connection: &Connection, at: Timestamp, now: Timestamp) -> Timestamp {
    match connection.closed {
        Some(closed) => closed,
        None if connection.state.is_open() => at.max(now),
        None => at,
    }
}

/// The claims that hold for this connection: its direction, some moment of its life.
pub(crate) fn effective_claims(record: &ConnectionRecord, now: Timestamp) -> Vec<Claim> {
    let (Some(newest), Some(sighting)) = (&record.connection, &record.sighting) else { return Vec::new() };
    let connection = &newest.value;
    let end = end_of(connection, newest.at, now).max(connection.opened);
    sighting.value.claims.iter().filter(|claim| holds(claim, connection, end)).cloned().collect()
}

/// Whether a claim holds for this connection, which is known until `end`.
pub(crate) fn holds(claim: &Claim, connection: &Connection, end: Timestamp) -> bool {
    hold((claim.direction, claim.port), (claim.valid_from, claim.valid_until), connection, end)
}

/// Whether what is said of a direction, a port and a span holds for this connection.
pub(crate) fn hold(
    (direction, own_port): (AppliesTo, Option<u16>),
    (from, until): (Option<Timestamp>, Option<Timestamp>),
    connection: &Connection,
    end: Timestamp,
) -> bool {
    direction.covers(connection.direction)
        && from.is_none_or(|from| from <= end)
        && until.is_none_or(|until| connection.opened < until)
        && own_port.is_none_or(|port| port == connection.remote.port() || connection.direction == Direction::Inbound)
}

/// The most specific thing that was ever listed while this connection is known. What no list names any more stays
/// where it was counted: that an alert is milder must not make it another one.
fn listed_as(record: &ConnectionRecord, now: Timestamp) -> Option<Observable> {
    let newest = record.connection.as_ref()?;
    let end = end_of(&newest.value, newest.at, now).max(newest.value.opened);
    record.listed.most_specific(&newest.value, end).cloned()
}

/// The dossier that this connection belongs in; `None` when nothing bad was ever said of it. What an attacked server began
/// is counted as the server's.
pub(crate) fn key_of(record: &ConnectionRecord, known: &Known) -> Option<DossierKey> {
    let connection = &record.connection.as_ref()?.value;
    let listed = listed_as(record, known.now);
    let owner = owner(record, known);
    let call_back = owner.as_ref().and_then(|owner| call_back::of(connection, owner, known, listed.is_some()));
    let own = || Observable::Address(canonical(connection.remote.ip()));
    let indicator = listed.or_else(|| call_back.as_ref().map(|_| own()))?;
    let process = call_back.map(|call_back| call_back.server).or(owner);
    let application = process.map_or_else(|| UNKNOWN_APPLICATION.to_owned(), |process| process.application().key());
    Some(DossierKey { application, direction: connection.direction, indicator })
}

/// The owner: as the connection names it, else as the process table knew it.
pub(crate) fn owner(record: &ConnectionRecord, known: &Known) -> Option<Arc<Process>> {
    let named = &record.process.as_ref()?.value;
    if named.exe.is_empty()
        && named.command.is_empty()
        && let Some(started) = known.processes.get(&named.key).and_then(|process| process.process.as_ref())
    {
        return Some(Arc::clone(&started.value));
    }
    Some(Arc::clone(named))
}

/// Lays a dossier open; `None` when it holds no connection any more.
pub(crate) fn open(key: &DossierKey, dossier: &Dossier, known: &Known, contacted: &[Timestamp]) -> Option<Case> {
    let mut contacts: Vec<Contact> = Vec::with_capacity(dossier.connections.len());
    for (_, id) in dossier.connections.iter().rev() {
        contacts.extend(known.connections.get(id).and_then(|record| contact(record, known)));
    }
    let newest = contacts.first()?;
    let call_back = contacts
        .iter()
        .find_map(|contact| call_back::of(&contact.connection, contact.process.as_ref()?, known, contact.is_listed));
    let server = call_back.as_ref().map(|call_back| call_back.server.application());
    let application = server
        .filter(|application| application.key() == key.application)
        .or_else(|| newest.process.as_ref().map(|process| process.application()));
    let met = contacts.iter().filter_map(|contact| Some((contact.process.as_deref()?, &*contact.connection)));
    let told = call_back::gravest(known, met).cloned();
    let server = call_back.as_ref().map(|call_back| &call_back.server);
    let (mut findings, scanned) = findings(&contacts, server, known);
    let withdrawn = if findings.is_empty() { withdrawn(&contacts, server, known) } else { Vec::new() };
    let was_vulnerable = !findings.is_empty() || !withdrawn.is_empty();
    // What an attacked server began says nothing about the server's code.
    let of = |process: &Arc<Process>| match &call_back {
        Some(CallBack { server, child: Some(child), .. }) if child.key == process.key => server.key,
        _ => process.key,
    };
    let processes = contacts.iter().filter_map(|contact| contact.process.as_ref()).map(of);
    let mended = !findings.is_empty() && known.is_mended(&key.application, processes);
    let findings_total = findings.len();
    let cves_total = cves(&findings).count();
    findings.truncate(FINDINGS_MAX);
    let contacted_before = key.direction == Direction::Outbound
        && contacts.iter().any(|contact| {
            contacted
                .iter()
                .any(|at| *at <= contact.connection.opened && contact.connection.opened.since(*at) <= CALLBACK_WITHIN)
        });
    Some(Case {
        application,
        indicator: key.indicator.clone(),
        direction: key.direction,
        findings,
        was_vulnerable,
        withdrawn,
        findings_total,
        cves_total,
        scanned,
        mended,
        contacted_before,
        call_back,
        told,
        contacts,
        folded: dossier.folded,
        now: known.now,
    })
}

/// How long after a bad client's visit a connection to a bad server looks like its consequence.
const CALLBACK_WITHIN: std::time::Duration = std::time::Duration::from_secs(3600);

fn contact(record: &ConnectionRecord, known: &Known) -> Option<Contact> {
    let newest = record.connection.as_ref()?;
    let name = known.name_of(&newest.value);
    let connection = if newest.value.remote_name == name {
        Arc::clone(&newest.value)
    } else {
        Arc::new(Connection { remote_name: name, ..Connection::clone(&newest.value) })
    };
    Some(Contact {
        connection,
        at: newest.at,
        process: owner(record, known),
        is_listed: listed_as(record, known.now).is_some(),
        claims: effective_claims(record, known.now),
        guard: record.sighting.as_ref().map(|sighting| sighting.value.guard.clone()).unwrap_or_default(),
    })
}

/// What the owners, and the server that was attacked, were vulnerable to while they were connected, worst first, each
/// once.
fn findings(contacts: &[Contact], server: Option<&Arc<Process>>, known: &Known) -> (Vec<Finding>, bool) {
    let mut found: BTreeMap<(String, String), Finding> = BTreeMap::new();
    let mut scanned = true;
    let owned = contacts.iter().rev().map(|contact| (contact, contact.process.as_ref()));
    let through = contacts.first().filter(|_| server.is_some()).map(|contact| (contact, server));
    for (contact, process) in owned.chain(through) {
        let record = process.and_then(|process| known.processes.get(&process.key));
        scanned &= record.is_some_and(|record| record.is_scanned());
        let Some(record) = record else { continue };
        // An open connection meets whatever is found next, also between two ticks.
        let is_open = contact.connection.closed.is_none() && contact.connection.state.is_open();
        let end = if is_open { Timestamp(i64::MAX) } else { contact.end(known.now) };
        for list in record.findings_during(contact.connection.opened, end) {
            for finding in list.iter().filter(|finding| finding.state.is_vulnerable()).take(FINDINGS_READ_MAX) {
                found.insert((finding.purl.clone(), finding.id.clone()), finding.clone());
            }
        }
    }
    let mut findings: Vec<Finding> = found.into_values().collect();
    findings.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| (&a.id, &a.purl).cmp(&(&b.id, &b.purl))));
    (findings, scanned)
}

/// What each owner, and the server that was attacked, was last said to be vulnerable to since it was connected.
fn withdrawn(contacts: &[Contact], server: Option<&Arc<Process>>, known: &Known) -> Vec<Arc<[Finding]>> {
    let last = |(contact, process): (&Contact, &Arc<Process>)| {
        let record = known.processes.get(&process.key)?;
        Some((process.key, record.last_vulnerable_since(contact.connection.opened, contact.end(known.now))?))
    };
    let first = contacts.first().zip(server).into_iter();
    let all = first.chain(contacts.iter().filter_map(|one| Some((one, one.process.as_ref()?)))).filter_map(last);
    // Of several connections of one process the list of the latest judgement counts.
    let mut lists: BTreeMap<ProcessKey, (Timestamp, &Arc<[Finding]>)> = BTreeMap::new();
    for (process, (at, list)) in all {
        let known = lists.entry(process).or_insert((at, list));
        if at > known.0 {
            *known = (at, list);
        }
    }
    lists.into_values().map(|(_, list)| Arc::clone(list)).collect()
}

/// Each vulnerability once: its CVEs, else the advisory's own id.
pub(crate) fn cves(findings: &[Finding]) -> impl Iterator<Item = &str> {
    let mut all: BTreeSet<&str> = BTreeSet::new();
    for finding in findings {
        let ids = if finding.cves.is_empty() { std::slice::from_ref(&finding.id) } else { &finding.cves[..] };
        all.extend(ids.iter().map(String::as_str));
    }
    all.into_iter()
}

/// Findings kept in one alert; the rest are counted.
pub(crate) const FINDINGS_MAX: usize = 200;
/// Findings looked at in one list, and of one alert that is judged anew.
pub(crate) const FINDINGS_READ_MAX: usize = 20_000;

/// Worse is greater.
pub(crate) fn rank(finding: &Finding) -> (bool, u8, u16, u8) {
    let presence = match finding.presence {
        tripoint_model::PackageState::Loaded => 2,
        tripoint_model::PackageState::Stale => 1,
        tripoint_model::PackageState::Installed => 0,
    };
    (finding.known_exploited, finding.cvss_tenths.unwrap_or(0), finding.epss_bp.unwrap_or(0), presence)
}

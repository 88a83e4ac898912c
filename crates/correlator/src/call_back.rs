//! Was a connection the consequence of an attack on the server that it came from?
//!
//! An attack beforehand is not enough: scanners try everything everywhere. Something must tie the two together: what was
//! sent names a peer that the server had not met before, the peer sent it, what connects was begun below the server
//! afterwards, the answer speaks for success, or the hole that was tried is one that the server has. Of a peer that
//! nobody lists, only the first three count.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tripoint_model::address::{canonical, is_local};
use tripoint_model::call_back::{ATTEMPTS_MAX, CallBack};
use tripoint_model::{Attempt, Connection, Direction, Factor, Process, Verdict};

use crate::attacked::{Server, descends};
use crate::dossier::effective_claims;
use crate::known::Known;

/// What ties an attempt to a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Ties {
    names_peer: bool,
    child: bool,
    from_peer: bool,
    succeeded: bool,
    has_hole: bool,
}

impl Ties {
    /// Whether they are enough.
    fn hold(self, is_listed: bool) -> bool {
        self.names_peer || self.child || self.from_peer || (is_listed && (self.succeeded || self.has_hole))
    }
}

/// The attack that `connection` of `owner` followed, if it followed one.
pub(crate) fn of(
    connection: &Arc<Connection>,
    owner: &Arc<Process>,
    known: &Known,
    is_listed: bool,
) -> Option<CallBack> {
    if connection.direction != Direction::Outbound {
        return None;
    }
    by_attempts(connection, owner, known, is_listed)
        .or_else(|| is_listed.then(|| by_visit(connection, owner, known)).flatten())
}

fn by_attempts(connection: &Arc<Connection>, owner: &Arc<Process>, known: &Known, is_listed: bool) -> Option<CallBack> {
    let mut tied: Vec<(Ties, &Attempt, &Arc<Process>)> = Vec::new();
    for server in known.attacked.servers_of(owner) {
        let Some(process) = server.process() else { continue };
        for attempt in server.attempts().filter(|attempt| attempt.is_exploit()) {
            let ties = ties(connection, owner, (process, attempt), known, is_listed);
            tied.extend(ties.filter(|ties| ties.hold(is_listed)).map(|ties| (ties, attempt, process)));
        }
    }
    tied.sort_by_key(|(ties, attempt, process)| std::cmp::Reverse((*ties, attempt.time, process.key, attempt.offset)));
    let &(best, first, server) = tied.first()?;
    let child = descends(owner, server).then(|| Arc::clone(owner));
    let peer = canonical(connection.remote.ip());
    let mut reasons = Vec::new();
    let cause = match first.cves.first() {
        Some(cve) => format!("{} ({cve})", first.family),
        None => first.family.clone(),
    };
    let seconds = first.time.map_or(0, |time| connection.opened.since(time).as_secs());
    reasons.push(format!("{cause} was tried {seconds} s before, by {}:{}", first.file, first.line));
    let mut add = |holds: bool, reason: String| reasons.extend(holds.then_some(reason));
    add(best.names_peer, named(peer));
    add(best.child, format!("{} (pid {}) was begun below the server after that", name(owner), owner.key.pid));
    add(best.from_peer, "the peer itself had sent it".to_owned());
    add(best.succeeded, "what followed speaks for its success".to_owned());
    add(best.has_hole, "the server has the vulnerability that was tried".to_owned());
    let attempts =
        tied.iter().filter(|(_, _, of)| of.key == server.key).take(ATTEMPTS_MAX).map(|(_, one, _)| (*one).clone());
    Some(CallBack {
        server: Arc::clone(server),
        attempts: attempts.collect(),
        visit: None,
        child,
        connection: Arc::clone(connection),
        reasons,
    })
}

/// `None` where the attempt came too early or too late.
fn ties(
    connection: &Connection,
    owner: &Process,
    (server, attempt): (&Process, &Attempt),
    known: &Known,
    is_listed: bool,
) -> Option<Ties> {
    let time = attempt.time?;
    let opened = connection.opened;
    if time > opened.plus(SLACK) || opened.since(time) > WITHIN {
        return None;
    }
    let peer = canonical(connection.remote.ip());
    // Whoever was met before is met again whatever is sent, and so are databases and proxies near the server.
    let names = known.names_for(connection);
    let is_new = || !known.met.before((server, owner), connection, &names, time.minus(SLACK));
    let is_sent_there = attempt.is_forgery() || !is_local(peer);
    let begun_after = owner.started.is_some_and(|started| started.plus(SLACK) >= time);
    // Programs that servers begin for every request talk with databases near them; those are not told apart here.
    let is_telling = is_listed || (!is_local(peer) && opened.since(time) <= CHILD_WITHIN);
    Some(Ties {
        names_peer: is_sent_there
            && attempt.names(peer, connection.names().chain(known.name_of(connection).as_deref()))
            && is_new(),
        child: is_telling && begun_after && descends(owner, server),
        from_peer: attempt.remote.map(canonical) == Some(peer) && (is_listed || (!is_local(peer) && is_new())),
        succeeded: attempt.verdict == Verdict::LikelySucceeded,
        has_hole: known.has_hole(server.key, &attempt.cves),
    })
}

/// A listed client came to the server, and what was begun below it afterwards connected.
fn by_visit(connection: &Arc<Connection>, owner: &Arc<Process>, known: &Known) -> Option<CallBack> {
    let started = owner.started?;
    let mut best: Option<(&Arc<Connection>, &Arc<Process>)> = None;
    for key in owner.ancestry.iter().filter_map(tripoint_model::process::Ancestor::key) {
        let Some(server) = known.processes.get(&key) else { continue };
        for record in server.connections.iter().filter_map(|id| known.connections.get(id)) {
            let (Some(newest), Some(process)) = (&record.connection, &record.process) else { continue };
            let visit = &newest.value;
            let fits = visit.direction == Direction::Inbound
                && visit.opened <= started.plus(CLOCKS_APART)
                && connection.opened >= visit.opened
                && connection.opened.since(visit.opened) <= WITHIN;
            let later = best.is_none_or(|(known, _)| (visit.opened, visit.id) > (known.opened, known.id));
            if fits && later && !effective_claims(record, known.now).is_empty() {
                best = Some((visit, &process.value));
            }
        }
    }
    let (visit, server) = best?;
    let seconds = connection.opened.since(visit.opened).as_secs();
    Some(CallBack {
        server: Arc::clone(server),
        attempts: Vec::new(),
        visit: Some(Arc::clone(visit)),
        child: Some(Arc::clone(owner)),
        connection: Arc::clone(connection),
        reasons: vec![
            format!("listed client {} came to the server {seconds} s before", visit.remote.ip()),
            format!("{} (pid {}) was begun below the server after that", name(owner), owner.key.pid),
        ],
    })
}

/// How sure a call-back is by itself, of a peer that nobody lists.
pub(crate) fn confidence(call_back: &CallBack) -> Vec<Factor> {
    let mut terms = Vec::new();
    let mut add = |name: &str, points: i16, reason: String| terms.push(Factor { name: name.into(), points, reason });
    if let Some(first) = call_back.attempts.first() {
        add("attempt", 40, format!("{}:{} shows {}", first.file, first.line, first.family));
        let peer = canonical(call_back.connection.remote.ip());
        if call_back.reasons.contains(&named(peer)) {
            add("names-the-peer", 30, format!("what was sent names {peer}"));
        }
        if first.verdict == Verdict::LikelySucceeded {
            add("likely-succeeded", 10, "what followed speaks for success".into());
        }
    }
    if let Some(child) = &call_back.child {
        add("child-process", 15, format!("{} was begun below the server", name(child)));
    }
    terms
}

/// The gravest thing that logs tell of these peers at the servers of these processes.
pub(crate) fn gravest<'a>(
    known: &'a Known,
    meetings: impl Iterator<Item = (&'a Process, &'a Connection)>,
) -> Option<&'a Attempt> {
    let mut gravest: Option<&Attempt> = None;
    for (process, connection) in meetings {
        let peer = canonical(connection.remote.ip());
        let of_peer = |attempt: &&Attempt| attempt.remote.map(canonical) == Some(peer);
        let attempts = known.attacked.servers_of(process).flat_map(Server::attempts).filter(of_peer);
        gravest = attempts.chain(gravest).max_by_key(|one| (one.verdict, one.time, &one.file, one.offset, &one.rule));
    }
    gravest
}

fn named(peer: IpAddr) -> String {
    format!("what was sent names the peer {peer}")
}

/// What a person calls a process.
pub(crate) fn name(process: &Process) -> &str {
    let name = if process.exe.is_empty() { &process.command } else { &process.exe };
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether it happened at that time: logs tell whole seconds, and servers write a request down when it is over.
const SLACK: Duration = Duration::from_secs(2);
/// How far two kernel times that were turned into wall-clock ones may be apart.
const CLOCKS_APART: Duration = Duration::from_millis(50);
/// How long after an attack a connection looks like its consequence.
const WITHIN: Duration = Duration::from_secs(600);
/// The same of a peer that nobody lists, where only a new process speaks for it.
const CHILD_WITHIN: Duration = Duration::from_secs(60);

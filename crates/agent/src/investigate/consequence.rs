//! What followed an attempt: did the server begin a program that it never begins, and did somebody connect out?
//!
//! Servers begin programs and connect to others all the time. What counts is new, comes within seconds, and hangs
//! together with the attempt: a shell or tool below the server, or a peer that what was sent names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tripoint_evidence::why::{Role, role_of};
use tripoint_linux::clock::BootClock;
use tripoint_model::address::{canonical, is_local};
use tripoint_model::process::Ancestor;
use tripoint_model::{Attempt, Connection, Process, ProcessKey, Timestamp, Verdict};

use crate::recent::{Begun, Met, Recent};

/// Logs tell whole seconds, and servers write a request down when it is over.
pub const SLACK: Duration = Duration::from_secs(2);
/// A program that an attack begins begins at once.
const CHILD_WITHIN: Duration = Duration::from_secs(10);
/// It may have to be fetched before it calls.
const CALL_WITHIN: Duration = Duration::from_secs(60);
const ANCESTRY_MAX: usize = 16;

/// A connection that may be the consequence of an attempt, with its owner's ancestry, and when it was so.
pub type Call = (Arc<Connection>, Timestamp);

/// What a server and what it began did in the last minutes.
pub struct Deeds<'d> {
    server: &'d Arc<Process>,
    below: Vec<Begun>,
    met: Vec<Met>,
    /// Whom the rest of its application met.
    beside: Vec<Met>,
    clock: BootClock,
}

impl<'d> Deeds<'d> {
    /// Asks what is remembered.
    pub fn of(server: &'d Arc<Process>, recent: &Recent) -> Self {
        let below = recent.below(server);
        let keys: HashSet<ProcessKey> = below.iter().map(|one| one.process.key).chain([server.key]).collect();
        Self { server, met: recent.met_by(&keys), beside: recent.met_beside(server), below, clock: BootClock::new() }
    }

    /// Adds to each exploit what followed it, and judges it anew. Gives the connections that followed.
    pub fn judge(&self, attempts: &mut [Attempt]) -> Vec<Call> {
        let mut calls: Vec<Call> = Vec::new();
        for attempt in attempts.iter_mut().filter(|attempt| attempt.is_exploit()) {
            let Some(time) = attempt.time else { continue };
            let mut reasons: Vec<String> = self.tools(time).map(|one| said(one, time)).take(REASONS_MAX).collect();
            for met in self.met.iter().filter(|met| is_within(met.first, time, CALL_WITHIN)) {
                let Some(reason) = self.tie(attempt, met, time) else { continue };
                reasons.extend((reasons.len() < REASONS_MAX).then_some(reason));
                if calls.len() < CALLS_MAX && !calls.iter().any(|(known, _)| known.id == met.connection.id) {
                    calls.push((self.whole(&met.connection), met.at));
                }
            }
            if !reasons.is_empty() {
                attempt.verdict = Verdict::LikelySucceeded;
                attempt.reasons.append(&mut reasons);
            }
        }
        calls
    }

    /// Shells, interpreters and downloaders begun within seconds, of a kind that was not begun before.
    fn tools(&self, time: Timestamp) -> impl Iterator<Item = &Begun> {
        let is_tool = |one: &Begun| {
            let role = role_of(&one.process.exe, &one.process.argv);
            matches!(role, Some(Role::Shell | Role::Interpreter | Role::Downloader))
        };
        let was_before = move |one: &Begun| {
            let same = |other: &&Begun| other.process.exe == one.process.exe && other.at.plus(SLACK) < time;
            self.below.iter().any(|other| same(&other))
        };
        let soon = self.below.iter().filter(move |one| is_within(one.at, time, CHILD_WITHIN));
        soon.filter(move |one| is_tool(one) && !was_before(one))
    }

    /// Why a connection looks like the consequence of an attempt. Whoever was met before is met again whatever is sent,
    /// and databases near the server are: that a request names one of these ties nothing.
    fn tie(&self, attempt: &Attempt, met: &Met, time: Timestamp) -> Option<String> {
        let peer = canonical(met.connection.remote.ip());
        let owner = met.connection.process.as_deref()?;
        if self.was_met_before(met, time) {
            return None;
        }
        let after = seconds(met.first, time);
        if attempt.names(peer, met.connection.names()) && (attempt.is_forgery() || !is_local(peer)) {
            return Some(format!("{} connected to {}, which it names, {after}", called(owner), met.connection.remote));
        }
        let is_child = owner.key != self.server.key && self.clock.wall(owner.key.start_ns).plus(SLACK) >= time;
        let whom = met.connection.remote;
        (is_child && !is_local(peer))
            .then(|| format!("{}, begun below the server since, connected to {whom} {after}", called(owner)))
    }

    /// Whether the application had met this peer, or somebody of the same name, before.
    fn was_met_before(&self, met: &Met, time: Timestamp) -> bool {
        let peer = canonical(met.connection.remote.ip());
        let has_its_name = |name: &str| met.connection.names().any(|own| own.eq_ignore_ascii_case(name));
        let mut before = self.met.iter().chain(&self.beside).filter(|other| other.first.plus(SLACK) < time);
        before
            .any(|other| canonical(other.connection.remote.ip()) == peer || other.connection.names().any(has_its_name))
    }

    /// The connection with all that is known of its owner: of one that no list knows the sensor tells less.
    fn whole(&self, connection: &Arc<Connection>) -> Arc<Connection> {
        let Some(owner) = &connection.process else { return Arc::clone(connection) };
        let mut owner = Process::clone(owner);
        if owner.ancestry.is_empty() {
            owner.ancestry = self.ancestry(&owner);
        }
        owner.started = owner.started.or_else(|| Some(self.clock.wall(owner.key.start_ns)));
        Arc::new(Connection { process: Some(Arc::new(owner)), ..Connection::clone(connection) })
    }

    fn ancestry(&self, owner: &Process) -> Vec<Ancestor> {
        let by_pid: HashMap<u32, &Process> =
            self.below.iter().map(|one| (one.process.key.pid, &*one.process)).collect();
        let mut chain: Vec<Ancestor> = Vec::new();
        let mut parent = owner.parent;
        if owner.key == self.server.key {
            return self.server.ancestry.clone();
        }
        while chain.len() < ANCESTRY_MAX {
            let above = if parent == self.server.key.pid { Some(&**self.server) } else { by_pid.get(&parent).copied() };
            let Some(above) = above else { break };
            chain.push(Ancestor {
                pid: above.key.pid,
                start_ns: above.key.start_ns,
                exe: above.exe.clone(),
                argv: above.argv.clone(),
            });
            if above.key == self.server.key {
                chain.extend(self.server.ancestry.iter().cloned());
                break;
            }
            parent = above.parent;
        }
        chain.truncate(ANCESTRY_MAX);
        chain
    }
}

/// Reasons that one attempt gets, and connections that are handed on.
const REASONS_MAX: usize = 4;
const CALLS_MAX: usize = 16;

fn is_within(moment: Timestamp, time: Timestamp, patience: Duration) -> bool {
    moment.plus(SLACK) >= time && moment.since(time) <= patience
}

fn seconds(moment: Timestamp, time: Timestamp) -> String {
    match moment.since(time).as_secs() {
        0 => "in the same second".to_owned(),
        1 => "1 second later".to_owned(),
        seconds => format!("{seconds} seconds later"),
    }
}

fn called(process: &Process) -> String {
    let name = if process.exe.is_empty() { &process.command } else { &process.exe };
    format!("{name} (pid {})", process.key.pid)
}

fn said(one: &Begun, time: Timestamp) -> String {
    let words = one.process.argv.join(" ");
    let words = tripoint_model::text::truncate(&words, COMMAND_BYTES_MAX).0;
    format!("the server began {} {}: {words}", called(&one.process), seconds(one.at, time))
}

const COMMAND_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use tripoint_model::attempt::ShownBy;
    use tripoint_sensor::Seen;

    use super::*;
    use crate::recent::staged;

    const TICK: u64 = 10_000_000;

    fn process(pid: u32, parent: u32, exe: &str, started: u64) -> Arc<Process> {
        staged::process(pid, parent, exe, started / TICK * TICK)
    }

    fn attempt(time: Timestamp, aim: &str) -> Attempt {
        Attempt {
            kind: ShownBy::Line,
            file: "/a.log".into(),
            line: 1,
            offset: 0,
            lines: vec![],
            time: Some(time),
            remote: "203.0.113.9".parse().ok(),
            claimed_remote: None,
            family: "command-injection".into(),
            attack: vec!["T1190".into()],
            cves: vec![],
            aims: vec![aim.into()],
            verdict: Verdict::Attempted,
            rule: "x".into(),
            reasons: vec![],
            raw: "x".into(),
            sigma: None,
        }
    }

    /// A server that has run for an hour, and an attempt on it a minute ago.
    struct Scene {
        clock: BootClock,
        server: Arc<Process>,
        recent: Recent,
        time: Timestamp,
    }

    impl Scene {
        fn new() -> Self {
            let clock = BootClock::new();
            let time = clock.wall(tripoint_linux::clock::boot_ns()).minus(Duration::from_secs(60));
            Self { clock, server: process(10, 1, "/usr/sbin/portal", TICK), recent: Recent::default(), time }
        }

        fn at(&self, seconds: i64) -> Timestamp {
            Timestamp(self.time.0 + seconds * 1_000_000)
        }

        fn begin(&self, pid: u32, parent: u32, exe: &str, seconds: i64) -> Arc<Process> {
            let process = process(pid, parent, exe, self.clock.boot(self.at(seconds)));
            self.recent
                .take(&[Seen::Started { process: Arc::clone(&process), at: self.at(seconds), found: false }], false);
            process
        }

        fn connect(&self, owner: &Arc<Process>, remote: &str, seconds: i64) {
            self.connect_by(owner, remote, None, seconds);
        }

        fn connect_by(&self, owner: &Arc<Process>, remote: &str, name: Option<&str>, seconds: i64) {
            let at = self.at(seconds);
            let cookie = u64::from(owner.key.pid) ^ at.0.unsigned_abs();
            self.recent.take(&[staged::connected(owner, cookie, remote, name, at)], false);
        }

        fn judge(&self, aim: &str) -> (Attempt, Vec<Call>) {
            self.judge_as("command-injection", aim)
        }

        fn judge_as(&self, family: &str, aim: &str) -> (Attempt, Vec<Call>) {
            let mut attempts = [Attempt { family: family.into(), ..attempt(self.time, aim) }];
            let calls = Deeds::of(&self.server, &self.recent).judge(&mut attempts);
            let [attempt] = attempts;
            (attempt, calls)
        }
    }

    #[test]
    fn a_shell_below_the_server_and_what_it_calls_speak_for_success() {
        let scene = Scene::new();
        let shell = scene.begin(20, 10, "/usr/bin/dash", 1);
        let tool = scene.begin(21, shell.key.pid, "/opt/x/dropper", 1);
        scene.connect(&tool, "203.0.113.77:80", 2);
        let (attempt, calls) = scene.judge("192.0.2.1");
        assert_eq!(attempt.verdict, Verdict::LikelySucceeded);
        assert_eq!(
            attempt.reasons,
            [
                "the server began /usr/bin/dash (pid 20) 1 second later: /usr/bin/dash -c",
                "/opt/x/dropper (pid 21), begun below the server since, connected to 203.0.113.77:80 2 seconds later"
            ]
        );
        let owner = calls[0].0.process.as_ref().unwrap();
        let above: Vec<u32> = owner.ancestry.iter().map(|one| one.pid).collect();
        assert_eq!((above, owner.ancestry[1].key()), (vec![20, 10], Some(scene.server.key)));
        assert!(owner.started.unwrap().since(scene.at(1)) < Duration::from_secs(1));
    }

    #[test]
    fn what_the_server_does_anyway_says_nothing() {
        let scene = Scene::new();
        // It begins shells all day, its worker talks with a database, and something calls an hour later.
        scene.begin(19, 10, "/usr/bin/dash", -40);
        scene.begin(20, 10, "/usr/bin/dash", 1);
        let worker = scene.begin(21, 10, "/usr/sbin/worker", 1);
        scene.connect(&worker, "10.1.2.3:5432", 2);
        scene.connect(&scene.server, "203.0.113.5:443", 2);
        let late = scene.begin(22, 10, "/usr/sbin/worker", 30);
        scene.connect(&late, "203.0.113.6:443", -30);
        scene.connect(&late, "203.0.113.6:8443", 31);
        let other = scene.begin(30, 1, "/usr/bin/curl", 1);
        scene.connect(&other, "203.0.113.7:443", 2);
        let (attempt, calls) = scene.judge("192.0.2.1");
        assert_eq!((attempt.verdict, attempt.reasons.len(), calls.len()), (Verdict::Attempted, 0, 0), "{attempt:?}");
    }

    #[test]
    fn a_peer_that_the_request_names_counts_whoever_calls_it_and_only_afterwards() {
        let scene = Scene::new();
        scene.connect(&scene.server, "203.0.113.66:1389", 3);
        let (attempt, calls) = scene.judge("203.0.113.66");
        assert_eq!((attempt.verdict, calls.len()), (Verdict::LikelySucceeded, 1));
        for seconds in [-5, 90] {
            let scene = Scene::new();
            scene.connect(&scene.server, "203.0.113.66:1389", seconds);
            let (attempt, calls) = scene.judge("203.0.113.66");
            assert_eq!((attempt.verdict, calls.len()), (Verdict::Attempted, 0), "{seconds}");
        }
    }

    #[test]
    fn whom_the_application_calls_anyway_is_not_called_because_a_request_names_it() {
        // A page is to be fetched from a host that delivers everybody's pages, which the server calls every minute.
        let scene = Scene::new();
        for minute in 1..10 {
            scene.connect_by(&scene.server, "203.0.113.80:443", Some("cdn.example"), -60 * minute);
        }
        scene.connect_by(&scene.server, "203.0.113.80:443", Some("cdn.example"), 2);
        // The name has another address by now.
        scene.connect_by(&scene.server, "203.0.113.81:443", Some("CDN.example"), 3);
        for (family, aim) in [("ssrf", "cdn.example"), ("ssrf", "203.0.113.80"), ("jndi", "cdn.example")] {
            let (attempt, calls) = scene.judge_as(family, aim);
            assert_eq!((attempt.verdict, calls.len()), (Verdict::Attempted, 0), "{family} {aim}: {attempt:?}");
        }
        // Another worker of the same server calls it every minute.
        let scene = Scene::new();
        scene
            .recent
            .take(&[staged::connected(&process(11, 9, "/x", TICK), 1, "203.0.113.80:443", None, scene.at(-30))], false);
        scene.connect(&scene.server, "203.0.113.80:443", 2);
        assert_eq!(scene.judge_as("ssrf", "203.0.113.80").1.len(), 1, "somebody else's calls are none of its own");
        let sibling =
            Arc::new(Process { unit: Some("portal.service".into()), ..Process::clone(&process(12, 9, "/y", TICK)) });
        let server = Arc::new(Process { unit: Some("portal.service".into()), ..Process::clone(&scene.server) });
        let scene = Scene { server, ..scene };
        scene.connect(&sibling, "203.0.113.80:443", -30);
        assert_eq!(scene.judge_as("ssrf", "203.0.113.80").1.len(), 0);
    }

    #[test]
    fn an_address_near_the_server_ties_only_what_was_to_be_fetched() {
        for (family, tied) in [("jndi", 0), ("ssrf", 1)] {
            let scene = Scene::new();
            scene.connect(&scene.server, "10.1.2.3:5432", 2);
            let (attempt, calls) = scene.judge_as(family, "10.1.2.3");
            assert_eq!((attempt.verdict == Verdict::LikelySucceeded, calls.len()), (tied == 1, tied), "{family}");
        }
        let scene = Scene::new();
        scene.connect(&scene.server, "10.1.2.3:5432", -20);
        scene.connect(&scene.server, "10.1.2.3:5432", 2);
        assert_eq!(scene.judge_as("ssrf", "10.1.2.3").1.len(), 0, "the database that it uses anyway");
    }
}

//! Is a block that breaks something taken back, said, and not made again?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use tripoint_model::Target;
use tripoint_responder::testing::FakeFirewall;
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

use super::*;
use crate::config::{Config, Rollout};
use crate::detect::Wake;
use crate::uplink::Report;

const PEER: &str = "203.0.113.66";

/// A firewall behind which something ceases to work: a file stands for that.
struct Breaking {
    fake: FakeFirewall,
    broken: PathBuf,
    scoped: bool,
}

impl Firewall for Breaking {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn block(&mut self, target: &Target, scope: &Scope, end: Timestamp, now: Timestamp) -> Result<(), FirewallError> {
        if !self.scoped && *scope != Scope::Host {
            return Err(FirewallError::Unsupported("fake", "it shares the cgroup with another".into()));
        }
        fs::write(&self.broken, "").unwrap();
        self.fake.block(target, scope, end, now)
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let _ = fs::remove_file(&self.broken);
        self.fake.unblock(target, scope)
    }

    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        self.fake.list(now)
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        self.fake.disconnect(cuts)
    }
}

struct Host {
    respond: Respond,
    fake: FakeFirewall,
    wakes: mpsc::Receiver<Wake>,
    _reports: tokio::sync::mpsc::UnboundedReceiver<Report>,
}

impl Host {
    /// A host whose probe fails while there is a block, or always.
    fn new(folder: &Path, scoped: bool, script: &str) -> Self {
        let probe = folder.join("probe");
        fs::write(&probe, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&probe, fs::Permissions::from_mode(0o755)).unwrap();
        let text = format!(
            "[intel]\npermit_ranges = [\"203.0.113.0/24\", \"2001:db8::/32\"]\n[response]\nprobe = \"exec:{}\"\n",
            probe.display()
        );
        fs::write(folder.join("agent.toml"), text).unwrap();
        let config: Config = crate::config::check(&folder.join("agent.toml")).unwrap().config;
        let fake = FakeFirewall::default();
        let firewall = Breaking { fake: fake.clone(), broken: folder.join("broken"), scoped };
        let (wake, wakes) = mpsc::sync_channel(64);
        let (report, reports) = tokio::sync::mpsc::unbounded_channel();
        let mut respond = Respond::open(&folder.join("ledger"), Box::new(firewall), &config, wake, report).unwrap();
        respond.exceptions_known = true;
        Self { respond, fake, wakes, _reports: reports }
    }

    fn propose(&mut self, policy: Policy) -> Vec<Outcome> {
        self.propose_for(policy, PEER.parse().unwrap())
    }

    fn propose_for(&mut self, policy: Policy, peer: IpAddr) -> Vec<Outcome> {
        self.respond.propose(&Proposal {
            policy,
            alert: AlertId("a1".into()),
            application: "unit:shop.service".into(),
            peer,
            until: now().plus(Duration::from_secs(600)),
            reason: "listed".into(),
            open: Vec::new(),
            place: super::super::Waiting::default().place().unwrap(),
        });
        let outcome = |wake| match wake {
            Wake::Outcome(_, outcome) => Some(outcome),
            _ => None,
        };
        self.wakes.try_iter().filter_map(outcome).collect()
    }

    fn blocks(&self) -> usize {
        self.fake.kernel().blocks.len()
    }
}

fn policy(rest: &str) -> Policy {
    format!("name = \"shops\"\n{rest}").parse::<toml::Table>().unwrap().try_into().unwrap()
}

fn unbroken(folder: &Path) -> String {
    format!("test ! -e {}", folder.join("broken").display())
}

#[test]
fn r5_a_block_that_breaks_the_probe_is_rolled_back_said_and_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::new(folder.path(), true, &unbroken(folder.path()));
    let told = host.propose(policy(""));
    let states: Vec<OutcomeState> = told.iter().map(|outcome| outcome.state).collect();
    assert_eq!(states.first().zip(states.last()), Some((&OutcomeState::Applied, &OutcomeState::Lifted)), "{told:#?}");
    let last = told.last().unwrap();
    assert!(last.detail.starts_with("rolled back: exec:") && last.verified, "{last:#?}");
    assert_eq!(last.id, told[0].id, "the alert shows it in the place of the block");
    assert_eq!(host.blocks(), 0);
    assert!(host.propose(policy("")).is_empty(), "not again");
    drop(host);
    let mut restarted = Host::new(folder.path(), true, &unbroken(folder.path()));
    assert!(restarted.propose(policy("")).is_empty(), "nor after a restart");
    assert_eq!(restarted.blocks(), 0);
}

#[test]
fn a_block_that_breaks_nothing_or_of_which_that_cannot_be_told_stays() {
    for script in ["true", "false"] {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::new(folder.path(), true, script);
        assert_eq!(host.propose(policy(""))[0].state, OutcomeState::Applied);
        assert_eq!(host.blocks(), 1, "{script}");
    }
}

#[test]
fn what_is_only_observed_touches_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::new(folder.path(), true, "true");
    let told = host.propose(policy("rollout = \"observe\""));
    assert_eq!((told[0].state, host.blocks()), (OutcomeState::DryRun, 0));
    assert!(told[0].detail.contains("policy shops would have blocked (rollout observe)"), "{told:#?}");
    let again = host.propose(policy("rollout = \"observe\""));
    assert_eq!(again[0].id, told[0].id, "one line, however often");
    let acted = (0..=100).map(|percent| {
        let policy = Policy { rollout: Rollout::Percent(percent), ..policy("") };
        host.propose(policy)[0].state == OutcomeState::Applied
    });
    let acted: Vec<bool> = acted.collect();
    assert!(acted.is_sorted() && !acted[0] && acted[100], "{acted:?}");
}

#[test]
fn one_application_alone_or_the_host_if_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::new(folder.path(), true, "true");
    let told = host.propose(policy("scope = \"application\""));
    assert_eq!(told[0].scope, Scope::Application("unit:shop.service".into()));
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::new(folder.path(), false, "true");
    let told = host.propose(policy("scope = \"application\""));
    assert_eq!((told.len(), told[0].state, host.blocks()), (1, OutcomeState::Failed, 0), "{told:#?}");
    let told = host.propose(policy("scope = \"application\"\nwiden = true"));
    let states: Vec<_> = told.iter().map(|outcome| (outcome.state, outcome.scope.clone())).collect();
    assert_eq!(states.last(), Some(&(OutcomeState::Applied, Scope::Host)), "{told:#?}");
}

/// Promise of the fault matrix: a flood of decisions ends at the cap and costs no more than its places.
#[test]
fn ten_thousand_decisions_at_once_end_at_the_cap() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::new(folder.path(), true, "true");
    host.respond.probe = None;
    let began = std::time::Instant::now();
    let told: usize = (0..10_000).map(|at| host.propose_for(policy(""), peer_of(at)).len()).sum();
    println!("10,000 decisions in {:?}", began.elapsed());
    assert_eq!((told, host.blocks()), (20, 20), "automatic_per_minute");
}

/// Ten thousand addresses of the range that documentation may use.
fn peer_of(at: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, at])
}

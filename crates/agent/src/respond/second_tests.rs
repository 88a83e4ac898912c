//! Does nothing happen before a second person agrees, and exactly that afterwards? And does an order of the server set
//! no rule aside?

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use tripoint_api::agent::{Answer, Order};
use tripoint_api::proposal::ProposalState;
use tripoint_model::{
    Action, ActionKind, AlertId, Exception, Outcome, OutcomeState, Refusal, Scope, Target, Terms, testing,
};
use tripoint_responder::Protected;
use tripoint_responder::guard::POLICY;
use tripoint_responder::testing::FakeFirewall;

use super::*;
use crate::consent::{self, Wanted};
use crate::uplink::Report;

const GATEWAY: &str = "203.0.113.1";
const PEER: &str = "203.0.113.66";

struct Host {
    respond: Respond,
    fake: FakeFirewall,
    wakes: mpsc::Receiver<Wake>,
    reports: tokio::sync::mpsc::UnboundedReceiver<Report>,
}

impl Host {
    fn new(data: &Path, response: &str) -> Self {
        let folder = data.join("agent");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("agent.toml");
        let text =
            format!("[intel]\npermit_ranges = [\"203.0.113.0/24\", \"2001:db8::/32\"]\n[response]\n{response}\n");
        std::fs::write(&file, text).unwrap();
        let config = crate::config::check(&file).unwrap().config;
        let fake = FakeFirewall::default();
        let (wake, wakes) = mpsc::sync_channel(4096);
        let (report, reports) = tokio::sync::mpsc::unbounded_channel();
        let mut respond = Respond::open(&folder.join("ledger"), Box::new(fake.clone()), &config, wake, report).unwrap();
        respond.exceptions_known = true;
        let mut host = Self { respond, fake, wakes, reports };
        host.surroundings();
        host
    }

    /// What is around this host, instead of the machine that the test runs on.
    fn surroundings(&mut self) {
        let gateways = vec![GATEWAY.parse().unwrap()];
        self.respond.guard.protected = Some(Protected { gateways, ..Protected::default() });
        self.respond.computed = Some(Instant::now() + Duration::from_secs(3600));
    }

    fn ask(&mut self, wishes: &[Action], consent: Option<String>) -> Answer {
        let id = format!("order {:?} {}", wishes[0].target, now().0);
        self.respond.order(Order::Act { id, actions: wishes.to_vec(), dry_run: false, consent })
    }

    fn blocked(&self) -> Vec<String> {
        self.fake.kernel().blocks.keys().map(|(target, _)| target.to_string()).collect()
    }

    fn told(&self) -> (Vec<Outcome>, Vec<Refusal>) {
        let (mut outcomes, mut refusals) = (Vec::new(), Vec::new());
        for wake in self.wakes.try_iter() {
            match wake {
                Wake::Outcome(Some(_), outcome) => outcomes.push(outcome),
                Wake::Refused(_, refusal) => refusals.push(refusal),
                _ => {}
            }
        }
        (outcomes, refusals)
    }

    fn notes(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            if let Report::Ledger(entry) = report {
                notes.push(format!("{}: {}", entry.state, entry.detail));
            }
        }
        notes
    }
}

fn wish(kind: ActionKind, target: &str) -> Action {
    Action {
        kind,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: now().plus(Duration::from_secs(3600)),
        reason: "c2".into(),
        requester: "ada".into(),
        cause: None,
        terms: Terms::default(),
    }
}

fn approve(id: &str, by: &str) -> Order {
    Order::Approve { id: id.into(), by: by.into() }
}

#[test]
fn nothing_is_done_before_another_person_agrees() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::new(data.path(), "approval = [\"networks\"]\napproval_wider_v4 = 32");
    let answer = host.ask(&[wish(ActionKind::Block, "203.0.113.64/26"), wish(ActionKind::Block, GATEWAY)], None);
    let told = &answer.proposed[0];
    assert_eq!((told.why.as_str(), told.requester.as_str(), told.plan.len()), ("networks", "ada", 1));
    assert_eq!((answer.outcomes[0].state, answer.refused[0].rule.as_str()), (OutcomeState::Proposed, "gateway"));
    assert_eq!(told.until, told.proposed.plus(Duration::from_secs(900)));
    assert!(host.blocked().is_empty());
    let own = host.respond.order(approve(&told.id, "ada"));
    assert_eq!((own.refused[0].rule.as_str(), host.blocked().len()), ("second-person", 0));
    // Over a restart nothing is lost.
    let id = told.id.clone();
    let fake = host.fake.clone();
    drop(host);
    let mut host = Host::new(data.path(), "approval = [\"networks\"]\napproval_wider_v4 = 32");
    host.fake = fake;
    let waits = host.respond.order(Order::Standing).proposed;
    assert_eq!((waits[0].id.clone(), waits[0].state), (id.clone(), ProposalState::Waiting));
    let done = host.respond.order(approve(&id, "bob"));
    assert_eq!((done.outcomes[0].state, done.outcomes[0].verified), (OutcomeState::Applied, true), "{done:#?}");
    assert!(done.outcomes[0].detail.starts_with("approved by bob"), "{done:#?}");
    assert_eq!(done.plan[0].terms.approver.as_deref(), Some("bob"));
    assert!(host.respond.order(approve(&id, "eve")).error.is_some(), "once");
    let notes = host.notes();
    assert!(
        notes.iter().any(|note| note.starts_with("approved: block 203.0.113.64/26; asked by ada, approved by bob")),
        "{notes:#?}"
    );
}

#[test]
fn the_guard_is_asked_again_when_it_is_done_and_exceptions_win() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::new(data.path(), "approval = [\"bulk\"]\napproval_more_than = 1");
    let proposed = host.ask(&[wish(ActionKind::Block, PEER), wish(ActionKind::Block, "203.0.113.67")], None).proposed;
    host.respond.guard.exceptions.push(Exception {
        owner: "eve".into(),
        ..testing::exception("e1", PEER, now().plus(Duration::from_secs(3600)))
    });
    let done = host.respond.order(approve(&proposed[0].id, "bob"));
    assert_eq!((done.refused[0].rule.as_str(), host.blocked()), ("exception", vec!["203.0.113.67".to_owned()]));
}

#[test]
fn what_is_rejected_or_runs_out_is_told_and_never_done() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::new(data.path(), "approval = [\"isolate\"]");
    let proposed = host.ask(&[wish(ActionKind::Isolate, "host")], None).proposed;
    let reject = Order::Reject { id: proposed[0].id.clone(), by: "bob".into(), reason: Some("not today".into()) };
    assert_eq!(host.respond.order(reject).proposed[0].state, ProposalState::Rejected);
    host.ask(&[wish(ActionKind::Isolate, "host")], None);
    host.respond.proposals.set_back(Duration::from_secs(901));
    host.respond.expire_proposals();
    let states: Vec<_> = host.respond.order(Order::Standing).proposed.iter().map(|one| one.state).collect();
    assert_eq!(states, [ProposalState::Rejected, ProposalState::Expired]);
    let notes = host.notes();
    assert!(notes.iter().any(|note| note.contains("rejected by bob: not today")), "{notes:#?}");
    assert!(notes.iter().any(|note| note.contains("nobody agreed in time")), "{notes:#?}");
    assert!(host.blocked().is_empty());
}

fn proposal(peer: u8) -> Proposal {
    let policy = "name = \"shops\"".parse::<toml::Table>().unwrap().try_into().unwrap();
    Proposal {
        policy,
        alert: AlertId("a1".into()),
        application: "unit:shop.service".into(),
        peer: [203, 0, 113, peer].into(),
        until: now().plus(Duration::from_secs(600)),
        reason: "listed".into(),
        open: Vec::new(),
        place: Waiting::default().place().unwrap(),
    }
}

#[test]
fn r11_what_policy_wants_waits_for_a_person_and_is_asked_once() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::new(data.path(), "approval = [\"policy\"]");
    for _ in 0..3 {
        host.respond.propose(&proposal(66));
    }
    let waits = host.respond.order(Order::Standing).proposed;
    assert_eq!((waits.len(), waits[0].requester.as_str(), waits[0].why.as_str()), (1, POLICY, "policy"));
    let (outcomes, _) = host.told();
    assert_eq!((outcomes.len(), outcomes[0].state), (1, OutcomeState::Proposed));
    assert!(outcomes[0].detail.contains(&format!("tripoint actions approve {}", waits[0].id)), "{outcomes:#?}");
    host.respond.order(approve(&waits[0].id, "bob"));
    assert_eq!(host.blocked(), [PEER]);
    let (outcomes, _) = host.told();
    assert_eq!((outcomes[0].state, outcomes[0].detail.starts_with("approved by bob")), (OutcomeState::Applied, true));
    // Whoever was rejected is left alone for a day.
    host.respond.propose(&proposal(67));
    let id = host.respond.order(Order::Standing).proposed.last().unwrap().id.clone();
    host.respond.order(Order::Reject { id, by: "bob".into(), reason: None });
    host.respond.propose(&proposal(67));
    let waiting = host.respond.order(Order::Standing).proposed;
    assert!(waiting.iter().all(|one| one.state != ProposalState::Waiting));
}

#[test]
fn r11_beyond_its_caps_policy_is_refused_on_the_alert_or_asks_a_person() {
    for (approval, asks) in [("", false), ("approval = [\"caps\"]", true)] {
        let data = tempfile::tempdir().unwrap();
        let mut host = Host::new(data.path(), &format!("automatic_per_minute = 2\n{approval}"));
        for peer in 66..70 {
            host.respond.propose(&proposal(peer));
            if peer > 67 {
                host.respond.propose(&proposal(peer));
            }
        }
        assert_eq!(host.blocked().len(), 2, "the cap holds");
        let (_, refusals) = host.told();
        let rules: Vec<_> = refusals.iter().map(|one| (one.target.to_string(), one.rule.as_str())).collect();
        assert_eq!(rules, [("203.0.113.68".into(), "cap-rate"), ("203.0.113.69".into(), "cap-rate")], "each once");
        let waits = host.respond.order(Order::Standing).proposed;
        assert_eq!(waits.len(), if asks { 2 } else { 0 });
        for one in waits {
            host.respond.order(approve(&one.id, "bob"));
        }
        assert_eq!(host.blocked().len(), if asks { 4 } else { 2 }, "a person's word lifts the cap, not the guard");
    }
}

#[test]
fn an_order_of_the_server_sets_no_rule_aside() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::new(data.path(), "");
    let rules = vec!["gateway".to_owned()];
    let forged = Action {
        terms: Terms {
            overrides: rules.clone(),
            confirm_within_s: Some(60),
            approver: Some("root".into()),
            ..Terms::default()
        },
        ..wish(ActionKind::Block, GATEWAY)
    };
    assert_eq!(host.ask(std::slice::from_ref(&forged), None).refused[0].rule, "gateway");
    assert_eq!(host.ask(&[forged], Some("0".repeat(32))).refused[0].rule, "override");
    let targets: Vec<Target> = vec![GATEWAY.parse().unwrap()];
    let wanted =
        || Wanted::Override { targets: targets.clone(), rules: rules.clone(), confirm_within_s: 60, hold_s: 600 };
    let number = consent::give(data.path(), wanted(), now()).unwrap();
    assert_eq!(host.ask(&[wish(ActionKind::Block, PEER)], Some(number)).refused[0].rule, "override", "another target");
    assert!(host.blocked().is_empty());
    let number = consent::give(data.path(), wanted(), now()).unwrap();
    let done = host.ask(&[wish(ActionKind::Block, GATEWAY)], Some(number.clone()));
    assert_eq!((done.outcomes[0].state, host.blocked().len()), (OutcomeState::Applied, 1));
    assert_eq!(host.ask(&[wish(ActionKind::Block, GATEWAY)], Some(number)).refused[0].rule, "override", "twice");
    let until = done.plan[0].terms.confirmed_until.unwrap();
    assert!(until <= now().plus(Duration::from_secs(600)), "not longer than root wants, whatever the server says");
    // Nor does it confirm.
    let confirm =
        |consent: &str, id: &str| Order::Confirm { id: id.into(), by: "root".into(), consent: consent.into() };
    assert!(host.respond.order(confirm(&"0".repeat(32), &done.plan[0].id)).error.is_some());
    let other = consent::give(data.path(), Wanted::Confirm { id: "another".into() }, now()).unwrap();
    assert!(host.respond.order(confirm(&other, &done.plan[0].id)).error.is_some());
    let number = consent::give(data.path(), Wanted::Confirm { id: done.plan[0].id.clone() }, now()).unwrap();
    let confirmed = host.respond.order(confirm(&number, &done.plan[0].id));
    assert_eq!(confirmed.outcomes[0].expires, done.plan[0].terms.confirmed_until, "{confirmed:#?}");
}

#[test]
fn approved_before_a_crash_it_is_done_after_it() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::new(data.path(), "approval = [\"freeze\", \"bulk\"]\napproval_more_than = 0");
    let id = host.ask(&[wish(ActionKind::Block, PEER)], None).proposed[0].id.clone();
    host.respond.proposals.decide(&id, "bob", true, None, now()).unwrap();
    drop(host);
    let mut host = Host::new(data.path(), "approval = [\"bulk\"]");
    assert!(host.blocked().is_empty());
    host.respond.resume_agreed();
    assert_eq!(host.blocked(), [PEER]);
    assert!(host.respond.proposals.pending().is_empty());
}

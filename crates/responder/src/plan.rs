//! What exactly will happen, and whom will it cut off, before anything happens?

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use tripoint_model::address::{canonical, canonical_net};
use tripoint_model::{
    Action, ActionKind, Cut, Observable, Plan, PlannedAction, Refusal, Scope, Target, Terms, Timestamp,
};

use crate::guard::{Guard, PEERS_FREE, POLICY, Usage, counts, folded};
use crate::ledger::{ADDRESSES_MAX, id_through};

/// How long the block holds that a disconnect brings with it: long enough for a person to decide,
/// short enough to be harmless when nobody does. Without it a UDP socket, or a program that
/// reconnects, would be back at once.
pub const PAIRED_BLOCK: Duration = Duration::from_secs(600);

/// Turns wishes into the list of what will happen and what will not. `live` are the connections
/// that are open now. The same arguments give the same plan, byte for byte.
///
/// A disconnect brings a block of `PAIRED_BLOCK` with it, placed before it so that nothing slips
/// in between, unless the wishes hold a block of the same target and scope, or the scope is one
/// connection.
pub fn plan(actions: &[Action], guard: &Guard, live: &[Cut], now: Timestamp) -> Plan {
    let mut draft = Draft { usage: guard.usage, radius: Radius::new(guard, live), ..Draft::default() };
    let live = Live::new(live);
    for action in with_pairs(actions, now) {
        let block_refused = match action.kind {
            ActionKind::Disconnect => draft.blocks_refused.get(&action.target),
            _ => None,
        };
        let admitted = match block_refused {
            // A disconnect without its block would be undone by the peer at once.
            Some(refusal) => Err(Refusal { action: action.kind, ..refusal.clone() }),
            None => admit(&action, guard, draft.usage, &live, now).and_then(|planned| draft.radius.take(planned)),
        };
        match admitted {
            Ok(planned) => {
                let name =
                    (planned.action == ActionKind::Block && planned.target.name().is_some()).then(|| planned.clone());
                draft.take(&action, planned);
                if let Some(name) = name {
                    draft.follow(&name, guard, &live, now);
                }
            }
            Err(refusal) => draft.refuse(refusal),
        }
    }
    draft.plan
}

/// A plan in the making, and what was said already: a hundred thousand wishes are planned in one go.
#[derive(Default)]
struct Draft {
    plan: Plan,
    usage: Usage,
    radius: Radius,
    planned: HashSet<String>,
    refused: HashSet<(ActionKind, Target, String)>,
    blocks_refused: HashMap<Target, Refusal>,
}

impl Draft {
    fn take(&mut self, action: &Action, planned: PlannedAction) {
        if !self.planned.insert(planned.id.clone()) {
            return;
        }
        let (block, automatic) = (action.kind.holds(), action.requester == POLICY);
        self.usage.active += usize::from(block);
        self.usage.automatic += usize::from(block && automatic);
        self.usage.automatic_last_minute += usize::from(automatic && counts(action));
        self.plan.plan.push(planned);
    }

    /// Takes the addresses that a name is known to lead to already, as far as the guard lets them pass.
    fn follow(&mut self, name: &PlannedAction, guard: &Guard, live: &Live<'_>, now: Timestamp) {
        let addresses = guard.led_to(&name.target);
        if let Some(more) = addresses.len().checked_sub(ADDRESSES_MAX).filter(|more| *more > 0) {
            self.refuse(too_many(name, more));
        }
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            // Nobody knows how long ago the answer was.
            let action = led(name, address, now);
            match admit(&action, guard, self.usage, live, now) {
                Ok(planned) => self.take(&action, planned),
                Err(refusal) => self.refuse(refusal),
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if refusal.action == ActionKind::Block {
            self.blocks_refused.entry(refusal.target.clone()).or_insert_with(|| refusal.clone());
        }
        if self.refused.insert((refusal.action, refusal.target.clone(), refusal.rule.clone())) {
            self.plan.refused.push(refusal);
        }
    }
}

/// The wish to block an address that a blocked name led to, under the name's terms.
fn led(name: &PlannedAction, address: IpAddr, needed_until: Timestamp) -> Action {
    Action {
        kind: ActionKind::Block,
        target: folded(&Observable::Address(address).into()),
        scope: name.scope.clone(),
        expires: name.expires,
        reason: name.reason.clone(),
        requester: name.requester.clone(),
        cause: name.cause.clone(),
        terms: Terms {
            approver: name.terms.approver.clone(),
            ..Terms::through(&name.target.to_string(), needed_until)
        },
    }
}

/// What is said of the addresses for which a name has no room.
pub(crate) fn too_many(name: &PlannedAction, more: usize) -> Refusal {
    Refusal {
        action: ActionKind::Block,
        target: name.target.clone(),
        rule: "cap-name".into(),
        reason: format!("{more} more addresses are not blocked: {ADDRESSES_MAX} at once are the most for one name"),
    }
}

/// The open connections by their peer, so that each wish looks only at its own.
struct Live<'a>(BTreeMap<IpAddr, Vec<&'a Cut>>);

impl<'a> Live<'a> {
    fn new(live: &'a [Cut]) -> Self {
        let mut by_peer: BTreeMap<IpAddr, Vec<&Cut>> = BTreeMap::new();
        for cut in live {
            by_peer.entry(canonical(cut.remote.ip())).or_default().push(cut);
        }
        Self(by_peer)
    }

    /// Those whose peer is in none of the networks.
    fn but(&self, admitted: &[IpNet]) -> Vec<Cut> {
        let cut = self.0.iter().filter(|(peer, _)| !admitted.iter().any(|net| net.contains(*peer)));
        cut.flat_map(|(_, cuts)| cuts.iter().copied()).cloned().collect()
    }

    /// Those whose peer is in the target.
    fn with(&self, target: &Target) -> impl Iterator<Item = &'a Cut> {
        let net = target.net().map(canonical_net);
        let range = net.map(|net| self.0.range(net.network()..=net.broadcast()));
        let target = target.clone();
        range
            .into_iter()
            .flatten()
            .flat_map(|(_, cuts)| cuts.iter().copied())
            .filter(move |cut| target.matches(canonical(cut.remote.ip()), cut.remote.port()))
    }
}

/// Whom the automatic actions of one plan cut off together.
#[derive(Default)]
struct Radius {
    cut: BTreeSet<IpAddr>,
    most: usize,
}

impl Radius {
    fn new(guard: &Guard, live: &[Cut]) -> Self {
        let peers: BTreeSet<IpAddr> = live.iter().map(|cut| canonical(cut.remote.ip())).collect();
        Self { cut: BTreeSet::new(), most: (peers.len() * guard.limits.automatic_peers_percent / 100).max(PEERS_FREE) }
    }

    /// Lets the action pass if it does not cut off too many together with those before it.
    fn take(&mut self, planned: PlannedAction) -> Result<PlannedAction, Refusal> {
        if planned.requester != POLICY {
            return Ok(planned);
        }
        let mut cut = self.cut.clone();
        cut.extend(planned.cuts.iter().map(|cut| canonical(cut.remote.ip())));
        if cut.len() > self.most {
            return Err(Refusal {
                action: planned.action,
                target: planned.target,
                rule: "blast-radius".into(),
                reason: format!(
                    "it would cut off {} live peers, the most for automatic actions is {}",
                    cut.len(),
                    self.most
                ),
            });
        }
        self.cut = cut;
        Ok(planned)
    }
}

fn with_pairs(actions: &[Action], now: Timestamp) -> Vec<Action> {
    let is_block = |action: &Action| action.kind == ActionKind::Block;
    let wishes: Vec<Action> =
        actions.iter().map(|wish| Action { target: folded(&wish.target), ..wish.clone() }).collect();
    let mut blocks: HashMap<(&Target, &Scope), usize> = HashMap::new();
    for (at, block) in wishes.iter().enumerate().filter(|(_, wish)| is_block(wish)) {
        blocks.entry((&block.target, &block.scope)).or_insert(at);
    }
    let mut ahead = HashSet::new();
    let mut all = Vec::with_capacity(wishes.len());
    for (at, wish) in wishes.iter().enumerate() {
        let pairs = !matches!(wish.scope, Scope::Connection(_)) && wish.target.name().is_none();
        if wish.kind == ActionKind::Disconnect && pairs {
            match blocks.get(&(&wish.target, &wish.scope)) {
                Some(later) if *later > at && ahead.insert(*later) => all.extend(wishes.get(*later).cloned()),
                Some(_) => {}
                None => all.push(Action { kind: ActionKind::Block, expires: now.plus(PAIRED_BLOCK), ..wish.clone() }),
            }
        }
        if !ahead.contains(&at) {
            all.push(wish.clone());
        }
    }
    all
}

fn admit(
    action: &Action,
    guard: &Guard,
    usage: Usage,
    live: &Live<'_>,
    now: Timestamp,
) -> Result<PlannedAction, Refusal> {
    guard.check_with(action, usage, now)?;
    let refuse = |rule: &str, reason: String| {
        Err(Refusal { action: action.kind, target: action.target.clone(), rule: rule.into(), reason })
    };
    let holds = action.kind.holds() || action.kind == ActionKind::Allow;
    if holds && action.expires <= now {
        return refuse("expired", format!("its time was up at {}", action.expires));
    }
    if action.kind == ActionKind::Block && matches!(action.scope, Scope::Connection(_)) {
        return refuse("scope", "one connection can be disconnected, not blocked".into());
    }
    let expires = if holds { action.expires.min(now.plus(guard.limits.span_max)) } else { now };
    let cuts = match action.kind {
        ActionKind::Block | ActionKind::Disconnect => cuts_of(action, live),
        ActionKind::Isolate => live.but(&guard.admitted()),
        _ => Vec::new(),
    };
    let id = match (&action.terms.via, action.target.net()) {
        (Some(via), Some(net)) => id_through(&via.name, net.addr(), &action.scope),
        _ => id_of(action.kind, &action.target, &action.scope, expires),
    };
    Ok(PlannedAction {
        id,
        action: action.kind,
        target: action.target.clone(),
        scope: action.scope.clone(),
        expires,
        reason: action.reason.clone(),
        requester: action.requester.clone(),
        cause: action.cause.clone(),
        terms: action.terms.clone(),
        cuts,
    })
}

/// The live connections that the action would end, by their id.
fn cuts_of(action: &Action, live: &Live<'_>) -> Vec<Cut> {
    let meant = |cut: &&Cut| match &action.scope {
        Scope::Host => true,
        Scope::Application(key) => is_application(key, &cut.application),
        Scope::Connection(id) => cut.connection == *id,
    };
    let mut cuts: Vec<Cut> = live.with(&action.target).filter(meant).cloned().collect();
    cuts.sort_by_key(|cut| cut.connection);
    cuts.dedup_by_key(|cut| cut.connection);
    cuts
}

/// Whether a cut's application, given by name or by key, is the one with this key.
fn is_application(key: &str, application: &str) -> bool {
    let id = key.split_once(':').map_or(key, |(_, id)| id);
    let name = id.strip_suffix(".service").unwrap_or(id).rsplit('/').next().unwrap_or(id);
    !application.is_empty() && (application == key || application == id || application == name)
}

/// 16 hex digits of SHA-256 over kind, target, scope and the minute of the expiry, NUL between them.
fn id_of(kind: ActionKind, target: &Target, scope: &Scope, expires: Timestamp) -> String {
    let scope = match scope {
        Scope::Host => "host".to_owned(),
        Scope::Application(key) => format!("application {key}"),
        Scope::Connection(id) => format!("connection {} {}", id.cookie, id.peer),
    };
    let minute = expires.0.div_euclid(60_000_000).to_string();
    let mut hash = Sha256::new();
    for part in [kind.as_str(), &target.to_string(), &scope, &minute] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use tripoint_model::{ConnectionId, Protocol};

    use super::*;
    use crate::guard::Protected;

    fn action(kind: ActionKind, target: &str) -> Action {
        Action {
            kind,
            target: target.parse().unwrap(),
            scope: Scope::Host,
            expires: Timestamp::from_seconds(7200),
            reason: "c2".into(),
            requester: "ada".into(),
            cause: None,
            terms: Terms::default(),
        }
    }

    fn guard() -> Guard {
        Guard {
            protected: Some(Protected { gateways: vec!["203.0.113.1".parse().unwrap()], ..Protected::default() }),
            permit_ranges: vec!["203.0.113.0/24".parse().unwrap()],
            ..Guard::default()
        }
    }

    fn cut(cookie: u64, remote: &str, application: &str) -> Cut {
        Cut {
            connection: ConnectionId { cookie, peer: 0 },
            protocol: Protocol::Tcp,
            local: "198.51.100.10:40000".parse().unwrap(),
            remote: remote.parse().unwrap(),
            netns: 1,
            pid: 7,
            application: application.into(),
        }
    }

    #[test]
    fn a_disconnect_brings_a_block_and_names_whom_it_cuts() {
        let live = [
            cut(2, "203.0.113.66:443", "app"),
            cut(1, "[::ffff:203.0.113.66]:80", "other"),
            cut(3, "203.0.113.67:443", "app"),
        ];
        let now = Timestamp::from_seconds(60);
        let plan = plan(&[action(ActionKind::Disconnect, "203.0.113.66")], &guard(), &live, now);
        let kinds: Vec<_> = plan.plan.iter().map(|p| (p.action, p.expires, p.cuts.len())).collect();
        assert_eq!(kinds, [(ActionKind::Block, now.plus(PAIRED_BLOCK), 2), (ActionKind::Disconnect, now, 2)]);
        assert_eq!(plan.plan[0].cuts[0].connection.cookie, 1);
        let only_app = Action {
            scope: Scope::Application("unit:app.service".into()),
            ..action(ActionKind::Block, "203.0.113.66")
        };
        let plan = super::plan(&[only_app], &guard(), &live, now);
        assert_eq!(plan.plan[0].cuts.len(), 1);
    }

    #[test]
    fn one_connection_is_cut_without_a_block() {
        let live = [cut(2, "203.0.113.66:443", "app"), cut(1, "203.0.113.66:80", "app")];
        let one =
            Action { scope: Scope::Connection(live[0].connection), ..action(ActionKind::Disconnect, "203.0.113.66") };
        let plan = plan(&[one], &guard(), &live, Timestamp(0));
        assert_eq!(plan.plan.len(), 1);
        assert_eq!(plan.plan[0].cuts, [live[0].clone()]);
    }

    #[test]
    fn refusals_and_expired_wishes_are_listed_and_the_rest_goes_on() {
        let wishes = [action(ActionKind::Disconnect, "203.0.113.1"), action(ActionKind::Block, "203.0.113.66")];
        let plan = plan(&wishes, &guard(), &[], Timestamp::from_seconds(7199));
        assert_eq!(plan.plan.len(), 1);
        assert_eq!(
            plan.refused.iter().map(|r| (r.action, r.rule.as_str())).collect::<Vec<_>>(),
            [(ActionKind::Block, "gateway"), (ActionKind::Disconnect, "gateway"),]
        );
        let late = super::plan(&wishes[1..], &guard(), &[], Timestamp::from_seconds(7200));
        assert_eq!(late.refused[0].rule, "expired");
    }

    #[test]
    fn planning_twice_changes_nothing_and_doubles_fall_away() {
        let wishes = [action(ActionKind::Block, "203.0.113.66"), action(ActionKind::Block, "::ffff:203.0.113.66")];
        let first = plan(&wishes, &guard(), &[], Timestamp(0));
        assert_eq!(first.plan.len(), 1);
        assert_eq!(first, plan(&wishes, &guard(), &[], Timestamp(0)));
        let far = Action { expires: Timestamp(i64::MAX), ..wishes[0].clone() };
        let longest = plan(&[far], &guard(), &[], Timestamp(0));
        assert_eq!(longest.plan[0].expires, Timestamp::from_seconds(30 * 86_400));
    }

    #[test]
    fn policy_does_not_cut_off_a_crowd_and_a_person_may() {
        let live: Vec<Cut> = (10..50).map(|host| cut(host, &format!("203.0.113.{host}:443"), "app")).collect();
        let crowd =
            |requester: &str| Action { requester: requester.into(), ..action(ActionKind::Block, "203.0.113.0/27") };
        let mut guard = guard();
        guard.protected = Some(Protected::default());
        guard.limits.automatic_v4 = 24;
        let refused = plan(&[crowd(POLICY)], &guard, &live, Timestamp(0));
        assert_eq!(refused.refused[0].rule, "blast-radius");
        assert_eq!(plan(&[crowd("ada")], &guard, &live, Timestamp(0)).plan[0].cuts.len(), 22);
        let few = plan(&[crowd(POLICY)], &guard, &live[..3], Timestamp(0));
        assert_eq!(few.plan.len(), 1);
    }

    #[test]
    fn a_burst_of_policy_stops_at_the_cap() {
        let wishes: Vec<Action> = (10..60)
            .map(|host| Action {
                requester: POLICY.into(),
                ..action(ActionKind::Disconnect, &format!("203.0.113.{host}"))
            })
            .collect();
        let plan = plan(&wishes, &guard(), &[], Timestamp(0));
        assert_eq!(plan.plan.iter().filter(|p| p.action == ActionKind::Block).count(), 20);
        assert!(plan.refused.iter().all(|refusal| refusal.rule == "cap-rate"));
    }
}

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

use crate::guard::{Guard, PEERS_FREE, Usage, counts, folded, is_unasked};
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
            // What is planned already takes no more room.
            Err(refusal) if refusal.rule.starts_with("cap-") && draft.holds(&action, guard, now) => {}
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
    /// Whether the same is planned, to the minute.
    fn holds(&self, action: &Action, guard: &Guard, now: Timestamp) -> bool {
        let (expires, _) = ends(action, guard, now);
        self.planned.contains(&identity(action, expires))
    }

    fn take(&mut self, action: &Action, planned: PlannedAction) {
        if !self.planned.insert(planned.id.clone()) {
            return;
        }
        let (block, automatic) = (action.kind.holds(), is_unasked(&action.requester, &action.terms));
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
        if !is_unasked(&planned.requester, &planned.terms) {
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
    if lasts(action) && action.expires <= now {
        return refuse("expired", format!("its time was up at {}", action.expires));
    }
    if action.kind == ActionKind::Block && matches!(action.scope, Scope::Connection(_)) {
        return refuse("scope", "one connection can be disconnected, not blocked".into());
    }
    let (expires, terms) = ends(action, guard, now);
    let cuts = match action.kind {
        ActionKind::Block | ActionKind::Disconnect => cuts_of(action, live),
        ActionKind::Isolate => live.but(&guard.admitted()),
        _ => Vec::new(),
    };
    Ok(PlannedAction {
        id: identity(action, expires),
        action: action.kind,
        target: action.target.clone(),
        scope: action.scope.clone(),
        expires,
        reason: action.reason.clone(),
        requester: action.requester.clone(),
        cause: action.cause.clone(),
        terms,
        cuts,
    })
}

fn lasts(action: &Action) -> bool {
    action.kind.holds() || action.kind == ActionKind::Allow
}

/// Until when it holds, and on which terms. What sets rules aside holds for a moment only, also in the kernel, until
/// somebody confirms it.
fn ends(action: &Action, guard: &Guard, now: Timestamp) -> (Timestamp, Terms) {
    let whole = if lasts(action) { action.expires.min(now.plus(guard.limits.span_max)) } else { now };
    let within = action.terms.confirm_within_s.filter(|_| !action.terms.overrides.is_empty());
    match within.map(|seconds| now.plus(Duration::from_secs(seconds))) {
        Some(moment) if moment < whole => (moment, Terms { confirmed_until: Some(whole), ..action.terms.clone() }),
        _ => (whole, action.terms.clone()),
    }
}

/// The same decision has the same.
fn identity(action: &Action, expires: Timestamp) -> String {
    match (&action.terms.via, action.target.net()) {
        (Some(via), Some(net)) => id_through(&via.name, net.addr(), &action.scope),
        _ => id_of(action.kind, &action.target, &action.scope, expires),
    }
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
mod tests;

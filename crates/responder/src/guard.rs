//! May this be done at all, whoever asks for it?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use tripoint_model::address::{canonical, canonical_net, overlaps, special_range};
use tripoint_model::{
    Action, ActionKind, Exception, GuardHit, GuardKind, IndicatorLookup, NameLookup, Observable, Refusal, Scope,
    Target, Terms, Timestamp,
};

mod except;
mod overrule;

pub use overrule::{CONFIRM_WITHIN_S, OVERRULABLE};

/// What must never be cut off. Computed on the host itself, shortly before it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Addresses of this host's interfaces, containers' included.
    pub own_addresses: Vec<IpAddr>,
    /// Networks this host is directly attached to; only automatic blocks respect them.
    pub own_networks: Vec<IpNet>,
    /// Gateways of every routing table.
    pub gateways: Vec<IpAddr>,
    /// Name servers.
    pub resolvers: Vec<IpAddr>,
    /// Time servers.
    pub time_servers: Vec<IpAddr>,
    /// The Tripoint server, where it is remote.
    pub servers: Vec<IpAddr>,
    /// Peers of established administrative sessions (sshd and the like).
    pub admin_peers: Vec<IpAddr>,
    /// Keys of the applications that this host and its administration stand on.
    pub applications: Vec<String>,
}

/// One range of a guard list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRange {
    /// The list's name.
    pub list: String,
    /// The range.
    pub net: IpNet,
}

/// How wide, how many, how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Shortest prefix that policy may block, IPv4.
    pub automatic_v4: u8,
    /// The same for IPv6.
    pub automatic_v6: u8,
    /// Shortest prefix that a person may block, IPv4.
    pub person_v4: u8,
    /// The same for IPv6.
    pub person_v6: u8,
    /// Most new automatic blocks and disconnects in one minute.
    pub automatic_per_minute: usize,
    /// Most live peers, in percent, that the automatic actions of one plan may cut off; a few are
    /// always allowed (`PEERS_FREE`).
    pub automatic_peers_percent: usize,
    /// Most automatic blocks in force at once.
    pub active_max: usize,
    /// Most blocks in force at once, a person's included: what the mechanisms have room for.
    pub room: usize,
    /// Longest time a block may hold.
    pub span_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            automatic_v4: 24,
            automatic_v6: 48,
            person_v4: 16,
            person_v6: 32,
            automatic_per_minute: 20,
            automatic_peers_percent: 10,
            active_max: 10_000,
            room: 120_000,
            span_max: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// What has been used of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blocks in force.
    pub active: usize,
    /// Those of them that policy asked for.
    pub automatic: usize,
    /// Automatic actions of the last minute.
    pub automatic_last_minute: usize,
}

/// Everything that decides whether an action may pass. Protected things outrank exceptions,
/// exceptions outrank persons, persons outrank policy.
#[derive(Clone, Default)]
pub struct Guard {
    /// What must never be cut off; `None` when it could not be computed: then nothing new passes.
    pub protected: Option<Protected>,
    /// Special-purpose ranges that the configuration releases (laboratories, demonstrations).
    pub permit_ranges: Vec<IpNet>,
    /// Who else stays reachable while the host is isolated.
    pub admit: Vec<IpNet>,
    /// What must not be blocked because somebody said so.
    pub exceptions: Vec<Exception>,
    /// This host's name, for exceptions that speak of certain hosts.
    pub host: String,
    /// By which names addresses were reached, for exceptions that speak of names.
    pub names: Option<Arc<dyn NameLookup>>,
    /// Whether answers of name servers are seen on this host: without, no name can be blocked.
    pub answers: bool,
    /// Shared infrastructure that policy never blocks.
    pub guard_ranges: Vec<GuardRange>,
    /// The same, asked address by address.
    pub lookup: Option<Arc<dyn IndicatorLookup>>,
    /// The limits.
    pub limits: Limits,
    /// What has been used of them.
    pub usage: Usage,
}

/// Live peers that policy may cut off however few there are.
pub const PEERS_FREE: usize = 3;

/// The requester that stands for policy; everybody else is a person.
pub const POLICY: &str = "policy";

type Verdict = Result<(), (&'static str, String)>;

impl Guard {
    /// Lets the action pass, or names the rule that stops it. Lifting is never stopped.
    pub fn check(&self, action: &Action, now: Timestamp) -> Result<(), Refusal> {
        self.check_with(action, self.usage, now)
    }

    /// As `check`, with this much used of the limits.
    pub(crate) fn check_with(&self, action: &Action, usage: Usage, now: Timestamp) -> Result<(), Refusal> {
        let verdict = match action.kind {
            kind if !action.target.suits(kind) => {
                Err(("target", format!("{} is not done to {}", kind.as_str(), action.target)))
            }
            ActionKind::Unblock | ActionKind::Allow | ActionKind::Thaw | ActionKind::Rejoin => Ok(()),
            ActionKind::Block | ActionKind::Disconnect | ActionKind::Freeze | ActionKind::Isolate => {
                self.standing(action, now).and_then(|()| self.caps(action, usage))
            }
        };
        verdict.map_err(|(rule, reason)| Refusal {
            action: action.kind,
            target: action.target.clone(),
            rule: rule.to_owned(),
            reason,
        })
    }

    /// Every rule but the caps: what must hold as long as a block stands.
    pub(crate) fn standing(&self, action: &Action, now: Timestamp) -> Verdict {
        overrule::may(action)?;
        let Some(protected) = &self.protected else {
            return Err(("unknown-surroundings", "what must stay reachable could not be found out".into()));
        };
        let peer = match &action.target {
            Target::Peer(peer) => peer,
            Target::Application(key) => return drastic(action).and_then(|()| frozen(key, protected)),
            Target::Host => return drastic(action),
            Target::Beneath(_) => return self.name(action, now),
        };
        if let (Observable::Domain(_), ActionKind::Block) = (peer, action.kind) {
            return self.name(action, now);
        }
        let Some(net) = peer.net().map(canonical_net) else {
            let what = match peer {
                Observable::System(_) => "an autonomous system; block networks of it",
                _ => "a name; names are blocked, allowed and unblocked",
            };
            return Err(("name", format!("{peer} is {what}")));
        };
        // Where a name leads its owner chooses: nobody has looked at the address.
        let automatic = action.requester == POLICY || action.terms.via.is_some();
        let overrules = |rule: &str| action.terms.overrides.iter().any(|named| named == rule);
        self.width(&net, automatic, overrules("too-wide"))?;
        fixed_ranges(&net)?;
        named(&net, protected, &overrules)?;
        if !overrules("special-range") {
            self.special(&net)?;
        }
        if automatic
            && !self.permitted(&net)
            && let Some(own) = protected.own_networks.iter().find(|own| overlaps(&canonical_net(**own), &net))
        {
            return Err(("own-network", format!("{net} overlaps {own}, which this host is attached to")));
        }
        self.excepted(action, &net, now)?;
        if automatic { self.shared(&net) } else { Ok(()) }
    }

    /// Whether a name may be blocked; where it leads is judged address by address.
    fn name(&self, action: &Action, now: Timestamp) -> Verdict {
        if !self.answers {
            let why =
                "answers of name servers are not seen on this host (sensor.dns, kernel programs); block addresses";
            return Err(("name", why.to_owned()));
        }
        if action.requester == POLICY {
            return Err(("person-only", "names are for persons to block".into()));
        }
        self.name_excepted(action, now)
    }

    /// Where a name is known to lead already.
    pub(crate) fn led_to(&self, name: &Target) -> Vec<IpAddr> {
        self.names.as_ref().map(|names| names.addresses(name)).unwrap_or_default()
    }

    /// Who may be spoken to while the host is isolated: itself, what it cannot live without, who administers it.
    pub fn admitted(&self) -> Vec<IpNet> {
        let Some(protected) = &self.protected else { return Vec::new() };
        let own: [&[IpAddr]; 6] = [
            &protected.own_addresses,
            &protected.gateways,
            &protected.resolvers,
            &protected.time_servers,
            &protected.servers,
            &protected.admin_peers,
        ];
        let single = own.into_iter().flatten().map(|address| IpNet::from(canonical(*address)));
        let always = ALWAYS_ADMITTED.iter().filter_map(|net| net.parse().ok());
        let mut all: Vec<IpNet> =
            single.chain(always).chain(self.admit.iter().map(|net| canonical_net(*net))).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn width(&self, net: &IpNet, automatic: bool, overruled: bool) -> Verdict {
        let limits = &self.limits;
        let shortest = match (net, automatic) {
            _ if overruled => overrule::shortest(net),
            (IpNet::V4(_), true) => limits.automatic_v4,
            (IpNet::V4(_), false) => limits.person_v4,
            (IpNet::V6(_), true) => limits.automatic_v6,
            (IpNet::V6(_), false) => limits.person_v6,
        };
        if net.prefix_len() < shortest {
            return Err(("too-wide", format!("{net} is wider than /{shortest}")));
        }
        Ok(())
    }

    /// A special range passes only when permitted ranges hold all of the target.
    fn special(&self, net: &IpNet) -> Verdict {
        match special_range(net) {
            Some(range) if !self.permitted(net) => {
                Err(("special-range", format!("{net} overlaps {} ({})", range.net, range.name)))
            }
            _ => Ok(()),
        }
    }

    fn permitted(&self, net: &IpNet) -> bool {
        self.permit_ranges.iter().any(|permitted| canonical_net(*permitted).contains(net))
    }

    fn shared(&self, net: &IpNet) -> Verdict {
        let hit = self
            .guard_ranges
            .iter()
            .find(|range| overlaps(&canonical_net(range.net), net))
            .map(|range| GuardHit { list: range.list.clone(), range: range.net.to_string(), kind: GuardKind::Shared })
            .or_else(|| self.lookup.as_ref()?.guard_net(*net).into_iter().next());
        match hit {
            Some(hit) => Err(("guard-list", format!("{net} is on the guard list {} ({})", hit.list, hit.range))),
            None => Ok(()),
        }
    }

    fn caps(&self, action: &Action, usage: Usage) -> Verdict {
        // What a person agreed to is a person's as far as numbers go.
        let (block, automatic) = (action.kind.holds(), is_unasked(&action.requester, &action.terms));
        if block && usage.active >= self.limits.room {
            return Err(("cap-number", format!("{} blocks are in force, the most there may be", usage.active)));
        }
        if block && automatic && usage.automatic >= self.limits.active_max {
            let reason = format!("{} automatic blocks are in force, the most there may be", usage.automatic);
            return Err(("cap-number", reason));
        }
        if automatic && counts(action) && usage.automatic_last_minute >= self.limits.automatic_per_minute {
            let most = self.limits.automatic_per_minute;
            return Err(("cap-rate", format!("{most} automatic actions within a minute are the most there may be")));
        }
        Ok(())
    }
}

/// Whether nobody was asked: policy wants it, and no person has agreed.
pub(crate) fn is_unasked(requester: &str, terms: &Terms) -> bool {
    requester == POLICY && terms.approver.is_none()
}

/// Whether an automatic action counts against the rate: each target once, by its block, and a
/// disconnect that has none by itself.
pub(crate) fn counts(action: &Action) -> bool {
    action.kind == ActionKind::Block || matches!(action.scope, Scope::Connection(_))
}

/// What stops an application or a whole host is a person's decision.
fn drastic(action: &Action) -> Verdict {
    if action.requester == POLICY {
        return Err(("person-only", format!("{} is for persons to decide", action.target.holding().as_str())));
    }
    Ok(())
}

fn frozen(key: &str, protected: &Protected) -> Verdict {
    if protected.applications.iter().any(|own| own == key) {
        return Err(("own-application", format!("this host or its administration stands on {key}")));
    }
    Ok(())
}

/// Ranges that nothing releases.
fn fixed_ranges(net: &IpNet) -> Verdict {
    for (rule, range, name) in FIXED {
        let range: IpNet = range.parse().map_err(|_| (*rule, "unreadable range".to_owned()))?;
        if overlaps(&range, net) {
            return Err((rule, format!("{net} overlaps {range} ({name})")));
        }
    }
    Ok(())
}

/// What an isolated host speaks with all the same: itself, and whoever is on its link to find addresses and routes
/// (RFC 4861, 2131).
const ALWAYS_ADMITTED: &[&str] =
    &["127.0.0.0/8", "::1/128", "fe80::/10", "ff02::/16", "255.255.255.255/32", "0.0.0.0/32"];

/// Cloud metadata before link-local, because it lies inside.
/// Sources: RFC 1122, 4291, 5771, 3927, 6052; the metadata addresses as the large clouds document them.
const FIXED: &[(&str, &str, &str)] = &[
    ("loopback", "127.0.0.0/8", "loopback"),
    ("loopback", "::1/128", "loopback"),
    ("loopback", "0.0.0.0/32", "this host"),
    ("loopback", "::/128", "this host"),
    ("metadata", "169.254.169.254/32", "cloud metadata"),
    ("metadata", "fd00:ec2::254/128", "cloud metadata"),
    ("metadata", "168.63.129.16/32", "cloud host agent"),
    ("metadata", "100.100.100.200/32", "cloud metadata"),
    ("link-local", "169.254.0.0/16", "link-local"),
    ("link-local", "fe80::/10", "link-local"),
    ("multicast", "224.0.0.0/4", "multicast"),
    ("multicast", "255.255.255.255/32", "broadcast"),
    ("multicast", "ff00::/8", "multicast"),
    ("special-range", "::ffff:0:0/96", "all of IPv4, mapped"),
    ("special-range", "64:ff9b::/96", "all of IPv4, translated"),
];

fn named(net: &IpNet, protected: &Protected, overrules: &dyn Fn(&str) -> bool) -> Verdict {
    let groups: [(&'static str, &[IpAddr], &str); 6] = [
        ("own-address", &protected.own_addresses, "an address of this host"),
        ("gateway", &protected.gateways, "a gateway of this host"),
        ("resolver", &protected.resolvers, "a name server of this host"),
        ("time-server", &protected.time_servers, "a time server of this host"),
        ("server", &protected.servers, "the Tripoint server"),
        ("admin-session", &protected.admin_peers, "the peer of an administrative session"),
    ];
    for (rule, addresses, what) in groups.into_iter().filter(|(rule, _, _)| !overrules(rule)) {
        if let Some(address) = addresses.iter().map(|own| canonical(*own)).find(|own| net.contains(own)) {
            return Err((rule, format!("{net} contains {address}, {what}")));
        }
    }
    Ok(())
}

/// The target with its address or network in canonical form.
pub(crate) fn folded(target: &Target) -> Target {
    match target {
        Target::Peer(peer) => Target::Peer(folded_peer(peer)),
        Target::Application(_) | Target::Beneath(_) | Target::Host => target.clone(),
    }
}

fn folded_peer(peer: &Observable) -> Observable {
    match peer {
        Observable::Address(address) => Observable::Address(canonical(*address)),
        Observable::AddressPort(address, port) => Observable::AddressPort(canonical(*address), *port),
        Observable::Network(net) => Observable::from_net(canonical_net(*net)),
        Observable::Domain(_) | Observable::System(_) => peer.clone(),
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

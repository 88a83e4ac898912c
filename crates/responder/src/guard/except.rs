//! Does somebody's exception forbid this block?

use std::net::IpAddr;

use ipnet::IpNet;

use tripoint_model::address::{canonical_net, overlaps};
use tripoint_model::exception::is_under;
use tripoint_model::{Action, Exception, Observable, Scope, Subject, Timestamp};

use super::{Guard, POLICY, Verdict, folded_peer};

/// One address that the exception and the block share.
struct Shared {
    /// The exception's target, as it speaks of this address.
    target: Option<Observable>,
    address: IpAddr,
    /// The name that the address was reached by, where that is what the exception speaks of.
    name: Option<String>,
}

impl Guard {
    /// Whether this exception alone would forbid the action. It is never stronger than what is protected.
    pub fn excepts(&self, exception: &Exception, action: &Action, now: Timestamp) -> bool {
        match (action.target.net().map(canonical_net), action.target.name()) {
            (Some(net), _) => self.stops(exception, action, &net, now),
            (None, Some(name)) => self.stops_name(exception, action, name, now),
            (None, None) => false,
        }
    }

    pub(super) fn excepted(&self, action: &Action, net: &IpNet, now: Timestamp) -> Verdict {
        match self.exceptions.iter().find(|exception| self.stops(exception, action, net, now)) {
            Some(exception) => Err(refusal(exception)),
            None => Ok(()),
        }
    }

    /// An exception for a name, or for one above it, stops a block of it. One for a name beneath is no matter of the
    /// whole: the addresses of that one are spared.
    pub(super) fn name_excepted(&self, action: &Action, now: Timestamp) -> Verdict {
        let Some(name) = action.target.name() else { return Ok(()) };
        match self.exceptions.iter().find(|exception| self.stops_name(exception, action, name, now)) {
            Some(exception) => Err(refusal(exception)),
            None => Ok(()),
        }
    }

    fn stops_name(&self, exception: &Exception, action: &Action, name: &str, now: Timestamp) -> bool {
        let excepted = match exception.target.as_ref().or(exception.indicator.as_ref()) {
            Some(Observable::Domain(excepted)) => is_under(name, excepted),
            Some(_) => false,
            None => true,
        };
        let application = match (&exception.application, &action.scope) {
            (None, _) => exception.target.is_some() || exception.indicator.is_some(),
            (Some(own), Scope::Application(key)) => own == key,
            (Some(_), _) => false,
        };
        let holds = exception.holds_at(now) && exception.is_for_host(&self.host);
        holds && !exception.is_about_alerts() && excepted && application
    }

    /// Whether the exception and the target share an address for which the exception holds.
    fn stops(&self, exception: &Exception, action: &Action, net: &IpNet, now: Timestamp) -> bool {
        let automatic = action.requester == POLICY;
        // What is said of certain alerts binds policy, which acts on alerts; a person asks for more than that.
        let binds = automatic || !exception.is_about_alerts();
        if !binds || !exception.is_about_something() || !exception.is_for_host(&self.host) {
            return false;
        }
        let Some(shared) = self.shared_address(exception, net) else { return false };
        let application = match &action.scope {
            Scope::Application(key) => Some(key.as_str()),
            // Policy does not cut off a whole host where one application has an exception for this target.
            _ if automatic && shared.target.is_some() => exception.application.as_deref(),
            _ => None,
        };
        let port = action.target.port().or_else(|| shared.target.as_ref().and_then(Observable::port)).unwrap_or(0);
        // A block works in both directions, so it would cut the excepted one.
        let subject = Subject {
            address: shared.address,
            port,
            name: shared.name.as_deref(),
            host: None,
            application,
            direction: exception.direction,
            rule: None,
            indicator: None,
            findings: None,
            at: now,
        };
        as_for_a_block(exception, shared.target).covers(&subject)
    }

    /// Any shared address will do: the narrower one's first.
    fn shared_address(&self, exception: &Exception, net: &IpNet) -> Option<Shared> {
        let first = |own: &IpNet| if net.contains(own) { own.addr() } else { net.addr() };
        let plain = |target, address| Some(Shared { target, address, name: None });
        match exception.target.as_ref().or(exception.indicator.as_ref()) {
            None => plain(None, net.addr()),
            Some(Observable::Domain(name)) => {
                let known = self.names.as_ref()?.names(*net);
                let (address, reached) = known.into_iter().find(|(_, reached)| is_under(reached, name))?;
                Some(Shared { target: Some(Observable::Domain(name.clone())), address, name: Some(reached) })
            }
            Some(Observable::System(_)) => {
                let after = exception.networks.partition_point(|own| own.broadcast() < net.network());
                let own = exception.networks.get(after).filter(|own| overlaps(own, net))?;
                plain(Some(Observable::from_net(*own)), first(own))
            }
            Some(other) => {
                let target = folded_peer(other);
                let own = target.net().filter(|own| overlaps(own, net))?;
                let address = first(&own);
                plain(Some(target), address)
            }
        }
    }
}

fn refusal(exception: &Exception) -> (&'static str, String) {
    let Exception { id, owner, expires, reason, .. } = exception;
    ("exception", format!("exception {id} by {owner} until {expires}: {reason}"))
}

/// What of the exception counts when a block of the target is wished for.
fn as_for_a_block(exception: &Exception, target: Option<Observable>) -> Exception {
    Exception {
        id: String::new(),
        target,
        networks: Vec::new(),
        application: exception.application.clone(),
        hosts: None,
        direction: exception.direction,
        rule: None,
        indicator: None,
        cves: Vec::new(),
        reason: String::new(),
        ticket: None,
        owner: String::new(),
        created: exception.created,
        expires: exception.expires,
    }
}

//! How do sets of ipset, and iptables rules that look into them, make a plan true on hosts without nftables?
//!
//! By the programs of the host, `ipset` and `iptables`: what they say to the kernel has grown over twenty years, and a
//! host without nftables has them. A call costs some milliseconds, thousands of blocks no more than one.

mod programs;
mod text;

use std::collections::BTreeMap;
use std::io;

use ipnet::IpNet;
use tripoint_linux::clock::boot_ns;
use tripoint_model::{Cut, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

use self::programs::Programs;
use self::text::{Layout, State};
use super::ends::{Ends, place, target};
use super::one_of_many;
use super::sockets::disconnect;

/// Why ipset or iptables did not do it.
#[derive(Debug, thiserror::Error)]
pub enum IpsetError {
    /// Not installed.
    #[error("the program {0} is not installed")]
    Missing(&'static str),
    /// It could not be run.
    #[error("run {0}")]
    Run(&'static str, #[source] io::Error),
    /// It refused.
    #[error("{program}: {said}")]
    Refused {
        /// Which program.
        program: &'static str,
        /// Its words.
        said: String,
    },
    /// The name is taken.
    #[error("the chain of this name is not ours, it has {0:?}; it is left as it is")]
    Foreign(String),
}

/// Blocks as elements of four sets, whose ends the kernel keeps; sockets end by cookie.
pub struct IpsetFirewall {
    programs: Programs,
    layout: Layout,
    ends: Ends,
    /// Whether sets and rules were there when last looked at.
    is_made: bool,
}

impl IpsetFirewall {
    /// Makes sets and rules, or takes over those that an earlier life left.
    pub fn open(name: &str) -> Result<Self, IpsetError> {
        let programs = Programs::find()?;
        let mut firewall = Self { programs, layout: Layout::new(name), ends: Ends::default(), is_made: false };
        firewall.make()?;
        Ok(firewall)
    }

    fn make(&mut self) -> Result<(), IpsetError> {
        let states = self.states()?;
        self.programs.restore_sets(&self.layout.create_sets())?;
        for (is_v6, state) in [false, true].into_iter().zip(states) {
            if !matches!(state, State::Whole) {
                self.programs.restore_rules(is_v6, &self.layout.make_rules(is_v6, &state))?;
            }
        }
        self.is_made = true;
        Ok(())
    }

    /// How our rules stand, IPv4 and IPv6.
    fn states(&self) -> Result<[State; 2], IpsetError> {
        let look = |is_v6| {
            let state = self.layout.state(is_v6, &self.programs.rules(is_v6)?);
            if let State::Foreign(rule) = state { Err(IpsetError::Foreign(rule)) } else { Ok(state) }
        };
        Ok([look(false)?, look(true)?])
    }

    /// Every block with the seconds left; nothing is in force unless the rules are as we make them.
    fn held(&mut self) -> Result<BTreeMap<(IpNet, u16), u64>, IpsetError> {
        self.is_made = self.states()?.iter().all(|state| matches!(state, State::Whole));
        if !self.is_made {
            return Ok(BTreeMap::new());
        }
        let mut all = BTreeMap::new();
        for set in self.layout.sets() {
            match self.programs.save_set(&set.name)? {
                Some(saved) => all.extend(text::elements(&set, &saved)),
                None => self.is_made = false,
            }
        }
        Ok(all)
    }

    fn lines(&mut self, blocks: &[KernelBlock]) -> (String, Vec<Result<Given, FirewallError>>) {
        let mut lines = String::new();
        let each = |block: &KernelBlock| {
            let (net, port) = place("ipset", &block.target, &block.scope)?;
            if net.prefix_len() == 0 {
                return Err(FirewallError::Unsupported("ipset", format!("{net} is everything")));
            }
            let end_ns = self.ends.boot(net, port, block.expires);
            let left_s = end_ns.saturating_sub(boot_ns()).div_ceil(1_000_000_000).min(text::LONGEST_S);
            lines.push_str(&self.layout.change(net, port, left_s));
            let longest = boot_ns().saturating_add(text::LONGEST_S * 1_000_000_000);
            Ok((net, port, block.expires, end_ns.min(longest)))
        };
        let given = blocks.iter().map(each).collect();
        (lines, given)
    }
}

/// Network, port, what was asked for, what the kernel was given (boot clock).
type Given = (IpNet, u16, Timestamp, u64);

impl Firewall for IpsetFirewall {
    fn name(&self) -> &'static str {
        "ipset"
    }

    fn gaps(&self) -> &'static [&'static str] {
        &[
            "for up to five seconds: what others put before our rules, until they are first again",
            "protocols with ports other than TCP and UDP, where a port is blocked",
            "containers on interfaces that bypass this host's (macvlan, ipvlan, a card passed through)",
            "frames that a bridge passes on without routing; flows that a flowtable has taken over",
            "packets that a program writes to an interface itself (AF_PACKET)",
        ]
    }

    fn block(
        &mut self,
        target: &Target,
        scope: &Scope,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), FirewallError> {
        one_of_many(self, KernelBlock { target: target.clone(), scope: scope.clone(), expires }, now)
    }

    fn block_many(&mut self, blocks: &[KernelBlock], _now: Timestamp) -> Vec<Result<(), FirewallError>> {
        let (lines, given) = self.lines(blocks);
        let made = if self.is_made { Ok(()) } else { self.make() };
        let done = made.and_then(|()| self.programs.restore_sets(&lines));
        let outcome = |given: Result<Given, FirewallError>| {
            let (net, port, asked, end_ns) = given?;
            done.as_ref().map_err(|error| kernel("block", error))?;
            self.ends.give(net, port, asked, end_ns);
            Ok(())
        };
        given.into_iter().map(outcome).collect()
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let (net, port) = place(self.name(), target, scope)?;
        self.ends.forget(net, port);
        let mut found = false;
        for (set, element) in self.layout.places(net, port) {
            found |= self.programs.delete(&set, &element).map_err(|error| kernel("unblock", &error))?;
        }
        Ok(found)
    }

    /// Rules and sets go; the next block makes them anew.
    fn release(&mut self, _now: Timestamp) -> Result<(), FirewallError> {
        self.ends = Ends::default();
        self.is_made = false;
        remove(&self.programs, &self.layout).map(drop).map_err(|error| kernel("release", &error))
    }

    fn list(&mut self, _now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let held = self.held().map_err(|error| kernel("list", &error))?;
        let now_ns = boot_ns();
        self.ends.forget_ended(now_ns);
        Ok(held
            .into_iter()
            .map(|((net, port), left_s)| {
                let expires = self.ends.asked(net, port, now_ns.saturating_add(left_s * 1_000_000_000));
                KernelBlock { target: target(net, port), scope: Scope::Host, expires }
            })
            .collect())
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        disconnect(cuts)
    }
}

/// Takes rules and sets of this name away; returns what was blocked, or nothing where there were neither.
pub(super) fn destroy(name: &str) -> Result<Option<Vec<Target>>, IpsetError> {
    // Without the programs there can be nothing that they have made.
    let Ok(programs) = Programs::find() else { return Ok(None) };
    remove(&programs, &Layout::new(name))
}

fn remove(programs: &Programs, layout: &Layout) -> Result<Option<Vec<Target>>, IpsetError> {
    let mut blocks = Vec::new();
    let mut saved = Vec::new();
    for set in layout.sets() {
        if let Some(text) = programs.save_set(&set.name)? {
            blocks.extend(text::elements(&set, &text).into_keys().map(|(net, port)| target(net, port)));
            saved.push(set.name);
        }
    }
    // Rules without their sets cannot be: the kernel keeps a set while a rule looks into it. So iptables is not even
    // asked, which would register hooks on hosts that have never used it.
    if saved.is_empty() {
        return Ok(None);
    }
    for is_v6 in [false, true] {
        match layout.state(is_v6, &programs.rules(is_v6)?) {
            State::Foreign(rule) => return Err(IpsetError::Foreign(rule)),
            State::Absent => {}
            state => programs.restore_rules(is_v6, &layout.remove_rules(&state))?,
        }
    }
    for set in saved {
        programs.destroy_set(&set)?;
    }
    Ok(Some(blocks))
}

fn kernel(action: &str, error: &IpsetError) -> FirewallError {
    match error {
        IpsetError::Refused { said, .. } if said.contains("is full") => FirewallError::Full,
        _ => FirewallError::Kernel { action: action.to_owned(), source: io::Error::other(super::choice::chain(error)) },
    }
}

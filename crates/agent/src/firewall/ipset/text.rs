//! What do we write to ipset and iptables, and what do they print of ours?

use std::collections::BTreeMap;
use std::fmt::Write;

use ipnet::IpNet;

/// ipset counts a timeout in milliseconds of 31 bits: 24 days. What shall hold longer is put back by then.
pub(super) const LONGEST_S: u64 = 2_147_483;
/// More than the largest number of blocks that the guard can be set to in earnest; the sets grow as they fill.
const ELEMENTS_MAX: u32 = 1 << 20;
const PROTOCOLS: [&str; 2] = ["tcp", "udp"];

/// Names of our sets and chains.
pub(super) struct Layout {
    name: String,
}

/// One of our sets.
pub(super) struct Set {
    pub(super) name: String,
    is_v6: bool,
    has_ports: bool,
}

/// How our rules of one family stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// None of them is there.
    Absent,
    /// As we make them.
    Whole,
    /// In part, or not first. The jumps that are there.
    Damaged(Vec<String>),
    /// The chain has a rule that is not ours.
    Foreign(String),
}

impl Layout {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    pub(super) fn sets(&self) -> [Set; 4] {
        [(false, false), (true, false), (false, true), (true, true)]
            .map(|(is_v6, has_ports)| self.set(is_v6, has_ports))
    }

    fn set(&self, is_v6: bool, has_ports: bool) -> Set {
        let name = format!("{}_{}{}", self.name, if has_ports { 'p' } else { 'n' }, if is_v6 { 6 } else { 4 });
        Set { name, is_v6, has_ports }
    }

    pub(super) fn create_sets(&self) -> String {
        let one = |set: Set| {
            let kind = if set.has_ports { "hash:ip,port" } else { "hash:net" };
            let family = if set.is_v6 { "inet6" } else { "inet" };
            format!("create {} {kind} family {family} timeout 0 maxelem {ELEMENTS_MAX}\n", set.name)
        };
        self.sets().map(one).concat()
    }

    /// Set and element of a block: one for each protocol where it has a port.
    pub(super) fn places(&self, net: IpNet, port: u16) -> Vec<(String, String)> {
        let set = self.set(net.addr().is_ipv6(), port != 0).name;
        match port {
            0 => vec![(set, net.to_string())],
            port => {
                PROTOCOLS.iter().map(|protocol| (set.clone(), format!("{},{protocol}:{port}", net.addr()))).collect()
            }
        }
    }

    /// The lines that hold a block for so long; 0 takes it out.
    pub(super) fn change(&self, net: IpNet, port: u16, left_s: u64) -> String {
        let line = |(set, element): (String, String)| match left_s {
            0 => format!("del {set} {element}\n"),
            left_s => format!("add {set} {element} timeout {left_s}\n"),
        };
        self.places(net, port).into_iter().map(line).collect()
    }

    /// Rules in our chains, as `iptables -S` prints them.
    fn rules(&self, is_v6: bool) -> Vec<String> {
        let rule = |chain: &str, has_ports: bool, end: &str| {
            let set = self.set(is_v6, has_ports).name;
            format!("-A {}_{chain} -m set --match-set {set} {end} -j DROP", self.name)
        };
        vec![
            rule("from", false, "src"),
            rule("from", true, "src,src"),
            rule("to", false, "dst"),
            rule("to", true, "dst,dst"),
        ]
    }

    /// Jumps into our chains: the kernel's chain, what must stand first in it.
    fn jumps(&self) -> [(&'static str, Vec<String>); 3] {
        let jump = |from: &str, to: &str| format!("-A {from} -j {}_{to}", self.name);
        [
            ("INPUT", vec![jump("INPUT", "from")]),
            ("FORWARD", vec![jump("FORWARD", "from"), jump("FORWARD", "to")]),
            ("OUTPUT", vec![jump("OUTPUT", "to")]),
        ]
    }

    /// Judges what `iptables -S` printed.
    pub(super) fn state(&self, is_v6: bool, printed: &str) -> State {
        let chains = ["from", "to"].map(|chain| format!("{}_{chain}", self.name));
        let rules = self.rules(is_v6);
        let is_ours = |line: &&str| {
            chains
                .iter()
                .any(|chain| line.strip_prefix("-A ").is_some_and(|rest| rest.split(' ').next() == Some(chain)))
        };
        let found: Vec<&str> = printed.lines().filter(is_ours).collect();
        if let Some(stranger) = found.iter().find(|line| !rules.iter().any(|rule| rule == *line)) {
            return State::Foreign((*stranger).to_owned());
        }
        let all_jumps: Vec<String> = self.jumps().into_iter().flat_map(|(_, jumps)| jumps).collect();
        let jumps: Vec<String> =
            printed.lines().filter(|line| all_jumps.iter().any(|jump| jump == line)).map(str::to_owned).collect();
        let are_first = self.jumps().iter().all(|(chain, wanted)| {
            let of_chain = printed
                .lines()
                .filter(|line| line.strip_prefix("-A ").is_some_and(|rest| rest.split(' ').next() == Some(chain)));
            of_chain.take(wanted.len()).eq(wanted.iter().map(String::as_str))
        });
        let made = chains.iter().any(|chain| printed.lines().any(|line| line.strip_prefix("-N ") == Some(chain)));
        match (made, found == rules && are_first && jumps.len() == all_jumps.len()) {
            (false, _) => State::Absent,
            (true, true) => State::Whole,
            (true, false) => State::Damaged(jumps),
        }
    }

    /// Lines for `iptables-restore --noflush` that make the rules, whatever of them is there.
    pub(super) fn make_rules(&self, is_v6: bool, state: &State) -> String {
        let mut text = format!("*filter\n:{0}_from - [0:0]\n:{0}_to - [0:0]\n", self.name);
        for rule in self.rules(is_v6).iter().chain(&without(state)) {
            let _ = writeln!(text, "{rule}");
        }
        for jump in self.jumps().into_iter().flat_map(|(_, jumps)| jumps.into_iter().rev()) {
            // `-I CHAIN 1 -j …`: first.
            let (chain, rest) = jump.trim_start_matches("-A ").split_once(' ').unwrap_or_default();
            let _ = writeln!(text, "-I {chain} 1 {rest}");
        }
        text.push_str("COMMIT\n");
        text
    }

    /// Lines that take the rules away.
    pub(super) fn remove_rules(&self, state: &State) -> String {
        let all = State::Damaged(self.jumps().into_iter().flat_map(|(_, jumps)| jumps).collect());
        let there = if *state == State::Whole { &all } else { state };
        // Naming a chain empties it.
        let mut text = format!("*filter\n:{0}_from - [0:0]\n:{0}_to - [0:0]\n", self.name);
        for line in without(there) {
            let _ = writeln!(text, "{line}");
        }
        let _ = write!(text, "-X {0}_from\n-X {0}_to\nCOMMIT\n", self.name);
        text
    }
}

/// Lines that delete the jumps that are there.
fn without(state: &State) -> Vec<String> {
    match state {
        State::Damaged(jumps) => jumps.iter().map(|jump| jump.replacen("-A ", "-D ", 1)).collect(),
        _ => Vec::new(),
    }
}

/// Blocks and the seconds that each has left, from what `ipset save` printed of the set. A port is blocked when it is
/// for every protocol.
pub(super) fn elements(set: &Set, saved: &str) -> BTreeMap<(IpNet, u16), u64> {
    let mut found: BTreeMap<(IpNet, u16), (usize, u64)> = BTreeMap::new();
    for line in saved.lines() {
        let mut words = line.split(' ');
        let (Some("add"), Some(name), Some(element)) = (words.next(), words.next(), words.next()) else { continue };
        let left_s = words.skip_while(|word| *word != "timeout").nth(1).and_then(|left| left.parse().ok());
        let (Some(place), Some(left_s), true) = (read(set, element), left_s, name == set.name) else { continue };
        let entry = found.entry(place).or_insert((0, u64::MAX));
        *entry = (entry.0 + 1, entry.1.min(left_s));
    }
    let needed = if set.has_ports { PROTOCOLS.len() } else { 1 };
    found.into_iter().filter(|(_, (count, _))| *count >= needed).map(|(place, (_, left_s))| (place, left_s)).collect()
}

fn read(set: &Set, element: &str) -> Option<(IpNet, u16)> {
    if set.has_ports {
        let (address, rest) = element.split_once(',')?;
        let (_, port) = rest.split_once(':')?;
        return Some((IpNet::from(address.parse::<std::net::IpAddr>().ok()?), port.parse().ok()?));
    }
    element.parse().ok().or_else(|| element.parse::<std::net::IpAddr>().ok().map(IpNet::from)).map(|net| (net, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_ipset_prints_them() {
        let layout = Layout::new("x");
        let [nets4, _, _, ports6] = layout.sets();
        let saved = "create x_n4 hash:net family inet hashsize 1024 maxelem 1048576 timeout 0\n\
            add x_n4 203.0.113.66 timeout 3599\nadd x_n4 203.0.113.128/25 timeout 12\n\
            add y_n4 203.0.113.9 timeout 5\nadd x_n4 nonsense timeout 5\nadd x_n4 203.0.113.10\n";
        let found = elements(&nets4, saved);
        let expected = [("203.0.113.66/32", 3599), ("203.0.113.128/25", 12)];
        assert_eq!(found, expected.map(|(net, left)| ((net.parse().unwrap(), 0), left)).into());
        let saved = "add x_p6 2001:db8::1,tcp:53 timeout 9\nadd x_p6 2001:db8::1,udp:53 timeout 8\n\
            add x_p6 2001:db8::2,udp:53 timeout 8\n";
        assert_eq!(elements(&ports6, saved), [(("2001:db8::1/128".parse().unwrap(), 53), 8)].into());
    }

    #[test]
    fn what_is_written_is_recognised_and_what_is_not_is_refused() {
        let layout = Layout::new("x");
        assert_eq!(layout.state(false, "-P INPUT ACCEPT\n-A INPUT -j REJECT\n"), State::Absent);
        let ours = "-N x_from\n-N x_to\n-A INPUT -j x_from\n-A INPUT -j OTHER\n-A FORWARD -j x_from\n-A FORWARD -j x_to\n\
            -A OUTPUT -j x_to\n-A x_from -m set --match-set x_n4 src -j DROP\n-A x_from -m set --match-set x_p4 src,src -j DROP\n\
            -A x_to -m set --match-set x_n4 dst -j DROP\n-A x_to -m set --match-set x_p4 dst,dst -j DROP\n";
        assert_eq!(layout.state(false, ours), State::Whole);
        let behind = ours.replace("-A INPUT -j x_from\n-A INPUT -j OTHER", "-A INPUT -j OTHER\n-A INPUT -j x_from");
        assert!(matches!(layout.state(false, &behind), State::Damaged(jumps) if jumps.len() == 4));
        let twice = format!("{ours}-A INPUT -j x_from\n");
        assert!(matches!(layout.state(false, &twice), State::Damaged(jumps) if jumps.len() == 5));
        let strange = format!("{ours}-A x_to -j ACCEPT\n");
        assert_eq!(layout.state(false, &strange), State::Foreign("-A x_to -j ACCEPT".into()));
        assert!(matches!(layout.state(true, ours), State::Foreign(_)), "of the other family");
    }
}

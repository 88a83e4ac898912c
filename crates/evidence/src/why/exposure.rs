//! What let a peer in: which listener, which rules of the packet filter, and can the internet reach it?
//!
//! The rules are walked as the kernel does; what they leave open is not guessed: then it is not known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use tripoint_model::Protocol;
use tripoint_model::address::canonical;
use tripoint_model::why::Exposure;

use super::device::device;
use super::ruleset::{Outcome, Packet, Ruleset, ask};
use super::{Question, Subject};

pub(super) fn of(question: &Question<'_>, subject: &Subject) -> Exposure {
    let mut found = Exposure::default();
    let Some(local) = question.local else {
        found.reasons.push("which of its addresses the peer came to is not known".to_owned());
        return found;
    };
    let listener = listener(&subject.proc, question.protocol, local).filter(|_| subject.is_alive);
    let bound = listener.unwrap_or(local);
    found.listener = Some(match listener {
        Some(listener) => listener.to_string(),
        None => format!("{local} (the listener itself is gone)"),
    });
    found.scope = scope(bound.ip()).to_owned();
    let filter = filter(question, subject, local, &mut found);
    found.from_internet = reach(question, local, bound, filter, &mut found.reasons);
    found
}

/// The listener that accepts for this end: on its address, else on every address. `/proc/PID/net` has the sockets of
/// the process's own network namespace.
fn listener(proc: &Path, protocol: Protocol, local: SocketAddr) -> Option<SocketAddr> {
    let tables: &[(&str, &str)] = match protocol {
        Protocol::Tcp => &[("tcp", "0A"), ("tcp6", "0A")],
        Protocol::Udp => &[("udp", "07"), ("udp6", "07")],
    };
    let mut best = None;
    for (table, waiting) in tables {
        let text = std::fs::read_to_string(proc.join("net").join(table)).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let bound = fields.get(1).filter(|_| fields.get(3) == Some(waiting)).and_then(|field| address(field));
            let Some(bound) = bound.filter(|bound| bound.port() == local.port()) else { continue };
            if canonical(bound.ip()) == canonical(local.ip()) {
                return Some(bound);
            }
            // An IPv6 socket on every address takes IPv4 too, where it was not told otherwise.
            let is_family = bound.is_ipv6() || local.ip().is_ipv4();
            if bound.ip().is_unspecified() && is_family {
                best = Some(bound);
            }
        }
    }
    best
}

/// `0100007F:1F90`: words of the address as the machine has them in memory, and the port [proc_pid_net(5)].
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (part, at) in bytes.chunks_mut(4).zip((0..32).step_by(8)) {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn scope(address: IpAddr) -> &'static str {
    let address = canonical(address);
    match address {
        address if address.is_unspecified() => "every address",
        address if address.is_loopback() => "loopback",
        address if is_private(address) => "private",
        _ => "public",
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_link_local() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00 || v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// What the packet filter says of the port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// No rule can keep a packet out.
    Open,
    /// The rules let everybody in to the port.
    Admits,
    /// They stop whom no rule speaks of.
    Closed,
    /// It depends on what is not evaluated here.
    NotKnown,
}

const RULES_SHOWN_MAX: usize = 10;

/// Asks the rules twice: what let this peer in, and what they do with anybody.
fn filter(question: &Question<'_>, subject: &Subject, local: SocketAddr, found: &mut Exposure) -> Filter {
    let read = question.ruleset.as_ref().map_err(Clone::clone).and_then(|text| Ruleset::read(text));
    let ruleset = match read {
        Ok(ruleset) => ruleset,
        Err(reason) => {
            found.reasons.push(format!("the rules of the packet filter are not known: {reason}"));
            return Filter::NotKnown;
        }
    };
    speaking(&ruleset, local.port(), found);
    let met = Packet {
        source: Some(SocketAddr::new(question.peer, question.port)),
        target: local,
        protocol: question.protocol,
        interface: device(&subject.proc, question.peer, Some(local.ip())),
        is_accepted: true,
    };
    let answer = ask(&ruleset, &met);
    if !answer.is_filtered {
        found.reasons.push("no rule of the packet filter looks at what comes in".to_owned());
        return Filter::Open;
    }
    if answer.outcome == Outcome::Stopped {
        found.reasons.push(format!(
            "as the rules stand now this connection would be stopped ({}): they were others, or it came another way",
            answer.by.last().map_or("", String::as_str)
        ));
    } else {
        found.admitted_by = answer.by;
    }
    found.reasons.extend(answer.uncertain.into_iter().map(|what| format!("not evaluated: {what}")));
    // The internet comes by the way that leads there, whichever way this peer came.
    let anybodys = if local.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let interface = device(&subject.proc, anybodys, None);
    let anybody = ask(&ruleset, &Packet { source: None, is_accepted: false, interface, ..met });
    match anybody.outcome {
        Outcome::Passes => Filter::Admits,
        Outcome::Stopped => {
            let by = anybody.by.last().map_or("", String::as_str);
            found.reasons.push(format!("others are stopped by {by}"));
            Filter::Closed
        }
        Outcome::NotKnown => {
            for what in anybody.uncertain {
                let reason = format!("not evaluated: {what}");
                if !found.reasons.contains(&reason) {
                    found.reasons.push(reason);
                }
            }
            Filter::NotKnown
        }
    }
}

/// The rules that speak of the port.
fn speaking(ruleset: &Ruleset, port: u16, found: &mut Exposure) {
    for rule in ruleset.rules().filter(|rule| speaks_of_port(rule.statements(), port)).take(RULES_SHOWN_MAX) {
        let text = serde_json::to_string(rule.statements()).unwrap_or_default();
        let verdict = ["accept", "drop", "reject"].into_iter().find(|one| text.contains(&format!("\"{one}\":")));
        found.rules.push(format!("{}: port {port} {}", rule.place(), verdict.unwrap_or("more than a verdict")));
    }
}

/// Whether a rule matches on this destination port: alone, in a set, in a range.
fn speaks_of_port(expr: &[serde_json::Value], port: u16) -> bool {
    expr.iter().filter_map(|one| one.get("match")).any(|one| {
        let field = one.pointer("/left/payload/field").and_then(|field| field.as_str());
        field == Some("dport") && one.get("right").is_some_and(|right| holds(right, u64::from(port), 0))
    })
}

fn holds(value: &serde_json::Value, port: u64, depth: u32) -> bool {
    if depth > 4 {
        return false;
    }
    if let Some(range) = value.get("range").and_then(|range| range.as_array()) {
        let ends: Vec<u64> = range.iter().filter_map(serde_json::Value::as_u64).collect();
        return ends.len() == 2 && (ends[0]..=ends[1]).contains(&port);
    }
    let set = value.get("set").and_then(|set| set.as_array()).or_else(|| value.as_array());
    set.map_or_else(|| value.as_u64() == Some(port), |set| set.iter().any(|one| holds(one, port, depth + 1)))
}

/// Whether the internet can reach it, as far as this host can tell.
fn reach(
    question: &Question<'_>,
    local: SocketAddr,
    bound: SocketAddr,
    filter: Filter,
    reasons: &mut Vec<String>,
) -> Option<bool> {
    if scope(bound.ip()) == "loopback" {
        reasons.push("it listens on loopback: only this host reaches it".to_owned());
        return Some(false);
    }
    let peer = scope(question.peer);
    if peer == "public" && !is_documentation(question.peer) {
        reasons.push("the peer itself has a public address, and its connection was accepted".to_owned());
        return Some(true);
    }
    match (scope(local.ip()), filter) {
        (_, Filter::Closed) => {
            reasons.push("no rule admits others to the port".to_owned());
            Some(false)
        }
        ("public", Filter::Open | Filter::Admits) => {
            reasons.push("its address is public, and the packet filter of this host lets everybody in".to_owned());
            Some(true)
        }
        ("private", _) => {
            reasons.push("its address is private: whether a router or load balancer leads the internet to it cannot be seen from here".to_owned());
            None
        }
        _ => None,
    }
}

/// Documentation ranges are in use where things are tried out, and lead nowhere.
fn is_documentation(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_documentation(),
        IpAddr::V6(v6) => v6.segments()[..2] == [0x2001, 0xdb8],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_kernels_tables_are_read() {
        let word = u32::from_ne_bytes([127, 0, 0, 1]);
        assert_eq!(address(&format!("{word:08X}:1F90")), Some("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(address(&format!("{:032X}:0050", 0)), Some("[::]:80".parse().unwrap()));
        assert_eq!((address("x"), address("00:50")), (None, None));
    }

    #[test]
    fn rules_that_speak_of_a_port_are_told_from_others() {
        let rule = |right: &str| {
            let text = format!(
                r#"[{{"match":{{"op":"==","left":{{"payload":{{"protocol":"tcp","field":"dport"}}}},"right":{right}}}}},{{"accept":null}}]"#
            );
            serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap()
        };
        for right in ["80", r#"{"set":[22,80]}"#, r#"{"range":[1,1024]}"#, r#"{"set":[{"range":[79,81]}]}"#] {
            assert!(speaks_of_port(&rule(right), 80), "{right}");
            assert!(!speaks_of_port(&rule(right), 8080), "{right}");
        }
    }

    #[test]
    fn scopes_are_told_apart() {
        let of = |text: &str| scope(text.parse().unwrap());
        assert_eq!(
            ["0.0.0.0", "::", "127.8.0.1", "::1", "10.1.2.3", "fd00::1", "8.8.4.4"].map(of),
            ["every address", "every address", "loopback", "loopback", "private", "private", "public"]
        );
    }
}

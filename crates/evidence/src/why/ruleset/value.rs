//! Does a packet have what a rule asks for: yes, no, or can it not be known here?

use std::net::{IpAddr, SocketAddr};

use serde_json::Value as Json;
use tripoint_model::address::{canonical, is_local, parse_net};

use super::{Packet, Ruleset};

/// An answer, and where it is not known, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Yes,
    No,
    Unknown(String),
}

impl Is {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown => unknown,
        }
    }
}

/// What a packet has where a rule looks.
#[derive(Clone, Debug)]
enum Value {
    Number(u64),
    Address(IpAddr),
    /// A public address that no rule speaks of.
    Anybody,
    Text(String),
    /// Flags that are set.
    Flags(Vec<String>),
    Several(Vec<Value>),
    /// The packet has no such thing: it is of another protocol.
    Absent,
    Unknown(String),
}

/// Whose sets are meant: family and table.
pub(super) type Table<'t> = (&'t str, &'t str);

/// Whether a `match` statement holds.
pub(super) fn holds(statement: &Json, packet: &Packet, table: Table<'_>, ruleset: &Ruleset) -> Is {
    let (Some(left), Some(right)) = (statement.get("left"), statement.get("right")) else {
        return Is::Unknown("a match of an unknown shape".to_owned());
    };
    let value = value(left, packet);
    let equal = || is_in(&value, right, table, ruleset, 0);
    match (&value, statement.get("op").and_then(Json::as_str)) {
        (Value::Absent, _) => Is::No,
        (Value::Unknown(why), _) => Is::Unknown(why.clone()),
        (_, Some("==" | "in") | None) => equal(),
        (_, Some("!=")) => equal().not(),
        (Value::Number(number), Some(op @ ("<" | ">" | "<=" | ">="))) => match right.as_u64() {
            Some(than) => Is::of(match op {
                "<" => *number < than,
                ">" => *number > than,
                "<=" => *number <= than,
                _ => *number >= than,
            }),
            None => Is::Unknown(format!("a comparison with {right}")),
        },
        (_, Some(op)) => Is::Unknown(format!("the comparison {op}")),
    }
}

/// What a verdict map says of the packet: the verdict statement of its first element that fits.
pub(super) fn mapped<'r>(
    statement: &'r Json,
    packet: &Packet,
    table: Table<'_>,
    ruleset: &'r Ruleset,
) -> Result<Option<&'r Json>, String> {
    let (Some(key), Some(data)) = (statement.get("key"), statement.get("data")) else {
        return Err("a verdict map of an unknown shape".to_owned());
    };
    let elements = match data.as_str().and_then(|name| name.strip_prefix('@')) {
        Some(name) => ruleset.sets.get(&(table.0.to_owned(), table.1.to_owned(), name.to_owned())),
        None => data.get("set").and_then(Json::as_array),
    };
    let value = value(key, packet);
    if let Value::Unknown(why) = &value {
        return Err(why.clone());
    }
    let mut otherwise = None;
    for element in elements.into_iter().flatten() {
        let Some([key, verdict]) = element.as_array().and_then(|pair| pair.first_chunk::<2>()) else { continue };
        if key.as_str() == Some("*") {
            otherwise = Some(verdict);
            continue;
        }
        match is_in(&value, key, table, ruleset, 0) {
            Is::Yes => return Ok(Some(verdict)),
            Is::No => {}
            Is::Unknown(why) => return Err(why),
        }
    }
    Ok(otherwise)
}

fn value(left: &Json, packet: &Packet) -> Value {
    if let Some(payload) = left.get("payload") {
        return of_payload(payload, packet);
    }
    if let Some(key) = left.pointer("/meta/key").and_then(Json::as_str) {
        return of_meta(key, packet);
    }
    if let Some(key) = left.pointer("/ct/key").and_then(Json::as_str) {
        return match key {
            "state" => Value::Text("new".to_owned()),
            "direction" => Value::Text("original".to_owned()),
            key => Value::Unknown(format!("ct {key}")),
        };
    }
    if let Some(parts) = left.get("concat").and_then(Json::as_array) {
        let parts: Vec<Value> = parts.iter().map(|part| value(part, packet)).collect();
        if parts.iter().any(|part| matches!(part, Value::Absent)) {
            return Value::Absent;
        }
        let unknown = parts.iter().find(|part| matches!(part, Value::Unknown(_))).cloned();
        return unknown.unwrap_or(Value::Several(parts));
    }
    if let Some([of, mask]) = left.get("&").and_then(Json::as_array).and_then(|two| two.first_chunk::<2>()) {
        return masked(value(of, packet), mask);
    }
    if let Some(fib) = left.get("fib") {
        let is_target = fib.get("flags").is_some_and(|flags| flags.to_string().contains("daddr"));
        if fib.get("result").and_then(Json::as_str) == Some("type") && is_target {
            return Value::Text("local".to_owned());
        }
    }
    let what = left.as_object().and_then(|object| object.keys().next().cloned());
    Value::Unknown(what.unwrap_or_else(|| "an unknown expression".to_owned()))
}

/// `tcp flags & (fin|syn|rst|ack)`: of the flags those that are asked for.
fn masked(value: Value, mask: &Json) -> Value {
    match (value, mask) {
        (Value::Flags(flags), Json::Array(asked)) => {
            Value::Flags(flags.into_iter().filter(|flag| asked.iter().any(|one| one == flag.as_str())).collect())
        }
        (Value::Flags(flags), Json::String(asked)) => {
            Value::Flags(flags.into_iter().filter(|flag| flag == asked).collect())
        }
        (Value::Absent, _) => Value::Absent,
        _ => Value::Unknown("a mask".to_owned()),
    }
}

fn of_payload(payload: &Json, packet: &Packet) -> Value {
    let text = |name: &str| payload.get(name).and_then(Json::as_str).unwrap_or_default();
    let (protocol, field) = (text("protocol"), text("field"));
    match (protocol, field) {
        ("ip", _) if !packet.is_four() => Value::Absent,
        ("ip6", _) if packet.is_four() => Value::Absent,
        ("tcp" | "udp", _) if protocol != packet.transport() => Value::Absent,
        ("icmp" | "icmpv6" | "sctp" | "dccp" | "udplite" | "esp" | "ah" | "igmp", _) => Value::Absent,
        ("ip" | "ip6", "saddr") => source(packet).map_or(Value::Anybody, Value::Address),
        ("ip" | "ip6", "daddr") => Value::Address(canonical(packet.target.ip())),
        ("ip", "protocol") | ("ip6", "nexthdr") => Value::Text(packet.transport().to_owned()),
        ("tcp" | "udp" | "th", "dport") => Value::Number(packet.target.port().into()),
        ("tcp" | "udp" | "th", "sport") => match packet.source {
            Some(source) => Value::Number(source.port().into()),
            None => Value::Unknown("the client's port".to_owned()),
        },
        ("tcp", "flags") => Value::Flags(vec!["syn".to_owned()]),
        _ => Value::Unknown(format!("{protocol} {field}")),
    }
}

fn source(packet: &Packet) -> Option<IpAddr> {
    packet.source.as_ref().map(SocketAddr::ip).map(canonical)
}

fn of_meta(key: &str, packet: &Packet) -> Value {
    match key {
        "l4proto" => Value::Text(packet.transport().to_owned()),
        "nfproto" => Value::Text(if packet.is_four() { "ipv4" } else { "ipv6" }.to_owned()),
        "protocol" => Value::Text(if packet.is_four() { "ip" } else { "ip6" }.to_owned()),
        "iif" | "iifname" => match &packet.interface {
            Some(name) => Value::Text(name.clone()),
            None => {
                Value::Unknown("it depends on the interface by which it comes, which the routes do not tell".to_owned())
            }
        },
        // Of what comes in there is none.
        "oif" | "oifname" => Value::Text(String::new()),
        key => Value::Unknown(format!("meta {key}")),
    }
}

const DEPTH_MAX: u32 = 6;

/// Whether a value is what stands on the right, or among it.
fn is_in(value: &Value, right: &Json, table: Table<'_>, ruleset: &Ruleset, depth: u32) -> Is {
    if depth > DEPTH_MAX {
        return Is::Unknown("sets within sets".to_owned());
    }
    let any = |elements: &[Json]| {
        let mut unknown = None;
        for element in elements {
            // An element of a map or with a time or counter is its value.
            let element = element.pointer("/elem/val").unwrap_or(element);
            match is_in(value, element, table, ruleset, depth + 1) {
                Is::Yes => return Is::Yes,
                Is::No => {}
                Is::Unknown(why) => unknown = Some(why),
            }
        }
        unknown.map_or(Is::No, Is::Unknown)
    };
    if let Some(name) = right.as_str().and_then(|text| text.strip_prefix('@')) {
        let place = (table.0.to_owned(), table.1.to_owned(), name.to_owned());
        return match ruleset.sets.get(&place) {
            Some(elements) => any(elements),
            None => Is::Unknown(format!("the set {name}")),
        };
    }
    if let Some(elements) = right.get("set") {
        return elements.as_array().map_or_else(|| is_in(value, elements, table, ruleset, depth + 1), |all| any(all));
    }
    match (value, right) {
        (Value::Flags(flags), Json::String(one)) => Is::of(flags.len() == 1 && flags[0] == *one),
        (Value::Flags(flags), Json::Array(all)) => {
            Is::of(flags.len() == all.len() && flags.iter().all(|flag| all.iter().any(|one| one == flag.as_str())))
        }
        (_, Json::Array(elements)) => any(elements),
        (Value::Several(parts), right) => match right.get("concat").and_then(Json::as_array) {
            Some(asked) if asked.len() == parts.len() => each(parts, asked, table, ruleset, depth),
            _ => Is::Unknown("a concatenation".to_owned()),
        },
        (value, right) => is_one(value, right),
    }
}

fn each(parts: &[Value], asked: &[Json], table: Table<'_>, ruleset: &Ruleset, depth: u32) -> Is {
    let mut all = Is::Yes;
    for (part, asked) in parts.iter().zip(asked) {
        match is_in(part, asked, table, ruleset, depth + 1) {
            Is::Yes => {}
            Is::No => return Is::No,
            unknown => all = unknown,
        }
    }
    all
}

fn is_one(value: &Value, right: &Json) -> Is {
    let network = |right: &Json| {
        let prefix = right.get("prefix")?;
        let text = format!("{}/{}", prefix.get("addr")?.as_str()?, prefix.get("len")?.as_u64()?);
        parse_net(&text).ok()
    };
    let range = || right.get("range").and_then(Json::as_array).and_then(|ends| ends.first_chunk::<2>());
    match value {
        Value::Number(number) => match (right.as_u64(), range()) {
            (Some(other), _) => Is::of(*number == other),
            (_, Some([from, to])) => match (from.as_u64(), to.as_u64()) {
                (Some(from), Some(to)) => Is::of((from..=to).contains(number)),
                _ => Is::Unknown(format!("{right}")),
            },
            _ => Is::Unknown(format!("{right}")),
        },
        Value::Address(address) => match (right.as_str().and_then(|text| parse_net(text).ok()), range()) {
            (Some(net), _) => Is::of(net.contains(address)),
            (_, Some([from, to])) => match (ip(from), ip(to)) {
                (Some(from), Some(to)) => Is::of((from..=to).contains(address)),
                _ => Is::Unknown(format!("{right}")),
            },
            _ => network(right).map_or_else(|| Is::Unknown(format!("{right}")), |net| Is::of(net.contains(address))),
        },
        // Only a network that is nearly everything holds whom nobody speaks of.
        Value::Anybody => match (network(right), range()) {
            (Some(net), _) => Is::of(net.prefix_len() <= EVERYBODY_BITS_MAX),
            (_, Some([from, to])) => match (ip(from), ip(to)) {
                (Some(from), Some(to)) if is_local(from) && is_local(to) => Is::No,
                _ => Is::Unknown("a range of addresses".to_owned()),
            },
            _ => Is::of(false),
        },
        Value::Text(text) => match right.as_str() {
            Some(asked) => Is::of(asked.strip_suffix('*').map_or(asked == text, |start| text.starts_with(start))),
            None => Is::Unknown(format!("{right}")),
        },
        Value::Flags(_) | Value::Several(_) | Value::Absent => Is::No,
        Value::Unknown(why) => Is::Unknown(why.clone()),
    }
}

fn ip(json: &Json) -> Option<IpAddr> {
    json.as_str()?.parse().ok().map(canonical)
}

/// `0.0.0.0/0`, and halves of it.
const EVERYBODY_BITS_MAX: u8 = 1;

//! How does the kernel write "drop what comes from an address in this set", and what does a rule of its say?

use super::set::{Kind, PROTOCOLS, Set};
use crate::netlink::{Message, attributes};

/// Which end of a packet is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Source,
    Destination,
}

impl End {
    /// The chain that looks at this end.
    pub(super) fn chain(self) -> &'static str {
        match self {
            Self::Source => "from",
            Self::Destination => "to",
        }
    }

    fn address_offset(self, is_v6: bool) -> u32 {
        match (is_v6, self) {
            (false, Self::Source) => 12,
            (false, Self::Destination) => 16,
            (true, Self::Source) => 8,
            (true, Self::Destination) => 24,
        }
    }

    fn port_offset(self) -> u32 {
        match self {
            Self::Source => 0,
            Self::Destination => 2,
        }
    }
}

/// The first register of four bytes (`NFT_REG32_00`); the next has the next number.
const REGISTER: u32 = 8;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;
const JUMP: i32 = -3;
const DROP: i32 = 0;

/// The rule, as expressions, that drops packets whose `end` is in `set`.
pub(super) fn drop_listed(list: Message, set: Set, end: End) -> Message {
    let family: u8 = if set.is_v6 { 10 } else { 2 };
    let width = if set.is_v6 { 16 } else { 4 };
    let list = expression(list, "meta", |data| number(number(data, 1, REGISTER), 2, META_NFPROTO));
    let mut list = expression(list, "cmp", |data| {
        number(number(data, 1, REGISTER), 2, 0).nested(3, |value| value.attribute(1, &[family]))
    });
    if set.kind == Kind::Ports {
        list = expression(list, "meta", |data| number(number(data, 1, REGISTER), 2, META_L4PROTO));
        list = look_up(list, PROTOCOLS);
    }
    list = load(list, REGISTER, NETWORK_HEADER, end.address_offset(set.is_v6), width);
    if set.kind == Kind::Ports {
        list = load(list, REGISTER + width / 4, TRANSPORT_HEADER, end.port_offset(), 2);
    }
    if let Some(mask) = set.mask() {
        list = expression(list, "bitwise", |data| {
            number(number(number(data, 1, REGISTER), 2, REGISTER), 3, width)
                .nested(4, |value| value.attribute(1, &mask))
                .nested(5, |value| value.attribute(1, &vec![0; mask.len()]))
        });
    }
    let list = look_up(list, &set.name());
    let list = expression(list, "counter", |data| data);
    verdict(list, DROP, None)
}

/// The rule that goes through another chain.
pub(super) fn jump(list: Message, chain: &str) -> Message {
    verdict(list, JUMP, Some(chain))
}

/// `NFTA_LIST_ELEM` { `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA` }.
fn expression(list: Message, name: &str, data: impl FnOnce(Message) -> Message) -> Message {
    list.nested(1, |element| element.text(1, name).nested(2, data))
}

fn number(data: Message, attribute: u16, value: u32) -> Message {
    data.attribute(attribute, &value.to_be_bytes())
}

fn load(list: Message, register: u32, base: u32, offset: u32, length: u32) -> Message {
    expression(list, "payload", |data| number(number(number(number(data, 1, register), 2, base), 3, offset), 4, length))
}

fn look_up(list: Message, set: &str) -> Message {
    expression(list, "lookup", |data| number(data.text(1, set), 2, REGISTER))
}

fn verdict(list: Message, code: i32, chain: Option<&str>) -> Message {
    expression(list, "immediate", |data| {
        number(data, 1, 0).nested(2, |value| {
            value.nested(2, |verdict| {
                let verdict = verdict.attribute(1, &code.to_be_bytes());
                chain.into_iter().fold(verdict, |verdict, chain| verdict.text(2, chain))
            })
        })
    })
}

/// What a rule comes to, as far as we look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// The last set that is looked up in.
    pub(super) set: String,
    /// Whether it drops.
    pub(super) drops: bool,
    /// Where it jumps to.
    pub(super) jumps: String,
    /// Every expression before the verdict, by name.
    pub(super) expressions: Vec<String>,
    /// What it has counted: packets, bytes.
    pub(super) counted: (u64, u64),
}

/// Reads the list of expressions of a rule.
pub(super) fn read(list: &[u8]) -> Read {
    let mut rule = Read::default();
    for (_, element) in attributes(list) {
        let name = value(element, 1).map(text).unwrap_or_default();
        let data = value(element, 2).unwrap_or_default();
        match name.as_str() {
            "lookup" => rule.set = value(data, 1).map(text).unwrap_or_default(),
            "counter" => rule.counted = (wide(value(data, 2)), wide(value(data, 1))),
            "immediate" => {
                let verdict = value(data, 2).and_then(|data| value(data, 2)).unwrap_or_default();
                let code =
                    value(verdict, 1).and_then(|code| code.first_chunk::<4>()).map(|code| i32::from_be_bytes(*code));
                rule.drops = code == Some(DROP);
                if code == Some(JUMP) {
                    rule.jumps = value(verdict, 2).map(text).unwrap_or_default();
                }
                continue;
            }
            _ => {}
        }
        rule.expressions.push(name);
    }
    rule
}

/// The attribute of this kind.
pub(super) fn value(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// A NUL-terminated text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn wide(bytes: Option<&[u8]>) -> u64 {
    bytes.and_then(|bytes| bytes.first_chunk::<8>()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

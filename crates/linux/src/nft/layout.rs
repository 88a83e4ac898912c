//! What is our table made of, and is a table that is there made so?

use std::collections::BTreeSet;
use std::io;

use super::Hold;
use super::rule::{self, End, Read};
use super::set::{self, Set};
use crate::faults::{self, Lack};
use crate::netlink::{ACK, DUMP, Message, Netlink};

/// The subsystem (`NFNL_SUBSYS_NFTABLES`).
pub(super) const NFTABLES: u8 = 10;
const INET: u8 = 1;

const NEW_TABLE: u16 = 0;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const GET_CHAIN: u16 = 4;
const NEW_RULE: u16 = 6;
const GET_RULE: u16 = 7;
pub(super) const NEW_SET: u16 = 9;
const GET_SET: u16 = 10;
pub(super) const NEW_ELEMENTS: u16 = 12;
pub(super) const GET_ELEMENTS: u16 = 13;
pub(super) const DELETE_ELEMENTS: u16 = 14;

pub(super) const CREATE: u16 = 0x400;
pub(super) const EXCLUSIVE: u16 = 0x200;
const APPEND: u16 = 0x800;

const OWNER: u32 = 2;
const PERSIST: u32 = 4;

/// Says in `nft list ruleset` whose table it is, and to us that it is ours.
const MARK: &str = "blocks of tripoint, each with its end; tripoint release-all takes them away";

/// Chains that the kernel calls: name, hook, chains they go through. Just behind the translation of destinations
/// (-100), so that what really leaves is judged, and before anybody's filter (0).
const HOOKED: [(&str, u32, &[End]); 3] = [
    ("input", 1, &[End::Source]),
    ("forward", 2, &[End::Source, End::Destination]),
    ("output", 3, &[End::Destination]),
];
const PRIORITY: i32 = -99;

pub(super) fn message(kind: u16, flags: u16) -> Message {
    Message::new(u16::from(NFTABLES) << 8 | kind, flags, &[INET, 0, 0, 0])
}

/// The message that makes or takes over the table.
pub(super) fn table(name: &str, hold: Hold) -> Message {
    let flags = match hold {
        Hold::Owned => OWNER | PERSIST,
        Hold::Open => 0,
    };
    // A comment as nftables keeps it: kind, length, text.
    let mut comment = vec![0, u8::try_from(MARK.len() + 1).unwrap_or(u8::MAX)];
    comment.extend_from_slice(MARK.as_bytes());
    comment.push(0);
    message(NEW_TABLE, CREATE).text(1, name).attribute(2, &flags.to_be_bytes()).attribute(6, &comment)
}

pub(super) fn delete_table(name: &str) -> Message {
    message(DELETE_TABLE, 0).text(1, name)
}

/// Everything in a new table: sets, chains, rules.
pub(super) fn content(name: &str) -> Vec<Message> {
    let mut all: Vec<Message> = set::create_protocols(name, 1).into();
    for end in [End::Source, End::Destination] {
        all.push(message(NEW_CHAIN, CREATE).text(1, name).text(3, end.chain()));
    }
    for (id, set) in (2..).zip(Set::ALWAYS) {
        all.extend(with_rules(name, set, id));
    }
    for (chain, hook, ends) in HOOKED {
        let made = message(NEW_CHAIN, CREATE)
            .text(1, name)
            .text(3, chain)
            .nested(4, |place| place.attribute(1, &hook.to_be_bytes()).attribute(2, &PRIORITY.to_be_bytes()));
        const ACCEPT: u32 = 1;
        all.push(made.attribute(5, &ACCEPT.to_be_bytes()).text(7, "filter"));
        all.extend(ends.iter().map(|end| rule(name, chain, |list| rule::jump(list, end.chain()))));
    }
    all
}

/// A set and the two rules that look into it.
pub(super) fn with_rules(table: &str, set: Set, id: u32) -> [Message; 3] {
    let drop = |end: End| rule(table, end.chain(), |list| rule::drop_listed(list, set, end));
    [set.create(table, id), drop(End::Source), drop(End::Destination)]
}

fn rule(table: &str, chain: &str, expressions: impl FnOnce(Message) -> Message) -> Message {
    message(NEW_RULE, CREATE | APPEND).text(1, table).text(2, chain).nested(4, expressions)
}

/// A table as the kernel tells it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Flags owner and persist.
    pub(super) flags: u32,
    /// The netlink port that owns it; 0: nobody.
    pub(super) owner: u32,
    has_mark: bool,
    chains: BTreeSet<(String, Option<(u32, i32)>)>,
    sets: BTreeSet<String>,
    rules: Vec<(String, Read)>,
}

impl Found {
    /// Looks a table up, with everything in it; `None` where there is none.
    pub(super) fn look(netlink: &mut Netlink, name: &str) -> io::Result<Option<Self>> {
        faults::refuse(Lack::NftablesAsked)?;
        let mut found = Self::default();
        let question = message(GET_TABLE, ACK).text(1, name);
        let answered = netlink.ask(question, &mut |_, payload| {
            let attribute = |kind| rule::value(payload.get(4..).unwrap_or_default(), kind);
            found.flags = be32(attribute(2));
            found.owner = be32(attribute(7));
            found.has_mark =
                attribute(6).is_some_and(|data| data.windows(MARK.len()).any(|part| part == MARK.as_bytes()));
        });
        match answered {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            other => other?,
        }
        each(netlink, GET_CHAIN, name, &mut |attributes| {
            let hook = rule::value(attributes, 4)
                .map(|place| (be32(rule::value(place, 1)), be32(rule::value(place, 2)).cast_signed()));
            found.chains.insert((rule::value(attributes, 3).map(rule::text).unwrap_or_default(), hook));
        })?;
        each(netlink, GET_SET, name, &mut |attributes| {
            found.sets.insert(rule::value(attributes, 2).map(rule::text).unwrap_or_default());
        })?;
        each(netlink, GET_RULE, name, &mut |attributes| {
            let chain = rule::value(attributes, 2).map(rule::text).unwrap_or_default();
            found.rules.push((chain, rule::read(rule::value(attributes, 4).unwrap_or_default())));
        })?;
        Ok(Some(found))
    }

    /// Sets of blocks, those for networks too.
    pub(super) fn sets(&self) -> BTreeSet<Set> {
        self.sets.iter().filter_map(|name| Set::named(name)).collect()
    }

    /// What shows that it is not ours; nothing when it is, whole or damaged.
    pub(super) fn foreign(&self, port: u32) -> Option<String> {
        if self.owner != 0 && self.owner != port {
            return Some(format!("another program holds it, netlink port {}", self.owner));
        }
        // Kernels before 5.10 keep no comment: there the layout alone must show it.
        (!self.has_mark && !self.is_whole()).then(|| "it has neither our mark nor our layout".to_owned())
    }

    /// Whether every chain, set and rule is as we make it: only then is an element a block.
    pub(super) fn is_whole(&self) -> bool {
        let hooked = HOOKED.map(|(name, hook, _)| (name.to_owned(), Some((hook, PRIORITY))));
        let ends = [End::Source, End::Destination];
        let chains: BTreeSet<_> = hooked.into_iter().chain(ends.map(|end| (end.chain().to_owned(), None))).collect();
        let sets = self.sets();
        let has_all = Set::ALWAYS.iter().all(|set| sets.contains(set)) && self.sets.contains(set::PROTOCOLS);
        let jump = |(chain, to): (&str, &str)| {
            self.rules.iter().any(|(found, rule)| found == chain && rule.jumps == to && rule.expressions.is_empty())
        };
        let jumps = HOOKED.iter().flat_map(|(chain, _, ends)| ends.iter().map(|end| (*chain, end.chain())));
        let drops = sets.iter().flat_map(|set| ends.map(|end| (*set, end)));
        let expected = sets.len() * ends.len() + jumps.clone().count();
        self.chains == chains
            && has_all
            && self.sets.len() == sets.len() + 1
            && self.rules.len() == expected
            && jumps.into_iter().all(jump)
            && drops.into_iter().all(|(set, end)| self.drops(set, end))
    }

    fn drops(&self, set: Set, end: End) -> bool {
        let name = set.name();
        let expressions = match set.kind {
            set::Kind::Hosts => 5,
            set::Kind::Nets(_) => 6,
            set::Kind::Ports => 8,
        };
        self.rules.iter().any(|(chain, rule)| {
            chain == end.chain() && rule.drops && rule.set == name && rule.expressions.len() == expressions
        })
    }

    /// What was dropped so far, by the end that was listed: packets, bytes.
    pub(super) fn dropped(&self, end: End) -> (u64, u64) {
        let counted = self.rules.iter().filter(|(chain, _)| chain == end.chain()).map(|(_, rule)| rule.counted);
        counted.fold((0, 0), |sum, counted| (sum.0 + counted.0, sum.1 + counted.1))
    }

    /// Whether it can be held as `Hold::Owned`.
    pub(super) fn hold(&self) -> Hold {
        if self.flags & PERSIST != 0 { Hold::Owned } else { Hold::Open }
    }
}

/// Each object of this kind in the table: its attributes.
fn each(netlink: &mut Netlink, kind: u16, table: &str, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    netlink.ask(message(kind, DUMP).text(1, table), &mut |_, payload| {
        let Some((head, attributes)) = payload.split_first_chunk::<4>() else { return };
        // Not every kernel filters by the table that was asked for.
        if head[0] == INET && rule::value(attributes, 1).map(rule::text).as_deref() == Some(table) {
            visit(attributes);
        }
    })
}

fn be32(bytes: Option<&[u8]>) -> u32 {
    bytes.and_then(|bytes| bytes.first_chunk::<4>()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

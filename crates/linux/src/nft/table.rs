//! How do blocks get into the table of our own, and out of it?

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use ipnet::IpNet;

use super::layout::{self, Found, message};
use super::rule::{self, End};
use super::set::Set;
use super::{Block, Hold, NftError, failed};
use crate::faults::{self, Lack};
use crate::netlink::{ACK, DUMP, Message, Netlink, attributes};

/// What the table has refused so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Packets from a blocked peer.
    pub packets_from: u64,
    /// Their bytes.
    pub bytes_from: u64,
    /// Packets to a blocked peer.
    pub packets_to: u64,
    /// Their bytes.
    pub bytes_to: u64,
}

/// Our table, in the network namespace of the thread that opened it.
pub struct Table {
    name: String,
    netlink: Netlink,
    hold: Hold,
    /// Sets that the table has; nothing where it has to be made or taken over first.
    sets: Option<BTreeSet<Set>>,
}

/// Elements of one message: the nested list of the widest (48 bytes each) must stay below 64 KiB.
const ELEMENTS_MAX: usize = 1000;
/// Single blocks asked for at once: each comes as a message of its own, and they must fit into the socket's buffer.
const ANSWERS_MAX: usize = 64;
/// How often a listing that changed meanwhile is begun anew, before what came is taken.
const LISTINGS_MAX: u64 = 20;

impl Table {
    /// Makes the table `inet NAME`, or takes over one that an earlier life of ours left. One that is damaged is made
    /// anew; one that is somebody else's is refused.
    pub fn open(name: &str) -> Result<Self, NftError> {
        Self::open_as(name, Hold::Owned)
    }

    /// The same, held at most so: `Hold::Open` is what older kernels come to.
    pub fn open_as(name: &str, best: Hold) -> Result<Self, NftError> {
        let mut table = Self::closed(name, best)?;
        table.take()?;
        Ok(table)
    }

    fn closed(name: &str, best: Hold) -> Result<Self, NftError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(fits) {
            return Err(NftError::Name(name.to_owned()));
        }
        let netlink = Netlink::open(libc::NETLINK_NETFILTER).map_err(failed("open the socket"))?;
        Ok(Self { name: name.to_owned(), netlink, hold: best, sets: None })
    }

    /// How the table is held.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// Makes or takes over the table, whichever it needs.
    fn take(&mut self) -> Result<(), NftError> {
        let found = self.look()?;
        match found {
            Some(found) if found.is_whole() => self.adopt(&found)?,
            other => self.make(other.is_some())?,
        }
        let found = self.look()?.filter(Found::is_whole);
        let missing = || NftError::Kernel { action: "read back the table", source: io::ErrorKind::NotFound.into() };
        self.sets = Some(found.ok_or_else(missing)?.sets());
        Ok(())
    }

    /// The table as it is; refused when it is not ours.
    fn look(&mut self) -> Result<Option<Found>, NftError> {
        let port = self.netlink.port().map_err(failed("name the socket"))?;
        let found = Found::look(&mut self.netlink, &self.name).map_err(failed("look at the table"))?;
        match found.as_ref().and_then(|found| found.foreign(port)) {
            Some(why) => Err(NftError::Foreign { name: self.name.clone(), why }),
            None => Ok(found),
        }
    }

    fn adopt(&mut self, found: &Found) -> Result<(), NftError> {
        self.hold = found.hold();
        // Nobody's, or ours already: what another holds was refused before.
        if self.hold == Hold::Open || found.owner != 0 {
            return Ok(());
        }
        self.change("take over the table", vec![layout::table(&self.name, Hold::Owned)])
    }

    /// One transaction, so that no moment sees half a table.
    fn make(&mut self, anew: bool) -> Result<(), NftError> {
        let ways: &[Hold] = if self.hold == Hold::Owned { &[Hold::Owned, Hold::Open] } else { &[Hold::Open] };
        for hold in ways.iter().copied() {
            let mut all: Vec<Message> = anew.then(|| layout::delete_table(&self.name)).into_iter().collect();
            all.push(layout::table(&self.name, hold));
            all.extend(layout::content(&self.name));
            let knows = if hold == Hold::Owned { faults::refuse(Lack::TableOwner) } else { Ok(()) };
            let made = knows.map_err(failed("make the table")).and_then(|()| self.change("make the table", all));
            match made {
                // Kernels before 6.9 do not know the flag persist, those before 5.12 not the flag owner.
                Err(NftError::Kernel { source, .. })
                    if hold == Hold::Owned
                        && matches!(source.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL)) => {}
                other => {
                    self.hold = hold;
                    return other;
                }
            }
        }
        unreachable!("the last way returns")
    }

    fn change(&mut self, action: &'static str, messages: Vec<Message>) -> Result<(), NftError> {
        let done = faults::refuse(Lack::NftablesChanged);
        done.and_then(|()| self.netlink.transact(layout::NFTABLES, messages)).map_err(failed(action))
    }

    /// Holds these blocks from now on, all or none, in one transaction; one that is there already gets the new end.
    /// A block whose time is over is taken out.
    pub fn insert(&mut self, blocks: &[Block]) -> Result<(), NftError> {
        let blocks = sorted(blocks)?;
        match self.try_insert(&blocks) {
            // Somebody took the table or a set of it away.
            Err(error) if error.is_absent() => {
                self.sets = None;
                self.try_insert(&blocks)
            }
            other => other,
        }
    }

    fn try_insert(&mut self, blocks: &BTreeMap<Set, Vec<Block>>) -> Result<(), NftError> {
        if self.sets.is_none() {
            self.take()?;
        }
        // The common case first: nothing of it is there yet, and the kernel says when it is not so.
        let mut done = self.change("block", self.additions(blocks, true));
        if done.as_ref().is_err_and(NftError::is_double) {
            done = self.change("block", self.additions(blocks, false));
        }
        if done.is_ok()
            && let Some(sets) = &mut self.sets
        {
            sets.extend(blocks.keys());
        }
        done
    }

    fn additions(&self, blocks: &BTreeMap<Set, Vec<Block>>, are_new: bool) -> Vec<Message> {
        let missing = blocks.keys().filter(|set| self.sets.as_ref().is_none_or(|sets| !sets.contains(set)));
        let mut all: Vec<Message> =
            missing.zip(1..).flat_map(|(set, id)| layout::with_rules(&self.name, *set, id)).collect();
        for (set, blocks) in blocks {
            let add = |blocks: &[Block], flags: u16| {
                let message = message(layout::NEW_ELEMENTS, layout::CREATE | flags);
                self.elements(message, *set, blocks, true)
            };
            for blocks in blocks.chunks(ELEMENTS_MAX) {
                if are_new && blocks.iter().all(|block| block.left >= SHORTEST) {
                    all.push(add(blocks, layout::EXCLUSIVE));
                    continue;
                }
                // Older kernels keep the old end of an element that is there, and refuse to delete one that is not:
                // added, it is there for certain; then it goes, and comes with the new end.
                all.push(add(blocks, 0));
                all.push(self.elements(message(layout::DELETE_ELEMENTS, 0), *set, blocks, false));
                let live: Vec<Block> = blocks.iter().filter(|block| block.left >= SHORTEST).copied().collect();
                if !live.is_empty() {
                    all.push(add(&live, 0));
                }
            }
        }
        all
    }

    /// `NFTA_SET_ELEM_LIST_*` { `NFTA_SET_ELEM_KEY` { value }, `NFTA_SET_ELEM_TIMEOUT` in milliseconds }.
    fn elements(&self, message: Message, set: Set, blocks: &[Block], with_end: bool) -> Message {
        message.text(1, &self.name).text(2, &set.name()).nested(3, |list| {
            blocks.iter().fold(list, |list, block| {
                list.nested(1, |element| {
                    let element = element.nested(1, |key| key.attribute(1, &set.key(block.net, block.port)));
                    // Zero would mean for ever.
                    let left = u64::try_from(block.left.max(SHORTEST).as_millis()).unwrap_or(u64::MAX);
                    if with_end { element.attribute(4, &left.to_be_bytes()) } else { element }
                })
            })
        })
    }

    /// Takes the block out; says whether there was one.
    pub fn remove(&mut self, net: IpNet, port: u16) -> Result<bool, NftError> {
        let set = Set::of(net, port).ok_or(NftError::Shape { net, port })?;
        let block = Block { net, port, left: Duration::ZERO };
        let message = self.elements(message(layout::DELETE_ELEMENTS, 0), set, &[block], false);
        match self.change("unblock", vec![message]) {
            Ok(()) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every block in force, with the time that the kernel will still hold it. In a table that was damaged nothing is
    /// in force: the next insertion makes it anew.
    pub fn list(&mut self) -> Result<Vec<Block>, NftError> {
        let Some(found) = self.look()?.filter(Found::is_whole) else {
            self.sets = None;
            return Ok(Vec::new());
        };
        self.sets = Some(found.sets());
        let mut all = Vec::new();
        for set in found.sets() {
            all.extend(self.list_set(set)?);
        }
        Ok(all)
    }

    /// Those of these blocks that are in force, with the time that the kernel will still hold them.
    pub fn held(&mut self, asked: &[(IpNet, u16)]) -> Result<Vec<Block>, NftError> {
        let Some(found) = self.look()?.filter(Found::is_whole) else {
            self.sets = None;
            return Ok(Vec::new());
        };
        let sets = found.sets();
        let asked: Vec<Block> =
            asked.iter().map(|(net, port)| Block { net: *net, port: *port, left: SHORTEST }).collect();
        let mut held = Vec::new();
        for (set, asked) in sorted(&asked)? {
            if sets.contains(&set) {
                self.look_for(set, &asked, &mut held)?;
            }
        }
        self.sets = Some(sets);
        Ok(held)
    }

    /// The kernel answers one by one and stops at the first that is not there.
    fn look_for(&mut self, set: Set, mut asked: &[Block], held: &mut Vec<Block>) -> Result<(), NftError> {
        while !asked.is_empty() {
            let part = &asked[..asked.len().min(ANSWERS_MAX)];
            let question = self.elements(message(layout::GET_ELEMENTS, ACK), set, part, false);
            let before = held.len();
            let done = self.netlink.ask(question, &mut |_, payload| held.extend(told(set, payload)));
            let missing = match done {
                Ok(()) => 0,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => 1,
                Err(error) => return Err(failed("look for blocks")(error)),
            };
            asked = &asked[(held.len() - before + missing).max(1).min(part.len())..];
        }
        Ok(())
    }

    fn list_set(&mut self, set: Set) -> Result<Vec<Block>, NftError> {
        let mut held = BTreeMap::new();
        for attempt in 1..=LISTINGS_MAX {
            held.clear();
            let mut told = 0;
            let question = message(layout::GET_ELEMENTS, DUMP).text(1, &self.name).text(2, &set.name());
            let asked = self.netlink.ask(question, &mut |_, payload| {
                let list = rule::value(payload.get(4..).unwrap_or_default(), 3).unwrap_or_default();
                told += attributes(list).count();
                held.extend(attributes(list).filter_map(|(_, element)| element_of(set, element)));
            });
            asked.map_err(failed("list blocks"))?;
            // The kernel goes on by position while it moves elements to a larger table: what it then leaves out, it
            // has told twice elsewhere.
            if !self.netlink.has_changed() && told == held.len() {
                break;
            }
            std::thread::sleep(Duration::from_millis(attempt));
        }
        Ok(held.into_iter().map(|((net, port), left)| Block { net, port, left }).collect())
    }

    /// What was refused so far, as the rules count it.
    pub fn drops(&mut self) -> Result<Drops, NftError> {
        let found = self.look()?.unwrap_or_default();
        let ((packets_from, bytes_from), (packets_to, bytes_to)) =
            (found.dropped(End::Source), found.dropped(End::Destination));
        Ok(Drops { packets_from, bytes_from, packets_to, bytes_to })
    }

    /// Takes the table away with everything in it; says whether there was one.
    pub fn destroy(&mut self) -> Result<bool, NftError> {
        if self.look()?.is_none() {
            return Ok(false);
        }
        self.sets = None;
        match self.change("take the table away", vec![layout::delete_table(&self.name)]) {
            Ok(()) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Takes a table of ours away where there is one, without making it first; returns the blocks that were in it.
pub fn destroy(name: &str) -> Result<Option<Vec<Block>>, NftError> {
    let mut table = Table::closed(name, Hold::Owned)?;
    if table.look()?.is_none() {
        return Ok(None);
    }
    let held = table.list()?;
    table.destroy()?;
    Ok(Some(held))
}

/// The kernel's unit. A shorter time is no time.
const SHORTEST: Duration = Duration::from_millis(1);

/// Whether the kernel has nftables and lets us ask. Changes nothing.
pub fn is_offered() -> bool {
    let look = |mut table: Table| Found::look(&mut table.netlink, "tripoint").is_ok();
    Table::closed("tripoint", Hold::Owned).is_ok_and(look)
}

/// The kernel would take more; nobody needs it.
const NAME_MAX: usize = 40;

/// By set, each target once: the last one counts.
fn sorted(blocks: &[Block]) -> Result<BTreeMap<Set, Vec<Block>>, NftError> {
    let mut last = BTreeMap::new();
    for block in blocks {
        let (net, port) = (block.net.trunc(), block.port);
        let set = Set::of(net, port).ok_or(NftError::Shape { net, port })?;
        last.insert((set, net, port), Block { net, ..*block });
    }
    let mut by_set: BTreeMap<Set, Vec<Block>> = BTreeMap::new();
    for ((set, _, _), block) in last {
        by_set.entry(set).or_default().push(block);
    }
    Ok(by_set)
}

/// Blocks that a message of elements tells.
fn told(set: Set, payload: &[u8]) -> Vec<Block> {
    let list = rule::value(payload.get(4..).unwrap_or_default(), 3).unwrap_or_default();
    let block = |((net, port), left)| Block { net, port, left };
    attributes(list).filter_map(|(_, element)| element_of(set, element)).map(block).collect()
}

/// Key and time left of a listed element (`NFTA_SET_ELEM_KEY`, `NFTA_SET_ELEM_EXPIRATION`).
fn element_of(set: Set, element: &[u8]) -> Option<((IpNet, u16), Duration)> {
    let key = rule::value(rule::value(element, 1)?, 1)?;
    let left = rule::value(element, 5)?.first_chunk::<8>()?;
    Some((set.read(key)?, Duration::from_millis(u64::from_be_bytes(*left))))
}

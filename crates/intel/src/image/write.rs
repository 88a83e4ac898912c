//! How do claims of many feeds become one image?

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Source, Timestamp};

use super::copies::{self, Sketch};
use super::guards::{GuardNumber, Guards};
use super::lay::{Net, Records};
use crate::guardlist::{Purpose, Texts};
use crate::table::{V6Parts, class_of};

/// Collects claims in compact form; `finish` gives the image.
#[derive(Default)]
pub struct Builder {
    texts: Vec<u8>,
    text_at: HashMap<String, u32>,
    feeds: Vec<Feed>,
    details: Vec<Detail>,
    detail_at: HashMap<Detail, u32>,
    last: Option<(Detail, u32)>,
    v4: Vec<Net<u32>>,
    v6: Vec<Net<u128>>,
    names: Vec<(String, u32)>,
    guards: Guards,
}

/// One feed: its name, what is known of it, and what tells copies of it.
struct Feed {
    name: String,
    source: Source,
    sketch: Sketch,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Detail {
    feed: u16,
    category: Category,
    direction: AppliesTo,
    confidence: u8,
    labels: (u32, u16),
    cves: (u32, u16),
    times: [Option<Timestamp>; 4],
    /// 0: the feed names the observable itself.
    system: u32,
}

/// A feed's number in the image under construction.
#[derive(Clone, Copy, Debug)]
pub struct FeedNumber(u16);

impl Builder {
    /// Adds a feed; `None` when there are already 65,535.
    pub fn feed(&mut self, name: &str) -> Option<FeedNumber> {
        let number = u16::try_from(self.feeds.len()).ok().filter(|number| *number < u16::MAX)?;
        self.feeds.push(Feed { name: name.to_owned(), source: Source::default(), sketch: Sketch::default() });
        Some(FeedNumber(number))
    }

    /// Says what is known of a feed besides its claims.
    pub fn source(&mut self, feed: FeedNumber, source: Source) {
        self.feeds[usize::from(feed.0)].source = source;
    }

    /// Adds one claim of a feed. Claims that are equal in every word are kept once.
    pub fn add(&mut self, feed: FeedNumber, indicator: &Indicator) {
        self.feeds[usize::from(feed.0)].sketch.add(&indicator.observable);
        self.put(feed, indicator, 0);
    }

    /// Adds one claim of a feed on networks, made through the autonomous system that it names.
    pub fn add_through(&mut self, feed: FeedNumber, system: u32, networks: &[IpNet], mut indicator: Indicator) {
        self.feeds[usize::from(feed.0)].sketch.add(&Observable::System(system));
        for net in networks {
            indicator.observable = Observable::from_net(*net);
            self.put(feed, &indicator, system);
        }
    }

    fn put(&mut self, feed: FeedNumber, indicator: &Indicator, system: u32) {
        let detail = Detail {
            feed: feed.0,
            category: indicator.category,
            direction: indicator.direction,
            confidence: indicator.confidence,
            labels: self.joined(&indicator.labels),
            cves: self.joined(&indicator.cves),
            times: [indicator.first_seen, indicator.last_seen, indicator.valid_from, indicator.valid_until],
            system,
        };
        let number = match &self.last {
            // Entries of a plain list say the same of each.
            Some((known, number)) if *known == detail => *number,
            _ => self.detail(detail),
        };
        match &indicator.observable {
            Observable::Domain(name) => self.names.push((name.clone(), number)),
            other => {
                if let Some(net) = other.net() {
                    self.push_net(net, other.port(), number);
                }
            }
        }
    }

    /// Adds a guard list; `None` when there is no number for another: 65,535 less the built-in ones.
    pub fn guard_list(&mut self, name: &str, purpose: Purpose) -> Option<GuardNumber> {
        self.guards.list(name, purpose)
    }

    /// Adds a network to a guard list.
    pub fn guard_net(&mut self, list: GuardNumber, net: IpNet) {
        self.guards.net(list, net);
    }

    /// Adds a name in lower case, with the names below it where `below`, to a guard list.
    pub fn guard_name(&mut self, list: GuardNumber, name: &str, below: bool) {
        self.guards.name(list, name, below);
    }

    /// Compares everything that is listed with lists of parts of texts and of patterns, and adds what they hold to a
    /// guard list for each; `None` when there is no number for one.
    pub(crate) fn guard_texts(&mut self, texts: &Texts) -> Option<()> {
        if texts.is_empty() {
            return Some(());
        }
        let numbers = texts.lists().map(|(name, purpose)| self.guards.list(name, purpose));
        let numbers: Vec<GuardNumber> = numbers.collect::<Option<_>>()?;
        for (name, _) in &self.names {
            let domain = Observable::Domain(name.clone());
            texts.hits(&domain).for_each(|(at, _)| self.guards.name(numbers[at], name, false));
        }
        let v4 = self.v4.iter().map(|(address, length, ..)| (IpAddr::from(address.to_be_bytes()), *length));
        let v6 = self.v6.iter().map(|(address, length, ..)| (IpAddr::from(address.to_be_bytes()), *length));
        for net in v4.chain(v6).filter_map(|(address, length)| IpNet::new(address, length).ok()) {
            texts.hits(&Observable::from_net(net)).for_each(|(at, _)| self.guards.net(numbers[at], net));
        }
        Some(())
    }

    /// The detail's number.
    fn detail(&mut self, detail: Detail) -> u32 {
        // A u32 counts more details than memory holds.
        let next = self.details.len() as u32;
        let number = *self.detail_at.entry(detail.clone()).or_insert(next);
        if number == next {
            self.details.push(detail.clone());
        }
        self.last = Some((detail, number));
        number
    }

    fn push_net(&mut self, net: IpNet, port: Option<u16>, detail: u32) {
        match net.network() {
            IpAddr::V4(v4) => self.v4.push((u32::from(v4), net.prefix_len(), port, detail)),
            IpAddr::V6(v6) => self.v6.push((u128::from(v6), net.prefix_len(), port, detail)),
        }
    }

    fn joined(&mut self, words: &[String]) -> (u32, u16) {
        if words.is_empty() {
            return (0, 0);
        }
        let clean: Vec<String> = words.iter().map(|word| word.replace('\n', " ")).collect();
        self.text(&clean.join("\n"))
    }

    /// Text is kept once; longer than 64 KiB is cut.
    fn text(&mut self, text: &str) -> (u32, u16) {
        let (text, _) = tripoint_model::text::truncate(text, usize::from(u16::MAX));
        let length = text.len() as u16;
        if let Some(at) = self.text_at.get(text) {
            return (*at, length);
        }
        let at = self.texts.len() as u32;
        self.texts.extend_from_slice(text.as_bytes());
        self.text_at.insert(text.to_owned(), at);
        (at, length)
    }

    /// Sorts, builds the tables and writes everything down, the built-in guard lists too.
    pub fn finish(mut self, built: Timestamp) -> Vec<u8> {
        self.v4.sort_unstable();
        self.v4.dedup();
        self.v6.sort_unstable_by_key(|(address, length, port, detail)| {
            (class_of(*length), *address, *length, *port, *detail)
        });
        self.v6.dedup();
        self.names.sort_unstable();
        self.names.dedup();
        let names = self.name_records();
        let feeds = self.feed_records();
        let [guard_lists, guard_names] = self.guard_sections();
        let records = Records {
            texts: self.texts,
            feeds,
            details: self.details.iter().flat_map(Detail::bytes).collect(),
            v4: self.v4,
            v6: self.v6,
            names,
            guard_lists,
            guard_nets4: self.guards.v4_records(),
            guard_nets6: self.guards.v6_records(),
            guard_names,
        };
        records.lay(V6Parts::build).bytes(built)
    }

    fn guard_sections(&mut self) -> [Vec<u8>; 2] {
        let mut guards = std::mem::take(&mut self.guards);
        guards.add_built_in();
        let lists = guards.list_records(|name| self.text(name));
        let names = guards.name_records(|name| self.text(name));
        self.guards = guards;
        [lists, names]
    }

    /// Feeds that say the same have the same origins: those of the first.
    fn feed_records(&mut self) -> Vec<u8> {
        let feeds = std::mem::take(&mut self.feeds);
        let known: Vec<(&str, &Source)> = feeds.iter().map(|feed| (feed.name.as_str(), &feed.source)).collect();
        let sketches: Vec<Sketch> = feeds.iter().map(|feed| feed.sketch.clone()).collect();
        let mut records = Vec::with_capacity(feeds.len() * super::FEED_BYTES);
        for (feed, origins) in feeds.iter().zip(copies::origins(&known, &sketches)) {
            let origins = if origins.is_empty() { (0, 0) } else { self.text(&origins.join("\n")) };
            for (offset, length) in [self.text(&feed.name), origins] {
                records.extend_from_slice(&offset.to_le_bytes());
                records.extend_from_slice(&u32::from(length).to_le_bytes());
            }
            records.extend_from_slice(&[feed.source.reliability.0.min(100), u8::from(feed.source.stale), 0, 0]);
        }
        records
    }

    fn name_records(&mut self) -> Vec<u8> {
        let names = std::mem::take(&mut self.names);
        let mut records = Vec::with_capacity(names.len() * super::NAME_BYTES);
        for (name, detail) in names {
            let (offset, length) = self.text(&name);
            records.extend_from_slice(&offset.to_le_bytes());
            records.extend_from_slice(&u32::from(length).to_le_bytes());
            records.extend_from_slice(&detail.to_le_bytes());
        }
        records
    }
}

impl Detail {
    fn bytes(&self) -> [u8; super::DETAIL_BYTES] {
        let mut bytes = [0; super::DETAIL_BYTES];
        bytes[..2].copy_from_slice(&self.feed.to_le_bytes());
        bytes[2] = Category::ALL.iter().position(|(category, _)| *category == self.category).unwrap_or(0) as u8;
        bytes[3] = self.direction as u8;
        bytes[4] = self.confidence;
        bytes[6..8].copy_from_slice(&self.labels.1.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.labels.0.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.cves.0.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.cves.1.to_le_bytes());
        for (at, time) in self.times.iter().enumerate() {
            if let Some(time) = time {
                bytes[5] |= 1 << at;
                bytes[20 + at * 8..28 + at * 8].copy_from_slice(&time.0.to_le_bytes());
            }
        }
        bytes[52..].copy_from_slice(&self.system.to_le_bytes());
        bytes
    }
}

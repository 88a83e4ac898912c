//! What does every source say about this address, port or name?

mod enforceable;
mod guards;
mod peer;
mod related;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tripoint_model::confidence::{Percent, Trust};
use tripoint_model::{AppliesTo, Category, Claim, GuardHit, IndicatorLookup, Observable, Source, Timestamp};

use crate::image::{
    self, DETAIL_BYTES, FEED_BYTES, HELD, ImageError, NAME_BYTES, Section, Sections, V4_BYTES, V6_BYTES,
};
use crate::image::{u16_at, u32_at, u64_at, u128_at};
use crate::kernel_set::KernelSetRef;
use crate::table::v4::V4Sections;
use crate::table::v6::V6Sections;
use crate::table::{NONE, V4Table, V6Table};

pub use related::{Others, Related};

/// An open image. Cheap to ask for strangers: one read mostly tells them.
pub struct Index {
    sections: Sections,
    none: Arc<[Claim]>,
    trust: Trust,
}

/// Which port-bound claims are wanted.
#[derive(Clone, Copy)]
enum Port {
    Any,
    Only(u16),
}

impl Index {
    /// Opens an image held by anything that gives bytes (a vector, a mapped file). Checks bounds
    /// and checksums; parses and copies nothing.
    pub fn open(bytes: image::ImageBytes) -> Result<Self, ImageError> {
        Ok(Self { sections: Sections::open(bytes)?, none: Arc::from([]), trust: Trust::default() })
    }

    /// With what verdicts taught about its feeds.
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// When the image was built.
    pub fn built(&self) -> Timestamp {
        self.sections.built
    }

    /// How many claims it holds.
    pub fn len(&self) -> usize {
        self.sections.get(Section::V4).len() / V4_BYTES
            + self.sections.get(Section::V6).len() / V6_BYTES
            + self.sections.get(Section::Names).len() / NAME_BYTES
    }

    /// Whether it holds no claim.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the feeds in it.
    pub fn feeds(&self) -> Vec<&str> {
        let count = self.sections.get(Section::Feeds).len() / FEED_BYTES;
        (0..count).filter_map(|at| self.feed_name(at)).collect()
    }

    /// The set that the kernel program maps.
    pub fn kernel_set(&self) -> KernelSetRef<'_> {
        KernelSetRef {
            bitmap: self.sections.get(Section::Bitmap),
            rank: self.sections.get(Section::Rank),
            nodes: self.sections.get(Section::Nodes),
            blocks: self.sections.get(Section::Blocks),
            filter6_32: self.sections.get(Section::Filter32),
            filter6_48: self.sections.get(Section::Filter48),
        }
    }

    /// As `claims`, with the claims on every port of the address.
    pub fn claims_any_port(&self, address: IpAddr) -> Arc<[Claim]> {
        self.find(address, Port::Any)
    }

    /// Whether it holds a claim on any domain name.
    pub fn has_names(&self) -> bool {
        !self.sections.get(Section::Names).is_empty()
    }

    /// Whether `claims_for_name` would find one.
    pub fn is_listed_name(&self, name: &str) -> bool {
        self.has_names() && !self.claims_for_name(name).is_empty()
    }

    /// Every claim on exactly this domain name (case and a final dot do not matter), sorted by feed.
    /// Parent domains do not count: under many of them strangers rent names.
    pub fn claims_for_name(&self, name: &str) -> Arc<[Claim]> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let records = self.sections.get(Section::Names);
        let count = records.len() / NAME_BYTES;
        let key = |at: usize| self.text_of(records, at * NAME_BYTES).unwrap_or("");
        let first = partition(count, |at| key(at) < name.as_str());
        let mut claims: Vec<Claim> = (first..count)
            .take_while(|at| key(*at) == name)
            .filter_map(|at| self.claim(u32_at(records, at * NAME_BYTES + 8)?, Observable::Domain(name.clone())))
            .collect();
        sort(&mut claims);
        claims.into()
    }

    /// The table for IPv4: its numbers are places of records, perhaps with a bit on top.
    pub fn v4(&self) -> Option<V4Table<'_>> {
        V4Table::over(&V4Sections {
            bitmap: self.sections.get(Section::Bitmap),
            rank: self.sections.get(Section::Rank),
            id_rank: self.sections.get(Section::IdRank),
            nodes: self.sections.get(Section::Nodes),
            ids: self.sections.get(Section::Ids),
            wide: self.sections.get(Section::Wide),
            blocks: self.sections.get(Section::Blocks),
            crowds: self.sections.get(Section::Crowds),
            crowded: self.sections.get(Section::Crowded),
            starts: self.sections.get(Section::Starts),
        })
    }

    /// The table for IPv6: its numbers are places of records.
    pub fn v6(&self) -> Option<V6Table<'_>> {
        V6Table::over(&V6Sections {
            classes: self.sections.get(Section::Classes),
            filters: self.sections.get(Section::Filters),
            slots: self.sections.get(Section::Slots),
            records: self.sections.get(Section::V6),
        })
    }

    /// Whether any listed network holds the address, on whatever port.
    pub fn is_listed(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4().is_some_and(|table| table.contains(u32::from(v4))),
            IpAddr::V6(v6) => self.v6().is_some_and(|table| table.contains(u128::from(v6))),
        }
    }

    fn find(&self, address: IpAddr, port: Port) -> Arc<[Claim]> {
        let mut claims = Vec::new();
        match address {
            IpAddr::V4(v4) => self.find_v4(u32::from(v4), port, &mut claims),
            IpAddr::V6(v6) => {
                let mut take = |at: u32| claims.extend(self.claim_v6(at as usize, port));
                if let Some(table) = self.v6() {
                    table.holders(u128::from(v6), &mut take);
                }
            }
        }
        if claims.is_empty() {
            return Arc::clone(&self.none);
        }
        sort(&mut claims);
        claims.into()
    }

    fn find_v4(&self, address: u32, port: Port, claims: &mut Vec<Claim>) {
        let number = self.v4().map_or(NONE, |table| table.find(address));
        if number == NONE {
            return;
        }
        let narrowest = (number & !HELD) as usize;
        self.take_v4(narrowest, port, claims);
        if number & HELD == 0 {
            return;
        }
        let own = self.v4_record(narrowest).map_or(0, |(_, length)| length);
        let used = u64_at(self.sections.get(Section::Lengths), 0).unwrap_or(0);
        let count = self.sections.get(Section::V4).len() / V4_BYTES;
        for length in (0..own).filter(|length| used >> length & 1 == 1) {
            let wanted = (address & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0), length);
            let first = partition(count, |at| self.v4_record(at).is_some_and(|record| record < wanted));
            if self.v4_record(first) == Some(wanted) {
                self.take_v4(first, port, claims);
            }
        }
    }

    /// Address and prefix length of a record.
    fn v4_record(&self, at: usize) -> Option<(u32, u8)> {
        let record = self.sections.get(Section::V4).as_chunks::<V4_BYTES>().0.get(at)?;
        Some((u32_at(record, 0)?, record[6]))
    }

    /// Claims of all records from this one on that are about the same network.
    fn take_v4(&self, first: usize, port: Port, claims: &mut Vec<Claim>) {
        let (records, _) = self.sections.get(Section::V4).as_chunks::<V4_BYTES>();
        let network = self.v4_record(first);
        for at in (first..records.len()).take_while(|at| self.v4_record(*at) == network) {
            let Some((address, length)) = network else { return };
            let Some(tail) = records[at].last_chunk() else { return };
            claims.extend(self.claim_of(IpAddr::from(address.to_be_bytes()), length, tail, port));
        }
    }

    fn claim_v6(&self, at: usize, port: Port) -> Option<Claim> {
        let record = self.sections.get(Section::V6).as_chunks::<V6_BYTES>().0.get(at)?;
        let address = IpAddr::from(u128_at(record, 0)?.to_be_bytes());
        self.claim_of(address, record[18], record.last_chunk()?, port)
    }

    /// The claim of a record, unless it is about another port: `tail` is what follows the address.
    fn claim_of(&self, address: IpAddr, length: u8, tail: &[u8; 8], port: Port) -> Option<Claim> {
        let own = (tail[3] == 1).then(|| u16_at(tail, 0)).flatten();
        let observable = match (own, port) {
            (Some(own), Port::Only(asked)) if own != asked => return None,
            (Some(own), _) => Observable::AddressPort(address, own),
            (None, _) => Observable::from_net(IpNet::new(address, length).ok()?),
        };
        self.claim(u32_at(tail, 4)?, observable)
    }

    fn claim(&self, detail: u32, matched: Observable) -> Option<Claim> {
        let start = (detail as usize).checked_mul(DETAIL_BYTES)?;
        let detail = self.sections.get(Section::Details).get(start..start + DETAIL_BYTES)?;
        let time = |at: usize| {
            (detail[5] >> at & 1 == 1)
                .then(|| u64_at(detail, 20 + at * 8).map(|raw| Timestamp(raw.cast_signed())))
                .flatten()
        };
        let words = |offset: usize, length: usize| {
            let text = self.text(u32_at(detail, offset)?, u32::from(u16_at(detail, length)?))?;
            Some(if text.is_empty() { Vec::new() } else { text.split('\n').map(str::to_owned).collect() })
        };
        let number = usize::from(u16_at(detail, 0)?);
        let feed = self.feed_name(number)?;
        let category = Category::ALL.get(usize::from(detail[2])).map(|(category, _)| *category)?;
        Some(Claim {
            source: self.source_of(number, feed, category)?,
            feed: feed.to_owned(),
            port: matched.port(),
            matched,
            category,
            direction: [AppliesTo::In, AppliesTo::Out, AppliesTo::Both]
                .into_iter()
                .find(|one| *one as u8 == detail[3])?,
            confidence: detail[4].min(100),
            first_seen: time(0),
            last_seen: time(1),
            valid_from: time(2),
            valid_until: time(3),
            labels: words(8, 6)?,
            cves: words(12, 16)?,
            system: Some(u32_at(detail, 52)?).filter(|system| *system != 0),
        })
    }

    fn feed_name(&self, at: usize) -> Option<&str> {
        self.text_of(self.sections.get(Section::Feeds), at * FEED_BYTES)
    }

    /// What is known of a feed, and was taught of its claims of a category.
    fn source_of(&self, number: usize, feed: &str, category: Category) -> Option<Source> {
        let feeds = self.sections.get(Section::Feeds);
        let record = feeds.as_chunks::<FEED_BYTES>().0.get(number)?;
        let origins = self.text_of(record, 8)?;
        Some(Source {
            reliability: Percent(record[16].min(100)),
            origins: if origins.is_empty() { Vec::new() } else { origins.split('\n').map(str::to_owned).collect() },
            stale: record[17] == 1,
            verdicts: self.trust.of(feed, category),
        })
    }

    /// The text that the offset and length at `at` of `records` point to.
    fn text_of(&self, records: &[u8], at: usize) -> Option<&str> {
        self.text(u32_at(records, at)?, u32_at(records, at + 4)?)
    }

    fn text(&self, offset: u32, length: u32) -> Option<&str> {
        let start = offset as usize;
        std::str::from_utf8(self.sections.get(Section::Texts).get(start..start.checked_add(length as usize)?)?).ok()
    }
}

impl IndicatorLookup for Index {
    fn claims(&self, address: IpAddr, port: u16) -> Arc<[Claim]> {
        self.find(address, Port::Only(port))
    }

    fn guard(&self, address: IpAddr) -> Vec<GuardHit> {
        self.guard_hits(IpNet::from(address))
    }

    fn guard_net(&self, net: IpNet) -> Vec<GuardHit> {
        self.guard_hits(net)
    }
}

/// The order that the contract promises, made total.
fn sort(claims: &mut [Claim]) {
    claims.sort_by(|a, b| {
        (&a.feed, &a.matched, a.category, a.direction, a.first_seen).cmp(&(
            &b.feed,
            &b.matched,
            b.category,
            b.direction,
            b.first_seen,
        ))
    });
}

/// The first of `0..count` for which `before` is false; `before` holds for a prefix only.
fn partition(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(all(test, feature = "feeds"))]
mod tests;

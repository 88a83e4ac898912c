//! What does every source say about this address, port or name?

mod enforceable;
mod related;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tripoint_model::{AppliesTo, Category, Claim, GuardHit, IndicatorLookup, Observable, Timestamp};

use crate::guardlist;
use crate::image::{self, DETAIL_BYTES, ImageError, NAME_BYTES, Section, Sections, V4_BYTES, V6_BYTES};
use crate::image::{u16_at, u32_at, u64_at, u128_at};
use crate::kernel_set::KernelSetRef;

pub use related::{Others, Related};

/// An open image. Cheap to ask for strangers: they end at the kernel set.
pub struct Index {
    sections: Sections,
    none: Arc<[Claim]>,
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
        Ok(Self { sections: Sections::open(bytes)?, none: Arc::from([]) })
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
        let count = self.sections.get(Section::Feeds).len() / 8;
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

    fn find(&self, address: IpAddr, port: Port) -> Arc<[Claim]> {
        let mut claims = Vec::new();
        let lengths = self.sections.get(Section::Lengths);
        match address {
            IpAddr::V4(v4) => {
                if !self.kernel_set().contains_v4(v4) {
                    return Arc::clone(&self.none);
                }
                let used = u64_at(lengths, 0).unwrap_or(0);
                for length in (0..=32).filter(|length| used >> length & 1 == 1) {
                    self.find_length(address, length, port, &mut claims);
                }
            }
            IpAddr::V6(v6) => {
                if !self.kernel_set().may_contain_v6(v6) {
                    return Arc::clone(&self.none);
                }
                let used = |length: u8| {
                    u64_at(lengths, 8 + usize::from(length / 64) * 8).unwrap_or(0) >> (length % 64) & 1 == 1
                };
                for length in (0..=128).filter(|length| used(*length)) {
                    self.find_length(address, length, port, &mut claims);
                }
            }
        }
        if claims.is_empty() {
            return Arc::clone(&self.none);
        }
        sort(&mut claims);
        claims.into()
    }

    /// Claims on the one network of this length that holds the address.
    fn find_length(&self, address: IpAddr, length: u8, port: Port, claims: &mut Vec<Claim>) {
        let Ok(net) = IpNet::new(address, length).map(|net| net.trunc()) else { return };
        let (section, size, head) = match address {
            IpAddr::V4(_) => (Section::V4, V4_BYTES, 4),
            IpAddr::V6(_) => (Section::V6, V6_BYTES, 16),
        };
        let records = self.sections.get(section);
        let wanted = match net.addr() {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), length),
            IpAddr::V6(v6) => (u128::from(v6), length),
        };
        let key = |at: usize| {
            let start = at * size;
            let address = if head == 4 { u32_at(records, start).map(u128::from) } else { u128_at(records, start) };
            (address.unwrap_or(0), records.get(start + head + 2).copied().unwrap_or(0))
        };
        let count = records.len() / size;
        let first = partition(count, |at| key(at) < wanted);
        for at in (first..count).take_while(|at| key(*at) == wanted) {
            let tail = at * size + head;
            let own = (records.get(tail + 3) == Some(&1)).then(|| u16_at(records, tail)).flatten();
            let observable = match (own, port) {
                (Some(own), Port::Only(asked)) if own != asked => continue,
                (Some(own), _) => Observable::AddressPort(net.addr(), own),
                (None, _) => Observable::from_net(net),
            };
            claims.extend(u32_at(records, tail + 4).and_then(|detail| self.claim(detail, observable)));
        }
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
        Some(Claim {
            feed: self.feed_name(usize::from(u16_at(detail, 0)?))?.to_owned(),
            port: matched.port(),
            matched,
            category: Category::ALL.get(usize::from(detail[2])).map(|(category, _)| *category)?,
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
        })
    }

    fn feed_name(&self, at: usize) -> Option<&str> {
        self.text_of(self.sections.get(Section::Feeds), at * 8)
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
        guardlist::hits(address)
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

//! What else is listed near this address, or under the same names?

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;
use tripoint_model::{Observable, Timestamp};

use super::{Index, partition};
use crate::image::{DETAIL_BYTES, NAME_BYTES, Section, V4_BYTES, V6_BYTES, u16_at, u32_at, u128_at};

/// Other things that sources call bad now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Related {
    /// In the address's own network of 256 (IPv6: the /64).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Others>,
    /// With the same label, for instance a malware family.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Others>,
}

/// How many others, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Others {
    /// The network, or the label.
    pub what: String,
    /// How many, without the thing asked for.
    pub count: u64,
    /// The first few.
    pub first: Vec<Observable>,
}

/// Others that are named; the rest are counted.
const FIRST_MAX: usize = 5;
/// Labels that are followed: a bit each.
const LABELS_MAX: usize = 8;

impl Index {
    /// What else is in force at `at`. Walks the whole image when there are labels: not for many questions.
    pub fn related(&self, asked: &Observable, labels: &[String], at: Timestamp) -> Related {
        let neighbours = asked.net().and_then(|net| self.neighbours(net.addr(), asked, at));
        let labels = labels.get(..LABELS_MAX).unwrap_or(labels);
        Related { neighbours, labels: self.labelled(asked, labels, at) }
    }

    fn neighbours(&self, address: IpAddr, asked: &Observable, at: Timestamp) -> Option<Others> {
        let length = if address.is_ipv4() { 24 } else { 64 };
        let net = IpNet::new(address, length).ok()?.trunc();
        let size = record_bytes(address.is_ipv4());
        let count = self.sections.get(section(address.is_ipv4())).len() / size;
        // Records of IPv6 are sorted by class: those of /64 and longer come first, and none else lies in a /64.
        let count = if address.is_ipv4() { count } else { partition(count, |at| self.v6_length(at) >= length) };
        let first =
            partition(count, |at| self.net_record(at, address.is_ipv4()).is_some_and(|(of, _)| addr(&of) < net.addr()));
        let mut others = Others { what: net.to_string(), count: 0, first: Vec::new() };
        let mut last = None;
        for (of, detail) in (first..count).map_while(|at| self.net_record(at, address.is_ipv4())) {
            if !net.contains(&addr(&of)) {
                break;
            }
            if self.claim(detail, of.clone()).is_some_and(|claim| claim.holds_at(at)) {
                others.add(of, asked, &mut last);
            }
        }
        (others.count > 0).then_some(others)
    }

    fn v6_length(&self, at: usize) -> u8 {
        self.sections.get(Section::V6).as_chunks::<V6_BYTES>().0.get(at).map_or(0, |record| record[18])
    }

    fn labelled(&self, asked: &Observable, labels: &[String], at: Timestamp) -> Vec<Others> {
        if labels.is_empty() {
            return Vec::new();
        }
        let marks = self.marks(asked, labels, at);
        let mut found: Vec<(Others, Option<Observable>)> =
            labels.iter().map(|label| (Others { what: label.clone(), count: 0, first: Vec::new() }, None)).collect();
        let mut see = |of: &dyn Fn() -> Observable, detail: u32| {
            let mark = marks.get(detail as usize).copied().unwrap_or(0);
            if mark == 0 {
                return;
            }
            for (bit, (others, last)) in found.iter_mut().enumerate() {
                if mark >> bit & 1 == 1 {
                    others.add(of(), asked, last);
                }
            }
        };
        for v4 in [true, false] {
            let count = self.sections.get(section(v4)).len() / record_bytes(v4);
            for (of, detail) in (0..count).filter_map(|at| self.net_record(at, v4)) {
                see(&|| of.clone(), detail);
            }
        }
        let names = self.sections.get(Section::Names);
        for at in 0..names.len() / NAME_BYTES {
            let Some(detail) = u32_at(names, at * NAME_BYTES + 8) else { continue };
            see(&|| Observable::Domain(self.text_of(names, at * NAME_BYTES).unwrap_or_default().to_owned()), detail);
        }
        found.into_iter().map(|(others, _)| others).filter(|others| others.count > 0).collect()
    }

    /// For each detail the labels that it has, as bits; only where it holds.
    fn marks(&self, any: &Observable, labels: &[String], at: Timestamp) -> Vec<u8> {
        let details = self.sections.get(Section::Details);
        let mark = |number: usize| {
            let detail = details.get(number * DETAIL_BYTES..)?;
            let text = self.text(u32_at(detail, 8)?, u32::from(u16_at(detail, 6)?))?;
            let bits = text
                .split('\n')
                .filter_map(|own| labels.iter().position(|label| label == own))
                .fold(0, |bits, at| bits | 1_u8 << at);
            let holds = bits != 0 && self.claim(u32::try_from(number).ok()?, any.clone())?.holds_at(at);
            holds.then_some(bits)
        };
        (0..details.len() / DETAIL_BYTES).map(|number| mark(number).unwrap_or(0)).collect()
    }

    /// What a record of addresses names, and its detail.
    fn net_record(&self, at: usize, v4: bool) -> Option<(Observable, u32)> {
        let records = self.sections.get(section(v4));
        let start = at * record_bytes(v4);
        let (address, tail) = if v4 {
            (IpAddr::V4(u32_at(records, start)?.into()), start + 4)
        } else {
            (IpAddr::V6(u128_at(records, start)?.into()), start + 16)
        };
        let net = IpNet::new(address, *records.get(tail + 2)?).ok()?;
        let of = match records.get(tail + 3)? {
            1 => Observable::AddressPort(address, u16_at(records, tail)?),
            _ => Observable::from_net(net),
        };
        Some((of, u32_at(records, tail + 4)?))
    }
}

impl Others {
    /// Counts a thing once, however many feeds list it: they stand side by side.
    fn add(&mut self, of: Observable, asked: &Observable, last: &mut Option<Observable>) {
        let itself = of.net().is_some() && of.net() == asked.net() || of == *asked;
        if itself || last.as_ref() == Some(&of) {
            return;
        }
        self.count += 1;
        if self.first.len() < FIRST_MAX {
            self.first.push(of.clone());
        }
        *last = Some(of);
    }
}

fn addr(of: &Observable) -> IpAddr {
    // Records of addresses always name one.
    of.net().map_or(IpAddr::from([0, 0, 0, 0]), |net| net.addr())
}

fn section(v4: bool) -> Section {
    if v4 { Section::V4 } else { Section::V6 }
}

fn record_bytes(v4: bool) -> usize {
    if v4 { V4_BYTES } else { V6_BYTES }
}

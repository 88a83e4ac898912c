//! Which addresses are sure enough to be refused before the first packet?

use std::collections::HashMap;
use std::net::IpAddr;

use tripoint_model::confidence::{total, total_to_act_on};
use tripoint_model::{AppliesTo, Claim, Direction, IndicatorLookup, Meeting, Observable, Timestamp};

use super::{HELD, Index, Port, Section, V4_BYTES, V6_BYTES, u32_at, u128_at};

/// Details that are remembered while an image is walked through: a few megabytes. Where each entry has moments of its
/// own, remembering helps nobody.
const KEPT_MAX: usize = 1 << 16;

/// What one claim alone says.
#[derive(Clone, Copy, Default)]
struct Alone {
    /// It holds, and calls a server bad, by name and not through a system.
    is_server: bool,
    /// How sure it is.
    total: u8,
}

impl Index {
    /// Single addresses, on every port, that a source calls a bad server at `at`, that all sources together make at
    /// least so sure to be called (`confidence::total_to_act_on`), and that no guard list holds.
    pub fn enforceable(&self, min_confidence: u8, at: Timestamp) -> Vec<IpAddr> {
        let meeting = Meeting { direction: Some(Direction::Outbound), ..Meeting::at(at) };
        // Claims of a plain list share their detail.
        let mut known: HashMap<u32, Alone> = HashMap::new();
        let mut sure = Vec::new();
        self.each_single(&mut |address, details| {
            let own: Vec<Alone> = details.iter().map(|detail| self.known(&mut known, *detail, &meeting)).collect();
            if !own.iter().any(|claim| claim.is_server) {
                return;
            }
            let total = match own.as_slice() {
                [only] if !self.is_held(address) => only.total,
                _ => self.together(address, &meeting),
            };
            if total >= min_confidence && self.guard(address).is_empty() {
                sure.push(address);
            }
        });
        sure.sort_unstable();
        sure
    }

    /// Shows each single address with the details of the claims on all of its ports.
    fn each_single(&self, show: &mut dyn FnMut(IpAddr, &[u32])) {
        let v4 = self.sections.get(Section::V4).chunks_exact(V4_BYTES).filter(|r| r[6] == 32 && r[7] == 0);
        let v4 = v4.filter_map(|r| Some((IpAddr::from(u32_at(r, 0)?.to_be_bytes()), u32_at(r, 8)?)));
        let v6 = self.sections.get(Section::V6).chunks_exact(V6_BYTES).filter(|r| r[18] == 128 && r[19] == 0);
        let v6 = v6.filter_map(|r| Some((IpAddr::from(u128_at(r, 0)?.to_be_bytes()), u32_at(r, 20)?)));
        let mut all = v4.chain(v6).peekable();
        let mut details = Vec::new();
        while let Some((address, detail)) = all.next() {
            details.clear();
            details.push(detail);
            // Claims on one address stand side by side.
            while let Some((_, more)) = all.next_if(|(next, _)| *next == address) {
                details.push(more);
            }
            show(address, &details);
        }
    }

    fn known(&self, known: &mut HashMap<u32, Alone>, detail: u32, meeting: &Meeting<'_>) -> Alone {
        if let Some(alone) = known.get(&detail) {
            return *alone;
        }
        let alone = self.alone(detail, meeting);
        if known.len() < KEPT_MAX {
            known.insert(detail, alone);
        }
        alone
    }

    fn alone(&self, detail: u32, meeting: &Meeting<'_>) -> Alone {
        let any = Observable::Address(IpAddr::from([0; 4]));
        let Some(claim) = self.claim(detail, any).filter(|claim| claim.system.is_none()) else {
            return Alone::default();
        };
        let is_server = claim.direction != AppliesTo::In && claim.holds_at(meeting.at);
        Alone { is_server, total: total(&[&claim], meeting) }
    }

    /// Whether a wider listed network may hold the address.
    fn is_held(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4().is_none_or(|table| table.find(u32::from(v4)) & HELD != 0),
            IpAddr::V6(_) => true,
        }
    }

    /// A claim on one port alone says nothing of the others.
    fn together(&self, address: IpAddr, meeting: &Meeting<'_>) -> u8 {
        let claims = self.find(address, Port::Any);
        let claims: Vec<&Claim> = claims.iter().filter(|claim| claim.port.is_none()).collect();
        total_to_act_on(&claims, meeting)
    }
}

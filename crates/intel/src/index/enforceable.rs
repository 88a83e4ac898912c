//! Which addresses are sure enough to be refused before the first packet?

use std::net::IpAddr;

use tripoint_model::{AppliesTo, IndicatorLookup, Observable, Timestamp};

use super::{Index, Section, V4_BYTES, V6_BYTES, u32_at, u128_at};

impl Index {
    /// Single addresses, on every port, that a source calls a bad server at `at` with at least
    /// this confidence, and that no guard list holds.
    pub fn enforceable(&self, min_confidence: u8, at: Timestamp) -> Vec<IpAddr> {
        let v4 = self.sections.get(Section::V4).chunks_exact(V4_BYTES).filter(|r| r[6] == 32 && r[7] == 0);
        let v4 = v4.filter_map(|r| Some((IpAddr::from(u32_at(r, 0)?.to_be_bytes()), u32_at(r, 8)?)));
        let v6 = self.sections.get(Section::V6).chunks_exact(V6_BYTES).filter(|r| r[18] == 128 && r[19] == 0);
        let v6 = v6.filter_map(|r| Some((IpAddr::from(u128_at(r, 0)?.to_be_bytes()), u32_at(r, 20)?)));
        let sure = |(address, detail): (IpAddr, u32)| {
            let claim = self.claim(detail, Observable::Address(address))?;
            let server = claim.direction != AppliesTo::In;
            let holds = server && claim.confidence >= min_confidence && claim.holds_at(at);
            (holds && self.guard(address).is_empty()).then_some(address)
        };
        let mut sure: Vec<IpAddr> = v4.chain(v6).filter_map(sure).collect();
        sure.sort_unstable();
        sure.dedup();
        sure
    }
}

//! How much of a claim is left when its source has not seen the thing for a while?

use super::WHOLE;
use crate::indicator::{Category, Claim};
use crate::time::Timestamp;

/// Days after which half of a claim is left. What is rented by the hour changes hands within days; whole networks
/// do within years.
pub fn half_life_days(category: Category) -> u32 {
    match category {
        // Exits and gates come and go with their machines.
        Category::Tor | Category::Proxy => 3,
        // Mostly somebody's infected router, whose address changes.
        Category::Scanner | Category::BruteForce | Category::Spam => 7,
        // Taken down or moved within days.
        Category::Phishing => 7,
        Category::MalwareHost | Category::Exploit | Category::Botnet => 14,
        // Paid for by the month.
        Category::C2 | Category::Mining | Category::Malicious => 30,
        // Whole networks, and servers of researchers.
        Category::Sinkhole | Category::Hijacked => 180,
    }
}

/// What a list that is published now keeps of an entry at least: it has looked, and still says so.
const LISTED: u32 = WHOLE / 2;

/// What is left at `at`, of 10,000. Halves with each half-life, in a straight line between.
pub(super) fn kept(category: Category, last_seen: Option<Timestamp>, stale: bool, at: Timestamp) -> u32 {
    let Some(seen) = last_seen else {
        return if stale { LISTED } else { WHOLE };
    };
    let half = u64::from(half_life_days(category)) * 86_400;
    let age = at.since(seen).as_secs();
    let halved = WHOLE.checked_shr(u32::try_from(age / half).unwrap_or(u32::MAX)).unwrap_or(0);
    // Below half of `halved`, which is a u32.
    let left = halved - (u64::from(halved) * (age % half) / half / 2) as u32;
    if stale { left } else { left.max(LISTED) }
}

pub(super) fn reason(claim: &Claim, at: Timestamp) -> String {
    let Some(seen) = claim.last_seen else {
        return format!("{} has not been confirmed for long", claim.feed);
    };
    let (days, half) = (at.since(seen).as_secs() / 86_400, half_life_days(claim.category));
    let is_least = kept(claim.category, claim.last_seen, claim.source.stale, at) == LISTED && !claim.source.stale;
    let listed = if is_least { "; listed still, so half stays" } else { "" };
    format!("last seen {days} days before; {} halves in {half} days{listed}", claim.category.as_str())
}

//! Which rules may an administrator set aside, and on which terms?

use ipnet::IpNet;
use tripoint_model::{Action, ActionKind};

use super::{POLICY, Verdict};

/// What may be set aside: what a host can live without for some minutes. Never: loopback and own addresses, link-local,
/// multicast, cloud metadata, exceptions, not knowing the surroundings, and the room of the mechanisms.
pub const OVERRULABLE: &[&str] =
    &["gateway", "resolver", "time-server", "server", "admin-session", "special-range", "too-wide"];
/// How long one may take to confirm it, seconds: long enough to look, short enough to wait for when one has cut oneself
/// off.
pub const CONFIRM_WITHIN_S: std::ops::RangeInclusive<u64> = 10..=3600;

/// Whether the action may set aside what it wants to.
pub(super) fn may(action: &Action) -> Verdict {
    let rules = &action.terms.overrides;
    if rules.is_empty() {
        return Ok(());
    }
    let no = |reason: String| Err(("override", reason));
    if action.requester == POLICY {
        return no("rules are set aside by persons alone".into());
    }
    if action.kind != ActionKind::Block || action.target.net().is_none() {
        return no(format!(
            "rules are set aside for blocks of addresses and networks, not to {} {}",
            action.kind.as_str(),
            action.target
        ));
    }
    if let Some(rule) = rules.iter().find(|rule| !OVERRULABLE.contains(&rule.as_str())) {
        return no(format!("the rule {rule} cannot be set aside; these can: {}", OVERRULABLE.join(", ")));
    }
    match action.terms.confirm_within_s {
        Some(within) if CONFIRM_WITHIN_S.contains(&within) => Ok(()),
        _ => no(format!(
            "it has to be confirmed within {} seconds to an hour, else it ends by itself",
            CONFIRM_WITHIN_S.start()
        )),
    }
}

/// The widest network that makes sense all the same: a 256th of all addresses, and what a registry gives away at once.
pub(super) fn shortest(net: &IpNet) -> u8 {
    match net {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 20,
    }
}

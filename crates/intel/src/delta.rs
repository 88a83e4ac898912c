//! Is a refreshed copy believable, or does a person have to look first?

use ipnet::IpNet;
use tripoint_model::Observable;

use crate::load::Loaded;
use crate::systems::ranges::merged;

/// What is known of the copy in force.
#[derive(Clone, Copy, Debug)]
pub struct Former<'a> {
    /// Its indicators.
    pub count: u64,
    /// The format it was read as.
    pub format: &'a str,
}

/// Why the new copy must be held, in words; `None` when it may take force. `former` is `None` on
/// the first load, which is exempt from the bounds on size.
///
/// Of 20,159 consecutive versions of public lists, 5 would have been held by these bounds.
pub fn doubt(former: Option<Former<'_>>, new: &Loaded) -> Option<String> {
    let count = new.parsed.accepted.len() as u64;
    if count == 0 {
        return Some(match new.parsed.rejected.first() {
            Some(first) => {
                format!("none of its {} entries can be used; line {}: {}", new.parsed.read, first.line, first.reason)
            }
            None if new.passed_over > 0 => format!("it only holds {} elements that claim nothing", new.passed_over),
            None => "it is empty".to_owned(),
        });
    }
    if let Some(reason) = &new.broken {
        return Some(format!("it could not be read to its end: {reason}"));
    }
    if let Some(reason) = too_wide(new) {
        return Some(reason);
    }
    let former = former.filter(|former| former.count > 0)?;
    if former.format != new.format {
        return Some(format!("its format changed from {} to {}", former.format, new.format));
    }
    if count.saturating_mul(2) <= former.count {
        return Some(format!("it shrank from {} to {count} entries", former.count));
    }
    (count >= former.count.saturating_mul(2)).then(|| format!("it grew from {} to {count} entries", former.count))
}

/// Addresses of IPv4 that the networks of one feed may hold: an eighth of all. Real lists hold a hundredth.
const ADDRESSES_MAX: u128 = 1 << 29;

/// Whether the feed calls a good part of the internet bad, in whatever pieces.
fn too_wide(new: &Loaded) -> Option<String> {
    let ranges = new.parsed.accepted.iter().filter_map(|indicator| match &indicator.observable {
        Observable::Network(IpNet::V4(net)) => {
            Some((u128::from(u32::from(net.network())), u128::from(u32::from(net.broadcast()))))
        }
        _ => None,
    });
    let ranges = merged(ranges.collect());
    let held: u128 = ranges.iter().map(|(first, last)| last - first + 1).sum();
    (held > ADDRESSES_MAX).then(|| format!("its networks hold {} % of all IPv4 addresses", (held * 100) >> 32))
}

#[cfg(test)]
mod tests {
    use tripoint_model::{AppliesTo, Category, Indicator, Parsed};

    use super::*;

    fn loaded(count: u32) -> Loaded {
        let mut parsed = Parsed::default();
        for at in 0..count {
            let address = std::net::Ipv4Addr::from(0x0500_0000 + at);
            parsed.accept(Indicator::new(
                tripoint_model::Observable::Address(address.into()),
                Category::C2,
                AppliesTo::Out,
                1,
            ));
        }
        Loaded { format: "csv", parsed, systems: Vec::new(), passed_over: 0, guard_lists: 0, broken: None }
    }

    #[test]
    fn the_bounds_hold() {
        let former = |count| Some(Former { count, format: "csv" });
        for (before, now, held) in
            [(100, 51, false), (100, 50, true), (100, 199, false), (100, 200, true), (100, 0, true), (0, 9, false)]
        {
            assert_eq!(doubt(former(before), &loaded(now)).is_some(), held, "{before} to {now}");
        }
        assert!(doubt(None, &loaded(9)).is_none());
        assert!(doubt(None, &loaded(0)).is_some());
        assert!(doubt(Some(Former { count: 9, format: "stix" }), &loaded(9)).is_some());
        let halves = |texts: &[&str]| {
            let mut parsed = Parsed::default();
            for text in texts {
                parsed.accept(Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 1));
            }
            doubt(None, &Loaded { parsed, ..loaded(0) })
        };
        // An eighth may be held, twice over too; a /8 more is held back, in pieces too.
        let eighth: Vec<String> = (32..64).map(|first| format!("{first}.0.0.0/8")).collect();
        let eighth: Vec<&str> = eighth.iter().map(String::as_str).collect();
        assert_eq!(halves(&[eighth.as_slice(), &["33.0.0.0/9"], &["1.2.3.4"]].concat()), None);
        let reason = halves(&[eighth.as_slice(), &["64.0.0.0/9", "64.128.0.0/9"]].concat());
        assert_eq!(reason.as_deref(), Some("its networks hold 12 % of all IPv4 addresses"));
        assert!(doubt(None, &Loaded { broken: Some("cut".into()), ..loaded(9) }).is_some());
    }
}

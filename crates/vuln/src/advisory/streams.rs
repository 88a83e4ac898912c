//! Which versions are before the fix where each minor release of a distribution has its own?

use crate::evaluate::{self, EventKind};
use crate::version::{self, Scheme};

/// Versions below all fixes, where a fix is named for each stream of the same release. Updates
/// within a stream keep the first number of the release (`26` of `26.el9_3.2`) and count behind
/// it: what begins with a higher one belongs to the next stream, and that one's fix counts.
pub(super) fn below(scheme: Scheme, mut fixes: Vec<String>) -> Vec<(u8, String)> {
    version::sort(&mut fixes, &|a, b| scheme.order(a, b));
    fixes.dedup();
    let mut events = vec![(EventKind::Introduced as u8, "0".to_owned())];
    let mut next: Option<String> = None;
    for fix in fixes {
        if let Some(begins) = &next {
            if scheme != Scheme::Rpm || scheme.order(&fix, begins).is_le() {
                continue;
            }
            events.push((EventKind::Introduced as u8, begins.clone()));
        }
        next = next_stream(&fix);
        let ends = next.is_none();
        events.push((EventKind::Fixed as u8, fix));
        if ends {
            break;
        }
    }
    evaluate::sort(scheme, &mut events);
    events
}

/// The first version that belongs to a later stream: `7.76.1-27` after `7.76.1-26.el9_3.2`.
fn next_stream(fix: &str) -> Option<String> {
    let (version, release) = fix.rsplit_once('-')?;
    let number: String = release.chars().take_while(char::is_ascii_digit).collect();
    let number: u64 = number.parse().ok()?;
    Some(format!("{version}-{}", number.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_has_its_fix() {
        let fixes = ["7.76.1-26.el9_3.2", "7.76.1-23.el9_2.4", "7.76.1-23.el9_2.6"].map(str::to_owned).to_vec();
        let events = below(Scheme::Rpm, fixes);
        let is_affected = |version: &str| evaluate::is_affected(Scheme::Rpm, version, &events);
        for (version, expected) in [
            ("7.76.1-19.el9", true),
            ("7.76.1-23.el9_2.1", true),
            ("7.76.1-23.el9_2.4", false),
            ("7.76.1-23.el9_2.9", false),
            ("7.76.1-26.el9", true),
            ("7.76.1-26.el9_3.2", false),
            ("7.76.1-29.el9", false),
        ] {
            assert_eq!(is_affected(version), expected, "{version}");
        }
        assert_eq!(below(Scheme::Dpkg, vec!["2".into(), "1".into()]).len(), 2);
    }
}

//! Who tried to leave the folder that is served?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "path-traversal",
    attack: &["T1190", "T1083"],
    signs: &[
        Sign::exploit("apache-2449-traversal", r"/(?:cgi-bin|icons|assets|uploads?|static)/(?:[^?]*/)?(?:\.\./|\.%2e/|%2e%2e/){2,}")
            .within(Part::Target)
            .cves(&["CVE-2021-41773", "CVE-2021-42013"])
            .served(),
        Sign::exploit("dot-dot-steps", r"(?:\.\.[/\\]+){2,}").within(Part::Target),
        Sign::exploit("dot-dot-tricks", r"(?:\.\.;/|\.\.\.\.//|/\.\.\\|\.\.%00)").within(Part::Target),
        Sign::exploit(
            "system-files",
            r"(?:^|[=/\\:\s])(?:etc[/\\]+(?:passwd|shadow|hosts|group|issue|crontab|sudoers)|proc/self/(?:environ|cmdline|fd)|windows/win\.ini|winnt/win\.ini|boot\.ini|windows/system32/)",
        )
        .within(Part::Target),
    ],
};

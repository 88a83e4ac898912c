//! What did a web application firewall take for an attack?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "refused-by-firewall",
    attack: &["T1190"],
    signs: &[
        Sign::exploit("modsecurity-denies", r"modsecurity: access denied with (?:code|connection|redirection)").within(Part::Message),
        Sign::exploit(
            "modsecurity-warns",
            r"modsecurity: warning\.[^\n]*(?:\[severity \x22(?:[0-2]|emergency|alert|critical)\x22\]|inbound anomaly score exceeded)",
        )
        .within(Part::Message),
        Sign::exploit("coraza-denies", r"coraza: (?:access denied|warning)[^\n]*severity \x22?(?:[0-2]\b|emergency|alert|critical)").within(Part::Message),
        Sign::exploit("naxsi-blocks", r"naxsi_fmt: ip=[^\n]*&block=1|naxsi_fmt: \{[^\n]*\x22block\x22: ?1").within(Part::Message),
    ],
};

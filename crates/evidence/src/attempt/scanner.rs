//! Who came with a tool that looks for weaknesses?

use super::{Sign, Technique};
use crate::pack::rule::Part;

const fn tool(id: &'static str, pattern: &'static str) -> Sign {
    Sign::probe(id, pattern).within(Part::Agent)
}

pub(super) const TECHNIQUE: Technique = Technique {
    family: "scanner",
    attack: &["T1595.002"],
    signs: &[tool(
        "scanner-agent",
        r"\b(?:sqlmap|nikto|nuclei|masscan|zgrab|wpscan|dirbuster|gobuster|feroxbuster|ffuf|wfuzz|acunetix|netsparker|nessus|openvas|w3af|arachni|havij|jaeles|whatweb|commix|fimap|jorgee|zmeu)\b",
    )],
};

//! Who tried to change what is asked of a directory?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "ldap-injection",
    attack: &["T1190", "T1087"],
    signs: &[
        Sign::exploit("filter-closed-and-opened", r"\) ?\( ?(?:\||&|!|\(|[\w-]{1,40} ?(?:=|~=|>=|<=|:=) ?[\w*(.\x00])").within(Part::Arguments).unless(r"function|=>|\bselect\b"),
        Sign::exploit("filter-wildcard", r"(?:\* ?\) ?\(|\( ?[|&!] ?\( ?[\w-]{1,40} ?=|\*\)\)?(?:%00|\x00)|\( ?(?:objectclass|uid|cn|samaccountname|userpassword|mail|sn|memberof|givenname|ou|dc) ?[~<>]?=)").within(Part::Arguments),
        Sign::exploit("filter-operators", r"(?:\)\(\||\)\(&|\(\|\(|\(&\(|\(!\(|\)\)\(\()[\w(]*=?").within(Part::Arguments).unless(r"function|=>|\bselect\b|\{"),
    ],
};

//! Who sent a function definition that old shells run on?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "shellshock",
    attack: &["T1190", "T1059.004"],
    signs: &[Sign::known(
        "function-then-command",
        r"\(\) ?\{ ?(?::|_|\w{1,12} ?[;:]|foo|[^}\n]{0,40}=>)[^}\n]{0,40}(?:\}|>_\[)|\(\) ?\{ ?\} ?;|(?:[?\n]|: ?)\(\) ?\{ ?(?:$|\n|&|[^}\n]{0,40}\} ?;)",
        &["CVE-2014-6271", "CVE-2014-6278", "CVE-2014-7169"],
    )
    .within(Part::Any)
    .unless(r"function \w*\(\) ?\{")],
};

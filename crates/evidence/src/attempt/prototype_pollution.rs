//! Who tried to change what all objects of a program are made from?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "prototype-pollution",
    attack: &["T1190", "T1059.007"],
    signs: &[
        Sign::exploit("proto-key", r#"__proto__ ?(?:['"]? ?[:\].\[=]|%5d|$)|['"]__proto__['"]"#),
        Sign::exploit(
            "constructor-prototype",
            r#"constructor['"]? ?[\].:\[{]{1,3} ?['"\[{]{0,3} ?prototype|\.prototype\.\w+ ?="#,
        ),
        Sign::exploit("lookup-of-prototype", r"__(?:define|lookup)(?:getter|setter)__"),
        Sign::known("kibana-telemetry", r"/api/(?:saved_objects|upgrade)/[^\n]*__proto__", &["CVE-2019-7609"])
            .within(Part::Any),
        Sign::known("blitz-superjson", r#""referentialequalities"[\s\S]{0,200}__proto__"#, &["CVE-2022-23631"])
            .within(Part::Any),
        Sign::known("parse-server-proto", r"/parse/classes/[\s\S]*__proto__", &["CVE-2022-24760", "CVE-2022-39396"])
            .within(Part::Any),
    ],
};

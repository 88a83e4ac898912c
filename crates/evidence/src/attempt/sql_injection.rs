//! Who tried to speak SQL to the database behind an application?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "sql-injection",
    attack: &["T1190"],
    signs: &[
        Sign::exploit("union-select", r"\bunion\s*(?:all\s*|distinct\s*)?\(?\s*select\b").within(Part::Target),
        Sign::exploit(
            "boolean-tautology",
            r#"(?:'|"|\)| )(?:or|and|\|\||&&) *\(?\s*['"]?(\w{1,12})['"]?\s*(?:=|like)\s*['"]?\w{1,12}['"]?"#,
        )
        .within(Part::Arguments),
        Sign::exploit(
            "time-based",
            r"\b(?:sleep|benchmark|pg_sleep|waitfor\s+delay|dbms_pipe\.receive_message)\s*[('\x22]",
        )
        .within(Part::Target),
        Sign::exploit("schema-tables", r"\b(?:information_schema|sysobjects|sqlite_master|all_tables|xp_cmdshell)\b")
            .within(Part::Target),
    ],
};

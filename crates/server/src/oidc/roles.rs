//! What may somebody do whom a provider knows, and how is it called here?

use tripoint_api::Role;

/// What members of a group of the provider's may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// The group, as the provider's claim has it; `*` for everybody whom the provider knows.
    pub claim: String,
    /// What they may.
    pub role: Role,
    /// Groups of hosts that they are held to; none: all hosts.
    pub groups: Vec<String>,
}

/// Of the first rule that fits.
pub(super) fn of(rules: &[RoleRule], groups: &[String]) -> Option<RoleRule> {
    rules.iter().find(|rule| rule.claim == "*" || groups.contains(&rule.claim)).cloned()
}

/// A name as it is taken here, out of what the provider has; never a claim to be somebody who is here already. Whether
/// it is free is seen when it is given.
pub(super) fn name_of(wished: &str) -> String {
    let local = wished.split('@').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let name: String = local.chars().map(plain).skip_while(|c| !c.is_ascii_alphabetic()).take(NAME_KEPT).collect();
    let name = name.trim_end_matches('-').to_owned();
    if name.is_empty() || name == "root" { "person".to_owned() } else { name }
}

/// With room for a number behind it.
const NAME_KEPT: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_says_what_somebody_may() {
        let rule = |claim: &str, role: Role| RoleRule { claim: claim.into(), role, groups: vec![] };
        let rules = [rule("soc-admins", Role::Admin), rule("soc", Role::Analyst)];
        let role = |groups: &[&str]| {
            of(&rules, &groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>()).map(|rule| rule.role)
        };
        assert_eq!(role(&["x", "soc", "soc-admins"]), Some(Role::Admin));
        assert_eq!(role(&["soc"]), Some(Role::Analyst));
        assert_eq!((role(&["SOC"]), role(&["*"]), role(&[])), (None, None, None));
        assert!(of(&[rule("*", Role::Viewer)], &[]).is_some());
    }

    #[test]
    fn names_are_made_of_what_names_are_made_of_here() {
        for (wished, name) in [
            ("Ada.Lovelace@example.org", "ada-lovelace"),
            ("root", "person"),
            ("", "person"),
            ("42", "person"),
            ("a\u{202e}b<script>", "a-b-script"),
            ("9lives", "lives"),
        ] {
            assert_eq!(name_of(wished), name);
        }
    }
}

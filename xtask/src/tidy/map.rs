//! Does the map of the code name exactly the crates that there are?

use std::collections::BTreeSet;

/// Section 4 of ARCHITECTURE.md has a paragraph per crate that begins with its name in backticks, bold.
pub fn check(architecture: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let named = named(architecture);
    let mut broken: Vec<String> =
        crates.difference(&named).map(|name| format!("ARCHITECTURE.md section 4 does not name `{name}`")).collect();
    broken.extend(
        named.difference(crates).map(|name| format!("ARCHITECTURE.md section 4 names `{name}`, which is gone")),
    );
    if architecture.lines().count() > 200 {
        broken.push("ARCHITECTURE.md is longer than 200 lines".into());
    }
    broken
}

fn named(architecture: &str) -> BTreeSet<String> {
    let section = architecture.lines().skip_while(|line| !line.starts_with("## 4")).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    section.filter_map(|line| line.strip_prefix("**`")?.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_and_a_vanished_crate_are_noticed() {
        let map = "## 3 x\n**`no`** not here\n## 4 Code map\n**`model`** nouns\nprose `other`\n**`gone`** was\n## 5\n**`no`**\n";
        let crates = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(check(map, &crates(&["model", "gone"])), Vec::<String>::new());
        assert_eq!(check(map, &crates(&["model", "new"])).len(), 2);
        assert_eq!(check(&"\n".repeat(201), &crates(&[])).len(), 1);
    }
}

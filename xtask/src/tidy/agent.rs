//! Is what runs as root on every host still small?

use std::collections::BTreeSet;

use anyhow::Result;

use crate::run;

/// Every crate in it is code that runs as root.
const CRATES_MAX: usize = 180;
/// A store, a web server, a fetcher and a query engine belong to the server. (Archives do not stand here: the
/// inventory has to look into jars.)
const BANNED: &[&str] = &["sqlx", "sqlx-core", "axum", "ureq", "datafusion", "tripoint-fetch", "tripoint-server"];

/// How many crates there are, and what is wrong with them.
pub fn check() -> Result<(usize, Vec<String>)> {
    let tree = ["tree", "-p", "tripoint-agent", "--no-default-features", "-e", "normal", "--prefix", "none"];
    Ok(judge(&run::output(run::cargo().args(tree))?))
}

fn judge(tree: &str) -> (usize, Vec<String>) {
    let crates: BTreeSet<&str> =
        tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|l| !l.is_empty()).collect();
    let mut broken = Vec::new();
    if crates.len() > CRATES_MAX {
        broken.push(format!("the agent is made of {} crates, at most {CRATES_MAX}", crates.len()));
    }
    let names = crates.iter().filter_map(|line| line.split(' ').next());
    broken.extend(names.filter(|name| BANNED.contains(name)).map(|name| format!("the agent must not carry `{name}`")));
    (crates.len(), broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_and_banned_crates_are_noticed() {
        assert_eq!(judge("a v1\nb v1\na v1 (*)\n"), (2, Vec::new()));
        assert_eq!(judge("axum v0.8.1\n").1.len(), 1);
        let many: String = (0..=CRATES_MAX).map(|n| format!("c{n} v1\n")).collect();
        assert_eq!(judge(&many).1.len(), 1);
    }
}

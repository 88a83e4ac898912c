//! Does a crate depend on one that it must not know?

use anyhow::Result;
use serde::Deserialize;

/// They stand side by side and know only the base.
const RING: &[&str] =
    &["sensor", "intel", "inventory", "vuln", "evidence", "correlator", "responder", "history", "api"];
/// What everything stands on.
const BASE: &[&str] = &["model", "linux", "fetch", "unpack", "journal", "pages"];
/// Who may talk to the kernel's doors.
const LINUX: &[&str] = &["sensor", "inventory", "evidence", "responder", "agent", "server", "cli", "bench"];
/// They introduce the ring crates to each other.
const BINARIES: &[&str] = &["agent", "server", "cli", "bench"];

/// One of our crates, by folder name, and which of ours it needs to run.
pub struct Package {
    /// Folder name.
    pub folder: String,
    /// Folder names.
    pub needs: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    dependencies: Vec<RawDependency>,
}

#[derive(Deserialize)]
struct RawDependency {
    name: String,
    kind: Option<String>,
}

/// From `cargo metadata --no-deps`. Dependencies of tests do not count.
pub fn read(json: &str) -> Result<Vec<Package>> {
    let metadata: Metadata = serde_json::from_str(json)?;
    let ours = |name: &str| name.strip_prefix("tripoint-").map(str::to_owned);
    let package = |raw: RawPackage| Package {
        folder: ours(&raw.name).unwrap_or(raw.name),
        needs: raw.dependencies.iter().filter(|d| d.kind.is_none()).filter_map(|d| ours(&d.name)).collect(),
    };
    Ok(metadata.packages.into_iter().map(package).collect())
}

/// Every edge against the rule, with the rule.
pub fn check(packages: &[Package]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in packages {
        for need in &package.needs {
            if let Some(rule) = forbids(&package.folder, need) {
                broken.push(format!("edge {} -> {need}: {rule}", package.folder));
            }
        }
    }
    broken
}

fn forbids(from: &str, to: &str) -> Option<&'static str> {
    if to == "linux" && !LINUX.contains(&from) {
        return Some("`linux` serves sensor, inventory, evidence, responder and the binaries only");
    }
    if RING.contains(&from) {
        return (!BASE.contains(&to))
            .then_some("a ring crate depends on base crates only, never on another ring crate");
    }
    if BASE.contains(&from) {
        return (from == "model" || to != "model").then_some("a base crate may depend on `model` only");
    }
    if BINARIES.contains(&to) && from != "cli" && from != "bench" {
        return Some("nothing depends on a binary but `cli`, which starts them");
    }
    (!BINARIES.contains(&from)).then_some("a crate that the rule does not name: say in `edges.rs` where it stands")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(from: &str, to: &str) -> bool {
        !check(&[Package { folder: from.into(), needs: vec![to.into()] }]).is_empty()
    }

    #[test]
    fn the_ring_and_the_base_are_kept_apart() {
        assert!(broken("sensor", "intel") && broken("responder", "api") && broken("api", "server"));
        assert!(broken("correlator", "linux") && broken("intel", "linux"));
        assert!(broken("model", "journal") && broken("fetch", "unpack") && broken("server", "agent"));
        assert!(broken("surprise", "model"));
        assert!(!broken("sensor", "linux") && !broken("intel", "fetch") && !broken("agent", "correlator"));
        assert!(!broken("linux", "model") && !broken("cli", "agent") && !broken("cli", "linux"));
    }

    #[test]
    fn only_what_runs_counts() {
        let json = r#"{"packages":[{"name":"tripoint-vuln","dependencies":[
            {"name":"tripoint-model","kind":null},{"name":"tripoint-intel","kind":"dev"},{"name":"serde","kind":null}]}]}"#;
        let packages = read(json).unwrap();
        assert_eq!((packages[0].folder.as_str(), packages[0].needs.as_slice()), ("vuln", &["model".to_owned()][..]));
    }
}

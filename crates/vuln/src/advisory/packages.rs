//! How are the advisory folders of PHP, Ruby and GitLab read (YAML, one advisory a file)?

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use tripoint_model::Ecosystem;

use super::document::{self, has};
use super::intervals::{self, Interval};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, yaml};
use crate::version::Scheme;

/// FriendsOfPHP's security advisories.
pub(super) struct Php;
/// The Ruby advisory database.
pub(super) struct Ruby;
/// GitLab's advisory database.
pub(super) struct GitLab;

#[derive(Deserialize)]
struct PhpAdvisory {
    title: String,
    #[serde(default)]
    cve: Option<String>,
    branches: BTreeMap<String, Branch>,
    reference: String,
}

#[derive(Deserialize)]
struct Branch {
    versions: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct RubyAdvisory {
    #[serde(default)]
    gem: Option<String>,
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ghsa: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    cvss_v3: Option<serde_json::Number>,
    #[serde(default)]
    cvss_v4: Option<serde_json::Number>,
    #[serde(default)]
    patched_versions: Option<Vec<String>>,
    #[serde(default)]
    unaffected_versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct GitLabAdvisory {
    identifier: String,
    package_slug: String,
    affected_range: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    identifiers: Vec<String>,
    #[serde(default)]
    cvss_v3: Option<String>,
    #[serde(default)]
    cvss_v4: Option<String>,
}

impl AdvisoryFormat for Php {
    fn name(&self) -> &'static str {
        "php"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        has(head, "branches:") && has(head, "reference:") && has(head, "composer://")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        read(file, input, out, |raw: PhpAdvisory| {
            let name = raw.reference.trim().strip_prefix("composer://").ok_or("it names no Composer package")?;
            let name = document::word(name, "the package's name")?;
            let mut affected = Affected::new(Ecosystem::Packagist, "", &name);
            for (branch, Branch { versions }) in &raw.branches {
                let text = match versions {
                    OneOrMany::One(text) => text.clone(),
                    OneOrMany::Many(all) => all.join(", "),
                };
                let found = intervals::parse(Scheme::Composer, &text);
                let found = found.map_err(|reason| format!("{branch:.32}: {reason}"))?;
                affected.ranges.extend(found.iter().map(Interval::events));
            }
            let id = raw.cve.as_deref().map(str::trim).filter(|cve| super::is_cve(cve));
            let id = id.map_or_else(|| file_stem(file), str::to_owned);
            Ok(finish(document::advisory(document::id(&id)?, [], &raw.title, Authority::Converted), affected))
        });
    }
}

impl AdvisoryFormat for Ruby {
    fn name(&self) -> &'static str {
        "ruby"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        (head.starts_with(b"gem:") || has(head, "\ngem:")) && (has(head, "patched_versions") || has(head, "\nurl:"))
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        read(file, input, out, |raw: RubyAdvisory| {
            let name = document::word(raw.gem.as_deref().unwrap_or_default(), "the gem's name")?;
            let cve = raw.cve.map(|number| format!("CVE-{}", number.trim()));
            let ghsa = raw.ghsa.map(|id| format!("GHSA-{}", id.trim()));
            let id = cve.clone().or(ghsa).unwrap_or_else(|| file_stem(file));
            let title = raw.title.unwrap_or_default();
            let mut advisory = document::advisory(document::id(&id)?, cve.as_deref(), &title, Authority::Converted);
            for (key, score) in [("ruby", raw.cvss_v3), ("ruby_cvss_v4", raw.cvss_v4)] {
                document::rate(&mut advisory, key, &score.map_or(String::new(), |score| score.to_string()));
            }
            let mut safe = Vec::new();
            for text in raw.patched_versions.iter().chain(&raw.unaffected_versions).flatten() {
                safe.extend(intervals::parse(Scheme::Gem, text)?);
            }
            let mut affected = Affected::new(Ecosystem::RubyGems, "", &name);
            affected.ranges = intervals::outside(Scheme::Gem, safe);
            Ok(finish(advisory, affected))
        });
    }
}

impl AdvisoryFormat for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        has(head, "package_slug:") && has(head, "affected_range:")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        read(file, input, out, |raw: GitLabAdvisory| {
            let (kind, name) = raw.package_slug.split_once('/').ok_or("package_slug names no package")?;
            let (ecosystem, name) = match kind {
                "gem" => (Ecosystem::RubyGems, name.to_owned()),
                "npm" => (Ecosystem::Npm, name.to_owned()),
                "pypi" => (Ecosystem::PyPI, name.to_owned()),
                "packagist" => (Ecosystem::Packagist, name.to_owned()),
                "nuget" => (Ecosystem::NuGet, name.to_owned()),
                "go" => (Ecosystem::Go, name.to_owned()),
                "maven" => (Ecosystem::Maven, name.replacen('/', ":", 1)),
                "conan" => (Ecosystem::Conan, name.to_owned()),
                "cargo" => (Ecosystem::CratesIo, name.to_owned()),
                "pub" => (Ecosystem::Pub, name.to_owned()),
                "swift" => (Ecosystem::Swift, name.to_owned()),
                other => return Err(format!("unknown ecosystem {other:.32}")),
            };
            let name = document::word(&name, "the package's name")?;
            let ids = raw.identifiers.iter().map(String::as_str);
            let title = raw.title.unwrap_or_default();
            let mut advisory = document::advisory(document::id(&raw.identifier)?, ids, &title, Authority::Converted);
            for (key, vector) in [("gitlab", raw.cvss_v3), ("gitlab_cvss_v4", raw.cvss_v4)] {
                document::rate(&mut advisory, key, vector.as_deref().unwrap_or_default());
            }
            let mut affected = Affected::new(ecosystem, "", &name);
            let found = intervals::parse(Scheme::of(ecosystem), &raw.affected_range)?;
            affected.ranges = found.iter().map(Interval::events).collect();
            Ok(finish(advisory, affected))
        });
    }
}

fn finish(mut advisory: Advisory, affected: Affected) -> Advisory {
    advisory.affected.push(affected);
    advisory
}

fn read<T: serde::de::DeserializeOwned>(
    file: &str,
    input: &mut dyn BufRead,
    out: &mut dyn Sink,
    advisory: impl Fn(T) -> Result<Advisory, String>,
) {
    let Some(bytes) = document::whole(file, input, FILE_BYTES_MAX, out) else { return };
    let json = match yaml::to_json(&bytes) {
        Ok(json) => json,
        Err((line, reason)) => return out.refuse(file, line, reason),
    };
    let read = serde_json::from_slice(&json).map_err(|error| format!("not an advisory: {error}")).and_then(advisory);
    match read {
        Ok(advisory) if advisory.affected.iter().all(|one| one.ranges.is_empty()) => {
            out.refuse(file, 1, format!("{}: no version is affected", advisory.id));
        }
        Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
        Err(reason) => out.refuse(file, 1, reason),
    }
}

fn file_stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned()
}

const FILE_BYTES_MAX: u64 = 1 << 20;

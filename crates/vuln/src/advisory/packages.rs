//! How are the advisory folders of PHP, Ruby and GitLab read (YAML, one advisory a file)?

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use tripoint_model::Ecosystem;

use super::document::{self, has};
use super::intervals::{self, Interval};
use super::listed::{self, Few, Members, Room};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, yaml};
use crate::version::Scheme;

/// FriendsOfPHP's security advisories.
pub(super) struct Php;
/// The Ruby advisory database.
pub(super) struct Ruby;
/// GitLab's advisory database.
pub(super) struct GitLab;

#[derive(Deserialize)]
struct PhpAdvisory<'d> {
    title: String,
    #[serde(default)]
    cve: Option<String>,
    #[serde(borrow)]
    branches: Members<'d>,
    reference: String,
}

#[derive(Deserialize)]
struct Branch {
    versions: Joined,
}

/// A range; or the texts of a list that make one together.
struct Joined(String);

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
    patched_versions: Option<Few<String, LIST_MAX>>,
    #[serde(default)]
    unaffected_versions: Option<Few<String, LIST_MAX>>,
}

#[derive(Deserialize)]
struct GitLabAdvisory {
    identifier: String,
    package_slug: String,
    affected_range: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    identifiers: Few<String, LIST_MAX>,
    #[serde(default)]
    cvss_v3: Option<String>,
    #[serde(default)]
    cvss_v4: Option<String>,
}

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(JoinedVisitor)
    }
}

struct JoinedVisitor;

impl<'de> Visitor<'de> for JoinedVisitor {
    type Value = Joined;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Joined, E> {
        Ok(Joined(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Joined, A::Error> {
        let texts = Few::<String, LIST_MAX>::deserialize(de::value::SeqAccessDeserializer::new(list))?;
        Ok(Joined(texts.0.join(", ")))
    }
}

impl AdvisoryFormat for Php {
    fn name(&self) -> &'static str {
        "php"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        has(head, "branches:") && has(head, "reference:") && has(head, "composer://")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let Some(json) = document::whole(file, input, FILE_BYTES_MAX, out).and_then(|text| json(file, &text, out))
        else {
            return;
        };
        put(file, php(file, &json), out);
    }
}

fn php(file: &str, json: &[u8]) -> Result<Advisory, String> {
    let raw: PhpAdvisory<'_> = parse(json)?;
    let name = raw.reference.trim().strip_prefix("composer://").ok_or("it names no Composer package")?;
    let name = document::word(name, "the package's name")?;
    let mut affected = Affected::new(Ecosystem::Packagist, "", &name);
    let mut room = Room::of(json.len());
    let mut done = Ok(());
    let each = raw.branches.each(|branch, Branch { versions }| {
        if done.is_ok() {
            done = intervals::parse(Scheme::Composer, &versions.0)
                .map_err(|reason| format!("{branch:.32}: {reason}"))
                .and_then(|found| room.take(2 * found.len() * size_of::<Interval>()).map(|()| found))
                .map(|found| affected.ranges.extend(found.iter().map(Interval::events)));
        }
    });
    each.map_err(|error| format!("not an advisory: {error}"))?;
    done?;
    let id = raw.cve.as_deref().map(str::trim).filter(|cve| super::is_cve(cve));
    let id = id.map_or_else(|| file_stem(file), str::to_owned);
    Ok(finish(document::advisory(document::id(&id)?, [], &raw.title, Authority::Converted), affected))
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
            let safe = raw.patched_versions.iter().chain(&raw.unaffected_versions).flat_map(|few| &few.0);
            let safe = intervals::all(Scheme::Gem, safe)?;
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
            let ids = raw.identifiers.0.iter().map(String::as_str);
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

fn read<T: DeserializeOwned>(
    file: &str,
    input: &mut dyn BufRead,
    out: &mut dyn Sink,
    advisory: impl Fn(T) -> Result<Advisory, String>,
) {
    let Some(json) = document::whole(file, input, FILE_BYTES_MAX, out).and_then(|text| json(file, &text, out)) else {
        return;
    };
    put(file, parse(&json).and_then(advisory), out);
}

fn json(file: &str, text: &[u8], out: &mut dyn Sink) -> Option<Vec<u8>> {
    yaml::to_json(text).map_err(|(line, reason)| out.refuse(file, line, reason)).ok()
}

fn parse<'d, T: Deserialize<'d>>(json: &'d [u8]) -> Result<T, String> {
    listed::record(json).map_err(|error| format!("not an advisory: {error}"))
}

fn put(file: &str, read: Result<Advisory, String>, out: &mut dyn Sink) {
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
/// The longest list has some hundred.
const LIST_MAX: usize = 1000;

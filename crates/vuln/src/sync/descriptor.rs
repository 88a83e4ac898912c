//! Which advisories are wanted, from where, how often, under which terms?
//!
//! The built-in sources are a data file; the user's own file adds to them, changes single keys of
//! them by name, and names mirrors; with `built_in = false` it stands alone.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::host::Host;
use crate::advisory;

/// Where the files of a source are listed, when their names change with every publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// The URL is that of `repodata/repomd.xml`, which names the update notices.
    Repomd,
    /// The URL is that of a list of repositories; the first one's `repodata/repomd.xml` counts.
    MirrorList,
    /// The URL is that of a line of text which names the file beside it.
    Named,
}

/// One source, checked. URLs may hold `{version}`, `{major}`, `{codename}` and `{arch}`.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// Its name.
    pub name: String,
    /// Its files.
    pub urls: Vec<String>,
    /// Other places of its only file, asked in this order when the first does not answer.
    pub mirrors: Vec<String>,
    /// How to find the file behind the URL.
    pub listing: Option<Listing>,
    /// Its format; `None`: found by the content.
    pub format: Option<String>,
    /// Time between two fetches.
    pub refresh: Duration,
    /// Rhythm in which its publisher renews it, where there is one.
    pub publishes: Option<Duration>,
    /// Distributions (`ID`, `ID:MAJOR` or `ID_LIKE` of os-release) that need it; `all` for every host.
    pub hosts: Vec<String>,
    /// Overrules `hosts`.
    pub enabled: Option<bool>,
    /// Name of the header that carries the key.
    pub header: Option<String>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Whether its names may lead to private addresses.
    pub permit_private: bool,
    /// Largest file as sent, bytes.
    pub bytes_max: u64,
    /// Terms under which its publisher gives it.
    pub licence: Option<String>,
}

impl Descriptor {
    /// Whether this host needs it without being asked.
    pub fn is_wanted(&self, host: &Host) -> bool {
        let needs = |wanted: &String| match wanted.split_once(':') {
            Some((id, major)) => id == host.id && major == host.major(),
            None => wanted == "all" || *wanted == host.id || host.like.contains(wanted),
        };
        self.enabled.unwrap_or_else(|| self.hosts.iter().any(needs))
    }

    /// Whether its URLs depend on the release.
    pub fn is_of_a_release(&self) -> bool {
        ["{version}", "{major}", "{codename}"].iter().any(|token| self.urls.iter().any(|url| url.contains(token)))
    }
}

/// Other servers that hold the same files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// URLs that begin so …
    pub from: String,
    /// … are asked for here first, in this order.
    pub to: Vec<String>,
    /// Never ask the original.
    #[serde(default)]
    pub only: bool,
    /// Whether the mirrors' names may lead to private addresses.
    #[serde(default)]
    pub permit_private: bool,
    /// Whether plain HTTP, which anybody on the way can change, will do.
    #[serde(default)]
    pub unencrypted: bool,
}

/// What is wrong with the text, at which line, and what would be right.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct DescriptorError {
    /// The file.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// In words.
    pub reason: String,
}

/// Every source that is known, and the mirrors.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Sources, the built-in ones first.
    pub sources: Vec<Descriptor>,
    /// Mirrors, in the order of the file.
    pub mirrors: Vec<Mirror>,
}

impl Catalogue {
    /// The built-in sources, and what the user's own file (text and name) changes.
    pub fn read(own: Option<(&str, &str)>) -> Result<Self, DescriptorError> {
        let mut known: Vec<RawSource> = Vec::new();
        let mut mirrors = Vec::new();
        let mut sources = Vec::new();
        for (text, file) in std::iter::once((BUILT_IN, "built-in sources")).chain(own) {
            let at = |offset: usize, reason: String| {
                let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
                DescriptorError { file: file.to_owned(), line, reason }
            };
            let raw: RawFile = toml::from_str(text)
                .map_err(|error| at(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
            if !raw.built_in {
                known.clear();
                sources.clear();
            }
            let mut named: Vec<String> = Vec::new();
            for entry in raw.source {
                let offset = entry.span().start;
                let entry = entry.into_inner();
                let name = entry.name.clone();
                if named.contains(&name) {
                    return Err(at(offset, format!("source {name:?} is named twice")));
                }
                named.push(name.clone());
                let base = known.iter().position(|other| other.name == name);
                let whole = match base.map(|base| known.remove(base)) {
                    Some(base) => entry.over(base),
                    None => entry,
                };
                let source = check(&whole).map_err(|reason| at(offset, format!("source {name:?}: {reason}")))?;
                sources.retain(|other: &Descriptor| other.name != name);
                sources.push(source);
                known.push(whole);
            }
            for mirror in raw.mirror {
                let offset = mirror.span().start;
                let mirror: Mirror = mirror.into_inner();
                if mirror.to.is_empty() || !mirror.to.iter().chain([&mirror.from]).all(|url| is_http(url)) {
                    return Err(at(
                        offset,
                        "a mirror has `from` and a list `to` of http:// or https:// URLs".to_owned(),
                    ));
                }
                if !mirror.unencrypted && mirror.to.iter().any(|url| tripoint_fetch::is_clear(url)) {
                    return Err(at(offset, format!("mirror: {CLEAR}")));
                }
                mirrors.push(mirror);
            }
        }
        Ok(Self { sources, mirrors })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default = "yes")]
    built_in: bool,
    #[serde(default)]
    source: Vec<toml::Spanned<RawSource>>,
    #[serde(default)]
    mirror: Vec<toml::Spanned<Mirror>>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    name: String,
    url: Option<String>,
    urls: Option<Vec<String>>,
    mirrors: Option<Vec<String>>,
    listing: Option<Listing>,
    format: Option<String>,
    refresh: Option<String>,
    publishes: Option<String>,
    hosts: Option<Vec<String>>,
    enabled: Option<bool>,
    header: Option<String>,
    key_file: Option<PathBuf>,
    permit_private: Option<bool>,
    unencrypted: Option<bool>,
    max_mib: Option<u32>,
    licence: Option<String>,
}

impl RawSource {
    /// The keys that this one gives, the others from `base`.
    fn over(self, base: Self) -> Self {
        let moved = self.url.is_some() || self.urls.is_some();
        let (url, urls) = if moved { (self.url, self.urls) } else { (base.url, base.urls) };
        Self {
            name: self.name,
            url,
            urls,
            mirrors: self.mirrors.or(base.mirrors),
            listing: self.listing.or(base.listing.filter(|_| !moved)),
            format: self.format.or(base.format),
            refresh: self.refresh.or(base.refresh),
            publishes: self.publishes.or(base.publishes),
            hosts: self.hosts.or(base.hosts),
            enabled: self.enabled.or(base.enabled),
            header: self.header.or(base.header),
            key_file: self.key_file.or(base.key_file),
            permit_private: self.permit_private.or(base.permit_private),
            unencrypted: self.unencrypted.or(base.unencrypted.filter(|_| !moved)),
            max_mib: self.max_mib.or(base.max_mib),
            licence: self.licence.or(base.licence),
        }
    }
}

/// Shortest time between two fetches that publishers tolerate.
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_DEFAULT: Duration = Duration::from_secs(86_400);
const MIB_DEFAULT: u32 = 256;
const MIB_MAX: u32 = 8192;
const BUILT_IN: &str = include_str!("advisories.toml");

fn check(raw: &RawSource) -> Result<Descriptor, String> {
    let name = raw.name.clone();
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if !(1..=48).contains(&name.len()) || !name.bytes().all(fits) {
        return Err("a name has 1 to 48 small letters, digits, '-' and '_'".to_owned());
    }
    let urls = match (&raw.url, &raw.urls) {
        (Some(url), None) => vec![url.clone()],
        (None, Some(urls)) if (1..=FILES_MAX).contains(&urls.len()) => urls.clone(),
        _ => return Err(format!("give either url or a list urls of at most {FILES_MAX}")),
    };
    let mirrors = raw.mirrors.clone().unwrap_or_default();
    if !urls.iter().chain(&mirrors).all(|url| is_http(url)) {
        return Err("a URL must begin with https:// or http://".to_owned());
    }
    if raw.unencrypted != Some(true) && urls.iter().chain(&mirrors).any(|url| tripoint_fetch::is_clear(url)) {
        return Err(CLEAR.to_owned());
    }
    if urls.len() > 1 && !mirrors.is_empty() {
        return Err("mirrors are for a source of one file; use [[mirror]]".to_owned());
    }
    if let Some(format) = raw.format.as_deref().filter(|format| advisory::by_name(format).is_none()) {
        let known: Vec<_> = advisory::FORMATS.iter().map(|format| format.name()).collect();
        return Err(format!("there is no format {format:?}; known are: {}", known.join(", ")));
    }
    let spans = "is a number with s, m, h or d, such as \"12h\"";
    let refresh = raw.refresh.as_deref().map(|text| duration(text).ok_or_else(|| format!("refresh {spans}")));
    let publishes = raw.publishes.as_deref().map(|text| duration(text).ok_or_else(|| format!("publishes {spans}")));
    let refresh = refresh.transpose()?.unwrap_or(REFRESH_DEFAULT);
    if refresh < REFRESH_MIN {
        return Err("refresh must be at least 60s".to_owned());
    }
    if raw.header.is_some() != raw.key_file.is_some() {
        return Err("header and key_file go together".to_owned());
    }
    let mib = raw.max_mib.unwrap_or(MIB_DEFAULT);
    if !(1..=MIB_MAX).contains(&mib) {
        return Err(format!("max_mib lies between 1 and {MIB_MAX}"));
    }
    Ok(Descriptor {
        name,
        urls,
        mirrors,
        listing: raw.listing,
        format: raw.format.clone(),
        refresh,
        publishes: publishes.transpose()?,
        hosts: raw.hosts.clone().unwrap_or_default(),
        enabled: raw.enabled,
        header: raw.header.clone(),
        key_file: raw.key_file.clone(),
        permit_private: raw.permit_private.unwrap_or(false),
        bytes_max: u64::from(mib) << 20,
        licence: raw.licence.clone(),
    })
}

const CLEAR: &str = "a URL is plain http, which anybody on the way can change: use https, or say unencrypted = true";
/// Alpine has two files; nobody has many.
const FILES_MAX: usize = 32;

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// `90s`, `15m`, `1h`, `2d`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).filter(|total| *total <= 366 * 86_400).map(Duration::from_secs)
}

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;

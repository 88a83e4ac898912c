//! Which feeds does the user want, from where, how often, and what do they mean?

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tripoint_model::confidence::Percent;
use tripoint_model::{AppliesTo, Category};

use crate::feed::{self, Columns, Defaults};

/// Where a feed comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// http or https.
    Url(String),
    /// A file on this machine.
    File(PathBuf),
    /// A collection of a TAXII 2.1 server.
    Taxii {
        /// A discovery URL or an API root.
        url: String,
        /// The collection's id, alias or title.
        collection: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Taxii { url, collection } => write!(f, "{url} ({collection})"),
        }
    }
}

/// One feed, checked.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Its format; `None`: found by the content.
    pub format: Option<String>,
    /// What holds for entries that do not say.
    pub defaults: Defaults,
    /// How much of what it says is right.
    pub reliability: Percent,
    /// The lists that its entries come from; nothing: it is a list of its own.
    pub origins: Vec<String>,
    /// Time between two fetches.
    pub refresh: Duration,
    /// Name of the header that carries the key.
    pub header: Option<String>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Whether its names may lead to private addresses.
    pub permit_private: bool,
    /// Largest body as sent, bytes.
    pub bytes_max: u64,
    /// Whether it is fetched at all.
    pub enabled: bool,
    /// Terms under which its publisher gives it.
    pub licence: Option<String>,
}

impl Descriptor {
    /// Whether its URL is the manifest of a MISP feed, whose events are files of their own.
    pub fn is_misp_feed(&self) -> bool {
        self.format.as_deref() == Some(MISP_FEED)
    }
}

/// Not a format of a file: many files on a server.
const MISP_FEED: &str = "misp-feed";

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    feed: Vec<toml::Spanned<RawFeed>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    name: String,
    url: Option<String>,
    file: Option<PathBuf>,
    taxii: Option<String>,
    format: Option<String>,
    category: Option<String>,
    direction: Option<String>,
    confidence: Option<u8>,
    reliability: Option<u8>,
    #[serde(default)]
    origins: Vec<String>,
    refresh: Option<String>,
    #[serde(default)]
    columns: Columns,
    header: Option<String>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    permit_private: bool,
    #[serde(default)]
    unencrypted: bool,
    max_mib: Option<u32>,
    #[serde(default = "yes")]
    enabled: bool,
    licence: Option<String>,
}

fn yes() -> bool {
    true
}

/// Shortest time between two fetches that publishers tolerate.
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_DEFAULT: Duration = Duration::from_secs(3600);
const MIB_DEFAULT: u32 = 64;
const MIB_MAX: u32 = 1024;
const ORIGINS_MAX: usize = 32;

/// The feeds that `intel sync` takes when the user names none.
pub fn built_in() -> Result<Vec<Descriptor>, DescriptorError> {
    parse(include_str!("feeds.toml"), "built-in feeds")
}

/// Reads `[[feed]]` tables; `file` is the name for messages.
pub fn parse(text: &str, file: &str) -> Result<Vec<Descriptor>, DescriptorError> {
    let at =
        |offset: usize, reason: String| DescriptorError { file: file.to_owned(), line: line_of(text, offset), reason };
    let raw: RawFile = toml::from_str(text)
        .map_err(|error| at(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let mut feeds: Vec<Descriptor> = Vec::new();
    for entry in raw.feed {
        let offset = entry.span().start;
        let feed = check(entry.into_inner()).map_err(|reason| at(offset, reason))?;
        if feeds.iter().any(|other| other.name == feed.name) {
            return Err(at(offset, format!("feed {:?} is named twice", feed.name)));
        }
        feeds.push(feed);
    }
    Ok(feeds)
}

/// Reliability and origins of a feed that is called like a built-in one, however it came here.
pub(crate) fn known_source(name: &str) -> Option<(Percent, Vec<String>)> {
    let feed = built_in().ok()?.into_iter().find(|feed| feed.name == name)?;
    Some((feed.reliability, feed.origins))
}

fn check(raw: RawFeed) -> Result<Descriptor, String> {
    let name = raw.name;
    let say = |reason: String| format!("feed {name:?}: {reason}");
    crate::store::check_name(&name).map_err(|error| error.to_string())?;
    let origin = origin(raw.url, raw.file, raw.taxii, raw.unencrypted).map_err(|reason| say(reason.to_owned()))?;
    let is_taxii = matches!(origin, Origin::Taxii { .. });
    if raw.format.as_deref() == Some("taxii") && !is_taxii {
        return Err(say("format taxii needs taxii = \"COLLECTION\"".to_owned()));
    }
    if is_taxii && !matches!(raw.format.as_deref(), None | Some("taxii" | "stix")) {
        return Err(say("what a TAXII server gives is STIX: leave format out".to_owned()));
    }
    // A collection is pulled into one bundle, which the reader of STIX reads.
    let format = if is_taxii { Some("stix".to_owned()) } else { raw.format };
    let header = raw.header.or_else(|| (is_taxii && raw.key_file.is_some()).then(|| "Authorization".to_owned()));
    if format.as_deref() == Some(MISP_FEED) {
        if !matches!(&origin, Origin::Url(url) if url.ends_with("/manifest.json")) {
            return Err(say(format!("format {MISP_FEED:?} needs a url that ends in /manifest.json")));
        }
    } else if let Some(format) = &format
        && feed::format(format).is_none()
    {
        return Err(say(format!("there is no format {format:?}; known are: {}", crate::load::format_names())));
    }
    let defaults = defaults(raw.category, raw.direction, raw.confidence, raw.columns).map_err(say)?;
    let reliability = raw.reliability.unwrap_or(100);
    if reliability > 100 {
        return Err(say("reliability lies between 0 and 100".to_owned()));
    }
    let origins = origins(raw.origins).map_err(say)?;
    let refresh = match raw.refresh {
        Some(text) => {
            duration(&text).ok_or_else(|| say("refresh is a number with s, m, h or d, such as \"1h\"".to_owned()))?
        }
        None => REFRESH_DEFAULT,
    };
    if refresh < REFRESH_MIN {
        return Err(say("refresh must be at least 60s".to_owned()));
    }
    // Without a file for it, a header says that a key is needed before the feed can be enabled.
    if (header.is_none() || raw.enabled) && header.is_some() != raw.key_file.is_some() {
        return Err(say("header and key_file go together".to_owned()));
    }
    let mib = raw.max_mib.unwrap_or(MIB_DEFAULT);
    if !(1..=MIB_MAX).contains(&mib) {
        return Err(say(format!("max_mib lies between 1 and {MIB_MAX}")));
    }
    Ok(Descriptor {
        name,
        origin,
        format,
        defaults,
        reliability: Percent(reliability),
        origins,
        refresh,
        header,
        key_file: raw.key_file,
        permit_private: raw.permit_private,
        bytes_max: u64::from(mib) << 20,
        enabled: raw.enabled,
        licence: raw.licence,
    })
}

/// What holds for entries that do not say.
fn defaults(
    category: Option<String>,
    direction: Option<String>,
    confidence: Option<u8>,
    columns: Columns,
) -> Result<Defaults, String> {
    let base = Defaults::default();
    let category = match category {
        Some(text) => Category::parse(&text)
            .ok_or_else(|| format!("there is no category {text:?}; known are: {}", categories()))?,
        None => base.category,
    };
    let direction = match direction {
        Some(text) => AppliesTo::parse(&text).ok_or_else(|| "direction is one of in, out and both".to_owned())?,
        None => base.direction,
    };
    let confidence = confidence.unwrap_or(base.confidence);
    if confidence > 100 {
        return Err("confidence lies between 0 and 100".to_owned());
    }
    Ok(Defaults { category, direction, confidence, columns })
}

fn origin(
    url: Option<String>,
    file: Option<PathBuf>,
    taxii: Option<String>,
    unencrypted: bool,
) -> Result<Origin, &'static str> {
    let is_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    match (url, file, taxii) {
        (Some(url), ..) if !is_web(&url) => Err("url must begin with https:// or http://"),
        (Some(url), ..) if !unencrypted && tripoint_fetch::is_clear(&url) => {
            Err("url is plain http, which anybody on the way can change: use https, or say unencrypted = true")
        }
        (Some(url), None, None) => Ok(Origin::Url(url)),
        (Some(_), None, Some(name)) if name.is_empty() || name.len() > 256 => {
            Err("taxii names a collection by its id, alias or title")
        }
        (Some(url), None, Some(collection)) => Ok(Origin::Taxii { url, collection }),
        (None, Some(file), None) => Ok(Origin::File(file)),
        (None, _, Some(_)) => Err("taxii names a collection of the server at url"),
        _ => Err("give exactly one of url and file"),
    }
}

/// Sorted, each once, and each a name that a feed could have.
fn origins(mut names: Vec<String>) -> Result<Vec<String>, String> {
    if names.len() > ORIGINS_MAX {
        return Err(format!("at most {ORIGINS_MAX} origins"));
    }
    for name in &names {
        crate::store::check_name(name).map_err(|error| error.to_string())?;
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn categories() -> String {
    Category::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
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

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_descriptor_is_read() {
        let text = r#"
[[feed]]
name = "mine"
url = "https://feeds.example/list.csv"
format = "csv"
category = "c2"
direction = "out"
confidence = 90
reliability = 80
origins = ["b", "a", "b"]
refresh = "15m"
columns = { address = "dst", port = "3" }
header = "Auth-Key"
key_file = "/etc/key"
max_mib = 2
enabled = false
licence = "CC0"
"#;
        let feeds = parse(text, "feeds.toml").unwrap();
        assert_eq!(feeds[0].refresh, Duration::from_secs(900));
        assert_eq!(feeds[0].defaults.columns.port.as_deref(), Some("3"));
        assert_eq!((feeds[0].reliability, feeds[0].origins.join(" ")), (Percent(80), "a b".to_owned()));
        assert_eq!(feeds[0].bytes_max, 2 << 20);
        assert!(!feeds[0].enabled);
    }

    #[test]
    fn errors_name_the_line() {
        let base = "[[feed]]\nname = \"a\"\nurl = \"https://a.example/\"\n";
        for (extra, line, part) in [
            ("colour = 1\n", 4, "unknown field"),
            ("confidence = 300\n", 4, "300"),
            ("confidence = 101\n", 1, "between 0 and 100"),
            ("reliability = 101\n", 1, "between 0 and 100"),
            ("origins = [\"../a\"]\n", 1, "cannot name"),
            ("file = \"x\"\n", 1, "exactly one"),
            ("format = \"xml\"\n", 1, "plain-list"),
            ("format = \"taxii\"\n", 1, "COLLECTION"),
            ("taxii = \"\"\n", 1, "title"),
            ("taxii = \"a\"\nformat = \"csv\"\n", 1, "STIX"),
            ("category = \"evil\"\n", 1, "brute-force"),
            ("refresh = \"soon\"\n", 1, "1h"),
            ("header = \"X\"\n", 1, "key_file"),
            ("[[feed]]\nname = \"a\"\nfile = \"x\"\n", 4, "twice"),
            ("[[feed]]\nname = \"../a\"\nfile = \"x\"\n", 4, "cannot name"),
            ("x = [\n", 4, ""),
        ] {
            let error = parse(&format!("{base}{extra}"), "f").unwrap_err();
            assert!(error.reason.contains(part), "{extra}: {error}");
            assert!(error.line.abs_diff(line) <= 1, "{extra}: {error}");
        }
    }

    #[test]
    fn plain_http_is_asked_for_in_so_many_words() {
        let read = |rest: &str| parse(&format!("[[feed]]\nname = \"a\"\n{rest}\n"), "feeds.toml");
        for clear in ["http://a.example/x", "http://192.0.2.1/x", "http://a.example/taxii2/\"\ntaxii = \"one"] {
            let told = read(&format!("url = \"{clear}\"")).unwrap_err().to_string();
            assert!(told.starts_with("feeds.toml:1: ") && told.contains("unencrypted = true"), "{told}");
            assert!(read(&format!("url = \"{clear}\"\nunencrypted = true")).is_ok(), "{clear}");
        }
        for here in ["http://127.0.0.1:8000/x", "http://localhost/x", "http://[::1]/x", "https://a.example/x"] {
            assert!(read(&format!("url = \"{here}\"")).is_ok(), "{here}");
        }
    }

    #[test]
    fn the_built_in_feeds_are_right() {
        let feeds = built_in().unwrap();
        assert!(feeds.len() >= 6);
        assert!(feeds.iter().all(|feed| feed.licence.is_some()));
        assert!(feeds.iter().all(|feed| matches!(&feed.origin, Origin::Url(url) if url.starts_with("https://"))));
    }
}

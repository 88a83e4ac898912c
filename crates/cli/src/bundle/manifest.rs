//! What is in a bundle, who made it when, and until when is it good?

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

use super::layout::MEMBER_BYTES_MAX;

/// The signed part of a bundle; everything else hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The layout's version.
    pub schema: u32,
    /// Rises with every bundle of a key; an importer takes no lower one than it had.
    pub counter: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it should be imported.
    pub expires: Timestamp,
    /// Which program made it.
    pub made_by: String,
    /// The other members, in their order.
    pub members: Vec<Member>,
}

/// One file in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// `intel/FEED/indicators.ndjson.gz`, `vuln/SOURCE.jsonl.gz`, `rules/feeds.toml` and the like.
    pub name: String,
    /// Its length in the bundle.
    pub bytes: u64,
    /// SHA-256 of these bytes, hex.
    pub sha256: String,
    /// Its length when unpacked; the same for what is not packed.
    pub plain_bytes: u64,
}

/// What a member is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'n> {
    /// A feed's indicators, gzip.
    Feed(&'n str),
    /// A feed's status.
    FeedStatus(&'n str),
    /// A source's statements, gzip.
    Source(&'n str),
    /// A source's status.
    SourceStatus(&'n str),
    /// A file of rules or descriptors.
    Rules(&'n str),
}

impl Member {
    /// What it is; `None` for a name that no bundle holds. Names lead to places of our own, never to a path.
    pub fn kind(&self) -> Option<Kind<'_>> {
        let name = self.name.as_str();
        if let Some(rest) = name.strip_prefix("intel/") {
            let (feed, file) = rest.split_once('/')?;
            tripoint_intel::store::check_name(feed).ok()?;
            return match file {
                "indicators.ndjson.gz" => Some(Kind::Feed(feed)),
                "status.json" => Some(Kind::FeedStatus(feed)),
                _ => None,
            };
        }
        if let Some(rest) = name.strip_prefix("vuln/") {
            let plain = |text: &&str| {
                (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            };
            return match (rest.strip_suffix(".jsonl.gz"), rest.strip_suffix(".status.json")) {
                (Some(source), None) => Some(source).filter(plain).map(Kind::Source),
                (None, Some(source)) => Some(source).filter(plain).map(Kind::SourceStatus),
                _ => None,
            };
        }
        RULES.iter().find(|file| name.strip_prefix("rules/") == Some(file)).map(|file| Kind::Rules(file))
    }
}

/// Files of rules and descriptors that a bundle may carry, by their names in the data folder.
pub const RULES: &[&str] = &["feeds.toml", "advisories.toml", "rules.toml"];
/// The layout's version.
pub const SCHEMA: u32 = 1;
/// Far more than there are feeds and publishers.
const MEMBERS_MAX: usize = 8192;
/// Unpacked, all members together.
const PLAIN_BYTES_MAX: u64 = 64 << 30;
/// A status or a file of rules.
const SMALL_BYTES_MAX: u64 = 4 << 20;

impl Manifest {
    /// From the signed bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| format!("its manifest: {error}"))?;
        if manifest.schema != SCHEMA {
            return Err(format!("its layout is of version {}, this program reads {SCHEMA}", manifest.schema));
        }
        if manifest.members.len() > MEMBERS_MAX {
            return Err(format!("it has more than {MEMBERS_MAX} members"));
        }
        let mut plain: u64 = 0;
        let mut names = std::collections::BTreeSet::new();
        for member in &manifest.members {
            let Some(kind) = member.kind() else { return Err(format!("no bundle holds a member {:?}", member.name)) };
            if !names.insert(member.name.as_str()) {
                return Err(format!("it holds {} twice", member.name));
            }
            let is_packed = matches!(kind, Kind::Feed(_) | Kind::Source(_));
            if !is_packed && (member.bytes > SMALL_BYTES_MAX || member.plain_bytes != member.bytes) {
                return Err(format!("{} is too large", member.name));
            }
            plain = plain.saturating_add(member.plain_bytes);
            if member.bytes > MEMBER_BYTES_MAX || plain > PLAIN_BYTES_MAX {
                return Err("it is too large".to_owned());
            }
        }
        Ok(manifest)
    }
}

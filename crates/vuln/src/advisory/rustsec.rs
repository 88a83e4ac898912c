//! How is RustSec's database read (Markdown that begins with TOML)?

use std::io::BufRead;

use serde::Deserialize;
use tripoint_model::Ecosystem;

use super::document::{self, has};
use super::listed::Few;
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, intervals};
use crate::version::Scheme;

/// One advisory a file.
pub(super) struct RustSec;

#[derive(Deserialize)]
struct Raw {
    advisory: Head,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    #[serde(default)]
    aliases: Few<String, LIST_MAX>,
    #[serde(default)]
    cvss: Option<String>,
    #[serde(default)]
    informational: Option<String>,
    #[serde(default)]
    withdrawn: Option<toml::Value>,
    #[serde(default)]
    collection: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versions {
    patched: Few<String, LIST_MAX>,
    unaffected: Few<String, LIST_MAX>,
}

impl AdvisoryFormat for RustSec {
    fn name(&self) -> &'static str {
        "rustsec"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        head.trim_ascii_start().starts_with(b"```toml") && has(head, "[advisory]")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let Some(bytes) = document::whole(file, input, FILE_BYTES_MAX, out) else { return };
        match String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned()).and_then(|text| read(&text)) {
            Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
            Err(reason) => out.refuse(file, 1, reason),
        }
    }
}

fn read(text: &str) -> Result<Advisory, String> {
    let (_, rest) = text.split_once("```toml").ok_or("no TOML in it")?;
    let (front, markdown) = rest.split_once("\n```").ok_or("the TOML has no end")?;
    if front.len() > FRONT_BYTES_MAX {
        return Err(format!("TOML of more than {} KiB", FRONT_BYTES_MAX >> 10));
    }
    if nesting(front) > NESTING_MAX {
        return Err("the TOML is nested too deeply".to_owned());
    }
    let raw: Raw = toml::from_str(front).map_err(|error| format!("not an advisory: {}", error.message()))?;
    let title = markdown.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
    let ids = raw.advisory.aliases.0.iter().map(String::as_str);
    let mut advisory = document::advisory(document::id(&raw.advisory.id)?, ids, title, Authority::Converted);
    if raw.advisory.withdrawn.is_some() {
        return Ok(advisory);
    }
    match raw.advisory.informational.as_deref() {
        // Nobody maintains it, or a note: no hole in any version.
        Some(kind) if kind != "unsound" => return Err(format!("{}: informational only ({kind:.32})", advisory.id)),
        _ => {}
    }
    if raw.advisory.collection.as_deref().is_some_and(|one| one != "crates") {
        return Err(format!("{}: not a crate", advisory.id));
    }
    document::rate(&mut advisory, "rustsec", raw.advisory.cvss.as_deref().unwrap_or_default());
    let safe = raw.versions.patched.0.iter().chain(&raw.versions.unaffected.0);
    let safe = intervals::all(Scheme::SemVer, safe)?;
    let name = document::word(&raw.advisory.package, "the package's name")?;
    let mut affected = Affected::new(Ecosystem::CratesIo, "", &name);
    affected.ranges = intervals::outside(Scheme::SemVer, safe);
    advisory.affected.push(affected);
    Ok(advisory)
}

/// How deep brackets stand in each other; the TOML parser recurses.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

const FILE_BYTES_MAX: u64 = 1 << 20;
/// A parsed key costs a hundred bytes; real ones have a kilobyte.
const FRONT_BYTES_MAX: usize = 64 << 10;
const LIST_MAX: usize = 1000;
const NESTING_MAX: usize = 32;

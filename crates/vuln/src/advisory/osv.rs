//! How is an OSV record read (schema 1.0 to 1.7: one object, an array, one a line, or YAML)?

mod ratings;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::text::truncate;

use self::ratings::{publisher, rate, word};
use super::listed::{self, Items, Room, Text, Unread};
use super::records::Records;
use super::{Advisory, AdvisoryFormat, Affected, Sink, Statement, document, yaml};
use crate::evaluate::{self, EventKind};
use crate::naming;
use crate::version::{Scheme, VERSION_BYTES_MAX};

/// The OSV schema.
pub(super) struct Osv;

impl AdvisoryFormat for Osv {
    fn name(&self) -> &'static str {
        "osv"
    }

    fn recognises(&self, file: &str, head: &[u8]) -> bool {
        let has = |key: &str| head.windows(key.len()).any(|window| window == key.as_bytes());
        let name = tripoint_unpack::inner_name(file);
        let begun = head.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'['));
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if is_yaml
            && (has("\naffected:") || head.starts_with(b"affected:"))
            && (has("\nid:") || head.starts_with(b"id:"))
        {
            return true;
        }
        begun
            && ((has("\"affected\"") && has("\"id\""))
                || has("\"schema_version\"")
                || (has("\"id\"") && has("\"modified\""))
                || name.ends_with(".jsonl")
                || name.ends_with(".ndjson"))
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let is_json = input.fill_buf().is_ok_and(document::is_json);
        if !is_json && (file.ends_with(".yaml") || file.ends_with(".yml")) {
            let Some(bytes) = document::whole(file, input, RECORD_BYTES_MAX as u64, out) else { return };
            return match yaml::to_json(&bytes) {
                Ok(json) => read_record(file, 1, &json, out),
                Err((line, reason)) => out.refuse(file, line, reason),
            };
        }
        let mut records = Records::new(input, file, RECORD_BYTES_MAX);
        while let Some((line, record)) = records.next() {
            match record {
                Ok(bytes) => read_record(file, line, bytes, out),
                Err(reason) => out.refuse(file, line, reason.to_owned()),
            }
        }
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    modified: Option<&'a RawValue>,
    #[serde(borrow, default)]
    withdrawn: Option<&'a RawValue>,
    #[serde(borrow, default)]
    aliases: Items<'a>,
    #[serde(borrow, default)]
    upstream: Items<'a>,
    #[serde(borrow, default)]
    related: Items<'a>,
    #[serde(borrow, default)]
    severity: Items<'a>,
    #[serde(borrow, default)]
    database_specific: Option<&'a RawValue>,
    #[serde(borrow, default)]
    affected: Items<'a>,
}

#[derive(Deserialize)]
struct RawAffected<'a> {
    #[serde(borrow, default)]
    package: Option<RawPackage<'a>>,
    #[serde(borrow, default)]
    ranges: Items<'a>,
    #[serde(borrow, default)]
    versions: Items<'a>,
    #[serde(borrow, default)]
    severity: Items<'a>,
    #[serde(borrow, default)]
    ecosystem_specific: Option<&'a RawValue>,
    #[serde(borrow, default)]
    database_specific: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawPackage<'a> {
    #[serde(borrow, default)]
    ecosystem: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawRange<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    events: Items<'a>,
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(borrow, default)]
    introduced: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    fixed: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    last_affected: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    limit: Option<Cow<'a, str>>,
}

fn read_record(file: &str, line: u64, bytes: &[u8], out: &mut dyn Sink) {
    let raw: Raw<'_> = match listed::record(bytes) {
        Ok(raw) => raw,
        Err(error) => {
            return out.refuse(
                file,
                line + (error.line() as u64).saturating_sub(1),
                format!("not an OSV record: {error}"),
            );
        }
    };
    let id = match raw.id.as_deref().map(str::trim) {
        Some(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control) => id.to_owned(),
        Some(_) => {
            return out.refuse(file, line, "the id is empty, too long or has control characters".to_owned());
        }
        None => return out.refuse(file, line, "the record has no id".to_owned()),
    };
    raw.modified.iter().for_each(|time| out.published(time.get().trim_matches('"')));
    let mut unread = Unread::default();
    let cves = cves(&id, &raw, &mut unread);
    let mut advisory = Advisory { summary: text(raw.summary), cves, id, ..Advisory::default() };
    if raw.withdrawn.is_some_and(|value| value.get() != "null") {
        if let Some(reason) = unread.reason() {
            out.refuse_part(file, line, format!("{}: {reason}", advisory.id));
        }
        return out.accept(Statement::Advisory(Box::new(advisory)));
    }
    let source = publisher(&advisory.id);
    rate(&source, raw.severity, &mut advisory, &mut unread);
    word(&source, raw.database_specific, &mut advisory, &mut unread);
    let mut room = Room::of(bytes.len());
    let (mut reasons, mut more) = (Vec::new(), 0_usize);
    let walked = raw.affected.statements(|at, entry| {
        match read_affected(entry.get(), &source, &mut advisory, &mut room, &mut unread) {
            Ok(affected) => advisory.affected.push(affected),
            Err(_) if reasons.len() >= REASONS_MAX => more += 1,
            Err(reason) => reasons.push(format!("{}: affected[{at}]: {reason}", advisory.id)),
        }
    });
    match walked {
        Ok(0) => {}
        Ok(empty) => reasons.push(format!("{}: {empty} of its parts say nothing", advisory.id)),
        Err(error) => return out.refuse(file, line, format!("{}: affected: {error}", advisory.id)),
    }
    if more > 0 {
        reasons.push(format!("{}: {more} more of its parts cannot be used", advisory.id));
    }
    if advisory.affected.is_empty() && !reasons.is_empty() {
        return out.refuse(file, line, reasons.swap_remove(0));
    }
    reasons.extend(unread.reason().map(|reason| format!("{}: {reason}", advisory.id)));
    for reason in reasons {
        out.refuse_part(file, line, reason);
    }
    out.accept(Statement::Advisory(Box::new(advisory)));
}

fn read_affected(
    json: &str,
    source: &str,
    advisory: &mut Advisory,
    room: &mut Room,
    unread: &mut Unread,
) -> Result<Affected, String> {
    let raw: RawAffected<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let package = raw.package.ok_or("it names no package")?;
    let (ecosystem, release) = naming::ecosystem(&package.ecosystem)
        .ok_or_else(|| format!("unknown ecosystem {:?}", truncate(&package.ecosystem, 64).0))?;
    let name = naming::package(ecosystem, &package.name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err("the package's name is empty or too long".to_owned());
    }
    room.take(2 * size_of::<Affected>() + name.len())?;
    let (ranges, only_git) = read_ranges(raw.ranges, ecosystem, room)?;
    let (versions, listed) = read_versions(raw.versions, Scheme::of(ecosystem), &ranges, room)?;
    if ranges.is_empty() && listed == 0 {
        let reason =
            if only_git { "only git ranges: no package version can be matched" } else { "neither ranges nor versions" };
        return Err(reason.to_owned());
    }
    rate(source, raw.severity, advisory, unread);
    word(source, raw.ecosystem_specific, advisory, unread);
    word(source, raw.database_specific, advisory, unread);
    Ok(Affected { ranges, versions, ..Affected::new(ecosystem, &release, &name).named(naming::kind(ecosystem)) })
}

type Events = Vec<(u8, String)>;

/// The ranges, and whether there are some of git's.
fn read_ranges(
    list: Items<'_>,
    ecosystem: tripoint_model::Ecosystem,
    room: &mut Room,
) -> Result<(Vec<Events>, bool), String> {
    let (mut ranges, mut only_git) = (Vec::new(), false);
    let mut first_error = None;
    let walked = list.each(|_, range: RawRange<'_>| {
        if range.kind == "GIT" {
            only_git = true;
        } else if first_error.is_none() {
            let scheme = scheme(&range.kind, ecosystem)
                .ok_or_else(|| format!("unknown range type {:?}", truncate(&range.kind, 32).0));
            match scheme.and_then(|scheme| read_events(range.events, scheme, room)) {
                Ok(events) => ranges.push(events),
                Err(reason) => first_error = Some(reason),
            }
        }
    });
    walked.map_err(|error| format!("ranges: {error}"))?;
    first_error.map_or(Ok((ranges, only_git)), Err)
}

/// The versions that no range covers, and how many were listed.
fn read_versions(
    list: Items<'_>,
    scheme: Scheme,
    ranges: &[Events],
    room: &mut Room,
) -> Result<(Vec<String>, usize), String> {
    // Naming a version twice is no harm; looking through very many ranges for each would be.
    let looked = ranges.iter().map(Vec::len).sum::<usize>() <= EVENTS_LOOKED_MAX;
    let covered = |version: &str| looked && ranges.iter().any(|range| evaluate::is_affected(scheme, version, range));
    let (mut versions, mut listed, mut paid) = (Vec::new(), 0, Ok(()));
    let walked = list.each(|_, Text(version)| {
        listed += 1;
        if version.len() <= VERSION_BYTES_MAX && paid.is_ok() && !covered(&version) {
            paid = room.take(2 * size_of::<String>() + version.len());
            versions.push(version.trim().to_owned());
        }
    });
    walked.map_err(|error| format!("versions: {error}"))?;
    paid.map(|()| (versions, listed))
}

/// SEMVER ranges are ordered as semantic versions also where the ecosystem orders otherwise.
fn scheme(kind: &str, ecosystem: tripoint_model::Ecosystem) -> Option<Scheme> {
    matches!(kind, "SEMVER" | "ECOSYSTEM").then(|| Scheme::of(ecosystem))
}

fn read_events(list: Items<'_>, scheme: Scheme, room: &mut Room) -> Result<Events, String> {
    room.take(2 * size_of::<Events>())?;
    let (mut events, mut wrong) = (Vec::new(), Ok(()));
    let walked = list.each(|_, event: RawEvent<'_>| {
        if wrong.is_ok() {
            wrong = read_event(&event, &mut events, room);
        }
    });
    walked.map_err(|error| format!("events: {error}"))?;
    wrong?;
    if !events.iter().any(|(kind, _)| *kind == EventKind::Introduced as u8) {
        return Err("a range has no introduced event".to_owned());
    }
    events.shrink_to_fit();
    evaluate::sort(scheme, &mut events);
    Ok(events)
}

fn read_event(event: &RawEvent<'_>, events: &mut Events, room: &mut Room) -> Result<(), String> {
    let kinds = [
        (EventKind::Introduced, &event.introduced),
        (EventKind::Fixed, &event.fixed),
        (EventKind::LastAffected, &event.last_affected),
        (EventKind::Limit, &event.limit),
    ];
    for (kind, version) in kinds {
        let Some(version) = version else { continue };
        if version.is_empty() || version.len() > VERSION_BYTES_MAX {
            return Err("an event's version is empty or too long".to_owned());
        }
        room.take(2 * size_of::<(u8, String)>() + version.len())?;
        events.push((kind as u8, version.trim().to_owned()));
    }
    Ok(())
}

/// The CVEs that it is.
fn cves(id: &str, raw: &Raw<'_>, unread: &mut Unread) -> Vec<String> {
    let mut out: BTreeSet<String> = document::cve_of(id).into_iter().collect();
    let mut take = |what: &str, list: Items<'_>| {
        list.usable(what, unread, |_, Text(id)| {
            if out.len() < CVES_MAX {
                out.extend(document::cve_of(&id));
            }
        });
        out.is_empty()
    };
    take("aliases", raw.aliases);
    // Update notices of distributions name what they fix as related only.
    if take("upstream", raw.upstream) && NOTICES.iter().any(|prefix| id.starts_with(prefix)) {
        take("related", raw.related);
    }
    out.into_iter().collect()
}

fn text(value: Option<&RawValue>) -> String {
    let full: String = value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default();
    truncate(full.trim(), SUMMARY_BYTES_MAX).0.to_owned()
}

/// Ids of update notices: what is related to them is what they fix.
const NOTICES: &[&str] = &[
    "ALSA-",
    "ALBA-",
    "ALEA-",
    "RLSA-",
    "RXSA-",
    "RHSA-",
    "SUSE-",
    "openSUSE-",
    "OESA-",
    "USN-",
    "DSA-",
    "DLA-",
    "MGASA-",
    "AZL-",
];
/// The largest real records are a few MiB (kernel commits, thousands of versions).
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Of one record.
const REASONS_MAX: usize = 1000;
const ID_BYTES_MAX: usize = 200;
const NAME_BYTES_MAX: usize = 512;
const SUMMARY_BYTES_MAX: usize = 300;
/// A kernel update names hundreds.
const CVES_MAX: usize = 5000;
/// Published records have a handful.
const EVENTS_LOOKED_MAX: usize = 256;

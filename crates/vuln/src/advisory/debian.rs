//! How is Debian's security tracker read (JSON: package, CVE, release)?

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::{Ecosystem, FindingState};

use super::document::{self, has, is_json};
use super::listed::{Members, Room, record};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement};
use crate::subject::NameKind;
use crate::version::{Scheme, VERSION_BYTES_MAX};

/// `https://security-tracker.debian.org/tracker/data/json`. A record is a package's CVE.
pub(super) struct Tracker;

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    releases: Members<'a>,
}

#[derive(Deserialize)]
struct Release<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    fixed_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    urgency: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    nodsa: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    nodsa_reason: Option<Cow<'a, str>>,
}

impl AdvisoryFormat for Tracker {
    fn name(&self) -> &'static str {
        "debian-tracker"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"releases\"") && has(head, "\"repositories\"") && !has(head, "\"affected\"")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        document::members(file, input, "a tracker's object of packages", out, |package, entries, out| {
            let walked = Members::from(entries).each(|id, entry| match read_entry(file, &package, &id, entry, out) {
                Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
                Err(reason) => out.refuse(file, 1, format!("{package:.64} {id:.64}: {reason}")),
            });
            if let Err(error) = walked {
                out.refuse(file, 1, format!("{package:.64}: not an object of CVEs: {error}"));
            }
        });
    }
}

fn read_entry(file: &str, package: &str, id: &str, entry: &RawValue, out: &mut dyn Sink) -> Result<Advisory, String> {
    let package = document::word(package, "the package's name")?;
    let mut room = Room::of(entry.get().len());
    let entry: Entry<'_> = record(entry.get().as_bytes()).map_err(|error| error.to_string())?;
    let summary = entry.description.as_deref().unwrap_or_default();
    let mut advisory = document::advisory(document::id(id)?, [], summary, Authority::Keeper);
    let walked = entry.releases.each(|name, release| {
        let read = read_release(&package, &name, release);
        let paid =
            read.and_then(|read| room.take(2 * size_of::<Affected>() + package.len() + name.len()).map(|()| read));
        match paid {
            Ok((affected, urgency)) => {
                advisory.affected.push(affected);
                document::rate(&mut advisory, "debian", urgency.trim_end_matches('*'));
            }
            Err(reason) => out.refuse_part(file, 1, format!("{package} {id}: {name:.64}: {reason}")),
        }
    });
    walked.map_err(|error| format!("releases: {error}"))?;
    if advisory.affected.is_empty() { Err("no release of it can be used".to_owned()) } else { Ok(advisory) }
}

/// `resolved` with version 0 was never affected; `open` is, whatever the team means to do;
/// `undetermined` is nobody's word yet.
fn read_release(package: &str, name: &str, release: &RawValue) -> Result<(Affected, String), String> {
    let release: Release<'_> = record(release.get().as_bytes()).map_err(|error| error.to_string())?;
    let affected = Affected::new(Ecosystem::Debian, name, package).named(NameKind::Source);
    let urgency = release.urgency.as_deref().filter(|word| *word != "not yet assigned").unwrap_or_default();
    let found = match release.status.as_ref() {
        "resolved" => match release.fixed_version.as_deref().map(str::trim) {
            Some("0") => affected.always(FindingState::NotAffected),
            Some(fix) if fix.len() <= VERSION_BYTES_MAX && Scheme::Dpkg.check(fix).is_ok() => affected.below(fix),
            _ => return Err("resolved without a usable fixed_version".to_owned()),
        },
        "undetermined" => affected.always(FindingState::UnderInvestigation),
        "open" => affected.always(open_state(&release, urgency)),
        other => return Err(format!("unknown status {other:.32}")),
    };
    Ok((found, urgency.to_owned()))
}

fn open_state(release: &Release<'_>, urgency: &str) -> FindingState {
    match release.nodsa_reason.as_deref() {
        Some("postponed") => FindingState::Postponed,
        Some("ignored") => FindingState::WontFix,
        Some(_) => FindingState::NoDsa,
        None if release.nodsa.is_some() => FindingState::NoDsa,
        None if urgency.starts_with("end-of-life") => FindingState::WontFix,
        None => FindingState::Affected,
    }
}

//! How are the small lists of Arch Linux, Photon OS and ENISA read?

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::{Ecosystem, FindingState};

use super::document::{self, has, is_json};
use super::intervals::Interval;
use super::listed::{self, Few, Required};
use super::records::Records;
use super::{Advisory, AdvisoryFormat, Affected, Authority, Severity, Sink, Statement};
use crate::subject::NameKind;
use crate::version::{Scheme, VERSION_BYTES_MAX};

/// Arch Linux's tracker, all groups as JSON.
pub(super) struct Arch;
/// Photon OS's lists of CVEs; the release stands in the file's name.
pub(super) struct Photon;
/// The European vulnerability database: severities.
pub(super) struct Euvd;

#[derive(Deserialize)]
struct Group {
    name: String,
    packages: Few<String, 1000>,
    status: String,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    affected: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    issues: Few<String, 5000>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    cve_id: String,
    pkg: String,
    #[serde(default)]
    cve_score: Option<f64>,
    #[serde(default)]
    res_ver: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    aliases: Option<String>,
    #[serde(default, rename = "baseScoreVector")]
    vector: Option<String>,
}

impl AdvisoryFormat for Arch {
    fn name(&self) -> &'static str {
        "arch"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"AVG-") && has(head, "\"issues\"")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        each(file, input, out, |group: Group| {
            let id = document::id(&group.name)?;
            let ids = group.issues.0.iter().map(String::as_str);
            let kind = group.kind.as_deref().unwrap_or_default();
            let mut advisory = document::advisory(id, ids, kind, Authority::Keeper);
            document::rate(&mut advisory, "arch", group.severity.as_deref().unwrap_or_default());
            for name in &group.packages.0 {
                let affected = Affected::new(Ecosystem::Arch, "", &document::word(name, "a package's name")?);
                let mut affected = affected.named(NameKind::Binary);
                affected.ranges = vec![
                    Interval::between(version(group.affected.as_deref())?, version(group.fixed.as_deref())?).events(),
                ];
                match group.status.as_str() {
                    "Not affected" => affected.state = FindingState::NotAffected,
                    "Unknown" => affected.state = FindingState::UnderInvestigation,
                    _ => {}
                }
                advisory.affected.push(affected);
            }
            Ok(Statement::Advisory(Box::new(advisory)))
        });
    }
}

impl AdvisoryFormat for Photon {
    fn name(&self) -> &'static str {
        "photon"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"cve_id\"") && has(head, "\"res_ver\"")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let release = file.rsplit("photon").next().unwrap_or_default();
        let release: String = release.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let release = release.trim_end_matches('.').to_owned();
        each(file, input, out, |entry: Entry| {
            let mut advisory: Advisory = document::advisory(document::id(&entry.cve_id)?, [], "", Authority::Keeper);
            let score = entry.cve_score.filter(|score| (0.1..=10.0).contains(score));
            document::rate(&mut advisory, "photon", &score.map_or(String::new(), |score| score.to_string()));
            let name = document::word(&entry.pkg, "the package's name")?;
            let affected = Affected::new(Ecosystem::Photon, &release, &name);
            advisory.affected.push(match (entry.status.as_deref(), version(entry.res_ver.as_deref())?) {
                (Some("Not Affected"), _) => affected.always(FindingState::NotAffected),
                (_, Some(fix)) if Scheme::Rpm.check(fix).is_ok() && fix.contains(|c: char| c.is_ascii_digit()) => {
                    affected.below(fix)
                }
                _ => affected.always(FindingState::Affected),
            });
            Ok(Statement::Advisory(Box::new(advisory)))
        });
    }
}

impl AdvisoryFormat for Euvd {
    fn name(&self) -> &'static str {
        "euvd"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"EUVD-") && has(head, "\"enisaUuid\"")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let Some(bytes) = document::whole(file, input, LIST_BYTES_MAX, out) else { return };
        #[derive(Deserialize)]
        struct List<'d> {
            #[serde(borrow)]
            items: Required<'d>,
        }
        let mut item = |item: &[u8]| {
            each(file, &mut &*item, out, |item: Item| {
                let aliases = item.aliases.unwrap_or_default();
                let cve = aliases.split_whitespace().find(|id| super::is_cve(id));
                let cve = cve.ok_or_else(|| format!("{:.32}: no CVE among its aliases", item.id))?.to_owned();
                let value = item.vector.unwrap_or_default();
                let tenths = document::tenths(&value);
                if tenths.is_none() {
                    return Err(format!("{cve}: no CVSS vector"));
                }
                Ok(Statement::Severity(Box::new(Severity { cve, source: "euvd".to_owned(), value, tenths })))
            });
        };
        // A page of an answer, a list, or one record alone.
        let list = match listed::record::<List<'_>>(&bytes) {
            Ok(page) => page.items.0,
            Err(_) => match serde_json::from_slice::<Required<'_>>(&bytes) {
                Ok(list) => list.0,
                Err(_) => return item(&bytes),
            },
        };
        let walked = list.each(|_, raw: &RawValue| item(raw.get().as_bytes()));
        if let Err(error) = walked {
            out.refuse(file, 1, format!("items: {error}"));
        }
    }
}

fn version(text: Option<&str>) -> Result<Option<&str>, String> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.len() > VERSION_BYTES_MAX => Err("a version is too long".to_owned()),
        other => Ok(other),
    }
}

fn each<T: serde::de::DeserializeOwned>(
    file: &str,
    input: &mut dyn BufRead,
    out: &mut dyn Sink,
    statement: impl Fn(T) -> Result<Statement, String>,
) {
    let mut records = Records::new(input, file, RECORD_BYTES_MAX);
    while let Some((line, record)) = records.next() {
        let read = match record {
            Ok(bytes) => listed::record::<T>(bytes).map_err(|error| format!("not a record: {error}")),
            Err(reason) => Err(reason.to_owned()),
        };
        match read.and_then(&statement) {
            Ok(statement) => out.accept(statement),
            Err(reason) => out.refuse(file, line, reason),
        }
    }
}

const RECORD_BYTES_MAX: usize = 4 << 20;
const LIST_BYTES_MAX: u64 = 64 << 20;

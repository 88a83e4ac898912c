//! How is an image made from the statements of all sources?

use std::collections::{BTreeMap, HashMap};

use tripoint_model::Timestamp;

use super::outrank::{Entry, settle};
use super::{
    ADVISORIES, AFFECTED, CVE_LISTS, CVES, HEADER_BYTES, IMAGE_VERSION, MAGIC, NOWHERE, SECTIONS, SOURCES, SourceInfo,
    TABLE, TEXTS, hash,
};
use crate::advisory::{Advisory, Affected, Severity, Statement};
use crate::subject::state_number;
use crate::version::Scheme;

/// Collects statements; `finish` gives the bytes of the image.
#[derive(Default)]
pub(crate) struct Builder {
    texts: Vec<u8>,
    known: HashMap<Box<str>, u32>,
    advisories: Vec<u8>,
    /// Ecosystem and name as texts → the entries.
    packages: BTreeMap<(u32, u32), Vec<Entry>>,
    cves: BTreeMap<Box<str>, Cve>,
    sources: Vec<SourceInfo>,
}

#[derive(Default)]
struct Cve {
    known_exploited: bool,
    epss_bp: Option<u16>,
    advisories: Vec<u32>,
    /// Source → value and CVSS base score in tenths.
    severities: BTreeMap<Box<str>, (Box<str>, Option<u8>)>,
}

/// The image cannot be addressed with 32 bits.
#[derive(Debug, thiserror::Error)]
#[error("the sources together are too large for one image (4 GiB a section)")]
pub struct TooLarge;

impl Builder {
    /// Notes where the following statements come from.
    pub(crate) fn source(&mut self, info: SourceInfo) {
        self.sources.push(info);
    }

    /// Takes one statement of `source`.
    pub(crate) fn add(&mut self, source: &str, statement: &Statement) -> Result<(), TooLarge> {
        match statement {
            Statement::Advisory(advisory) if advisory.affected.is_empty() => Ok(()),
            Statement::Advisory(advisory) => self.advisory(source, advisory),
            Statement::Exploited(cve, _) => {
                self.cve(cve).known_exploited = true;
                Ok(())
            }
            Statement::Likelihood(cve, parts) => {
                self.cve(cve).epss_bp = Some(*parts);
                Ok(())
            }
            Statement::Severity(severity) => {
                self.severity(severity);
                Ok(())
            }
        }
    }

    fn cve(&mut self, id: &str) -> &mut Cve {
        if !self.cves.contains_key(id) {
            self.cves.insert(id.into(), Cve::default());
        }
        self.cves.entry(id.into()).or_default()
    }

    fn severity(&mut self, severity: &Severity) {
        let Severity { cve, source, value, tenths } = severity;
        let known = &mut self.cve(cve).severities;
        let worse = known.get(source.as_str()).is_none_or(|(_, old)| tenths >= old);
        if worse {
            known.insert(source.as_str().into(), (value.as_str().into(), *tenths));
        }
    }

    fn text(&mut self, text: &str) -> Result<u32, TooLarge> {
        if let Some(at) = self.known.get(text) {
            return Ok(*at);
        }
        let at = size(self.texts.len())?;
        put(&mut self.texts, size(text.len())?);
        self.texts.extend_from_slice(text.as_bytes());
        self.known.insert(text.into(), at);
        Ok(at)
    }

    fn advisory(&mut self, source: &str, advisory: &Advisory) -> Result<(), TooLarge> {
        let at = size(self.advisories.len())?;
        let mut out = Vec::new();
        for text in [advisory.id.as_str(), source, advisory.summary.as_str()] {
            put(&mut out, self.text(text)?);
        }
        out.push(advisory.cvss_tenths.unwrap_or(u8::MAX));
        put(&mut out, size(advisory.cves.len())?);
        for cve in &advisory.cves {
            put(&mut out, self.text(cve)?);
            self.cve(cve).advisories.push(at);
        }
        put(&mut out, size(advisory.severity.len())?);
        for (key, value) in &advisory.severity {
            put(&mut out, self.text(key)?);
            put(&mut out, self.text(value)?);
        }
        put(&mut out, size(advisory.affected.len())?);
        for affected in &advisory.affected {
            let last = last_fix(affected).to_owned();
            for text in [affected.ecosystem.osv_name(), &affected.release, &affected.name, &last] {
                put(&mut out, self.text(text)?);
            }
        }
        self.advisories.extend_from_slice(&out);
        for affected in &advisory.affected {
            self.affected(at, advisory, affected)?;
        }
        Ok(())
    }

    fn affected(&mut self, at: u32, advisory: &Advisory, affected: &Affected) -> Result<(), TooLarge> {
        let mut body = Vec::new();
        put(&mut body, size(affected.ranges.len())?);
        for range in &affected.ranges {
            put(&mut body, size(range.len())?);
            for (kind, version) in range {
                body.push(*kind);
                put(&mut body, self.text(version)?);
            }
        }
        put(&mut body, size(affected.versions.len())?);
        for version in &affected.versions {
            put(&mut body, self.text(version)?);
        }
        let entry = Entry {
            advisory: at,
            authority: advisory.authority,
            release: self.text(&affected.release)?,
            kind: affected.kind,
            module: self.text(&affected.module)?,
            arch: self.text(&affected.arch)?,
            state: state_number(affected.state),
            cves: advisory.cves.iter().map(|cve| self.text(cve)).collect::<Result<_, _>>()?,
            is_cut: false,
            body,
        };
        let key = (self.text(affected.ecosystem.osv_name())?, self.text(&affected.name)?);
        self.packages.entry(key).or_default().push(entry);
        Ok(())
    }

    /// The bytes of the image.
    pub(crate) fn finish(mut self, built: Timestamp) -> Result<Vec<u8>, TooLarge> {
        let mut sections: [Vec<u8>; SECTIONS] = std::array::from_fn(|_| Vec::new());
        self.package_sections(&mut sections)?;
        for (id, cve) in std::mem::take(&mut self.cves) {
            let list = size(sections[CVE_LISTS].len())?;
            let text = self.text(&id)?;
            let out = &mut sections[CVES];
            put(out, text);
            out.extend_from_slice(&cve.epss_bp.unwrap_or(u16::MAX).to_le_bytes());
            out.extend_from_slice(&u16::from(cve.known_exploited).to_le_bytes());
            put(out, list);
            put(out, size(cve.advisories.len())?);
            for advisory in cve.advisories {
                put(&mut sections[CVE_LISTS], advisory);
            }
            let severities = size(sections[CVE_LISTS].len())?;
            put(&mut sections[CVES], severities);
            put(&mut sections[CVES], size(cve.severities.len())?);
            for (source, (value, tenths)) in cve.severities {
                for number in [self.text(&source)?, self.text(&value)?, u32::from(tenths.unwrap_or(u8::MAX))] {
                    put(&mut sections[CVE_LISTS], number);
                }
            }
        }
        sections[SOURCES] = serde_json::to_vec(&self.sources).unwrap_or_default();
        sections[ADVISORIES] = self.advisories;
        sections[TEXTS] = self.texts;
        Ok(assemble(&sections, built))
    }

    fn package_sections(&mut self, sections: &mut [Vec<u8>; SECTIONS]) -> Result<(), TooLarge> {
        let none = self.text("")?;
        for entries in self.packages.values_mut() {
            settle(entries, none);
        }
        self.packages.retain(|_, entries| !entries.is_empty());
        let names: HashMap<u32, &str> = self.known.iter().map(|(text, at)| (*at, &**text)).collect();
        // Half empty, so that a search ends after a step or two.
        let slots = self.packages.len().saturating_mul(2).next_power_of_two().max(2);
        let mut table = vec![(0_u32, NOWHERE); slots];
        for ((ecosystem, name), entries) in &self.packages {
            let at = size(sections[AFFECTED].len())?;
            let out = &mut sections[AFFECTED];
            put(out, *ecosystem);
            put(out, *name);
            put(out, size(entries.len())?);
            for entry in entries {
                put_entry(out, entry)?;
            }
            let text = |at: &u32| names.get(at).copied().unwrap_or_default();
            let wanted = hash(text(ecosystem), text(name));
            let mut slot = wanted as usize % slots;
            while table[slot].1 != NOWHERE {
                slot = (slot + 1) % slots;
            }
            table[slot] = (wanted, at);
        }
        for (found, at) in table {
            put(&mut sections[TABLE], found);
            put(&mut sections[TABLE], at);
        }
        Ok(())
    }
}

fn assemble(sections: &[Vec<u8>; SECTIONS], built: Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + sections.iter().map(Vec::len).sum::<usize>());
    out.extend_from_slice(MAGIC);
    put(&mut out, IMAGE_VERSION);
    put(&mut out, u32::try_from(SECTIONS).unwrap_or(0));
    out.extend_from_slice(&built.0.to_le_bytes());
    let mut at = HEADER_BYTES as u64;
    for (kind, section) in (0_u32..).zip(sections) {
        put(&mut out, kind);
        put(&mut out, crc32fast::hash(section));
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&(section.len() as u64).to_le_bytes());
        at += section.len() as u64;
    }
    let crc = crc32fast::hash(&out);
    put(&mut out, crc);
    for section in sections {
        out.extend_from_slice(section);
    }
    out
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) -> Result<(), TooLarge> {
    let own: &[u32] = if entry.is_cut { &entry.cves } else { &[] };
    put(out, entry.advisory);
    put(out, entry.release);
    // State, kind, module, architectures, count of CVEs.
    put(out, size(2 + 12 + own.len() * 4 + entry.body.len())?);
    out.extend_from_slice(&[entry.state, entry.kind as u8]);
    put(out, entry.module);
    put(out, entry.arch);
    put(out, if entry.is_cut { size(own.len())? } else { NOWHERE });
    for cve in own {
        put(out, *cve);
    }
    out.extend_from_slice(&entry.body);
    Ok(())
}

fn last_fix(affected: &Affected) -> &str {
    let scheme = Scheme::of(affected.ecosystem);
    let fixes = affected.ranges.iter().flatten().filter(|(kind, _)| *kind == 1).map(|(_, version)| version.as_str());
    fixes.max_by(|a, b| scheme.order(a, b)).unwrap_or("")
}

fn put(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn size(len: usize) -> Result<u32, TooLarge> {
    u32::try_from(len).ok().filter(|len| *len < NOWHERE).ok_or(TooLarge)
}

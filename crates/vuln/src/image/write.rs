//! How is an image made from the statements of all sources?

use std::collections::BTreeMap;

use tripoint_model::Timestamp;

use super::numbered::{Numbered, Texts};
use super::outrank::{Entry, settle};
use super::{
    ADVISORIES, AFFECTED, CVE_ORDER, CVES, HEADER_BYTES, IMAGE_VERSION, MAGIC, NOWHERE, SECTIONS, SOURCES, SourceInfo,
    TABLE, TEXTS, hash, package,
};
use crate::advisory::{Advisory, Affected, Severity, Statement};
use crate::subject::state_number;
use crate::version::Scheme;

/// Collects statements; `finish` gives the bytes of the image.
#[derive(Default)]
pub(crate) struct Builder {
    texts: Texts,
    advisories: Vec<u8>,
    /// Where in them the numbers of CVEs stand, which become offsets in the end.
    cve_numbers: Vec<usize>,
    /// Versions of all packages.
    versions: Numbered,
    packages: BTreeMap<package::Key, Vec<Entry>>,
    /// Ids of the CVEs, and what is known of each by its number.
    ids: Numbered,
    cves: Vec<Cve>,
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
            Statement::Advisory(advisory) if advisory.affected.is_empty() => {}
            Statement::Advisory(advisory) => self.advisory(source, advisory)?,
            Statement::Exploited(cve, _) => self.cve(cve)?.1.known_exploited = true,
            Statement::Likelihood(cve, parts) => self.cve(cve)?.1.epss_bp = Some(*parts),
            Statement::Severity(severity) => self.severity(severity)?,
        }
        Ok(())
    }

    fn cve(&mut self, id: &str) -> Result<(u32, &mut Cve), TooLarge> {
        let number = self.ids.number(id)?;
        let at = number as usize;
        if at == self.cves.len() {
            self.cves.push(Cve::default());
        }
        Ok((number, &mut self.cves[at]))
    }

    fn severity(&mut self, severity: &Severity) -> Result<(), TooLarge> {
        let Severity { cve, source, value, tenths } = severity;
        let known = &mut self.cve(cve)?.1.severities;
        let worse = known.get(source.as_str()).is_none_or(|(_, old)| tenths >= old);
        if worse {
            known.insert(source.as_str().into(), (value.as_str().into(), *tenths));
        }
        Ok(())
    }

    fn advisory(&mut self, source: &str, advisory: &Advisory) -> Result<(), TooLarge> {
        let at = size(self.advisories.len())?;
        let mut cves = Vec::with_capacity(advisory.cves.len());
        for id in &advisory.cves {
            let (number, cve) = self.cve(id)?;
            cve.advisories.push(at);
            cves.push(number);
        }
        let mut out = Vec::new();
        put_text(&mut out, &advisory.id)?;
        put(&mut out, self.texts.offset(source)?);
        out.push(advisory.cvss_tenths.unwrap_or(u8::MAX));
        let first = self.advisories.len() + out.len() + 4;
        self.cve_numbers.extend((0..cves.len()).map(|number| first + number * 4));
        put_list(&mut out, &cves)?;
        put(&mut out, size(advisory.severity.len())?);
        for (key, value) in &advisory.severity {
            put(&mut out, self.texts.offset(key)?);
            put(&mut out, self.texts.offset(value)?);
        }
        // Up to here a finding reads; the rest is for who asks about a CVE.
        put_text(&mut out, &advisory.summary)?;
        put(&mut out, size(advisory.affected.len())?);
        for affected in &advisory.affected {
            let last = last_fix(affected);
            for text in [affected.ecosystem.osv_name(), &affected.release, &affected.name, last] {
                put(&mut out, self.texts.offset(text)?);
            }
        }
        self.advisories.extend_from_slice(&out);
        advisory.affected.iter().try_for_each(|affected| self.affected(at, advisory, &cves, affected))
    }

    fn affected(&mut self, at: u32, advisory: &Advisory, cves: &[u32], affected: &Affected) -> Result<(), TooLarge> {
        let mut ranges = Vec::with_capacity(affected.ranges.len());
        for range in &affected.ranges {
            let numbered = range.iter().map(|(kind, version)| Ok((*kind, self.versions.number(version)?)));
            ranges.push(numbered.collect::<Result<_, _>>()?);
        }
        let versions = affected.versions.iter().map(|version| self.versions.number(version));
        let entry = Entry {
            advisory: at,
            authority: advisory.authority,
            ranges,
            versions: versions.collect::<Result<_, _>>()?,
            release: self.texts.offset(&affected.release)?,
            kind: affected.kind,
            module: self.texts.offset(&affected.module)?,
            arch: self.texts.offset(&affected.arch)?,
            state: state_number(affected.state),
            cves: cves.to_vec(),
            is_cut: false,
        };
        self.packages.entry(package::Key::new(affected.ecosystem, &affected.name)).or_default().push(entry);
        Ok(())
    }

    /// The bytes of the image.
    pub(crate) fn finish(mut self, built: Timestamp) -> Result<Vec<u8>, TooLarge> {
        let mut sections: [Vec<u8>; SECTIONS] = std::array::from_fn(|_| Vec::new());
        let cves = self.cve_sections(&mut sections)?;
        self.package_sections(&mut sections, &cves)?;
        for at in self.cve_numbers {
            if let Some(number) = self.advisories.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
                *number = cves[u32::from_le_bytes(*number) as usize].to_le_bytes();
            }
        }
        sections[SOURCES] = serde_json::to_vec(&self.sources).unwrap_or_default();
        sections[ADVISORIES] = self.advisories;
        sections[TEXTS] = self.texts.bytes;
        Ok(assemble(&sections, built))
    }

    /// Writes what is known of each CVE; its offset by its number comes back.
    fn cve_sections(&mut self, sections: &mut [Vec<u8>; SECTIONS]) -> Result<Vec<u32>, TooLarge> {
        let mut offsets = Vec::with_capacity(self.cves.len());
        let out = &mut sections[CVES];
        for ((_, id), cve) in self.ids.iter().zip(std::mem::take(&mut self.cves)) {
            offsets.push(size(out.len())?);
            put_text(out, id)?;
            out.extend_from_slice(&cve.epss_bp.unwrap_or(u16::MAX).to_le_bytes());
            out.push(u8::from(cve.known_exploited));
            put(out, size(cve.severities.len())?);
            for (source, (value, tenths)) in &cve.severities {
                put(out, self.texts.offset(source)?);
                put(out, self.texts.offset(value)?);
                out.push(tenths.unwrap_or(u8::MAX));
            }
            put_list(out, &cve.advisories)?;
        }
        let mut order: Vec<(&str, u32)> = self.ids.iter().map(|(number, id)| (id, number)).collect();
        order.sort_unstable();
        order.iter().for_each(|(_, number)| put(&mut sections[CVE_ORDER], offsets[*number as usize]));
        Ok(offsets)
    }

    fn package_sections(&mut self, sections: &mut [Vec<u8>; SECTIONS], cves: &[u32]) -> Result<(), TooLarge> {
        let mut packages = std::mem::take(&mut self.packages);
        packages.values_mut().for_each(settle);
        packages.retain(|_, entries| !entries.is_empty());
        // Half empty, so that a search ends after a step or two.
        let slots = packages.len().saturating_mul(2).next_power_of_two().max(2);
        let mut table = vec![(0_u32, NOWHERE); slots];
        for (key, entries) in packages {
            let at = size(sections[AFFECTED].len())?;
            package::write(
                &mut sections[AFFECTED],
                &key,
                &entries,
                &package::Meant { versions: &self.versions, cves },
            )?;
            let wanted = hash(key.ecosystem(), key.name());
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

fn last_fix(affected: &Affected) -> &str {
    let scheme = Scheme::of(affected.ecosystem);
    let fixes = affected.ranges.iter().flatten().filter(|(kind, _)| *kind == 1).map(|(_, version)| version.as_str());
    fixes.max_by(|a, b| scheme.order(a, b)).unwrap_or("")
}

pub(super) fn put(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), TooLarge> {
    put(out, size(text.len())?);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(super) fn put_list(out: &mut Vec<u8>, numbers: &[u32]) -> Result<(), TooLarge> {
    put(out, size(numbers.len())?);
    numbers.iter().for_each(|number| put(out, *number));
    Ok(())
}

pub(super) fn size(len: usize) -> Result<u32, TooLarge> {
    u32::try_from(len).ok().filter(|len| *len < NOWHERE).ok_or(TooLarge)
}

//! What does an image say about a package or a CVE?

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tripoint_model::{Ecosystem, Timestamp};

use super::{
    ADVISORIES, AFFECTED, CVE_LISTS, CVES, HEADER_BYTES, IMAGE_VERSION, ImageError, MAGIC, NOWHERE, SECTIONS, SOURCES,
    SourceInfo, TABLE, TEXTS, hash,
};
use crate::evaluate::{EventKind, judge};
use crate::version::Scheme;

/// An opened image; cloning shares the bytes.
#[derive(Clone)]
pub struct Database {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    sections: [Range<usize>; SECTIONS],
    built: Timestamp,
}

/// An advisory as the image holds it.
pub(crate) struct AdvisoryView<'d> {
    pub(crate) id: &'d str,
    pub(crate) source: &'d str,
    pub(crate) summary: &'d str,
    pub(crate) cvss_tenths: Option<u8>,
    pub(crate) cves: Vec<&'d str>,
    pub(crate) severity: BTreeMap<String, String>,
    /// Ecosystem, release, name, last fix.
    pub(crate) packages: Vec<[&'d str; 4]>,
}

/// An advisory under which a version is affected.
pub(crate) struct Hit<'d> {
    /// Offset of the advisory.
    pub(crate) advisory: u32,
    pub(crate) fixed: Option<&'d str>,
}

/// What is known of a CVE beyond its advisories.
pub(crate) struct CveView {
    pub(crate) known_exploited: bool,
    pub(crate) epss_bp: Option<u16>,
    pub(crate) advisories: Vec<u32>,
}

impl Database {
    /// Checks the bytes of an image and opens it.
    pub fn open(bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Self, ImageError> {
        let data: &[u8] = (*bytes).as_ref();
        let header = data.get(..HEADER_BYTES).ok_or(ImageError::Foreign)?;
        let mut cursor = Cursor { bytes: header, at: 8 };
        if header.get(..8) != Some(MAGIC)
            || cursor.u32() != Some(IMAGE_VERSION)
            || cursor.u32() != u32::try_from(SECTIONS).ok()
        {
            return Err(ImageError::Foreign);
        }
        if crc32fast::hash(&header[..HEADER_BYTES - 4]).to_le_bytes() != header[HEADER_BYTES - 4..] {
            return Err(ImageError::Damaged("the header's checksum is wrong"));
        }
        let cut = ImageError::Damaged("the file is cut");
        let Some(built) = cursor.u64() else { return Err(cut) };
        let mut sections: [Range<usize>; SECTIONS] = std::array::from_fn(|_| 0..0);
        for section in &mut sections {
            let (Some(_kind), Some(crc), Some(at), Some(len)) =
                (cursor.u32(), cursor.u32(), cursor.u64(), cursor.u64())
            else {
                return Err(cut);
            };
            let range = usize::try_from(at)
                .ok()
                .zip(usize::try_from(len).ok())
                .and_then(|(at, len)| Some(at..at.checked_add(len)?));
            let Some((range, bytes)) = range.and_then(|range| Some((range.clone(), data.get(range)?))) else {
                return Err(cut);
            };
            if crc32fast::hash(bytes) != crc {
                return Err(ImageError::Damaged("a section's checksum is wrong"));
            }
            *section = range;
        }
        Ok(Self { bytes, sections, built: Timestamp(built.cast_signed()) })
    }

    /// When the image was built.
    pub fn built(&self) -> Timestamp {
        self.built
    }

    /// The sources it was built from.
    pub fn sources(&self) -> Vec<SourceInfo> {
        serde_json::from_slice(self.section(SOURCES)).unwrap_or_default()
    }

    /// How many packages (ecosystem and name) it knows.
    pub fn packages(&self) -> usize {
        self.section(TABLE).chunks_exact(8).filter(|slot| slot[4..] != NOWHERE.to_le_bytes()).count()
    }

    fn section(&self, index: usize) -> &[u8] {
        (*self.bytes).as_ref().get(self.sections[index].clone()).unwrap_or_default()
    }

    fn cursor(&self, index: usize, at: u32) -> Cursor<'_> {
        Cursor { bytes: self.section(index), at: at as usize }
    }

    fn text(&self, at: u32) -> Option<&str> {
        let mut cursor = self.cursor(TEXTS, at);
        let len = cursor.u32()? as usize;
        std::str::from_utf8(cursor.take(len)?).ok()
    }

    fn next_text(&self, cursor: &mut Cursor<'_>) -> Option<&str> {
        self.text(cursor.u32()?)
    }

    /// The advisories that affect this version; each once, with its latest fix.
    pub(crate) fn hits(&self, ecosystem: Ecosystem, release: &str, name: &str, version: &str) -> Vec<Hit<'_>> {
        let mut out: Vec<Hit<'_>> = Vec::new();
        let Some(at) = self.find(ecosystem.osv_name(), name) else { return out };
        let scheme = Scheme::of(ecosystem);
        let mut cursor = self.cursor(AFFECTED, at);
        cursor.skip(8);
        for _ in 0..cursor.u32().unwrap_or(0) {
            let Some((advisory, hit)) = self.judge_entry(&mut cursor, scheme, release, version) else {
                break;
            };
            let Some(fixed) = hit else { continue };
            match out.iter_mut().find(|known| known.advisory == advisory) {
                Some(known) => {
                    if fixed.is_some_and(|fixed| known.fixed.is_none_or(|old| scheme.order(fixed, old).is_gt())) {
                        known.fixed = fixed;
                    }
                }
                None => out.push(Hit { advisory, fixed }),
            }
        }
        out
    }

    /// Where the entries of a package begin.
    fn find(&self, ecosystem: &str, name: &str) -> Option<u32> {
        let table = self.section(TABLE);
        let slots = table.len() / 8;
        if slots == 0 {
            return None;
        }
        let wanted = hash(ecosystem, name);
        for step in 0..slots {
            let slot = (wanted as usize + step) % slots;
            let mut cursor = Cursor { bytes: table, at: slot * 8 };
            let (found, at) = (cursor.u32()?, cursor.u32()?);
            if at == NOWHERE {
                return None;
            }
            let mut entry = self.cursor(AFFECTED, at);
            if found == wanted
                && self.next_text(&mut entry) == Some(ecosystem)
                && self.next_text(&mut entry) == Some(name)
            {
                return Some(at);
            }
        }
        None
    }

    /// Reads one entry; the inner option is `None` when the version is not affected.
    fn judge_entry<'d>(
        &'d self,
        cursor: &mut Cursor<'_>,
        scheme: Scheme,
        release: &str,
        version: &str,
    ) -> Option<(u32, Option<Option<&'d str>>)> {
        let advisory = cursor.u32()?;
        let own_release = self.next_text(cursor)?;
        let end = cursor.u32()? as usize;
        let end = cursor.at.checked_add(end)?;
        let mut hit = None;
        if own_release.is_empty() || release.is_empty() || own_release == release {
            hit = self.judge_ranges(cursor, scheme, version);
        }
        cursor.at = end;
        Some((advisory, hit))
    }

    fn judge_ranges<'d>(&'d self, cursor: &mut Cursor<'_>, scheme: Scheme, version: &str) -> Option<Option<&'d str>> {
        let mut hit: Option<Option<&str>> = None;
        for _ in 0..cursor.u32()? {
            let count = cursor.u32()?;
            let mut events = Cursor { bytes: cursor.bytes, at: cursor.at };
            let found = judge(
                scheme,
                version,
                std::iter::from_fn(|| {
                    let kind = EventKind::of(events.u8()?)?;
                    Some((kind, self.next_text(&mut events)?))
                })
                .take(count as usize),
            );
            cursor.skip(count as usize * 5);
            if found.affected {
                let old = hit.flatten();
                let newer = match (old, found.fixed) {
                    (Some(old), Some(new)) if scheme.order(new, old).is_le() => Some(old),
                    (_, Some(new)) => Some(new),
                    (old, None) => old,
                };
                hit = Some(newer);
            }
        }
        for _ in 0..cursor.u32()? {
            let listed = self.next_text(cursor)?;
            if hit.is_none() && scheme.order(version, listed).is_eq() {
                hit = Some(None);
            }
        }
        hit
    }

    /// The advisory at an offset.
    pub(crate) fn advisory(&self, at: u32) -> Option<AdvisoryView<'_>> {
        let mut cursor = self.cursor(ADVISORIES, at);
        let id = self.next_text(&mut cursor)?;
        let source = self.next_text(&mut cursor)?;
        let summary = self.next_text(&mut cursor)?;
        let tenths = cursor.u8()?;
        let mut cves = Vec::new();
        for _ in 0..cursor.u32()? {
            cves.push(self.next_text(&mut cursor)?);
        }
        let mut severity = BTreeMap::new();
        for _ in 0..cursor.u32()? {
            let key = self.next_text(&mut cursor)?;
            severity.insert(key.to_owned(), self.next_text(&mut cursor)?.to_owned());
        }
        let mut packages = Vec::new();
        for _ in 0..cursor.u32()? {
            let mut fields = [""; 4];
            for field in &mut fields {
                *field = self.next_text(&mut cursor)?;
            }
            packages.push(fields);
        }
        Some(AdvisoryView {
            id,
            source,
            summary,
            cvss_tenths: (tenths <= 100).then_some(tenths),
            cves,
            severity,
            packages,
        })
    }

    /// What is known of a CVE.
    pub(crate) fn cve(&self, id: &str) -> Option<CveView> {
        let table = self.section(CVES);
        let (mut low, mut high) = (0, table.len() / CVE_BYTES);
        while low < high {
            let middle = low.midpoint(high);
            let mut cursor = Cursor { bytes: table, at: middle * CVE_BYTES };
            match self.next_text(&mut cursor)?.cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.cve_at(&mut cursor),
            }
        }
        None
    }

    fn cve_at(&self, cursor: &mut Cursor<'_>) -> Option<CveView> {
        let epss = cursor.u16()?;
        let known_exploited = cursor.u16()? != 0;
        let (at, count) = (cursor.u32()?, cursor.u32()?);
        let mut list = self.cursor(CVE_LISTS, at);
        let advisories = (0..count).map_while(|_| list.u32()).collect();
        Some(CveView { known_exploited, epss_bp: (epss != u16::MAX).then_some(epss), advisories })
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("built", &self.built).field("sections", &self.sections).finish()
    }
}

/// A reading position; every read is checked.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn skip(&mut self, len: usize) {
        self.at = self.at.saturating_add(len);
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// Text, EPSS, KEV, offset and length of its list.
pub(super) const CVE_BYTES: usize = 16;

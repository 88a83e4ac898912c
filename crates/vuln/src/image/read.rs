//! What does an image say about a package or a CVE?

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tripoint_model::Timestamp;

use super::cursor::Cursor;
use super::{
    ADVISORIES, CVE_BYTES, CVE_LISTS, CVES, HEADER_BYTES, IMAGE_VERSION, ImageError, MAGIC, NOWHERE, SECTIONS, SOURCES,
    SourceInfo, TABLE, TEXTS,
};

/// The bytes of an image, read or mapped by whoever opens it.
pub type ImageBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// An opened image; cloning shares the bytes.
#[derive(Clone)]
pub struct Database {
    bytes: ImageBytes,
    sections: [Range<usize>; SECTIONS],
    checksums: [u32; SECTIONS],
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

/// What is known of a CVE beyond its advisories.
pub(crate) struct CveView {
    pub(crate) known_exploited: bool,
    pub(crate) epss_bp: Option<u16>,
    pub(crate) advisories: Vec<u32>,
    severities: (u32, u32),
}

impl Database {
    /// Checks all bytes of an image and opens it.
    pub fn open(bytes: ImageBytes) -> Result<Self, ImageError> {
        let database = Self::open_lazily(bytes)?;
        database.verify()?;
        Ok(database)
    }

    /// Opens an image by its header alone; `verify` may follow when there is time. Every later
    /// read is bounds-checked, so that unverified bytes give wrong answers at worst.
    pub fn open_lazily(bytes: ImageBytes) -> Result<Self, ImageError> {
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
        let mut checksums = [0; SECTIONS];
        for (section, checksum) in sections.iter_mut().zip(&mut checksums) {
            let (Some(_kind), Some(crc), Some(at), Some(len)) =
                (cursor.u32(), cursor.u32(), cursor.u64(), cursor.u64())
            else {
                return Err(cut);
            };
            let range = usize::try_from(at)
                .ok()
                .zip(usize::try_from(len).ok())
                .and_then(|(at, len)| Some(at..at.checked_add(len)?))
                .filter(|range| range.end <= data.len());
            let Some(range) = range else { return Err(cut) };
            (*section, *checksum) = (range, crc);
        }
        Ok(Self { bytes, sections, checksums, built: Timestamp(built.cast_signed()) })
    }

    /// Checks the checksum of every section, which reads the whole image once.
    pub fn verify(&self) -> Result<(), ImageError> {
        for (index, checksum) in self.checksums.iter().enumerate() {
            if crc32fast::hash(self.section(index)) != *checksum {
                return Err(ImageError::Damaged("a section's checksum is wrong"));
            }
        }
        Ok(())
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

    pub(super) fn section(&self, index: usize) -> &[u8] {
        (*self.bytes).as_ref().get(self.sections[index].clone()).unwrap_or_default()
    }

    pub(super) fn cursor(&self, index: usize, at: u32) -> Cursor<'_> {
        Cursor { bytes: self.section(index), at: at as usize }
    }

    pub(super) fn text(&self, at: u32) -> Option<&str> {
        let mut cursor = self.cursor(TEXTS, at);
        let len = cursor.u32()? as usize;
        std::str::from_utf8(cursor.take(len)?).ok()
    }

    pub(super) fn next_text(&self, cursor: &mut Cursor<'_>) -> Option<&str> {
        self.text(cursor.u32()?)
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
        let severities = (cursor.u32()?, cursor.u32()?);
        let mut list = self.cursor(CVE_LISTS, at);
        let advisories = (0..count).map_while(|_| list.u32()).collect();
        Some(CveView { known_exploited, epss_bp: (epss != u16::MAX).then_some(epss), advisories, severities })
    }

    /// Who finds the CVE how severe: source, value, CVSS base score in tenths.
    pub(crate) fn cve_severities(&self, cve: &CveView) -> impl Iterator<Item = (&str, &str, Option<u8>)> {
        let mut list = self.cursor(CVE_LISTS, cve.severities.0);
        (0..cve.severities.1).map_while(move |_| {
            let (source, value) = (self.next_text(&mut list)?, self.next_text(&mut list)?);
            Some((source, value, u8::try_from(list.u32()?).ok().filter(|tenths| *tenths <= 100)))
        })
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("built", &self.built).field("sections", &self.sections).finish()
    }
}

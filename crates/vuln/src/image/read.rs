//! What does an image say about a package or a CVE?

use std::ops::Range;
use std::sync::Arc;

use tripoint_model::Timestamp;

use super::cursor::{Cursor, Numbers};
use super::{
    ADVISORIES, CVE_ORDER, CVES, HEADER_BYTES, IMAGE_VERSION, ImageError, MAGIC, NOWHERE, SECTIONS, SOURCES,
    SourceInfo, TABLE, TEXTS,
};
use crate::ratings::Ratings;

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

/// An advisory as a finding shows it.
pub(crate) struct AdvisoryView<'d> {
    pub(crate) id: &'d str,
    pub(crate) source: &'d str,
    pub(crate) cvss_tenths: Option<u8>,
    /// Offsets of its CVEs.
    pub(crate) cves: Numbers<'d>,
    pub(crate) severity: Ratings<'d>,
    rest: Cursor<'d>,
}

/// A CVE as the image holds it.
pub(crate) struct CveView<'d> {
    pub(crate) id: &'d str,
    pub(crate) known_exploited: bool,
    pub(crate) epss_bp: Option<u16>,
    /// Who finds it how severe: source, value, CVSS base score in tenths.
    pub(crate) severities: Vec<(&'d str, &'d str, Option<u8>)>,
    /// Offsets of the advisories that name it.
    pub(crate) advisories: Numbers<'d>,
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
        let image = Self { bytes, sections, checksums, built: Timestamp(built.cast_signed()) };
        // Read at every open anyway, and small: without it an image would seem to come from nowhere.
        if crc32fast::hash(image.section(SOURCES)) != image.checksums[SOURCES] {
            return Err(ImageError::Damaged("the checksum of the list of sources is wrong"));
        }
        Ok(image)
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

    /// The repeated text that the next number refers to.
    pub(super) fn next_text(&self, cursor: &mut Cursor<'_>) -> Option<&str> {
        match cursor.u32()? {
            NOWHERE => Some(""),
            at => self.cursor(TEXTS, at).text(),
        }
    }

    /// The advisory at an offset.
    pub(crate) fn advisory(&self, at: u32) -> Option<AdvisoryView<'_>> {
        let mut cursor = self.cursor(ADVISORIES, at);
        let id = cursor.text()?;
        let source = self.next_text(&mut cursor)?;
        let cvss_tenths = tenths(cursor.u8()?);
        let cves = cursor.numbers()?;
        let count = cursor.u32()?;
        let mut severity = Ratings::default();
        for _ in 0..count {
            severity.add(self.next_text(&mut cursor)?, self.next_text(&mut cursor)?);
        }
        Some(AdvisoryView { id, source, cvss_tenths, cves, severity, rest: cursor })
    }

    /// An advisory's line for people, and of each package ecosystem, release, name and last fix.
    pub(crate) fn details<'d>(&'d self, advisory: &AdvisoryView<'d>) -> Option<(&'d str, Vec<[&'d str; 4]>)> {
        let mut cursor = advisory.rest;
        let summary = cursor.text()?;
        let mut packages = Vec::new();
        for _ in 0..cursor.u32()? {
            let mut fields = [""; 4];
            for field in &mut fields {
                *field = self.next_text(&mut cursor)?;
            }
            packages.push(fields);
        }
        Some((summary, packages))
    }

    /// What is known of a CVE by its id.
    pub(crate) fn cve(&self, id: &str) -> Option<CveView<'_>> {
        let order = self.section(CVE_ORDER);
        let (mut low, mut high) = (0, order.len() / 4);
        while low < high {
            let middle = low.midpoint(high);
            let at = Cursor { bytes: order, at: middle * 4 }.u32()?;
            match self.cursor(CVES, at).text()?.cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.cve_at(at),
            }
        }
        None
    }

    /// What is known of the CVE at an offset.
    pub(crate) fn cve_at(&self, at: u32) -> Option<CveView<'_>> {
        let mut cursor = self.cursor(CVES, at);
        let id = cursor.text()?;
        let epss = cursor.u16()?;
        let known_exploited = cursor.u8()? != 0;
        let count = cursor.u32()?;
        let mut severities = Vec::new();
        for _ in 0..count {
            let (source, value) = (self.next_text(&mut cursor)?, self.next_text(&mut cursor)?);
            severities.push((source, value, tenths(cursor.u8()?)));
        }
        let epss_bp = (epss != u16::MAX).then_some(epss);
        Some(CveView { id, known_exploited, epss_bp, severities, advisories: cursor.numbers()? })
    }
}

fn tenths(byte: u8) -> Option<u8> {
    (byte <= 100).then_some(byte)
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("built", &self.built).field("sections", &self.sections).finish()
    }
}

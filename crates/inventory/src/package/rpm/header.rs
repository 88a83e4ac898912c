//! What does an rpm header blob say?
//!
//! The format is that of rpm's manual, "Header format": two counts, an index of tags, the data.
//! All numbers are big-endian.

/// Name.
pub(super) const NAME: u32 = 1000;
/// Upstream's version.
pub(super) const VERSION: u32 = 1001;
/// The distribution's count of it.
pub(super) const RELEASE: u32 = 1002;
/// What beats the version.
pub(super) const EPOCH: u32 = 1003;
/// Architecture.
pub(super) const ARCH: u32 = 1022;
/// Seconds since 1970.
pub(super) const INSTALLTIME: u32 = 1008;
/// Whether each file is on disk.
pub(super) const FILESTATES: u32 = 1029;
/// File name of the source package.
pub(super) const SOURCERPM: u32 = 1044;
/// Number of the folder of each file.
pub(super) const DIRINDEXES: u32 = 1116;
/// Name of each file within its folder.
pub(super) const BASENAMES: u32 = 1117;
/// Folders.
pub(super) const DIRNAMES: u32 = 1118;
/// Module, stream, version and context.
pub(super) const MODULARITYLABEL: u32 = 5096;

/// A header within its bounds; what its index claims is checked when it is read.
pub(super) struct Header<'b> {
    index: &'b [u8],
    data: &'b [u8],
}

impl<'b> Header<'b> {
    /// Cuts a blob into index and data.
    pub(super) fn parse(blob: &'b [u8]) -> Result<Self, String> {
        let count = |at| number(blob, at).and_then(|count| usize::try_from(count).ok());
        let (Some(entries), Some(bytes)) = (count(0), count(4)) else {
            return Err("a header shorter than its two counts".to_owned());
        };
        if entries == 0 || entries > ENTRIES_MAX {
            return Err(format!("a header of {entries} tags, where 1 to {ENTRIES_MAX} are believed"));
        }
        let data_at = 8 + entries * ENTRY_BYTES;
        let (Some(index), Some(data)) =
            (blob.get(8..data_at), data_at.checked_add(bytes).and_then(|end| blob.get(data_at..end)))
        else {
            return Err(format!("a header that claims more than its {} bytes", blob.len()));
        };
        Ok(Self { index, data })
    }

    /// Kind, data and count of a tag.
    fn find(&self, tag: u32) -> Option<(u32, &'b [u8], usize)> {
        let entry = self.index.chunks_exact(ENTRY_BYTES).find(|entry| number(entry, 0) == Some(tag))?;
        let at = usize::try_from(number(entry, 8)?).ok()?;
        Some((number(entry, 4)?, self.data.get(at..)?, usize::try_from(number(entry, 12)?).ok()?))
    }

    /// The first text of a tag.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        self.texts(tag).next().map(str::to_owned)
    }

    /// Every text of a tag, as far as they are UTF-8 and end.
    pub(super) fn texts(&self, tag: u32) -> impl Iterator<Item = &'b str> {
        let found = self.find(tag).filter(|(kind, ..)| matches!(*kind, STRING | STRING_ARRAY | I18N_STRING));
        let (mut rest, count) = found.map_or((&[][..], 0), |(_, rest, count)| (rest, count));
        std::iter::from_fn(move || {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let text = std::str::from_utf8(rest.get(..end)?);
            rest = rest.get(end + 1..)?;
            // A name that is not UTF-8 keeps its place.
            Some(text.unwrap_or_default())
        })
        .take(count)
    }

    /// The 32-bit numbers of a tag.
    pub(super) fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let found = self.find(tag).filter(|(kind, ..)| *kind == INT32);
        let (data, count) = found.map_or((&[][..], 0), |(_, data, count)| (data, count));
        data.chunks_exact(4).take(count).filter_map(|bytes| number(bytes, 0))
    }

    /// The bytes of a tag of characters.
    pub(super) fn bytes(&self, tag: u32) -> &'b [u8] {
        match self.find(tag).filter(|(kind, ..)| matches!(*kind, CHAR | INT8)) {
            Some((_, data, count)) => data.get(..count).unwrap_or(data),
            None => &[],
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

const CHAR: u32 = 1;
const INT8: u32 = 2;
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;
const ENTRY_BYTES: usize = 16;
/// rpm's own bound.
const ENTRIES_MAX: usize = 0xffff;

//! What do the headers before a tar's entry say about it, and would another reader take it for the same?
//!
//! An archive that two readers read in two ways shows one of them files that the other never sees (a name, a size or
//! a place of the next header that one believes and the other does not). Nobody writes such an archive by accident:
//! reading ends there.

use std::io::Read;

use tar::{EntryType, Header};

/// What extension headers said about the entry after them.
#[derive(Debug, Default)]
pub(crate) struct Said {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// An entry as all that was said about it has it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub name: Vec<u8>,
    /// Where a link leads.
    pub link: Option<Vec<u8>>,
    /// The content has holes and is not stored as it is read.
    pub sparse: bool,
}

impl Said {
    /// Takes an extension header in; `false` when the entry is none.
    pub(crate) fn hear(&mut self, kind: EntryType, content: &mut impl Read) -> Result<bool, String> {
        match kind {
            EntryType::GNULongName | EntryType::GNULongLink => {
                let mut bytes = bounded(content)?;
                bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
                if kind == EntryType::GNULongLink { once(&mut self.link, bytes)? } else { once(&mut self.name, bytes)? }
            }
            EntryType::XHeader => self.records(&bounded(content)?)?,
            EntryType::XGlobalHeader => global(&bounded(content)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn records(&mut self, bytes: &[u8]) -> Result<(), String> {
        for record in tar::PaxExtensions::new(bytes) {
            let record = record.map_err(|error| error.to_string())?;
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" | b"GNU.sparse.name" => once(&mut self.name, value.to_vec())?,
                b"linkpath" => once(&mut self.link, value.to_vec())?,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    once(&mut self.size, size.ok_or("an entry states a size that is no number")?)?;
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// The entry itself, after which nothing is remembered.
    pub(crate) fn entry(&mut self, header: &Header) -> Result<Entry, String> {
        let said = std::mem::take(self);
        let size = header.entry_size().map_err(|error| error.to_string())?;
        let kind = header.entry_type();
        let sparse = said.sparse || kind == EntryType::GNUSparse;
        if said.size.is_some_and(|said| said != size) {
            return Err("an entry states its size twice".to_owned());
        }
        let field = &header.as_old().size;
        if field[0] & 0x80 != 0 && (field[0] & 0x7f != 0 || field[1..4].iter().any(|byte| *byte != 0)) {
            return Err("an entry states a size that no file has".to_owned());
        }
        let bare = matches!(
            kind,
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Directory
                | EntryType::Char
                | EntryType::Block
                | EntryType::Fifo
        );
        let name = said.name.unwrap_or_else(|| header.path_bytes().into_owned());
        // An old writer marks a folder by the end of its name.
        let folder = kind == EntryType::Regular && name.ends_with(b"/");
        if (bare || folder) && size != 0 {
            return Err("an entry that has no content states how large it is".to_owned());
        }
        if kind == EntryType::GNUSparse && header.as_gnu().is_some_and(|gnu| gnu.isextended[0] != 0) {
            return Err("a sparse file's list of pieces goes on behind its header".to_owned());
        }
        let link = said.link.or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        Ok(Entry { name, link, sparse })
    }
}

/// Two headers may say the same thing twice, but not two things.
fn once<T: PartialEq>(place: &mut Option<T>, value: T) -> Result<(), String> {
    if place.replace(value).is_some_and(|before| Some(&before) != place.as_ref()) {
        return Err("two headers disagree about one entry".to_owned());
    }
    Ok(())
}

/// A header for all entries after it: some readers give it the last word, others do not read it.
fn global(bytes: &[u8]) -> Result<(), String> {
    for record in tar::PaxExtensions::new(bytes) {
        let record = record.map_err(|error| error.to_string())?;
        let key = record.key_bytes();
        if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
            let key = String::from_utf8_lossy(key);
            return Err(format!("a header for all entries states the {key} of one"));
        }
    }
    Ok(())
}

fn bounded(content: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    content.take(EXTENSION_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > EXTENSION_MAX {
        return Err(format!("an extension header is longer than {EXTENSION_MAX} bytes"));
    }
    Ok(bytes)
}

/// Longest extension header (GNU long name, POSIX records), bytes.
const EXTENSION_MAX: u64 = 64 << 10;

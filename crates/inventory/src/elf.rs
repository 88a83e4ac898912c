//! What sections and segments has this program or library?
//!
//! Follows the System V ABI's "Object Files" (ELF-64 and ELF-32, both byte orders). Only headers
//! and the pieces that a cataloger asks for are read; every offset is the stranger's word.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// An ELF file.
#[derive(Debug)]
pub struct Elf {
    file: File,
    size: u64,
    big: bool,
    wide: bool,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

/// A piece of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `.rodata`.
    pub name: String,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many they are.
    pub size: u64,
}

/// What is loaded into memory together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many of them the file has.
    pub size: u64,
    /// Where they begin in memory.
    pub address: u64,
    /// Whether the program may write there.
    pub writable: bool,
}

impl Elf {
    /// Looks at an opened file; `None` when it is no ELF file. Broken tables are taken as empty.
    pub fn open(file: File) -> Option<Self> {
        let mut ident = [0_u8; 16];
        file.read_exact_at(&mut ident, 0).ok()?;
        if !ident.starts_with(b"\x7fELF") {
            return None;
        }
        let size = file.metadata().ok()?.len();
        let (wide, big) = (ident[4] == 2, ident[5] == 2);
        let mut elf = Self { file, size, big, wide, sections: Vec::new(), segments: Vec::new() };
        elf.segments = elf.read_segments().unwrap_or_default();
        elf.sections = elf.read_sections().unwrap_or_default();
        Some(elf)
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Every loaded segment.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether numbers have their highest byte first.
    pub fn is_big_endian(&self) -> bool {
        self.big
    }

    /// Bytes of the file; fewer than asked for at its end or beyond `BYTES_MAX`.
    pub fn bytes(&self, offset: u64, size: u64) -> Vec<u8> {
        let size = size.min(self.size.saturating_sub(offset)).min(BYTES_MAX);
        let mut out = vec![0; usize::try_from(size).unwrap_or(0)];
        let mut filled = 0;
        while filled < out.len() {
            match self.file.read_at(&mut out[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        out.truncate(filled);
        out
    }

    /// The bytes of a section.
    pub fn section_bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.section(name).map(|section| self.bytes(section.offset, section.size))
    }

    /// Bytes by their address in memory.
    pub fn memory(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        let segment = self
            .segments
            .iter()
            .find(|segment| address >= segment.address && address - segment.address < segment.size)?;
        let within = address - segment.address;
        let bytes = self.bytes(segment.offset.checked_add(within)?, size.min(segment.size - within));
        (bytes.len() as u64 == size).then_some(bytes)
    }

    /// A number of `width` bytes at `at`.
    pub fn number(&self, bytes: &[u8], at: usize, width: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(width)?)?;
        let fold = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if self.big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
    }

    /// An entry of a table: number, offset and step of its entries, cut to what is believed.
    fn table(&self, offset: u64, step: u64, count: u64) -> Option<(Vec<u8>, usize)> {
        if step == 0 || step > 256 || count > ENTRIES_MAX {
            return None;
        }
        Some((self.bytes(offset, step * count), usize::try_from(step).ok()?))
    }

    fn read_segments(&self) -> Option<Vec<Segment>> {
        let header = self.bytes(0, 64);
        let word = if self.wide { 8 } else { 4 };
        let (offset_at, step_at, count_at) = if self.wide { (32, 54, 56) } else { (28, 42, 44) };
        let offset = self.number(&header, offset_at, word)?;
        let step = self.number(&header, step_at, 2)?;
        let (table, step) = self.table(offset, step, self.number(&header, count_at, 2)?)?;
        let mut out = Vec::new();
        for entry in table.chunks_exact(step) {
            let (flags_at, offset_at, address_at, size_at) = if self.wide { (4, 8, 16, 32) } else { (24, 4, 8, 16) };
            if self.number(entry, 0, 4) != Some(PT_LOAD) {
                continue;
            }
            out.push(Segment {
                offset: self.number(entry, offset_at, word)?,
                size: self.number(entry, size_at, word)?,
                address: self.number(entry, address_at, word)?,
                writable: self.number(entry, flags_at, 4)? & PF_W != 0,
            });
        }
        Some(out)
    }

    fn read_sections(&self) -> Option<Vec<Section>> {
        let header = self.bytes(0, 64);
        let word = if self.wide { 8 } else { 4 };
        let (offset_at, step_at, count_at, names_at) = if self.wide { (40, 58, 60, 62) } else { (32, 46, 48, 50) };
        let offset = self.number(&header, offset_at, word)?;
        let step = self.number(&header, step_at, 2)?;
        let (table, step) = self.table(offset, step, self.number(&header, count_at, 2)?)?;
        let names = usize::try_from(self.number(&header, names_at, 2)?).ok()?;
        let (offset_at, size_at) = if self.wide { (24, 32) } else { (16, 20) };
        let place = |entry: &[u8]| {
            let (offset, size) = (self.number(entry, offset_at, word)?, self.number(entry, size_at, word)?);
            // Type 8 takes no room in the file.
            (self.number(entry, 4, 4)? != SHT_NOBITS).then_some((offset, size))
        };
        let (names_offset, names_size) = place(table.chunks_exact(step).nth(names)?)?;
        let names = self.bytes(names_offset, names_size.min(NAMES_BYTES_MAX));
        let mut out = Vec::new();
        for entry in table.chunks_exact(step) {
            let Some((offset, size)) = place(entry) else { continue };
            let Some(name) = self.number(entry, 0, 4).and_then(|at| text_at(&names, at)) else { continue };
            out.push(Section { name, offset, size });
        }
        Some(out)
    }
}

fn text_at(names: &[u8], at: u64) -> Option<String> {
    let rest = names.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().take(NAME_BYTES_MAX).position(|byte| *byte == 0)?;
    std::str::from_utf8(rest.get(..end)?).ok().map(str::to_owned)
}

const PT_LOAD: u64 = 1;
const PF_W: u64 = 2;
const SHT_NOBITS: u64 = 8;
/// Programs have some 40 sections.
const ENTRIES_MAX: u64 = 8192;
const NAMES_BYTES_MAX: u64 = 1 << 20;
const NAME_BYTES_MAX: usize = 256;
/// Of one piece; the read-only data of large servers is a tenth of this.
const BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// A 64-bit program with these sections, all in one writable segment at 0x400000.
    pub(crate) fn built(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut names = vec![0_u8];
        let mut body = Vec::new();
        let mut entries = vec![(0_u32, 0_u32, 0_u64, 0_u64)];
        for (name, content) in sections {
            entries.push((names.len() as u32, 1, 120 + body.len() as u64, content.len() as u64));
            names.extend(name.bytes().chain([0]));
            body.extend_from_slice(content);
            body.resize(body.len().next_multiple_of(16), 0);
        }
        entries.push((names.len() as u32, 3, 120 + body.len() as u64, names.len() as u64 + 10));
        names.extend(b".shstrtab\0");
        let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
        out.extend(0_u64.to_le_bytes());
        out.extend(64_u64.to_le_bytes());
        out.extend((120 + body.len() as u64 + names.len() as u64).to_le_bytes());
        out.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0]);
        out.extend((entries.len() as u16).to_le_bytes());
        out.extend((entries.len() as u16 - 1).to_le_bytes());
        out.extend([1_u32, 6].map(u32::to_le_bytes).concat());
        let loaded = body.len() as u64;
        out.extend([120, 0x40_0000, 0x40_0000, loaded, loaded, 0x1000].map(u64::to_le_bytes).concat());
        out.extend(body);
        out.extend(names);
        for (name, kind, offset, size) in entries {
            out.extend([name, kind].map(u32::to_le_bytes).concat());
            out.extend([0, 0, offset, size].map(u64::to_le_bytes).concat());
            out.extend([0; 24]);
        }
        out
    }

    /// An ELF file that was written down and opened again.
    pub(crate) fn opened(bytes: &[u8]) -> Option<Elf> {
        let mut file = tempfile::tempfile().expect("tempfile");
        file.write_all(bytes).expect("write");
        Elf::open(file)
    }

    #[test]
    fn sections_and_memory_are_found() {
        let elf = opened(&built(&[(".one", b"first"), (".two", b"second")])).expect("elf");
        assert_eq!(elf.section_bytes(".two").as_deref(), Some(&b"second"[..]));
        assert_eq!(elf.section_bytes(".three"), None);
        assert_eq!(elf.memory(0x40_0000, 5).as_deref(), Some(&b"first"[..]));
        assert!(elf.memory(0x40_0000, 500).is_none() && elf.memory(1, 1).is_none());
        assert!(opened(b"MZ").is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_table_hurts(cut in 0_usize..600, at in 0_usize..600, byte: u8) {
            let mut bytes = built(&[(".one", b"first"), (".two", b"second")]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(cut.max(1));
            if let Some(elf) = opened(&bytes) {
                let _ = (elf.section_bytes(".one"), elf.memory(0x40_0000, 4));
            }
        }
    }
}

//! Which Go modules were built into a program, or are required (go.mod)?
//!
//! The build info is what Go's `debug/buildinfo` reads: a magic, then either two texts with their
//! length before them (Go 1.18 and later) or two pointers to texts.

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry};
use crate::elf::Elf;
use crate::root::Root;

/// Go modules.
pub struct Go;

impl Cataloger for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn wants(&self, path: &str) -> bool {
        (path == "go.mod" || path.ends_with("/go.mod")) && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        if let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) {
            read_mod(&bytes, path, out);
        }
    }

    fn executable(&self, elf: &Elf, path: &str, out: &mut Parsed<Package>) -> bool {
        let Some(info) = find(elf) else { return false };
        match texts(elf, &info) {
            Some((version, modules)) => take(&version, &modules, path, out),
            None => out.refuse(path, 1, "its Go build info leads nowhere"),
        }
        true
    }
}

/// The build info: in its section, else where the linker puts it in the first data.
fn find(elf: &Elf) -> Option<Vec<u8>> {
    if let Some(section) = elf.section(".go.buildinfo") {
        let bytes = elf.bytes(section.offset, section.size.min(INFO_BYTES_MAX));
        return bytes.starts_with(MAGIC).then_some(bytes);
    }
    let data = elf.segments().iter().find(|segment| segment.writable)?;
    let head = elf.bytes(data.offset, data.size.min(SEARCHED_BYTES));
    let at = head.chunks(ALIGNED).position(|piece| piece.starts_with(MAGIC))? * ALIGNED;
    let offset = data.offset.checked_add(at as u64)?;
    Some(elf.bytes(offset, data.size.checked_sub(at as u64)?.min(INFO_BYTES_MAX)))
}

/// The toolchain's version and the list of modules.
fn texts(elf: &Elf, info: &[u8]) -> Option<(String, String)> {
    let (width, flags) = (usize::from(*info.get(14)?), *info.get(15)?);
    let (version, modules) = if flags & 2 != 0 {
        let (version, rest) = counted(info.get(32..)?)?;
        (version.to_vec(), counted(rest)?.0.to_vec())
    } else {
        if width != 4 && width != 8 {
            return None;
        }
        let text = |at: usize| -> Option<Vec<u8>> {
            let place = elf.memory(elf.number(info, at, width)?, 2 * width as u64)?;
            let (begin, length) = (elf.number(&place, 0, width)?, elf.number(&place, width, width)?);
            if length == 0 { Some(Vec::new()) } else { elf.memory(begin, length.min(INFO_BYTES_MAX)) }
        };
        (text(16)?, text(16 + width)?)
    };
    // The list stands between two marks of sixteen bytes.
    let framed = modules.len() >= 33 && modules.get(modules.len() - 17) == Some(&b'\n');
    let modules = if framed { modules.get(16..modules.len() - 16)? } else { &[] };
    Some((String::from_utf8_lossy(&version).into_owned(), String::from_utf8_lossy(modules).into_owned()))
}

/// Bytes behind their length (seven bits a byte, the lowest first), and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let rest = bytes.get(at + 1..)?;
            return rest.split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

fn take(version: &str, modules: &str, path: &str, out: &mut Parsed<Package>) {
    // `go1.22.1 X:experiment`
    let toolchain = version.split_whitespace().next().unwrap_or_default();
    match toolchain.strip_prefix("go") {
        Some(version) => entry::take(Ecosystem::Go, "stdlib", version, path, 0, out),
        None => out.refuse(path, 0, "built with a Go of no known version"),
    }
    let mut pending: Option<(u64, &str, &str)> = None;
    let flush = |pending: &mut Option<(u64, &str, &str)>, out: &mut Parsed<Package>| {
        // `(devel)` is the program itself, built where its source lies.
        if let Some((line, name, version)) = pending.take().filter(|(_, _, version)| *version != "(devel)") {
            entry::take(Ecosystem::Go, name, version, path, line, out);
        }
    };
    for (line, number) in modules.lines().take(MODULES_MAX).zip(1..) {
        let mut fields = line.split('\t');
        let (kind, name, version) = (fields.next(), fields.next(), fields.next());
        match (kind, name, version) {
            (Some("mod" | "dep"), Some(name), version) => {
                flush(&mut pending, out);
                pending = Some((number, name, version.unwrap_or_default()));
            }
            (Some("=>"), Some(_), None | Some("")) => {
                let replaced = pending.take().map_or("", |(_, name, _)| name);
                out.refuse(path, number, format!("{replaced:?} was replaced by a folder of no version"));
            }
            (Some("=>"), Some(name), Some(version)) => pending = Some((number, name, version)),
            _ => {}
        }
    }
    flush(&mut pending, out);
}

/// What a module requires, replacements carried out.
fn read_mod(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let mut required: Vec<(u64, String, String)> = Vec::new();
    let mut replaced: Vec<(String, Option<String>, String, String)> = Vec::new();
    let mut block = String::new();
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        let line = match line {
            Ok(line) => line.split("//").next().unwrap_or_default().trim(),
            Err(error) => {
                out.refuse(path, number, error.to_string());
                continue;
            }
        };
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('"')).collect();
        let words = match (block.as_str(), words.as_slice()) {
            (_, []) => continue,
            (_, [")"]) => {
                block.clear();
                continue;
            }
            ("", [name, "("]) => {
                (*name).clone_into(&mut block);
                continue;
            }
            ("", [name, rest @ ..]) => (*name, rest),
            (name, rest) => (name, rest),
        };
        match words {
            ("require", [name, version]) if required.len() < MODULES_MAX => {
                required.push((number, (*name).to_owned(), (*version).to_owned()));
            }
            ("replace", [from, rest @ ..]) if replaced.len() < MODULES_MAX => {
                let (only, to) = match rest {
                    ["=>", to @ ..] => (None, to),
                    [version, "=>", to @ ..] => (Some((*version).to_owned()), to),
                    _ => (None, &[][..]),
                };
                let text = |at: usize| to.get(at).copied().unwrap_or_default().to_owned();
                replaced.push(((*from).to_owned(), only, text(0), text(1)));
            }
            ("require" | "replace", _) => out.refuse(path, number, "not a module and its version"),
            _ => {}
        }
    }
    for (number, name, version) in required {
        let other = replaced
            .iter()
            .find(|(from, only, ..)| *from == name && only.as_ref().is_none_or(|only| *only == version))
            .map(|(_, _, name, version)| (name, version));
        let (name, version) = other.unwrap_or((&name, &version));
        entry::take(Ecosystem::Go, name, version, path, number, out);
    }
}

const MAGIC: &[u8] = b"\xff Go buildinf:";
const ALIGNED: usize = 16;
/// How far Go's own reader searches.
const SEARCHED_BYTES: u64 = 64 << 10;
/// Modules of the largest programs take a tenth of this.
const INFO_BYTES_MAX: u64 = 4 << 20;
const MODULES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 4 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;

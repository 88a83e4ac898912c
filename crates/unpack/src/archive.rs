//! Which files lie inside this source, whatever it is packed in?

use std::io::{Read, SeekFrom};
use std::ops::ControlFlow;

use crate::bounded::{Bounded, Counting, Meter, Packed};
use crate::codec::{Codec, inner_name};
use crate::error::UnpackError;
use crate::limits::Limits;
use crate::source::{Kind, ReadSeek, Source};
use crate::{tarball, zipped};

/// Is shown each file's name and a bounded reader of its content; need not read it (an unread zip
/// entry costs nothing). `Break` ends the walk without error.
pub type Visit<'v> = dyn FnMut(&str, &mut dyn Read) -> ControlFlow<()> + 'v;

/// Visits every regular file inside `data`: the members of a zip, a tar or compressed tar, the content
/// of a compressed file, or the source itself when it is none of these.
///
/// `name` is the source's name for messages and for the one entry of a compressed or plain file (there
/// without a final `.gz`). A reached bound makes the entry's reader fail and ends the walk with
/// `TooBig`, naming the entry; entries visited before it stand.
pub fn entries(data: Source<'_>, name: &str, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), UnpackError> {
    let mut reader = data.open().map_err(|source| io_error(name, source))?;
    let meter = Meter::default();
    match detect(&mut *reader).map_err(|source| io_error(name, source))? {
        Kind::Zip => zipped::entries(reader, name, limits, &meter, visit),
        Kind::Tar => tarball::entries(reader, name, limits, &meter, visit),
        Kind::Packed(codec) => packed(codec, reader, name, limits, &meter, visit),
        Kind::Plain => show(Bounded::new(reader, limits, &meter, Packed::Stored), name, name, &meter, visit),
    }
}

/// What the source begins like.
pub fn kind(data: Source<'_>) -> std::io::Result<Kind> {
    detect(&mut *data.open()?)
}

/// The content of the entry called exactly `wanted`, in memory; `None` when there is none.
pub fn read_entry(data: Source<'_>, name: &str, wanted: &str, limits: &Limits) -> Result<Option<Vec<u8>>, UnpackError> {
    let mut found = None;
    let mut failed = None;
    entries(data, name, limits, &mut |entry, reader| {
        if entry != wanted {
            return ControlFlow::Continue(());
        }
        let mut bytes = Vec::new();
        match reader.read_to_end(&mut bytes) {
            Ok(_) => found = Some(bytes),
            Err(source) => failed = Some(source),
        }
        ControlFlow::Break(())
    })?;
    match failed {
        Some(source) => Err(io_error(name, source)),
        None => Ok(found),
    }
}

/// Shows what a compressed stream holds as one bounded reader.
pub fn decompress(
    codec: Codec,
    data: impl Read,
    name: &str,
    limits: &Limits,
    visit: &mut dyn FnMut(&mut dyn Read) -> std::io::Result<()>,
) -> Result<(), UnpackError> {
    let meter = Meter::default();
    let (counting, count) = Counting::new(data);
    let Some(decoder) = codec.reader(counting) else {
        return Err(UnpackError::Unsupported { name: name.to_owned(), kind: codec.name() });
    };
    let mut bounded = Bounded::new(decoder, limits, &meter, Packed::Counted(count));
    let outcome = visit(&mut bounded);
    tripped(name, "", &meter)?;
    outcome.map_err(|source| io_error(name, source))
}

fn detect(reader: &mut (dyn ReadSeek + '_)) -> std::io::Result<Kind> {
    let head = read_head(reader)?;
    reader.seek(SeekFrom::Start(0))?;
    Ok(Kind::detect(&head))
}

fn read_head(reader: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    reader.take(512).read_to_end(&mut head)?;
    Ok(head)
}

fn packed(
    codec: Codec,
    reader: Box<dyn ReadSeek + '_>,
    name: &str,
    limits: &Limits,
    meter: &Meter,
    visit: &mut Visit<'_>,
) -> Result<(), UnpackError> {
    let (counting, count) = Counting::new(reader);
    let Some(decoder) = codec.reader(counting) else {
        return Err(UnpackError::Unsupported { name: name.to_owned(), kind: codec.name() });
    };
    let mut bounded = Bounded::new(decoder, limits, meter, Packed::Counted(count));
    let head = match read_head(&mut bounded) {
        Ok(head) => head,
        Err(source) => return Err(damaged(name, codec.name(), &source.to_string())),
    };
    if Kind::detect(&head) == Kind::Tar {
        let stream = std::io::Cursor::new(head).chain(bounded.whole_archive());
        return tarball::entries(stream, name, limits, meter, visit);
    }
    show(std::io::Cursor::new(head).chain(bounded), name, inner_name(name), meter, visit)
}

/// Shows one entry and reports what its reader ran into, also when the visitor did not.
pub(crate) fn show(
    mut reader: impl Read,
    name: &str,
    entry: &str,
    meter: &Meter,
    visit: &mut Visit<'_>,
) -> Result<(), UnpackError> {
    let _ = visit(entry, &mut reader);
    tripped(name, entry, meter)
}

pub(crate) fn tripped(name: &str, entry: &str, meter: &Meter) -> Result<(), UnpackError> {
    match meter.tripped.get() {
        Some(limit) => Err(UnpackError::TooBig { name: name.to_owned(), entry: entry.to_owned(), limit }),
        None => Ok(()),
    }
}

/// Why an entry's name is not acceptable. Nothing is written to disk, but a name that pretends to
/// lie elsewhere also lies to whoever reads it in a report.
pub(crate) fn name_trouble(entry: &str) -> Option<&'static str> {
    if entry.is_empty() || entry.contains('\0') {
        return Some("its name is empty or holds a NUL");
    }
    if entry.starts_with('/') || entry.starts_with('\\') {
        return Some("its name is absolute");
    }
    entry.split(['/', '\\']).any(|part| part == "..").then_some("its name climbs out with ..")
}

pub(crate) fn io_error(name: &str, source: std::io::Error) -> UnpackError {
    UnpackError::Io { name: name.to_owned(), source }
}

pub(crate) fn damaged(name: &str, kind: &'static str, reason: &str) -> UnpackError {
    UnpackError::Damaged { name: name.to_owned(), kind, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;

//! How is every decompressed byte counted before anybody sees it?

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::limits::{Limit, Limits, RATIO_FREE_BYTES};

/// What one call has produced so far, shared by all readers of that call.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    out: Cell<u64>,
    /// The first bound that was reached.
    pub tripped: Cell<Option<Limit>>,
}

/// How many compressed bytes the output stands against.
pub(crate) enum Packed {
    /// Not compressed: no ratio.
    Stored,
    /// Known beforehand, as in a zip directory that was checked for overlaps.
    Known(u64),
    /// Counted as they are consumed.
    Counted(Rc<Cell<u64>>),
}

/// A reader that stops with an error at the first bound it reaches.
pub(crate) struct Bounded<'m, R> {
    inner: R,
    limits: Limits,
    meter: &'m Meter,
    packed: Packed,
    entry_out: u64,
    entry_max: u64,
}

impl<'m, R: Read> Bounded<'m, R> {
    pub fn new(inner: R, limits: &Limits, meter: &'m Meter, packed: Packed) -> Self {
        Self { inner, limits: *limits, meter, packed, entry_out: 0, entry_max: limits.entry_bytes_max }
    }

    /// Lifts the bound on one entry: the stream is itself an archive of many.
    pub fn whole_archive(mut self) -> Self {
        self.entry_max = u64::MAX;
        self
    }

    fn over(&self, more: u64) -> Option<Limit> {
        let entry = self.entry_out + more;
        if entry > self.entry_max {
            return Some(Limit::EntryBytes(self.entry_max));
        }
        if self.meter.out.get() + more > self.limits.out_bytes_max {
            return Some(Limit::OutBytes(self.limits.out_bytes_max));
        }
        let packed = match &self.packed {
            Packed::Stored => return None,
            Packed::Known(bytes) => *bytes,
            Packed::Counted(bytes) => bytes.get(),
        };
        (entry > RATIO_FREE_BYTES && entry > packed.saturating_mul(self.limits.ratio_max))
            .then_some(Limit::Ratio(self.limits.ratio_max))
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.tripped.get().is_some() {
            return Err(stopped());
        }
        // Small steps keep the overshoot of a bomb below one step.
        let step = buffer.len().min(64 << 10);
        let count = self.inner.read(&mut buffer[..step])?;
        if let Some(limit) = self.over(count as u64) {
            self.meter.tripped.set(Some(limit));
            return Err(stopped());
        }
        self.entry_out += count as u64;
        self.meter.out.set(self.meter.out.get() + count as u64);
        Ok(count)
    }
}

fn stopped() -> io::Error {
    io::Error::other("a limit on decompressed bytes was reached")
}

/// Counts what is consumed from a compressed stream.
pub(crate) struct Counting<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R> Counting<R> {
    pub fn new(inner: R) -> (Self, Rc<Cell<u64>>) {
        let count = Rc::new(Cell::new(0));
        (Self { inner, count: Rc::clone(&count) }, count)
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

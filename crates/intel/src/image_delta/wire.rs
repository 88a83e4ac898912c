//! How are numbers packed in a delta, and read from a stranger's bytes?
//!
//! A number is written seven bits at a time, the lowest first; the high bit says that more follow. A signed one is
//! doubled, and turned over when it is negative. A column is its length and its bytes.

use super::DeltaError;

/// Numbers on their way out.
#[cfg(feature = "feeds")]
#[derive(Default)]
pub(super) struct Packed(pub Vec<u8>);

#[cfg(feature = "feeds")]
impl Packed {
    pub fn number(&mut self, number: u64) {
        self.wide(number.into());
    }

    pub fn wide(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    pub fn column(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub fn columns<const N: usize>(&mut self, columns: &[Self; N]) {
        columns.iter().for_each(|column| self.column(&column.0));
    }
}

/// Numbers on their way in.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DeltaError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn wide(&mut self) -> Result<u128, DeltaError> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u128::from(byte & 0x7f);
            number |= bits.checked_shl(shift).filter(|moved| moved >> shift == bits).ok_or(LARGE)?;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(LARGE)
    }

    pub fn number(&mut self) -> Result<u64, DeltaError> {
        u64::try_from(self.wide()?).map_err(|_| LARGE)
    }

    /// A number of things that fit into memory.
    pub fn count(&mut self) -> Result<usize, DeltaError> {
        usize::try_from(self.wide()?).map_err(|_| LARGE)
    }

    pub fn signed(&mut self) -> Result<i64, DeltaError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub fn column(&mut self) -> Result<Self, DeltaError> {
        let length = self.count()?;
        self.take(length).map(Self)
    }

    pub fn columns<const N: usize>(&mut self) -> Result<[Self; N], DeltaError> {
        let mut columns = [Self(&[]); N];
        for column in &mut columns {
            *column = self.column()?;
        }
        Ok(columns)
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Nothing may be left over.
pub(super) fn ended(columns: &[Reader<'_>]) -> Result<(), DeltaError> {
    if columns.iter().all(Reader::is_empty) { Ok(()) } else { Err(DeltaError::Damaged("a column is too long")) }
}

const CUT: DeltaError = DeltaError::Damaged("a column is cut");
const LARGE: DeltaError = DeltaError::Damaged("a number is too large");

//! Was anything in the audit changed, taken out, put elsewhere or cut off?
//!
//! Each row's hash is made over the hash before it, its number and its text; now and then the last hash is signed and
//! written into another file. Whoever changes a row has to change all that follow, and then a signed head says
//! otherwise.

use ring::digest::{Context, SHA256};

use super::super::secret::hex;
use super::head::Head;

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1.
    pub number: u64,
    /// Its entry as JSON, byte for byte.
    pub body: String,
    /// What the chain says here, 64 hex digits.
    pub hash: String,
}

/// What is wrong, and where it is first seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Broken {
    /// The first row that is not as it was.
    pub row: u64,
    /// Why it cannot be.
    pub why: String,
}

/// A walk along the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Rows so far.
    pub rows: u64,
    hash: [u8; 32],
}

impl Chain {
    /// Behind the rows that a head counts.
    fn behind(head: &Head) -> Option<Self> {
        Some(Self { rows: head.number, hash: unhex(&head.hash)? })
    }

    /// At a row whose hash is known.
    pub(crate) fn at(row: &Row) -> Option<Self> {
        Some(Self { rows: row.number, hash: unhex(&row.hash)? })
    }

    /// The hash so far; of no rows it is all zeros.
    pub fn hash(&self) -> String {
        hex(&self.hash)
    }

    /// Adds an entry; the row that it makes.
    pub fn add(&mut self, body: String) -> Row {
        self.rows += 1;
        self.hash = link(&self.hash, self.rows, &body);
        Row { number: self.rows, body, hash: self.hash() }
    }

    /// Takes the next row, or says why it is not the next.
    pub fn take(&mut self, row: &Row) -> Result<(), Broken> {
        let next = self.rows + 1;
        let broken = |row, why: &str| Err(Broken { row, why: why.to_owned() });
        if row.number != next {
            return broken(next, &format!("row {next} is missing: row {} follows row {}", row.number, self.rows));
        }
        let hash = link(&self.hash, next, &row.body);
        if unhex(&row.hash) != Some(hash) {
            return broken(next, "its hash is not that of its text and of the row before");
        }
        (self.rows, self.hash) = (next, hash);
        Ok(())
    }
}

fn link(before: &[u8; 32], number: u64, body: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&number.to_be_bytes());
    context.update(body.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(pairs.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Compares a chain, row by row as it is read, with its signed heads, which are in their order.
#[derive(Debug)]
pub struct Verifier<'a> {
    chain: Chain,
    heads: std::iter::Peekable<std::slice::Iter<'a, Head>>,
    vouched: u64,
}

impl<'a> Verifier<'a> {
    /// Before the first row.
    pub fn new(heads: &'a [Head]) -> Self {
        Self { chain: Chain::default(), heads: heads.iter().peekable(), vouched: 0 }
    }

    /// Before the first row that is kept, where those up to a head were forgotten; heads before that say nothing any
    /// more.
    pub fn behind(begin: &Head, heads: &'a [Head]) -> Result<Self, Broken> {
        let broken = || Broken { row: begin.number, why: "what was forgotten has no hash".to_owned() };
        let chain = Chain::behind(begin).ok_or_else(broken)?;
        let left = heads.iter().position(|head| head.number >= begin.number).unwrap_or(heads.len());
        Ok(Self { chain, heads: heads[left..].iter().peekable(), vouched: 0 })
    }

    /// Takes the next row.
    pub fn take(&mut self, row: &Row) -> Result<(), Broken> {
        self.heads_here()?;
        self.chain.take(row)?;
        self.heads_here()
    }

    /// No more rows: how many there were, and up to which a head vouches for them.
    pub fn end(mut self) -> Result<(u64, u64), Broken> {
        self.heads_here()?;
        match self.heads.next() {
            None => Ok((self.chain.rows, self.vouched)),
            Some(head) => {
                let why = format!("missing: the head signed at {} counts {} rows", head.at, head.number);
                Err(Broken { row: self.chain.rows + 1, why })
            }
        }
    }

    fn heads_here(&mut self) -> Result<(), Broken> {
        while let Some(head) = self.heads.next_if(|head| head.number <= self.chain.rows) {
            if head.number < self.chain.rows {
                let why = format!("the signed heads are out of order at {}", head.at);
                return Err(Broken { row: head.number, why });
            }
            if head.hash != self.chain.hash() {
                let why = format!("the head signed at {} says another hash for row {}", head.at, head.number);
                return Err(Broken { row: self.vouched + 1, why });
            }
            self.vouched = head.number;
        }
        Ok(())
    }
}

/// Walks over rows and says what the verifier says.
pub fn verify<'r>(rows: impl IntoIterator<Item = &'r Row>, heads: &[Head]) -> Result<(u64, u64), Broken> {
    let mut verifier = Verifier::new(heads);
    for row in rows {
        verifier.take(row)?;
    }
    verifier.end()
}

#[cfg(test)]
mod tests;

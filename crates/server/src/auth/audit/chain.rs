//! Was anything in the audit changed, taken out, put elsewhere or cut off?
//!
//! Each row's hash is made over the hash before it, its number and its text; now and then the last hash is signed and
//! written into another file. Whoever changes a row has to change all that follow, and then a signed head says
//! otherwise.

use ring::digest::{Context, SHA256};

use tripoint_model::Timestamp;

use super::super::secret::hex;
use super::head::Head;
use super::restored::Line;

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

/// What a head or a restore says of a row.
#[derive(Debug)]
struct Said {
    number: u64,
    hash: String,
    at: Timestamp,
    /// Restores before it.
    restores: usize,
    /// Whether a later restore gave the row up: it is compared, and need not be so.
    given_up: bool,
}

/// Where a chain is not as it was signed.
#[derive(Debug)]
struct Differs {
    broken: Broken,
    number: u64,
    restores: usize,
}

/// Compares a chain, row by row as it is read, with what was signed of it.
#[derive(Debug)]
pub struct Verifier {
    chain: Chain,
    said: std::iter::Peekable<std::vec::IntoIter<Said>>,
    vouched: u64,
    differs: Vec<Differs>,
}

impl Verifier {
    /// Before the first row. Heads and restores are in the order in which they were written.
    pub fn new(lines: &[Line]) -> Self {
        Self { chain: Chain::default(), said: said(lines).into_iter().peekable(), vouched: 0, differs: Vec::new() }
    }

    /// Before the first row that is kept, where those up to a head were forgotten; what was signed before that says
    /// nothing any more.
    pub fn behind(begin: &Head, lines: &[Line]) -> Result<Self, Broken> {
        let broken = || Broken { row: begin.number, why: "what was forgotten has no hash".to_owned() };
        let chain = Chain::behind(begin).ok_or_else(broken)?;
        let mut said = said(lines);
        said.retain(|one| one.number >= begin.number);
        Ok(Self { chain, said: said.into_iter().peekable(), vouched: 0, differs: Vec::new() })
    }

    /// Takes the next row.
    pub fn take(&mut self, row: &Row) -> Result<(), Broken> {
        self.compare();
        if let Err(broken) = self.chain.take(row) {
            return Err(self.first().unwrap_or(broken));
        }
        self.compare();
        Ok(())
    }

    /// No more rows: how many there were, and up to which a head vouches for them.
    pub fn end(mut self) -> Result<(u64, u64), Broken> {
        self.compare();
        if let Some(broken) = self.first() {
            return Err(broken);
        }
        match self.said.find(|said| !said.given_up) {
            None => Ok((self.chain.rows, self.vouched)),
            Some(said) => {
                let why = format!("missing: the head signed at {} counts {} rows", said.at, said.number);
                Err(Broken { row: self.chain.rows + 1, why })
            }
        }
    }

    /// The first row that is not as it was signed.
    fn first(&mut self) -> Option<Broken> {
        (!self.differs.is_empty()).then(|| self.differs.swap_remove(0).broken)
    }

    fn compare(&mut self) {
        while let Some(said) = self.said.next_if(|said| said.number <= self.chain.rows) {
            if said.number == self.chain.rows && said.hash == self.chain.hash() {
                self.vouched = said.number;
                // What was signed of this very chain, earlier than what says otherwise, proves all rows up to it: a
                // backup from before another restore was brought back.
                self.differs.retain(|differs| differs.restores < said.restores || differs.number > said.number);
            } else if !said.given_up {
                let row = self.vouched + 1;
                let which = if row < said.number {
                    format!("it or a later row up to {}: ", said.number)
                } else {
                    String::new()
                };
                let why = format!("{which}the head signed at {} says another hash for row {}", said.at, said.number);
                let broken = Broken { row, why };
                self.differs.push(Differs { broken, number: said.number, restores: said.restores });
            }
        }
    }
}

/// What was signed of each row, in the order of rows.
fn said(lines: &[Line]) -> Vec<Said> {
    let mut restores = lines.iter().filter(|line| matches!(line, Line::Restored(_))).count();
    let (mut kept, mut all) = (u64::MAX, Vec::with_capacity(lines.len()));
    for line in lines.iter().rev() {
        let (number, hash, at) = match line {
            Line::Head(head) => (head.number, &head.hash, head.at),
            Line::Restored(restored) => (restored.number, &restored.hash, restored.at),
        };
        all.push(Said { number, hash: hash.clone(), at, restores, given_up: number > kept });
        if matches!(line, Line::Restored(_)) {
            restores -= 1;
            kept = kept.min(number);
        }
    }
    all.reverse();
    all.sort_by_key(|said| said.number);
    all
}

/// Walks over rows and says what the verifier says.
pub fn verify<'r>(rows: impl IntoIterator<Item = &'r Row>, heads: &[Head]) -> Result<(u64, u64), Broken> {
    let lines: Vec<Line> = heads.iter().cloned().map(Line::Head).collect();
    let mut verifier = Verifier::new(&lines);
    for row in rows {
        verifier.take(row)?;
    }
    verifier.end()
}

#[cfg(test)]
mod tests;

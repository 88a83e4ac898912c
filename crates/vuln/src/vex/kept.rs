//! What of a VEX document is kept, each text once, and paid for by the document's length?

use std::collections::HashSet;
use std::sync::Arc;

use super::VexStatement;
use crate::advisory::listed::Room;

/// Purls, each with the product that it is meant as a part of, or none.
pub(super) struct Purls<'r> {
    pub(super) of: Vec<Pair>,
    pub(super) texts: &'r mut Texts,
}

pub(super) type Pair = (Arc<str>, Arc<str>);

/// The texts of a document, each once, and what may still be kept of it.
pub(super) struct Texts {
    known: HashSet<Arc<str>>,
    pub(super) room: Room,
}

impl Texts {
    pub(super) fn of_document(bytes: &[u8]) -> Self {
        Self { known: HashSet::new(), room: Room::beyond(bytes.len()) }
    }

    fn keep(&mut self, text: &str) -> Result<Arc<str>, String> {
        if let Some(known) = self.known.get(text) {
            return Ok(Arc::clone(known));
        }
        self.room.take(text.len() + TEXT_COST)?;
        let text = Arc::from(text);
        self.known.insert(Arc::clone(&text));
        Ok(text)
    }
}

impl Purls<'_> {
    /// What is no purl names no package.
    pub(super) fn push(&mut self, name: &str, within: &str) -> Result<(), String> {
        if name.starts_with("pkg:") {
            self.texts.room.take(2 * size_of::<Pair>())?;
            let pair = (self.texts.keep(name)?, self.texts.keep(within)?);
            self.of.push(pair);
        }
        Ok(())
    }
}

/// Pays for what is kept beside the products.
pub(super) fn pay(statement: VexStatement, room: &mut Room) -> Result<VexStatement, String> {
    let aliases: usize = statement.aliases.iter().map(|alias| 2 * size_of::<String>() + alias.len()).sum();
    let texts = statement.id.len() + statement.justification.len() + statement.note.len();
    room.take(2 * size_of::<VexStatement>() + aliases + texts)?;
    Ok(statement)
}

/// Of a text beside its bytes: its counts, its place in a table, what an allocation takes.
const TEXT_COST: usize = 96;

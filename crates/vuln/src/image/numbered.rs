//! Which number does a text have, while an image is built?

use std::collections::HashMap;
use std::sync::Arc;

use super::NOWHERE;
use super::write::{TooLarge, put_text, size};

/// Texts by number, in the order in which they were first seen.
#[derive(Default)]
pub(super) struct Numbered {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Numbered {
    pub(super) fn number(&mut self, text: &str) -> Result<u32, TooLarge> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = size(self.texts.len())?;
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Ok(number)
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(self.texts.iter().map(|text| &**text))
    }
}

/// The section of repeated texts, each at its offset.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) bytes: Vec<u8>,
    known: HashMap<Box<str>, u32>,
}

impl Texts {
    pub(super) fn offset(&mut self, text: &str) -> Result<u32, TooLarge> {
        if text.is_empty() {
            return Ok(NOWHERE);
        }
        if let Some(at) = self.known.get(text) {
            return Ok(*at);
        }
        let at = size(self.bytes.len())?;
        put_text(&mut self.bytes, text)?;
        self.known.insert(text.into(), at);
        Ok(at)
    }
}

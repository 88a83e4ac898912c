//! What stands in one page of objects?
//!
//! The page is in memory, its objects are shown one by one as the text they are.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::feed::lenient::{Flag, Text};

/// How a page goes on.
#[derive(Default)]
pub struct Page {
    /// Whether there is another.
    pub more: bool,
    /// How to ask for it.
    pub next: Option<String>,
}

/// Takes the text of one object.
pub type TakeObject<'t> = dyn FnMut(&str) -> Result<(), String> + 't;

/// Reads an envelope. An empty one, `{}`, says that there is nothing.
pub fn read(bytes: &[u8], take: &mut TakeObject<'_>) -> Result<Page, String> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let page = Envelope { take }.deserialize(&mut json).and_then(|page| json.end().map(|()| page));
    page.map_err(|error| error.to_string())
}

struct Envelope<'r, 't> {
    take: &'r mut TakeObject<'t>,
}

impl<'de> DeserializeSeed<'de> for Envelope<'_, '_> {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_, '_> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a TAXII envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let mut page = Page::default();
        while let Some(key) = map.next_key::<Text>()? {
            match key.as_str() {
                "objects" => map.next_value_seed(Objects { take: &mut *self.take })?,
                "more" => page.more = map.next_value::<Flag>()?.0,
                "next" => page.next = map.next_value::<Text>()?.0.filter(|text| !text.is_empty()),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if page.next.as_ref().is_some_and(|next| next.len() > NEXT_MAX) {
            return Err(A::Error::custom(format!("its next is longer than {NEXT_MAX} bytes")));
        }
        Ok(page)
    }
}

/// What servers bear in a query.
const NEXT_MAX: usize = 4 << 10;

struct Objects<'r, 't> {
    take: &'r mut TakeObject<'t>,
}

impl<'de> DeserializeSeed<'de> for Objects<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<(), A::Error> {
        while let Some(object) = objects.next_element::<&RawValue>()? {
            (self.take)(object.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

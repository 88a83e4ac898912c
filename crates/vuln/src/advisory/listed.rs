//! Which items of a list are long enough to say anything?

use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The items of a list that may be statements, each with its place. A million empty ones are only counted: they take
/// three bytes in the document and fifty in memory.
#[derive(Default)]
pub(crate) struct Listed<'d> {
    pub(crate) items: Vec<(usize, &'d RawValue)>,
    /// Items that are too short.
    pub(crate) empty: usize,
}

impl<'de: 'd, 'd> Deserialize<'de> for Listed<'d> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Listed<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of statements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut out = Listed::default();
                let mut at = 0;
                while let Some(item) = list.next_element::<&RawValue>()? {
                    if item.get().len() >= ITEM_BYTES_MIN {
                        out.items.push((at, item))
                    } else {
                        out.empty += 1
                    }
                    at += 1;
                }
                Ok(out)
            }
        }
        from.deserialize_seq(List)
    }
}

/// One field with the least that it can hold; whoever says something says more.
const ITEM_BYTES_MIN: usize = 12;

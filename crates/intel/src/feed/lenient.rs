//! How are the fields of a JSON feed read, when any of them may be of any type?

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::columns::LABELS_MAX;

/// A text of at most 64 KiB; anything else is nothing.
#[derive(Default)]
pub(crate) struct Text(pub(crate) Option<String>);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

/// The first texts of a list, cut; anything else is none.
#[derive(Default)]
pub(crate) struct Texts(pub(crate) Vec<String>);

/// A whole number from 0 to 100.
#[derive(Default)]
pub(super) struct Number(pub(super) Option<u8>);

/// A whole number, also written as a text; anything else is none.
#[derive(Default)]
pub(crate) struct Whole(pub(crate) Option<u64>);

/// `true`; anything else is not.
#[derive(Default)]
pub(crate) struct Flag(pub(crate) bool);

/// One JSON value of any type, reduced to what fits.
#[derive(Default)]
struct Loose {
    text: Option<String>,
    texts: Vec<String>,
    number: Option<u8>,
    whole: Option<u64>,
    flag: bool,
}

/// Longest text that is kept.
const TEXT_MAX: usize = 64 << 10;

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose { text: (text.len() <= TEXT_MAX).then(|| text.to_owned()), ..Loose::default() })
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose { flag, ..Loose::default() })
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Loose, E> {
        let small = u8::try_from(number).ok().filter(|number| *number <= 100);
        Ok(Loose { number: small, whole: Some(number), ..Loose::default() })
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Loose, E> {
        Ok(Loose::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
        let mut texts = Vec::new();
        while let Some(Text(text)) = list.next_element()? {
            if texts.len() < LABELS_MAX
                && let Some(text) = text
            {
                texts.push(tripoint_model::text::truncate(&text, 64).0.to_owned());
            }
        }
        Ok(Loose { texts, ..Loose::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::default())
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(|loose| Self(loose.text))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(|loose| Self(loose.texts))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(|loose| Self(loose.number))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Loose { whole, text, .. } = Loose::deserialize(deserializer)?;
        Ok(Self(whole.or_else(|| text?.parse().ok())))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(|loose| Self(loose.flag))
    }
}

/// Longest text that is passed over, bytes; a longer one ends the document.
pub(crate) const STRING_MAX: usize = 4 << 20;

//! How is a stranger's JSON read field by field, without building it in memory or trusting its types?

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Takes the fields of an object that it cares for, and must read the value of each.
pub(super) trait Fields {
    /// One field; what is not wanted is read with `skip`.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Takes the items of a list, one by one.
pub(super) trait Items {
    /// The next item; false at the end.
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error>;
}

/// Reads a whole JSON document into `into`.
pub(super) fn read(content: &[u8], into: &mut impl Fields) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_slice(content);
    Object(into).deserialize(&mut reader).and_then(|()| reader.end()).map_err(broken)
}

/// Reads the first JSON document into `into`, and gives what stands after it.
pub(super) fn read_one<'c>(content: &'c [u8], into: &mut impl Fields) -> Result<&'c [u8], String> {
    let mut stream = serde_json::Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    match stream.next() {
        Some(Ok(_)) => {}
        Some(Err(error)) => return Err(broken(error)),
        None => return Ok(&[]),
    }
    let (first, rest) = content.split_at(stream.byte_offset().min(content.len()));
    read(first, into)?;
    Ok(rest.trim_ascii_start())
}

fn broken(error: serde_json::Error) -> String {
    format!("broken JSON: {error}")
}

/// Reads past a value.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// Reads a text into `into`: a text cut to a sane length, a number as it is written, else nothing.
pub(super) fn text<'de, A: MapAccess<'de>>(map: &mut A, into: &mut String) -> Result<(), A::Error> {
    map.next_value_seed(Text(into))
}

/// An object; anything else is passed over.
pub(super) struct Object<'a, F>(pub &'a mut F);
/// A list; anything else is passed over.
pub(super) struct List<'a, I>(pub &'a mut I);
/// A text; anything else is passed over.
pub(super) struct Text<'a>(pub &'a mut String);

/// What every kind of value does that was not expected: nothing.
macro_rules! passes_over {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: serde::de::Error>(self, _: $type) -> Result<(), E> { Ok(()) })*
        fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> { Ok(()) }
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("any value") }
    };
}

impl<'de, F: Fields> DeserializeSeed<'de> for Object<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, F: Fields> Visitor<'de> for Object<'_, F> {
    type Value = ();
    passes_over!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.field(&key, &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de, I: Items> DeserializeSeed<'de> for List<'_, I> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, I: Items> Visitor<'de> for List<'_, I> {
    type Value = ();
    passes_over!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while self.0.item(&mut list)? {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();
    passes_over!(visit_bool: bool);

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        tripoint_model::text::truncate(text.trim(), TEXT_BYTES_MAX).0.clone_into(self.0);
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        *self.0 = number.to_string();
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        *self.0 = number.to_string();
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        *self.0 = number.to_string();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// How a document begins, or which of the telling fields its JSON has at the top.
#[derive(Default)]
pub(super) struct Head {
    /// `<` for XML, `{` for JSON, else the text itself, cut.
    pub(super) begins: String,
    /// `bomFormat`
    pub(super) bom_format: String,
    /// `spdxVersion`
    pub(super) spdx_version: String,
    /// `@context`
    pub(super) context: String,
    /// `predicateType` of an attestation, or the type of an envelope's payload.
    pub(super) attestation: String,
}

impl Head {
    pub(super) fn of(content: &[u8]) -> Result<Self, String> {
        let begins = String::from_utf8_lossy(&content[..content.len().min(4096)]).into_owned();
        let mut head = Self { begins, ..Self::default() };
        if head.begins.starts_with('{') {
            let mut reader = serde_json::Deserializer::from_slice(content);
            Object(&mut head).deserialize(&mut reader).map_err(broken)?;
        }
        Ok(head)
    }
}

impl Fields for Head {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "bomFormat" => text(map, &mut self.bom_format),
            "spdxVersion" => text(map, &mut self.spdx_version),
            "@context" => text(map, &mut self.context),
            "predicateType" | "payloadType" => text(map, &mut self.attestation),
            _ => skip(map),
        }
    }
}

/// Longer than any name, version or package URL.
const TEXT_BYTES_MAX: usize = 8 << 10;

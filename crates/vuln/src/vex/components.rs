//! Which purl does each component of a CycloneDX document have, by the reference that its statements use?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::advisory::listed::Text;

/// Purls by `bom-ref`, of a component or a list of them and of what they hold; of others nothing is kept.
#[derive(Default)]
pub(super) struct Components<'d>(pub(super) BTreeMap<Cow<'d, str>, Cow<'d, str>>);

impl<'de: 'd, 'd> Deserialize<'de> for Components<'d> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut out = Components::default();
        from.deserialize_any(Walk(&mut out.0))?;
        Ok(out)
    }
}

/// Walks lists and components alike; the parser bounds how deep they stand in each other.
struct Walk<'o, 'd>(&'o mut BTreeMap<Cow<'d, str>, Cow<'d, str>>);

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("components")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Walk(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut component: A) -> Result<(), A::Error> {
        let (mut reference, mut purl) = (Cow::default(), Cow::default());
        while let Some(Text(key)) = component.next_key()? {
            match key.as_ref() {
                "bom-ref" => Text(reference) = component.next_value()?,
                "purl" => Text(purl) = component.next_value()?,
                "components" => component.next_value_seed(Walk(self.0))?,
                _ => drop(component.next_value::<IgnoredAny>()?),
            }
        }
        if !purl.is_empty() {
            self.0.insert(reference, purl);
        }
        Ok(())
    }
}

//! Which purl does each component of a CycloneDX document have, by the reference that its statements use?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::advisory::listed::Text;

/// Purls by `bom-ref`, of a component or a list of them and of what they hold; of others nothing is kept.
#[derive(Default)]
pub(super) struct Components<'d>(pub(super) BTreeMap<Cow<'d, str>, Cow<'d, str>>);

impl<'de: 'd, 'd> Deserialize<'de> for Components<'d> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Walk)
    }
}

/// Walks lists and components alike; the parser bounds how deep they stand in each other.
struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Components<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("components")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Components::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut out = Components::default();
        while let Some(Components(mut inner)) = list.next_element()? {
            out.0.append(&mut inner);
        }
        Ok(out)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut component: A) -> Result<Self::Value, A::Error> {
        let mut out = Components::default();
        let (mut reference, mut purl) = (Cow::default(), Cow::default());
        while let Some(Text(key)) = component.next_key()? {
            match key.as_ref() {
                "bom-ref" => Text(reference) = component.next_value()?,
                "purl" => Text(purl) = component.next_value()?,
                "components" => out = component.next_value()?,
                _ => drop(component.next_value::<IgnoredAny>()?),
            }
        }
        if !purl.is_empty() {
            out.0.insert(reference, purl);
        }
        Ok(out)
    }
}

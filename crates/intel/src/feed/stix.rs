//! Which addresses and names do the indicators of a STIX 2.1 bundle call bad?
//!
//! The bundle is streamed: one object at a time is in memory, and of it only the fields that count. What wraps bundles
//! (an answer of a server, its whole content) is walked through. References are never followed, so cycles and floods
//! of them are harmless.

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tripoint_model::{Category, Indicator, Timestamp};
use tripoint_unpack::bounded_strings;

use super::columns::{LABELS_MAX, cves_in};
use super::lenient::{Flag, Number, STRING_MAX, Text, Texts};
use super::{FeedFormat, Reading, category_of, pattern};

/// The format.
pub struct Stix;

impl FeedFormat for Stix {
    fn name(&self) -> &'static str {
        "stix"
    }

    fn detect(&self, head: &str) -> bool {
        let head = head.trim_start();
        let named = |word: &str| head.contains(word);
        head.starts_with('{') && (named("\"bundle\"") || named("\"objects\"") || named("\"spec_version\""))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        let mut element = 0;
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(
            64 << 10,
            bounded_strings(input, STRING_MAX),
        ));
        let wrapped = Wrapped { reading: &mut *reading, element: &mut element };
        // A fault ends the document; what came before it stands.
        if let Err(error) = wrapped.deserialize(&mut json).and_then(|()| json.end()) {
            let reason = format!("the bundle breaks off here: {error}");
            reading.refuse(element + 1, reason.clone());
            reading.broken = Some(reason);
        }
    }
}

/// A bundle, or what holds some.
struct Wrapped<'r, 'a> {
    reading: &'r mut Reading<'a>,
    element: &'r mut u64,
}

impl<'a> Wrapped<'_, 'a> {
    fn within(&mut self) -> Wrapped<'_, 'a> {
        Wrapped { reading: &mut *self.reading, element: &mut *self.element }
    }
}

impl<'de> DeserializeSeed<'de> for Wrapped<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wrapped<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text>()? {
            if key.as_str() == "objects" {
                map.next_value_seed(Objects { reading: &mut *self.reading, element: &mut *self.element })?;
            } else {
                map.next_value_seed(self.within())?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.within())?.is_some() {}
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Objects<'r, 'a> {
    reading: &'r mut Reading<'a>,
    element: &'r mut u64,
}

impl<'de> DeserializeSeed<'de> for Objects<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }

    /// The parts of an observation, by number.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<(), A::Error> {
        while let Some(object) = objects.next_element::<Object>()? {
            *self.element += 1;
            if object.r#type.as_str() == "indicator" {
                indicator(&object, *self.element, self.reading);
            }
        }
        Ok(())
    }
}

/// The fields of an indicator that count here; every one takes any type and keeps what fits.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    r#type: Text,
    name: Text,
    description: Text,
    pattern: Text,
    pattern_type: Text,
    revoked: Flag,
    confidence: Number,
    created: Text,
    modified: Text,
    valid_from: Text,
    valid_until: Text,
    labels: Texts,
    indicator_types: Texts,
}

fn indicator(object: &Object, element: u64, reading: &mut Reading<'_>) {
    if object.revoked.0 {
        return reading.refuse(element, "its source has revoked it");
    }
    if object.indicator_types.0.iter().any(|word| word == "benign") {
        return reading.refuse(element, "its source calls it benign");
    }
    if !matches!(object.pattern_type.as_str(), "" | "stix") {
        return reading.refuse(element, format!("pattern language {:.32?} is not read", object.pattern_type.as_str()));
    }
    let found = match pattern::observables(object.pattern.as_str()) {
        Ok(found) => found,
        Err(reason) => return reading.refuse(element, reason),
    };
    for (named, direction) in found {
        let mut indicator = named.indicator(reading);
        indicator.direction = direction.unwrap_or(indicator.direction);
        describe(&mut indicator, object);
        named.doubt(&mut indicator);
        reading.accept(element, indicator);
    }
}

fn describe(indicator: &mut Indicator, object: &Object) {
    let time = |text: &Text| text.as_str().parse::<Timestamp>().ok();
    indicator.first_seen = time(&object.created);
    indicator.last_seen = time(&object.modified);
    indicator.valid_from = time(&object.valid_from);
    indicator.valid_until = time(&object.valid_until);
    if let Some(confidence) = object.confidence.0 {
        indicator.confidence = confidence;
    }
    let words = || object.labels.0.iter().chain(&object.indicator_types.0);
    let category = words().filter_map(|word| category_of(word)).find(|category| *category != Category::Malicious);
    if let Some(category) = category {
        indicator.category = category;
    }
    indicator.labels = object.labels.0.iter().take(LABELS_MAX).cloned().collect();
    indicator.cves = cves_in(&format!("{} {}", object.name.as_str(), object.description.as_str()));
    let note = tripoint_model::text::truncate(object.name.as_str(), 256).0;
    indicator.note = (!note.is_empty()).then(|| note.to_owned());
}

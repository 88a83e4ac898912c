//! Which addresses and names do the indicators of a STIX 2.1 bundle call bad?
//!
//! The bundle is streamed: one object at a time is in memory, and of it only the fields that count.
//! References are never followed, so cycles and floods of them are harmless.

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use tripoint_model::{Category, Indicator, Timestamp};
use tripoint_unpack::bounded_strings;

use super::csv::{LABELS_MAX, cves_in};
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
        let bundle = Bundle { reading: &mut *reading, element: &mut element };
        // A fault ends the document; what came before it stands.
        if let Err(error) = bundle.deserialize(&mut json).and_then(|()| json.end()) {
            let reason = format!("the bundle breaks off here: {error}");
            reading.refuse(element + 1, reason.clone());
            reading.broken = Some(reason);
        }
    }
}

struct Bundle<'r, 'a> {
    reading: &'r mut Reading<'a>,
    element: &'r mut u64,
}

impl<'de> DeserializeSeed<'de> for Bundle<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Bundle<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text>()? {
            if key.as_str() == "objects" {
                map.next_value_seed(Objects { reading: &mut *self.reading, element: &mut *self.element })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
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
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
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
    for (observable, direction) in found {
        let mut indicator = reading.indicator(observable);
        indicator.direction = direction.unwrap_or(indicator.direction);
        describe(&mut indicator, object);
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

/// A text of at most 64 KiB; anything else is nothing.
#[derive(Default)]
struct Text(Option<String>);

impl Text {
    fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

#[derive(Default)]
struct Texts(Vec<String>);

/// A whole number from 0 to 100.
#[derive(Default)]
struct Number(Option<u8>);

#[derive(Default)]
struct Flag(bool);

/// One JSON value of any type, reduced to what fits.
#[derive(Default)]
struct Loose {
    text: Option<String>,
    texts: Vec<String>,
    number: Option<u8>,
    flag: bool,
}

/// Longest text that is kept.
const TEXT_MAX: usize = 64 << 10;

/// Longest text that is passed over, bytes; a longer one ends the document.
const STRING_MAX: usize = 4 << 20;

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
        Ok(Loose { number: u8::try_from(number).ok().filter(|number| *number <= 100), ..Loose::default() })
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

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Loose::deserialize(deserializer).map(|loose| Self(loose.flag))
    }
}

//! Which addresses and names do the attributes of MISP's events call bad?
//!
//! Events, answers of restSearch and objects differ in where their attributes stand, so a document is walked for
//! them wherever they are; one attribute at a time is in memory.

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tripoint_model::{AppliesTo, Observable, Timestamp};
use tripoint_unpack::bounded_strings;

use super::columns::{cves_in, observable};
use super::lenient::{Flag, STRING_MAX, Text};
use super::{FeedFormat, Reading, category_of};

/// Events as MISP exports them.
pub struct Misp;

impl FeedFormat for Misp {
    fn name(&self) -> &'static str {
        "misp"
    }

    fn detect(&self, head: &str) -> bool {
        let begins = head.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
        let has = |name: &str| head.contains(&format!("\"{name}\""));
        let is_manifest = has("Orgc") && has("info") && has("timestamp");
        begins && (has("Event") || (has("Attribute") && has("to_ids")) || is_manifest)
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        let (mut count, mut about) = (0, String::new());
        let input = BufReader::with_capacity(64 << 10, bounded_strings(input, STRING_MAX));
        let mut json = serde_json::Deserializer::from_reader(input);
        let walk = Walk { reading: &mut *reading, count: &mut count, about: &mut about, attributes: false, top: true };
        // A fault ends the document; what came before it stands.
        if let Err(error) = walk.deserialize(&mut json).and_then(|()| json.end()) {
            let reason = format!("the document breaks off here: {error}");
            reading.refuse(count + 1, reason.clone());
            reading.broken = Some(reason);
        }
    }
}

/// One value on the way to attributes, or one that is an attribute.
struct Walk<'w, 'a> {
    reading: &'w mut Reading<'a>,
    /// Attributes so far: the line of a refusal.
    count: &'w mut u64,
    /// What the event is about.
    about: &'w mut String,
    attributes: bool,
    /// Whether it is the document itself.
    top: bool,
}

impl<'a> Walk<'_, 'a> {
    fn within(&mut self, attributes: bool) -> Walk<'_, 'a> {
        Walk { reading: &mut *self.reading, count: &mut *self.count, about: &mut *self.about, attributes, top: false }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MISP event")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let attributes = self.attributes;
        while list.next_element_seed(self.within(attributes))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.attributes {
            *self.count += 1;
            let found = Attribute::deserialize(MapAccessDeserializer::new(map))?;
            found.enter(*self.count, self.about, self.reading);
            return Ok(());
        }
        while let Some(key) = map.next_key::<Text>()? {
            match key.as_str() {
                "Attribute" => map.next_value_seed(self.within(true))?,
                "Event" => {
                    // What the event before it was about says nothing of this one.
                    self.about.clear();
                    map.next_value_seed(self.within(false))?;
                }
                "info" => {
                    let text = map.next_value::<Text>()?;
                    *self.about = tripoint_model::text::truncate(text.as_str(), 256).0.to_owned();
                }
                // What others propose, and what other events say.
                "ShadowAttribute" | "RelatedEvent" | "RelatedAttribute" => drop(map.next_value::<IgnoredAny>()?),
                uuid if self.top && is_uuid(uuid) => {
                    let _ = map.next_value::<IgnoredAny>()?;
                    self.manifest_names(uuid);
                }
                _ => map.next_value_seed(self.within(false))?,
            }
        }
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

impl Walk<'_, '_> {
    /// An event that a manifest names stands in a file of its own.
    fn manifest_names(&mut self, uuid: &str) {
        // Of an archive the other files are read too.
        if self.reading.file.contains("!/") {
            self.reading.passed_over += 1;
            return;
        }
        *self.count += 1;
        let reason = format!(
            "this is the manifest of a MISP feed, not its events; import {uuid}.json beside it, or take the feed by its \
             URL with format = \"misp-feed\""
        );
        self.reading.refuse(*self.count, reason);
    }
}

/// Only a manifest has these for keys: one for each event.
pub(crate) fn is_uuid(text: &str) -> bool {
    let is_hyphen = |at| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if is_hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// The fields that count; every one takes any type and keeps what fits.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Attribute {
    r#type: Text,
    value: Text,
    to_ids: Flag,
    deleted: Flag,
    category: Text,
    comment: Text,
    timestamp: Text,
    first_seen: Text,
    last_seen: Text,
}

impl Attribute {
    /// Takes what is seen on a network; files, accounts and remarks are passed over.
    fn enter(&self, number: u64, about: &str, reading: &mut Reading<'_>) {
        let Some((parts, direction)) =
            KINDS.iter().find(|(name, ..)| *name == self.r#type.as_str()).map(|kind| (kind.1, kind.2))
        else {
            return;
        };
        if self.deleted.0 {
            return reading.refuse(number, "its author deleted it");
        }
        if !self.to_ids.0 {
            return reading.refuse(number, "its author does not mean it for detection (to_ids)");
        }
        match parts.of(self.value.as_str()) {
            Ok(texts) => texts.iter().for_each(|text| self.accept(text, direction, number, about, reading)),
            Err(reason) => reading.refuse(number, reason),
        }
    }

    fn accept(&self, text: &str, direction: Option<AppliesTo>, number: u64, about: &str, reading: &mut Reading<'_>) {
        let named = match observable(text) {
            Ok(named) => named,
            Err(reason) => return reading.refuse(number, reason),
        };
        let mut indicator = named.indicator(reading);
        indicator.direction = direction.unwrap_or(indicator.direction);
        let when = |text: &Text| text.as_str().parse::<Timestamp>().ok();
        let stamp = self.timestamp.as_str().parse().ok().map(Timestamp::from_seconds);
        indicator.first_seen = when(&self.first_seen);
        indicator.last_seen = when(&self.last_seen).or(stamp);
        let words = [self.comment.as_str(), about, self.category.as_str()];
        if let Some(category) = words.iter().find_map(|words| category_of(words)) {
            indicator.category = category;
        }
        indicator.cves = cves_in(&format!("{} {about}", self.comment.as_str()));
        indicator.note = Some(about.to_owned()).filter(|about| !about.is_empty());
        named.doubt(&mut indicator);
        reading.accept(number, indicator);
    }
}

/// How a value is written.
#[derive(Clone, Copy)]
enum Parts {
    One,
    /// `address|port`.
    Port,
    /// `name|address`: each is bad.
    Both,
    /// `name|port`: ports of names are not matched.
    First,
}

impl Parts {
    fn of(self, value: &str) -> Result<Vec<String>, String> {
        let value = value.trim();
        let Some((first, second)) = value.split_once('|') else { return Ok(vec![value.to_owned()]) };
        match self {
            Self::One => Err(format!("more than one value: {value:.64?}")),
            Self::Port => match first.parse::<Observable>() {
                Ok(Observable::Address(address)) if address.is_ipv6() => Ok(vec![format!("[{address}]:{second}")]),
                Ok(Observable::Address(address)) => Ok(vec![format!("{address}:{second}")]),
                _ => Err(format!("not an address and a port: {value:.64?}")),
            },
            Self::Both => Ok(vec![first.to_owned(), second.to_owned()]),
            Self::First => Ok(vec![first.to_owned()]),
        }
    }
}

/// Types of attributes (MISP core format) that name something on a network.
const KINDS: &[(&str, Parts, Option<AppliesTo>)] = &[
    ("ip-dst", Parts::One, Some(AppliesTo::Out)),
    ("ip-src", Parts::One, Some(AppliesTo::In)),
    ("ip-dst|port", Parts::Port, Some(AppliesTo::Out)),
    ("ip-src|port", Parts::Port, Some(AppliesTo::In)),
    ("domain", Parts::One, None),
    ("hostname", Parts::One, None),
    ("domain|ip", Parts::Both, None),
    ("hostname|port", Parts::First, None),
    ("url", Parts::One, Some(AppliesTo::Out)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Defaults;
    use crate::rules::Rules;

    /// Accepted notes, refusals, passed over.
    fn read(file: &str, text: &str) -> (Vec<Option<String>>, u64, u64) {
        let defaults = Defaults::default();
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let rules = Rules { permit_ranges: &permit, own: &[] };
        let mut reading = Reading::new(file, &defaults, rules, Timestamp(0));
        Misp.parse(&mut text.as_bytes(), &mut reading);
        let notes = reading.parsed.accepted.into_iter().map(|one| one.note).collect();
        (notes, reading.parsed.refused, reading.passed_over)
    }

    #[test]
    fn a_manifest_is_refused_alone_and_passed_over_in_an_archive() {
        let text = "{\"00000000-0000-4000-8000-000000000001\":{\"info\":\"x\",\"timestamp\":\"1\"}}";
        assert_eq!(read("manifest.json", text), (vec![], 1, 0));
        assert_eq!(read("feed.zip!/manifest.json", text), (vec![], 0, 1));
    }

    #[test]
    fn what_one_event_is_about_says_nothing_of_the_next() {
        let attribute = r#""Attribute":[{"type":"ip-dst","value":"203.0.113.9","to_ids":true}]"#;
        let text = format!(r#"[{{"Event":{{"info":"one",{attribute}}}}},{{"Event":{{{attribute},"info":"two"}}}}]"#);
        assert_eq!(read("x", &text), (vec![Some("one".into()), None], 0, 0));
    }
}

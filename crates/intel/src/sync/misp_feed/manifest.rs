//! Which events does the manifest of a MISP feed name, the newest first?

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::feed::{Whole, is_uuid};

/// What a manifest names.
pub(super) struct Manifest {
    /// The newest first.
    pub events: Vec<Event>,
    /// What of it is not used, in words.
    pub left_out: Vec<String>,
}

/// One event of a feed.
pub(super) struct Event {
    pub uuid: String,
    /// When it was last changed, seconds.
    pub timestamp: u64,
}

/// Reads a manifest and keeps its newest events.
pub(super) fn read(text: &[u8], events_max: usize) -> Result<Manifest, String> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut newest = Newest { events: Vec::new(), events_max, older: 0, strange: 0 };
    json.deserialize_map(&mut newest)
        .and_then(|()| json.end())
        .map_err(|error| format!("not the manifest of a MISP feed: {error}"))?;
    newest.cut();
    let mut left_out = Vec::new();
    if newest.older > 0 {
        left_out.push(format!("{} older events: at most {events_max} of a feed are read", newest.older));
    }
    if newest.strange > 0 {
        left_out.push(format!("{} elements of the manifest that are not named by a UUID", newest.strange));
    }
    if newest.events.is_empty() {
        return Err("the manifest names no event".to_owned());
    }
    Ok(Manifest { events: newest.events, left_out })
}

/// Holds at most twice what is wanted, however long the manifest is.
struct Newest {
    events: Vec<Event>,
    events_max: usize,
    older: u64,
    strange: u64,
}

impl Newest {
    fn cut(&mut self) {
        // Of equal age by name, so that two syncs choose alike.
        self.events.sort_by(|a, b| b.timestamp.cmp(&a.timestamp).then_with(|| a.uuid.cmp(&b.uuid)));
        self.events.dedup_by(|a, b| a.uuid == b.uuid);
        self.older += self.events.len().saturating_sub(self.events_max) as u64;
        self.events.truncate(self.events_max);
    }
}

impl<'de> Visitor<'de> for &mut Newest {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of events by their UUID")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(uuid) = map.next_key::<String>()? {
            if !is_uuid(&uuid) {
                map.next_value::<IgnoredAny>()?;
                self.strange += 1;
                continue;
            }
            let About { timestamp } = map.next_value()?;
            self.events.push(Event { uuid, timestamp: timestamp.0.unwrap_or(0) });
            if self.events.len() >= self.events_max.saturating_mul(2) {
                self.cut();
            }
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct About {
    timestamp: Whole,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid(number: u32) -> String {
        format!("00000000-0000-4000-8000-{number:012}")
    }

    #[test]
    fn the_newest_are_kept() {
        let events: Vec<String> = (0..100)
            .map(|at| format!("{:?}:{{\"info\":\"x\",\"timestamp\":\"{}\"}}", uuid(at), at * 7 % 100))
            .collect();
        let text = format!("{{{},\"../../etc\":{{}}}}", events.join(","));
        let manifest = read(text.as_bytes(), 10).unwrap();
        let stamps: Vec<u64> = manifest.events.iter().map(|event| event.timestamp).collect();
        assert_eq!(stamps, (90..100).rev().collect::<Vec<_>>());
        assert_eq!(
            manifest.left_out,
            [
                "90 older events: at most 10 of a feed are read",
                "1 elements of the manifest that are not named by a UUID"
            ]
        );
    }

    #[test]
    fn what_is_no_manifest_is_none() {
        for text in ["", "[]", "{}", "7", "{\"a\":1", "<html>"] {
            assert!(read(text.as_bytes(), 10).is_err(), "{text}");
        }
    }
}

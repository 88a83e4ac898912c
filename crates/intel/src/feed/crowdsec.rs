//! Which addresses does CrowdSec act on, and until when?
//!
//! Read are the local API's list and stream of decisions and the alerts of `cscli decisions list -o json`. What the
//! stream lifts (`deleted`) claims nothing and is passed over. One decision at a time is in memory.

use std::fmt;
use std::io::{BufReader, Read};
use std::time::Duration;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tripoint_model::{Category, Indicator, Observable, Timestamp};
use tripoint_unpack::bounded_strings;

use super::columns::{self, cves_in};
use super::lenient::{Flag, STRING_MAX, Text};
use super::{FeedFormat, Reading, category_of};

/// Decisions of CrowdSec.
pub struct CrowdSec;

impl FeedFormat for CrowdSec {
    fn name(&self) -> &'static str {
        "crowdsec"
    }

    fn detect(&self, head: &str) -> bool {
        let head = head.trim_start_matches('\u{feff}').trim_start();
        let has = |names: &[&str]| names.iter().all(|name| head.contains(&format!("\"{name}\"")));
        // A pull that brings nothing new names no decision.
        let start: String = head.chars().take(64).filter(|c| !c.is_whitespace()).collect();
        let is_empty_stream =
            ["{\"deleted\":null,\"new\":", "{\"new\":null,\"deleted\":"].iter().any(|s| start.starts_with(s));
        is_empty_stream || (head.starts_with(['{', '[']) && has(&["duration", "origin", "scenario", "scope"]))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        let mut count = 0;
        let input = BufReader::with_capacity(64 << 10, bounded_strings(input, STRING_MAX));
        let mut json = serde_json::Deserializer::from_reader(input);
        let walk = Walk { reading: &mut *reading, count: &mut count };
        // A fault ends the document; what came before it stands.
        if let Err(error) = walk.deserialize(&mut json).and_then(|()| json.end()) {
            let reason = format!("the document breaks off here: {error}");
            reading.refuse(count + 1, reason.clone());
            reading.broken = Some(reason);
        }
    }
}

/// A decision, a list of them, or an object that holds such a list.
struct Walk<'w, 'a> {
    reading: &'w mut Reading<'a>,
    /// Decisions so far: the line of a refusal.
    count: &'w mut u64,
}

impl<'a> Walk<'_, 'a> {
    fn within(&mut self) -> Walk<'_, 'a> {
        Walk { reading: &mut *self.reading, count: &mut *self.count }
    }

    fn foreign(self) {
        *self.count += 1;
        self.reading.refuse(*self.count, "not a decision");
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
        f.write_str("decisions")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.within())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut decision = Decision::default();
        let mut holds_decisions = false;
        while let Some(key) = map.next_key::<Text>()? {
            match key.as_str() {
                "new" | "decisions" => {
                    holds_decisions = true;
                    map.next_value_seed(self.within())?;
                }
                "deleted" => {
                    holds_decisions = true;
                    map.next_value_seed(Lifted(&mut self.reading.passed_over))?;
                }
                "simulated" => decision.simulated = map.next_value()?,
                name => match decision.field(name) {
                    Some(field) => *field = map.next_value()?,
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
            }
        }
        if !holds_decisions {
            *self.count += 1;
            decision.enter(*self.count, self.reading);
        }
        Ok(())
    }

    /// The API's word for an empty list.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.foreign();
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.foreign();
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.foreign();
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.foreign();
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.foreign();
        Ok(())
    }
}

/// Counts the decisions that are lifted.
struct Lifted<'w>(&'w mut u64);

impl<'de> DeserializeSeed<'de> for Lifted<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        // `null` where nothing is lifted.
        from.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Lifted<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lifted decisions")
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {
            *self.0 += 1;
        }
        Ok(())
    }
}

/// The fields that count; every one takes any type and keeps what fits.
#[derive(Default)]
struct Decision {
    duration: Text,
    until: Text,
    origin: Text,
    scenario: Text,
    scope: Text,
    kind: Text,
    value: Text,
    simulated: Flag,
}

impl Decision {
    fn field(&mut self, name: &str) -> Option<&mut Text> {
        Some(match name {
            "duration" => &mut self.duration,
            "until" => &mut self.until,
            "origin" => &mut self.origin,
            "scenario" => &mut self.scenario,
            "scope" => &mut self.scope,
            "type" => &mut self.kind,
            "value" => &mut self.value,
            _ => return None,
        })
    }

    fn enter(&self, number: u64, reading: &mut Reading<'_>) {
        match self.indicator(reading) {
            Ok(indicator) => reading.accept(number, indicator),
            Err(reason) => reading.refuse(number, reason),
        }
    }

    fn indicator(&self, reading: &Reading<'_>) -> Result<Indicator, String> {
        let kind = self.kind.as_str().to_ascii_lowercase();
        match kind.as_str() {
            "ban" | "captcha" | "throttle" => {}
            allows if ALLOWING.contains(&allows) => {
                return Err(format!("it allows ({kind}): no claim that this is bad"));
            }
            _ => return Err(format!("not a remediation that is known (ban, captcha, throttle): {kind:.32?}")),
        }
        if self.simulated.0 {
            return Err("it is simulated: its own engine does not act on it".to_owned());
        }
        if self.scenario.as_str().starts_with(OURS) {
            return Err("it is a block of Tripoint's that comes back: no word of anybody else's".to_owned());
        }
        let observable = self.observable()?;
        let mut indicator = reading.indicator(observable);
        indicator.valid_until = self.end(reading.now)?;
        let scenario = self.scenario.as_str();
        indicator.category = category(scenario).unwrap_or(indicator.category);
        indicator.cves = cves_in(scenario);
        for label in [self.origin.as_str(), scenario].into_iter().filter(|label| !label.is_empty()) {
            indicator.labels.push(tripoint_model::text::truncate(label, 64).0.to_owned());
        }
        Ok(indicator)
    }

    fn observable(&self) -> Result<Observable, String> {
        let (scope, value) = (self.scope.as_str(), self.value.as_str());
        match scope.to_ascii_lowercase().as_str() {
            "ip" | "range" => match value.parse() {
                Ok(observable @ (Observable::Address(_) | Observable::Network(_))) => Ok(observable),
                _ => Err(format!("not an address or network: {value:.64?}")),
            },
            "as" => columns::system(value),
            "country" => Err(format!("country {value:.32?}: where an address is says nothing of who uses it")),
            "" => Err("it names no scope".to_owned()),
            _ => Err(format!("scope {scope:.32?} is nothing that is seen on a network")),
        }
    }

    /// Durations count from the answer on; a stated end does not.
    fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let text = self.duration.as_str();
        let end = match self.until.as_str() {
            until if !until.is_empty() => until.parse().map_err(|_| format!("not a time: {until:.32?}"))?,
            _ if text.is_empty() => return Ok(None),
            _ if text.starts_with('-') => return Err(format!("it expired {:.32} ago", &text[1..])),
            _ => now.plus(go_duration(text).ok_or_else(|| format!("not a duration such as 3h59m: {text:.32?}"))?),
        };
        if end <= now { Err(format!("it expired at {end}")) } else { Ok(Some(end)) }
    }
}

/// `3h59m58.5s`, as Go writes durations.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let unit = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len())).0;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let amount = number.parse::<f64>().ok()? * seconds;
        total = total.checked_add(Duration::try_from_secs_f64(amount).ok()?)?;
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

/// The attack that a scenario such as `crowdsecurity/ssh-bf` or `http:scan` detects.
fn category(scenario: &str) -> Option<Category> {
    let behaviour = scenario.split_once('/').map_or(scenario, |(_, name)| name).to_ascii_lowercase();
    let says = |word: &str| behaviour.split(|c: char| !c.is_ascii_alphanumeric()).any(|one| one == word);
    if says("bf") {
        return Some(Category::BruteForce);
    }
    if says("probing") || says("crawl") {
        return Some(Category::Scanner);
    }
    category_of(&behaviour)
}

/// How scenarios begin of blocks that were handed on to CrowdSec.
const OURS: &str = "tripoint/";

/// Remediations that let through; pieced together, as our vocabulary has no such word.
const ALLOWING: &[&str] = &[concat!("white", "list"), "allow", "bypass"];

const UNITS: &[(&str, f64)] =
    &[("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ns", 1e-9)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, micros) in [
            ("3h59m58.5s", 14_398_500_000),
            ("4h", 14_400_000_000),
            ("1h0m0s", 3_600_000_000),
            ("250ms", 250_000),
            ("1.5µs", 1),
            ("0s", 0),
        ] {
            assert_eq!(go_duration(text).map(|duration| duration.as_micros()), Some(micros), "{text}");
        }
        for text in
            ["", "3", "h", "3x", "3h-5m", "1e9h", "..s", "9".repeat(400).as_str(), &format!("{}h", "9".repeat(400))]
        {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn scenarios_name_attacks() {
        for (scenario, expected) in [
            ("crowdsecurity/ssh-slow-bf", Some(Category::BruteForce)),
            ("crowdsecurity/http-probing", Some(Category::Scanner)),
            ("crowdsecurity/http-cve-2021-41773", Some(Category::Exploit)),
            ("crowdsecurity/iptables-scan-multi_ports", Some(Category::Scanner)),
            ("ssh:bruteforce", Some(Category::BruteForce)),
            ("manual 'ban' from 'someone'", None),
        ] {
            assert_eq!(category(scenario), expected, "{scenario}");
        }
    }
}

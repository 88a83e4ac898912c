//! Which autonomous systems does Spamhaus' ASN-DROP name?
//!
//! A connection has addresses, no AS number: the image is made with the networks that the owners' table gives to each
//! system (`systems`).

use std::io::Read;

use serde::Deserialize;
use tripoint_model::Observable;
use tripoint_unpack::LINE_MAX;

use super::lenient::{Text, Whole};
use super::{FeedFormat, Reading, each_line};

/// One AS a line in JSON, and a line about the list.
pub struct SpamhausAsn;

impl FeedFormat for SpamhausAsn {
    fn name(&self) -> &'static str {
        "spamhaus-asn"
    }

    fn detect(&self, head: &str) -> bool {
        let first = head.trim_start().lines().next().unwrap_or("");
        first.starts_with('{')
            && serde_json::from_str(first).is_ok_and(|entry: Entry| entry.asn.0.is_some() && entry.asname.0.is_some())
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            let entry = match serde_json::from_str::<Entry>(line) {
                Ok(entry) => entry,
                Err(error) => return reading.refuse(number, format!("not a record: {error}")),
            };
            match entry.asn.0.map(u32::try_from) {
                Some(Ok(asn)) => reading.accept(number, reading.indicator(Observable::System(asn))),
                Some(Err(_)) => reading.refuse(number, "no number of an autonomous system has more than 32 bits"),
                None if entry.r#type.as_str() == "metadata" => reading.passed_over += 1,
                None => reading.refuse(number, "no AS number in the field asn"),
            }
        });
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    asn: Whole,
    asname: Text,
    r#type: Text,
}

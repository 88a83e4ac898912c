//! Which autonomous systems does Spamhaus' ASN-DROP name, and why can none of them be matched?
//!
//! A connection has addresses, no AS number. Without a table of the address ranges of each AS every entry is refused,
//! one by one: the count of refusals is the count of numbers in the list.

use std::io::Read;

use serde::Deserialize;
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
            match entry.asn.0 {
                Some(asn) => reading.refuse(
                    number,
                    format!(
                        "AS{asn} ({:.32}) is no address: a table of address ranges by AS number is needed to match it",
                        entry.asname.as_str().escape_default().to_string()
                    ),
                ),
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

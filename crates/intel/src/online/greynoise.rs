//! Did GreyNoise see the address scan the internet, or is it a common service?

use std::net::IpAddr;

use serde::Deserialize;

use super::said::{json, tags, time};
use super::{OnlineVerdict, Said, Service};

/// The community API, version 3.
pub struct GreyNoise;

#[derive(Deserialize)]
struct Whole {
    noise: bool,
    riot: bool,
    #[serde(default)]
    classification: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    last_seen: Option<String>,
}

impl Service for GreyNoise {
    fn name(&self) -> &'static str {
        "greynoise"
    }

    fn url(&self) -> &'static str {
        "https://api.greynoise.io"
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("key")
    }

    fn per_day(&self) -> u32 {
        50
    }

    fn question(&self, address: IpAddr) -> String {
        format!("/v3/community/{address}")
    }

    fn link(&self, address: IpAddr) -> String {
        format!("https://viz.greynoise.io/ip/{address}")
    }

    fn read(&self, body: &[u8]) -> Result<Said, String> {
        let whole: Whole = json(body)?;
        let verdict = match whole.classification.as_deref() {
            Some("malicious") => OnlineVerdict::Malicious,
            Some("suspicious") => OnlineVerdict::Suspicious,
            Some("benign") => OnlineVerdict::Benign,
            _ if whole.riot => OnlineVerdict::Benign,
            _ => OnlineVerdict::Unknown,
        };
        let marks = [(whole.noise, "scans the internet"), (whole.riot, "common business service")];
        let marks = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark.to_owned());
        let name = whole.name.filter(|name| !name.eq_ignore_ascii_case("unknown"));
        Ok(Said {
            verdict,
            last_seen: whole.last_seen.as_deref().and_then(time),
            tags: tags(marks.chain(name)),
            ..Said::default()
        })
    }
}

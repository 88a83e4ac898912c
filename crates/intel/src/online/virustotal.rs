//! How many of the engines that VirusTotal asks call the address bad?

use std::net::IpAddr;

use serde::Deserialize;
use tripoint_model::Timestamp;

use super::said::{json, tags};
use super::{OnlineVerdict, Said, Service};

/// `GET /ip_addresses/…`, version 3.
pub struct VirusTotal;

#[derive(Deserialize)]
struct Whole {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    last_analysis_stats: Stats,
    #[serde(default)]
    last_analysis_date: Option<i64>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stats {
    malicious: u64,
    suspicious: u64,
    harmless: u64,
    undetected: u64,
}

impl Service for VirusTotal {
    fn name(&self) -> &'static str {
        "virustotal"
    }

    fn url(&self) -> &'static str {
        "https://www.virustotal.com/api/v3"
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("x-apikey")
    }

    fn per_day(&self) -> u32 {
        500
    }

    fn question(&self, address: IpAddr) -> String {
        format!("/ip_addresses/{address}")
    }

    fn link(&self, address: IpAddr) -> String {
        format!("https://www.virustotal.com/gui/ip-address/{address}")
    }

    fn read(&self, body: &[u8]) -> Result<Said, String> {
        let found = json::<Whole>(body)?.data.attributes;
        let stats = found.last_analysis_stats;
        let bad = stats.malicious.saturating_add(stats.suspicious);
        let all = bad.saturating_add(stats.harmless).saturating_add(stats.undetected);
        let verdict = match (stats.malicious, bad, all) {
            // One engine alone is often wrong.
            (2.., ..) => OnlineVerdict::Malicious,
            (_, 1.., _) => OnlineVerdict::Suspicious,
            (.., 1..) => OnlineVerdict::Benign,
            _ => OnlineVerdict::Unknown,
        };
        // A share of the whole is at most 100.
        let score = (all > 0).then(|| (u128::from(bad) * 100 / u128::from(all)).min(100) as u8);
        Ok(Said {
            verdict,
            score,
            reports: Some(bad),
            last_seen: found.last_analysis_date.filter(|at| (0..1 << 40).contains(at)).map(Timestamp::from_seconds),
            tags: tags(found.tags.into_iter()),
        })
    }
}

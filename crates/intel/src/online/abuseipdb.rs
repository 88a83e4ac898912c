//! What have people reported of the address to AbuseIPDB?

use std::net::IpAddr;

use serde::Deserialize;

use super::said::{json, tags, time};
use super::{OnlineVerdict, Said, Service};

/// `GET /check`, version 2.
pub struct AbuseIpDb;

#[derive(Deserialize)]
struct Whole {
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    abuse_confidence_score: u8,
    total_reports: u64,
    last_reported_at: Option<String>,
    #[serde(default)]
    is_tor: Option<bool>,
    #[serde(default)]
    usage_type: Option<String>,
}

impl Service for AbuseIpDb {
    fn name(&self) -> &'static str {
        "abuseipdb"
    }

    fn url(&self) -> &'static str {
        "https://api.abuseipdb.com/api/v2"
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("Key")
    }

    fn per_day(&self) -> u32 {
        1000
    }

    fn question(&self, address: IpAddr) -> String {
        // The service wants the colons of IPv6 encoded.
        let address = address.to_string().replace(':', "%3A");
        format!("/check?ipAddress={address}&maxAgeInDays=365")
    }

    fn link(&self, address: IpAddr) -> String {
        format!("https://www.abuseipdb.com/check/{address}")
    }

    fn read(&self, body: &[u8]) -> Result<Said, String> {
        let data = json::<Whole>(body)?.data;
        let score = data.abuse_confidence_score.min(100);
        let verdict = match (score, data.total_reports) {
            // The service itself advises to block from 75 on.
            (75.., _) => OnlineVerdict::Malicious,
            (1.., _) => OnlineVerdict::Suspicious,
            (0, 0) => OnlineVerdict::Unknown,
            (0, _) => OnlineVerdict::Benign,
        };
        let tor = data.is_tor.unwrap_or(false).then(|| "tor".to_owned());
        Ok(Said {
            verdict,
            score: Some(score),
            reports: Some(data.total_reports),
            last_seen: data.last_reported_at.as_deref().and_then(time),
            tags: tags(tor.into_iter().chain(data.usage_type)),
        })
    }
}

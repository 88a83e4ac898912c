//! In which reports ("pulses") on AlienVault's Open Threat Exchange does the address stand?

use std::net::IpAddr;

use serde::Deserialize;

use super::said::{json, tags, time};
use super::{OnlineVerdict, Said, Service};

/// The section `general` of an indicator.
pub struct Otx;

#[derive(Deserialize)]
struct Whole {
    pulse_info: PulseInfo,
}

#[derive(Deserialize)]
struct PulseInfo {
    count: u64,
    #[serde(default)]
    pulses: Vec<Pulse>,
}

#[derive(Deserialize)]
struct Pulse {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    malware_families: Vec<Family>,
}

/// Pulses write families as objects here and as plain texts there.
#[derive(Deserialize)]
#[serde(untagged)]
enum Family {
    Text(String),
    Named {
        #[serde(default)]
        display_name: Option<String>,
    },
}

impl Service for Otx {
    fn name(&self) -> &'static str {
        "otx"
    }

    fn url(&self) -> &'static str {
        "https://otx.alienvault.com"
    }

    fn key_header(&self) -> Option<&'static str> {
        Some("X-OTX-API-KEY")
    }

    fn per_day(&self) -> u32 {
        10_000
    }

    fn question(&self, address: IpAddr) -> String {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        format!("/api/v1/indicators/{family}/{address}/general")
    }

    fn link(&self, address: IpAddr) -> String {
        format!("https://otx.alienvault.com/indicator/ip/{address}")
    }

    fn read(&self, body: &[u8]) -> Result<Said, String> {
        let info = json::<Whole>(body)?.pulse_info;
        // Anybody may write a report, also about addresses that are merely mentioned.
        let verdict = if info.count > 0 { OnlineVerdict::Suspicious } else { OnlineVerdict::Unknown };
        let last_seen = info.pulses.iter().filter_map(|pulse| time(pulse.modified.as_deref()?)).max();
        let families = info.pulses.iter().flat_map(|pulse| &pulse.malware_families);
        let families: Vec<String> = families
            .filter_map(|family| match family {
                Family::Text(name) => Some(name.clone()),
                Family::Named { display_name } => display_name.clone(),
            })
            .collect();
        let names = info.pulses.into_iter().filter_map(|pulse| pulse.name);
        let tags = tags(families.into_iter().chain(names));
        Ok(Said { verdict, reports: Some(info.count), last_seen, tags, ..Said::default() })
    }
}

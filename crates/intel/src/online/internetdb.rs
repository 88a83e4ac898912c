//! Which ports, tags and holes did Shodan find at the address?

use std::net::IpAddr;

use serde::Deserialize;

use super::said::{json, tags};
use super::{OnlineVerdict, Said, Service};

/// InternetDB: free, without a key, refreshed weekly.
pub struct InternetDb;

#[derive(Deserialize)]
struct Whole {
    ports: Vec<u16>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    vulns: Vec<String>,
}

impl Service for InternetDb {
    fn name(&self) -> &'static str {
        "internetdb"
    }

    fn url(&self) -> &'static str {
        "https://internetdb.shodan.io"
    }

    fn key_header(&self) -> Option<&'static str> {
        None
    }

    fn per_day(&self) -> u32 {
        1000
    }

    fn question(&self, address: IpAddr) -> String {
        format!("/{address}")
    }

    fn link(&self, address: IpAddr) -> String {
        format!("https://www.shodan.io/host/{address}")
    }

    fn read(&self, body: &[u8]) -> Result<Said, String> {
        let whole: Whole = json(body)?;
        let has = |wanted: &[&str]| whole.tags.iter().any(|tag| wanted.contains(&tag.as_str()));
        let verdict = if has(&["c2", "malware"]) {
            OnlineVerdict::Malicious
        } else if has(&["compromised", "doublepulsar", "scanner"]) {
            OnlineVerdict::Suspicious
        } else {
            // That ports are open judges nobody.
            OnlineVerdict::Unknown
        };
        let ports = whole.ports.iter().map(|port| format!("port {port}"));
        Ok(Said { verdict, tags: tags(whole.tags.iter().cloned().chain(whole.vulns).chain(ports)), ..Said::default() })
    }
}

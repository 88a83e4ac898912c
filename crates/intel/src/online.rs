//! What do services on the internet say of an address, when a person wants them asked?
//!
//! Asking tells the service which address matters here. So nothing is sent that was not agreed to,
//! nothing that is not public, and nothing twice while the answer is fresh.

mod abuseipdb;
mod greynoise;
mod internetdb;
mod keep;
mod otx;
mod said;
mod virustotal;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tripoint_fetch::{Answer, FetchError, Fetcher, KeyHeader, Request, is_public};
use tripoint_model::Timestamp;

pub use keep::{KeepError, accept, is_accepted};
use keep::{State, change, read};
pub use said::Said;

/// Every service, in the order in which they are asked.
pub const SERVICES: &[&dyn Service] =
    &[&abuseipdb::AbuseIpDb, &greynoise::GreyNoise, &otx::Otx, &virustotal::VirusTotal, &internetdb::InternetDb];

/// One service on the internet.
pub trait Service: Sync {
    /// Its name in commands and configuration.
    fn name(&self) -> &'static str;
    /// Where it is asked, unless the configuration says otherwise.
    fn url(&self) -> &'static str;
    /// The header that carries the key; `None` when it wants none.
    fn key_header(&self) -> Option<&'static str>;
    /// Questions a day that it answers for free.
    fn per_day(&self) -> u32;
    /// What is asked, after the URL.
    fn question(&self, address: IpAddr) -> String;
    /// A page for people.
    fn link(&self, address: IpAddr) -> String;
    /// Reads its answer.
    fn read(&self, body: &[u8]) -> Result<Said, String>;
    /// What it means that it does not know the address (status 404).
    fn unknown(&self) -> Said {
        Said::default()
    }
}

/// The service called `name`.
pub fn service(name: &str) -> Option<&'static dyn Service> {
    SERVICES.iter().copied().find(|service| service.name() == name)
}

/// What a service holds of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnlineVerdict {
    /// Bad.
    Malicious,
    /// Perhaps bad.
    Suspicious,
    /// Known, and not bad.
    Benign,
    /// It does not judge, or knows nothing.
    #[default]
    Unknown,
}

/// The answer of one service, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OnlineAnswer {
    /// The service.
    pub service: String,
    /// What it said.
    #[serde(flatten)]
    pub said: Option<Said>,
    /// A page for people.
    pub link: String,
    /// Whether it was asked before and not now.
    pub cached: bool,
    /// When it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A service as it is configured.
#[derive(Clone)]
pub struct Wanted {
    /// Which one.
    pub service: &'static dyn Service,
    /// Where it is asked.
    pub url: String,
    /// File that holds its key.
    pub key_file: Option<PathBuf>,
    /// Questions a day.
    pub per_day: u32,
}

/// What holds for every question.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The data folder.
    pub data_dir: &'a Path,
    /// This host's own addresses.
    pub own: &'a [IpAddr],
    /// How long an answer is fresh.
    pub cache_for: Duration,
    /// Whether everybody may be asked, whatever was agreed to before.
    pub accept: bool,
    /// The moment.
    pub now: Timestamp,
}

/// Largest answer that is read, bytes: OTX sends every report it has.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// Asks one service, unless its last answer is fresh. No error of it is anybody else's.
pub fn ask(address: IpAddr, wanted: &Wanted, asking: &Asking<'_>, fetcher: &Fetcher) -> OnlineAnswer {
    let service = wanted.service;
    let answer =
        OnlineAnswer { service: service.name().to_owned(), link: service.link(address), ..OnlineAnswer::default() };
    match said(address, wanted, asking, fetcher) {
        Ok((said, fetched_at, cached)) => {
            OnlineAnswer { said: Some(said), cached, fetched_at: Some(fetched_at), ..answer }
        }
        Err(reason) => OnlineAnswer { error: Some(reason), ..answer },
    }
}

/// Why an address may not be told to anybody.
pub fn refusal(address: IpAddr, own: &[IpAddr]) -> Option<String> {
    let address = tripoint_model::address::canonical(address);
    if own.contains(&address) {
        return Some(format!("{address} is an address of this host; it is told to nobody"));
    }
    (!is_public(address)).then(|| format!("{address} is not public; it is told to nobody"))
}

fn said(
    address: IpAddr,
    wanted: &Wanted,
    asking: &Asking<'_>,
    fetcher: &Fetcher,
) -> Result<(Said, Timestamp, bool), String> {
    if let Some(reason) = refusal(address, asking.own) {
        return Err(reason);
    }
    let (name, now) = (wanted.service.name(), asking.now);
    if let Some(kept) = read(asking.data_dir, name).fresh(address, asking.cache_for, now) {
        return Ok((kept.said.clone(), kept.at, true));
    }
    if !asking.accept && !is_accepted(asking.data_dir, name) {
        return Err(format!("not asked: nobody agreed that {name} learns the address; agree with --yes"));
    }
    let key = match (wanted.service.key_header(), &wanted.key_file) {
        (None, _) => None,
        (Some(header), Some(file)) => Some(KeyHeader { name: header, file }),
        (Some(_), None) => return Err(format!("not asked: it wants a key; set online.{name}_key_file")),
    };
    // Counted before it is asked: a crash must not make questions free.
    change(asking.data_dir, name, &mut |state| state.take(wanted.per_day, now))
        .map_err(|error| error.to_string())??;
    let url = format!("{}{}", wanted.url.trim_end_matches('/'), wanted.service.question(address));
    let request = Request { key, bytes_max: ANSWER_BYTES_MAX, ..Request::new(&url) };
    let said = match fetcher.get(&request) {
        Ok(Answer::Body(body)) => wanted.service.read(&body.bytes)?,
        Ok(Answer::NotModified) => return Err("it answered nothing".to_owned()),
        Err(error) => refused(&error, wanted, asking)?,
    };
    let kept = said.clone();
    let keep = &mut |state: &mut State| state.keep(address, kept.clone(), asking.cache_for, now);
    // An answer that cannot be kept is an answer all the same.
    let _ = change(asking.data_dir, name, keep);
    Ok((said, now, false))
}

/// What a status other than 200 means.
fn refused(error: &FetchError, wanted: &Wanted, asking: &Asking<'_>) -> Result<Said, String> {
    let name = wanted.service.name();
    match error {
        FetchError::Status { status: 404, .. } => Ok(wanted.service.unknown()),
        FetchError::Status { status: 401 | 403, .. } => Err(format!("{name} refuses the key")),
        FetchError::Status { status: 429, retry_after_s, .. } => {
            let until = keep::pause(*retry_after_s, asking.now);
            let _ = change(asking.data_dir, name, &mut |state| state.blocked_until = Some(until));
            Err(keep::quota_reached(until))
        }
        other => Err(other.to_string()),
    }
}

#[cfg(test)]
mod tests;

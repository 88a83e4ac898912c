//! What did the administrator set, where, and what does each key mean?

mod approval;
mod policy;
mod section;
mod text;
mod value;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::{Table, Value};

pub use approval::Approval;
pub use policy::{Matter, Policy, Reach, Rollout};
pub use section::{
    Advisories, Agent, Bouncers, Bundle, Correlator, Crowdsec, Evidence, Fetch, Intel, Inventory, Mode, Notify, Online,
    Response, Sensor, SensorKind, Server,
};
use text::{content_error, line_of, parse};
use value::nearest;

/// Where the configuration of an installed system lies.
pub const SYSTEM_FOLDER: &str = "/etc/tripoint";

/// Every key: name, default as TOML, what it does.
pub const KEYS: &[(&str, &str, &str)] = &[
    ("agent.host", "\"\"", "Name of this host in alerts; empty: the kernel's host name."),
    (
        "agent.socket",
        "\"\"",
        "Socket of a server with another data folder, whose images are fetched then; empty: run/tripoint.sock of ours.",
    ),
    (
        "sensor.kind",
        "\"auto\"",
        "How connections are seen: auto, bpf or sock_diag. Auto: bpf where the kernel allows it.",
    ),
    ("sensor.dns", "true", "Read DNS answers, to show the name behind an address."),
    (
        "sensor.sni",
        "true",
        "Read the name in the first words of clients (TLS server name, HTTP Host) while domain names are listed.",
    ),
    (
        "sensor.contacts",
        "true",
        "Tell the server of all connections, counted by application, peer and hour, for `connections list` and simulations.",
    ),
    ("sensor.poll", "\"20ms\"", "How long records of unlisted peers may wait in the kernel."),
    ("sensor.events_mib", "8", "Kernel ring for records of unlisted peers; a power of two."),
    (
        "sensor.indicators_max",
        "0",
        "Room in the kernel for listed IPv4 networks of 256; 0: a quarter more than the list at the start.",
    ),
    (
        "intel.permit_ranges",
        "[]",
        "Special-purpose ranges (documentation, private) that feeds may list and actions may touch.",
    ),
    (
        "online.accept",
        "false",
        "`intel lookup --online` asks without a warning; those who are asked learn the address.",
    ),
    ("online.cache_for", "\"24h\"", "How long an online answer is not asked for again."),
    ("online.timeout", "\"10s\"", "Longest time that one service may take."),
    ("online.abuseipdb_key_file", "\"\"", "File that holds your key for AbuseIPDB."),
    ("online.abuseipdb_url", "\"\"", "Where AbuseIPDB is asked; empty: its own address."),
    ("online.abuseipdb_per_day", "0", "Most questions to AbuseIPDB a day; 0: 1000."),
    ("online.greynoise_key_file", "\"\"", "File that holds your key for GreyNoise."),
    ("online.greynoise_url", "\"\"", "Where GreyNoise is asked; empty: its own address."),
    ("online.greynoise_per_day", "0", "Most questions to GreyNoise a day; 0: 50."),
    ("online.otx_key_file", "\"\"", "File that holds your key for OTX."),
    ("online.otx_url", "\"\"", "Where OTX is asked; empty: its own address."),
    ("online.otx_per_day", "0", "Most questions to OTX a day; 0: 10000."),
    ("online.virustotal_key_file", "\"\"", "File that holds your key for VirusTotal."),
    ("online.virustotal_url", "\"\"", "Where VirusTotal is asked; empty: its own address."),
    ("online.virustotal_per_day", "0", "Most questions to VirusTotal a day; 0: 500."),
    ("online.internetdb_url", "\"\"", "Where InternetDB is asked; empty: its own address."),
    ("online.internetdb_per_day", "0", "Most questions to InternetDB a day; 0: 1000."),
    (
        "fetch.proxy",
        "\"\"",
        "Proxy for feeds and advisories, http://HOST:PORT; empty: none, whatever the environment says.",
    ),
    ("fetch.ca_file", "\"\"", "Certificates (PEM) that are trusted besides the system's when fetching."),
    ("fetch.timeout", "\"5m\"", "Longest time of one attempt to fetch a file; a cut download is taken up."),
    (
        "advisories.warn_after",
        "\"48h\"",
        "An imported source of advisories is stale after this; a fetched one after two refreshes.",
    ),
    ("advisories.alarm_after", "\"7d\"", "A source of advisories that was not confirmed for so long is outdated."),
    ("bundle.keys", "[]", "Files of the public keys (minisign) whose bundles this host imports."),
    ("response.mode", "\"advise\"", "advise: never act unasked. enforce: block by rule and confidence."),
    (
        "response.mechanism",
        "\"auto\"",
        "What blocks: auto (the first that works), bpf, nft, ipset; dry-run only tells.",
    ),
    (
        "response.min_confidence",
        "80",
        "In enforce mode: act only where all claims together are at least so sure (docs/reference/confidence.md).",
    ),
    ("response.rules", "[\"bad_server_of_vulnerable_app\"]", "In enforce mode: act only on alerts of these rules."),
    (
        "response.policy",
        "[]",
        "In enforce mode: entries [[response.policy]] for applications, rules and directions of their own (docs/reference/policy.md).",
    ),
    (
        "response.probe",
        "\"\"",
        "In enforce mode: tcp:HOST:PORT or exec:/PATH that must still work behind a block; it is rolled back otherwise.",
    ),
    ("response.block_for", "\"1h\"", "In enforce mode: how long a block holds."),
    (
        "response.preempt",
        "true",
        "In enforce mode: refuse vulnerable applications the listed peers before the first packet.",
    ),
    (
        "response.content_max_age",
        "\"7d\"",
        "In enforce mode: with indicators older than this nothing is done unasked; alerts go on.",
    ),
    ("response.active_max", "10000", "Most automatic blocks in force at once."),
    ("response.automatic_per_minute", "20", "Most automatic actions in one minute."),
    (
        "response.admit",
        "[]",
        "Networks that stay reachable while the host is isolated, beside the server, resolvers, gateways, time servers and whoever is logged in.",
    ),
    (
        "response.approval",
        "[]",
        "What waits for a second person: policy, caps, isolate, freeze, networks, bulk, override (docs/reference/approval.md).",
    ),
    (
        "response.approval_wider_v4",
        "24",
        "With \"networks\" in response.approval: IPv4 networks shorter than this prefix wait.",
    ),
    ("response.approval_wider_v6", "48", "The same for IPv6."),
    ("response.approval_more_than", "20", "With \"bulk\" in response.approval: more targets at once than this wait."),
    ("correlator.alert_bad_peer", "false", "Also alert when the application is not known to be vulnerable."),
    ("inventory.every", "\"5s\"", "How often processes and package databases are looked at for change."),
    ("evidence.auto", "true", "Search an application's own logs for the peer as soon as an alert is raised."),
    (
        "evidence.rules",
        "\"\"",
        "More rules for logs: an image of `tripoint evidence rules compile`; or a folder of rules, which `tripoint up` compiles at its start.",
    ),
    ("evidence.back", "\"24h\"", "Logs that were last written longer before the alert are not opened."),
    (
        "evidence.proxies",
        "[]",
        "Proxies before this host's applications (addresses, networks): what they say of a client's address counts.",
    ),
    ("evidence.bytes_max_mib", "2048", "Most bytes of one log and its older generations that are read, unpacked."),
    ("evidence.time_max", "\"8s\"", "The longest that one alert is looked into."),
    (
        "bouncers.expand_prefix",
        "24",
        "Networks from this IPv4 prefix on are told as addresses to bouncers that hold addresses only; 16 to 32.",
    ),
    (
        "notify.webhook",
        "\"\"",
        "Who is told about alerts, actions and feeds in trouble: a URL that takes JSON by POST.",
    ),
    (
        "notify.kinds",
        "[\"alerts\", \"actions\", \"feeds\"]",
        "What the webhook is told about: alerts (new, worse), actions (made, failed, ended, repaired), feeds (docs/reference/notifications.md).",
    ),
    ("notify.secret_file", "\"\"", "File with the secret that signs these messages (HMAC-SHA-256)."),
    ("notify.channel", "[]", "Receivers, as `[[notify.channel]]` (docs/reference/notifications.md)."),
    ("notify.route", "[]", "What goes to which of them, as `[[notify.route]]`."),
    ("notify.maintenance", "[]", "What is not told for a while, as `[[notify.maintenance]]`."),
    ("crowdsec.push", "false", "Hand our blocks to the CrowdSec of `crowdsec.url`, and release them there."),
    ("crowdsec.url", "\"\"", "Its Local API, http://127.0.0.1:8080; with https beyond this host."),
    ("crowdsec.machine_id", "\"\"", "Our name there, as `cscli machines add` made it."),
    ("crowdsec.password_file", "\"\"", "File that holds our password there."),
    ("server.listen", "\"127.0.0.1:8470\"", "Address of the server besides its Unix socket; empty: none."),
    ("server.connections_for", "\"24h\"", "How long connections are kept, in whole hours; 0s: not at all."),
    ("server.connections_max", "500000", "Most rows of connections (application, peer, hour); the oldest give way."),
    ("server.group", "\"\"", "Members of this Unix group may use the local API besides root."),
];

/// No block holds longer.
const BLOCK_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// The checked configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Config {
    pub agent: Agent,
    pub sensor: Sensor,
    pub intel: Intel,
    pub online: Online,
    pub fetch: Fetch,
    pub advisories: Advisories,
    pub bundle: Bundle,
    pub response: Response,
    pub correlator: Correlator,
    pub inventory: Inventory,
    pub evidence: Evidence,
    pub bouncers: Bouncers,
    pub notify: Notify,
    pub crowdsec: Crowdsec,
    pub server: Server,
}

impl Config {
    /// How old advisories may be.
    pub fn patience(&self) -> tripoint_vuln::Patience {
        tripoint_vuln::Patience { warn_after: self.advisories.warn_after, alarm_after: self.advisories.alarm_after }
    }

    /// What the types alone do not say.
    fn check(&self) -> Result<(), String> {
        self.response.check()?;
        if !self.sensor.events_mib.is_power_of_two() || self.sensor.events_mib > 256 {
            return Err("must be a power of two up to 256".into());
        }
        if !(16..=32).contains(&self.bouncers.expand_prefix) {
            return Err("is a prefix length from 16 to 32".into());
        }
        if let Some(kind) = self.notify.kinds.iter().find(|kind| !Notify::KINDS.contains(&kind.as_str())) {
            return Err(format!("there is nothing to tell of {kind:?}; known: {}", Notify::KINDS.join(", ")));
        }
        let listen = &self.server.listen;
        if !listen.is_empty() && listen.parse::<SocketAddr>().is_err() {
            return Err(format!("{listen:?} is no ADDRESS:PORT; empty for none"));
        }
        tripoint_correlator::Weights::new(self.correlator.weights.clone()).map(drop).map_err(|error| error.to_string())
    }
}

/// What is wrong with the configuration, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no TOML, or a key is unknown or has a value of the wrong kind.
    #[error("{origin}: {reason}")]
    Content {
        /// File (and line where known) or environment variable.
        origin: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// The configuration and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked values.
    pub config: Config,
    /// Origin by key; a key without one has its default.
    pub origins: BTreeMap<String, String>,
    values: Table,
}

impl Loaded {
    /// The value of a key as TOML.
    pub fn value(&self, key: &str) -> Option<String> {
        let (section, name) = key.split_once('.')?;
        Some(self.values.get(section)?.as_table()?.get(name)?.to_string())
    }
}

/// Reads everything, later over earlier: defaults, `/etc/tripoint/{rules,agent,server}.toml`,
/// `conf.d/*.toml`, the same three in the data folder, `extra`, the environment.
pub fn load(data_dir: &Path, extra: Option<&Path>) -> Result<Loaded, ConfigError> {
    let system = Path::new(SYSTEM_FOLDER);
    let mut files = vec![system.join("rules.toml"), system.join("agent.toml"), system.join("server.toml")];
    if let Ok(entries) = fs::read_dir(system.join("conf.d")) {
        let mut more: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        more.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        more.sort();
        files.extend(more);
    }
    files.extend(["rules.toml", "agent.toml", "server.toml"].map(|name| data_dir.join(name)));
    files.retain(|path| path.exists());
    files.extend(extra.map(Path::to_owned));
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("TRIPOINT_") && name.contains("__"));
    merge(&files, environment)
}

/// Whether a file of rules sets nothing but how alerts are judged: rules may come from afar.
pub fn only_judges(text: &str) -> Result<(), String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    match table.keys().find(|section| *section != "correlator") {
        Some(section) => Err(format!("rules hold [correlator] alone, not {section:?}")),
        None => Ok(()),
    }
}

/// Reads one file alone over the defaults: what `config check FILE` does.
pub fn check(file: &Path) -> Result<Loaded, ConfigError> {
    merge(&[file.to_owned()], std::iter::empty())
}

fn merge(files: &[PathBuf], environment: impl Iterator<Item = (String, String)>) -> Result<Loaded, ConfigError> {
    let mut values = defaults();
    let mut origins = BTreeMap::new();
    for path in files {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        let table = parse(path, &text)?;
        for (section, content) in table {
            let Value::Table(content) = content else {
                return Err(content_error(path, &text, &section, "is a key outside a [section]"));
            };
            for (name, value) in content {
                let key = format!("{section}.{name}");
                let line = line_of(&text, &section, &name);
                let origin = format!("{}:{line}", path.display());
                set(&mut values, &key, value, &origin)?;
                origins.insert(key, origin);
            }
        }
    }
    for (name, text) in environment {
        let key = name.trim_start_matches("TRIPOINT_").replacen("__", ".", 1).to_ascii_lowercase();
        let value = format!("x = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("x"));
        let origin = format!("environment variable {name}");
        set(&mut values, &key, value.unwrap_or(Value::String(text)), &origin)?;
        origins.insert(key, origin);
    }
    let config = Value::Table(values.clone()).try_into().map_err(|error: toml::de::Error| ConfigError::Content {
        origin: "configuration".into(),
        reason: error.message().to_owned(),
    })?;
    Ok(Loaded { config, origins, values })
}

/// Puts one value in its place and checks it alone, so that an error names its own origin.
fn set(values: &mut Table, key: &str, value: Value, origin: &str) -> Result<(), ConfigError> {
    let fail = |reason: String| ConfigError::Content { origin: origin.to_owned(), reason };
    let known = KEYS.iter().any(|(name, _, _)| *name == key) || key == "correlator.weights";
    if !known {
        let near = nearest(key, KEYS.iter().map(|(name, _, _)| *name))
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        return Err(fail(format!("unknown key {key}{near}")));
    }
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let mut trial = values.clone();
    if let Some(Value::Table(table)) = trial.get_mut(section) {
        table.insert(name.to_owned(), value);
    }
    Value::Table(trial.clone())
        .try_into::<Config>()
        .map_err(|error| error.message().lines().next().unwrap_or("wrong value").to_owned())
        .and_then(|config| config.check())
        .map_err(|reason| fail(format!("{key}: {reason}")))?;
    *values = trial;
    Ok(())
}

fn defaults() -> Table {
    default_text().parse().expect("the table of defaults is TOML; a test reads it")
}

/// The whole default configuration as a commented file.
pub fn default_text() -> String {
    let mut text = String::new();
    let mut current = "";
    for (key, value, meaning) in KEYS {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        if section != current {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("[{section}]\n"));
            current = section;
        }
        text.push_str(&format!("# {meaning}\n{name} = {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests;

//! What did the administrator set, where, and what does each key mean?

mod approval;
mod keys;
mod policy;
mod section;
mod sla;
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
pub use keys::KEYS;
pub use policy::{Matter, Policy, Reach, Rollout};
pub use section::{
    Advisories, Agent, Auth, Bouncers, Bundle, Correlator, Crowdsec, Evidence, Fetch, Intel, Inventory, Mode, Notify,
    Oidc, OidcRole, Online, Response, Sensor, SensorKind, Server,
};
pub use sla::Sla;
use text::{content_error, line_of, lines_of_tables, parse};
use value::nearest;

/// Where the configuration of an installed system lies.
pub const SYSTEM_FOLDER: &str = "/etc/tripoint";

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
    pub auth: Auth,
    pub oidc: Oidc,
    pub sla: Sla,
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
        self.server.check()?;
        self.oidc.check()?;
        self.sla.check()?;
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
    /// Where the tables of lists such as `[[notify.route]]` stand, and their keys: `notify.route[0]`,
    /// `notify.route[0].filter`.
    pub places: BTreeMap<String, String>,
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
    let (mut origins, mut places) = (BTreeMap::new(), BTreeMap::new());
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
                // A later file's list takes the place of an earlier one's.
                places.retain(|place: &String, _| !place.starts_with(&format!("{key}[")));
                let of_tables = lines_of_tables(&text, &key).into_iter();
                places.extend(of_tables.map(|(place, line)| (place, format!("{}:{line}", path.display()))));
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
    Ok(Loaded { config, origins, places, values })
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

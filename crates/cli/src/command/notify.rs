//! Who is told what happens, by the configuration?

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use tripoint_agent::config::Loaded;
use tripoint_server::Notify;
use tripoint_server::notify_config::{ChannelConfig, NotifyConfig, RouteConfig};

use crate::context::fetch_settings;

/// Checks `[notify]`, reads its secrets and templates; nothing where nobody is told.
pub fn of(loaded: &Loaded) -> anyhow::Result<Option<Notify>> {
    let config = &loaded.config.notify;
    let mut notify = NotifyConfig {
        channels: tables(loaded, "channel", &config.channel)?,
        routes: tables(loaded, "route", &config.route)?,
        maintenance: tables(loaded, "maintenance", &config.maintenance)?,
    };
    if !config.webhook.is_empty() {
        if config.secret_file.as_os_str().is_empty() {
            bail!("notify.webhook needs notify.secret_file");
        }
        notify.channels.push(ChannelConfig {
            name: WEBHOOK.into(),
            kind: WEBHOOK.into(),
            url: config.webhook.clone(),
            secret_file: config.secret_file.clone(),
            ..ChannelConfig::default()
        });
        notify.routes.push(RouteConfig {
            name: WEBHOOK.into(),
            kinds: config.kinds.clone(),
            channels: vec![WEBHOOK.into()],
            ..RouteConfig::default()
        });
    }
    if notify.channels.is_empty() && notify.routes.is_empty() {
        return Ok(None);
    }
    Notify::new(&notify, fetch_settings(&loaded.config)).map(Some).map_err(|error| {
        let (name, at) = error.part.unwrap_or(("channel", 0));
        let key = if error.filter.is_some() { Some("filter") } else { None };
        let origin = origin(loaded, name, at, key);
        anyhow::Error::new(error).context(origin)
    })
}

fn tables<T: DeserializeOwned>(loaded: &Loaded, name: &str, tables: &[toml::Table]) -> anyhow::Result<Vec<T>> {
    let one = |(at, table): (usize, &toml::Table)| {
        T::deserialize(toml::Value::Table(table.clone()))
            .map_err(|error| anyhow::anyhow!("{} {}: {}", name, at + 1, error.message()))
            .with_context(|| origin(loaded, name, at, None))
    };
    tables.iter().enumerate().map(one).collect()
}

/// File and line of one of them, or of a key of it.
fn origin(loaded: &Loaded, name: &str, at: usize, key: Option<&str>) -> String {
    let whole = format!("notify.{name}");
    let table = format!("{whole}[{at}]");
    let exact = key.and_then(|key| loaded.places.get(&format!("{table}.{key}")));
    let origin = exact.or_else(|| loaded.places.get(&table)).or_else(|| loaded.origins.get(&whole));
    origin.map_or(whole.clone(), |origin| format!("{origin}: {whole}"))
}

/// The channel and the route of `notify.webhook`.
const WEBHOOK: &str = "webhook";

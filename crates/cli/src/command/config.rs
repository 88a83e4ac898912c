//! `tripoint config`: what is configured, what does it mean, is it right?

use serde::Serialize;
use tripoint_agent::config::{self, KEYS, Loaded};

use crate::arguments::Config;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
    value: String,
    default: &'a str,
    origin: &'a str,
    meaning: &'a str,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub fn run(context: &Context, command: Config) -> anyhow::Result<Exit> {
    match command {
        Config::Check { file } => {
            let checked = match &file {
                Some(file) => config::check(file).map_err(anyhow::Error::from),
                None => context.config(),
            };
            // Channels, routes and templates are their reader's to judge.
            let checked = checked.and_then(|loaded| super::notify::of(&loaded));
            let error = checked.err();
            if context.json {
                output::json(&Checked { ok: error.is_none(), error: error.as_ref().map(output::causes) })?;
            }
            match error {
                Some(error) => return Err(error),
                None if !context.quiet && !context.json => eprintln!("the configuration is right"),
                None => {}
            }
        }
        Config::Default if context.json => output::json(&config::default_text().parse::<toml::Table>()?)?,
        Config::Default => output::line(config::default_text().trim_end())?,
        Config::Explain { key } => {
            let loaded = context.config()?;
            let keys = keys(&loaded, key.as_deref());
            if keys.is_empty() {
                return Err(WrongUsage(format!(
                    "no key {:?}; `tripoint config explain` lists all",
                    key.unwrap_or_default()
                ))
                .into());
            }
            if context.json {
                output::json(&keys)?;
            } else {
                for key in keys {
                    output::line(&format!(
                        "{} = {}   (default {}, from {})\n    {}",
                        key.key, key.value, key.default, key.origin, key.meaning
                    ))?;
                }
            }
        }
        Config::Show { origin } => {
            let loaded = context.config()?;
            let keys = keys(&loaded, None);
            if context.json {
                output::json(&keys)?;
            } else {
                for key in keys {
                    let from = if origin { format!("   # {}", key.origin) } else { String::new() };
                    output::line(&format!("{} = {}{from}", key.key, key.value))?;
                }
            }
        }
    }
    Ok(Exit::Fine)
}

/// The keys whose name begins with `prefix`, or all.
fn keys<'a>(loaded: &'a Loaded, prefix: Option<&str>) -> Vec<Key<'a>> {
    let wanted = |key: &str| prefix.is_none_or(|prefix| key == prefix || key.starts_with(&format!("{prefix}.")));
    let rows = KEYS.iter().filter(|(key, _, _)| wanted(key));
    rows.map(|(key, default, meaning)| Key {
        key,
        value: loaded.value(key).unwrap_or_default(),
        default,
        origin: loaded.origins.get(*key).map_or("default", String::as_str),
        meaning,
    })
    .collect()
}

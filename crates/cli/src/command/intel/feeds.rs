//! Which public feeds are there, and which are fetched?

use std::path::Path;

use serde::Serialize;
use tripoint_agent::config::Config;
use tripoint_intel::choice::{ChoiceError, Choices};
use tripoint_intel::{Descriptor, Origin};

use super::descriptors;
use crate::confine::Fetching;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

/// One feed, as it is shown.
#[derive(Serialize)]
struct Shown<'d> {
    feed: &'d str,
    enabled: bool,
    /// Whether its publisher wants a key that is not there yet.
    needs_key: bool,
    source: String,
    format: Option<&'d str>,
    category: &'d str,
    direction: &'d str,
    confidence: u8,
    refresh_seconds: u64,
    /// Largest body that is taken.
    max_bytes: u64,
    /// What is known of the source: how much of what it says is right, and whose entries it repeats.
    reliability: u8,
    origins: &'d [String],
    /// Terms of its publisher, and whom to credit.
    licence: Option<&'d str>,
}

impl<'d> Shown<'d> {
    fn of(feed: &'d Descriptor) -> Self {
        Self {
            feed: &feed.name,
            enabled: feed.enabled,
            needs_key: feed.header.is_some() && feed.key_file.is_none(),
            source: feed.origin.to_string(),
            format: feed.format.as_deref(),
            category: feed.defaults.category.as_str(),
            direction: feed.defaults.direction.as_str(),
            confidence: feed.defaults.confidence,
            refresh_seconds: feed.refresh.as_secs(),
            max_bytes: feed.bytes_max,
            reliability: feed.reliability.0,
            origins: &feed.origins,
            licence: feed.licence.as_deref(),
        }
    }
}

pub(super) fn show(context: &Context) -> anyhow::Result<Exit> {
    let (descriptors, _) = descriptors(&context.data_dir)?;
    let shown: Vec<Shown<'_>> = descriptors.iter().map(Shown::of).collect();
    if context.json {
        output::json(&shown)?;
        return Ok(Exit::Fine);
    }
    let rows = shown.iter().map(|feed| {
        let state = match (feed.enabled, feed.needs_key) {
            (true, _) => "enabled",
            (false, true) => "needs a key",
            (false, false) => "",
        };
        let claim = format!("{} {} {}", feed.category, feed.direction, feed.confidence);
        vec![feed.feed.to_owned(), state.to_owned(), claim, feed.licence.unwrap_or_default().to_owned()]
    });
    output::table(&["feed", "state", "claim", "licence"], rows.collect())?;
    Ok(Exit::Fine)
}

pub(super) fn choose(
    context: &Context,
    names: &[String],
    enabled: bool,
    key_file: Option<&Path>,
) -> anyhow::Result<Exit> {
    let (descriptors, origin) = descriptors(&context.data_dir)?;
    let built_in = tripoint_intel::built_in()?;
    if descriptors.len() != built_in.len()
        || descriptors.iter().zip(&built_in).any(|(own, known)| own.name != known.name)
    {
        return Err(WrongUsage(format!("your feeds are those of {origin}: set `enabled` there")).into());
    }
    let mut choices = Choices::load(&context.data_dir)?;
    for name in names {
        choices.choose(&built_in, name, enabled, key_file).map_err(|error| match error {
            ChoiceError::Io { .. } => anyhow::Error::from(error),
            error => WrongUsage(error.to_string()).into(),
        })?;
    }
    choices.save(&context.data_dir)?;
    let what =
        if enabled { "is fetched from now on: `tripoint intel sync` does it now" } else { "is not fetched any more" };
    names.iter().try_for_each(|name| output::line(&format!("{name} {what}")))?;
    Ok(Exit::Fine)
}

/// Gives up what fetching these does not need.
pub(super) fn confine<'d>(context: &Context, config: &Config, feeds: impl Iterator<Item = &'d Descriptor> + Clone) {
    let url = |feed: &'d Descriptor| match &feed.origin {
        Origin::Url(url) | Origin::Taxii { url, .. } => Some(url.as_str()),
        Origin::File(_) => None,
    };
    let file = |feed: &'d Descriptor| match &feed.origin {
        Origin::File(path) => Some(path.as_path()),
        _ => None,
    };
    let keys = feeds.clone().filter_map(|feed| feed.key_file.as_deref());
    let files = feeds.clone().filter_map(file);
    Fetching::new(context, config, &["intel", "images"]).at(feeds.filter_map(url)).read(keys.chain(files)).begin();
}

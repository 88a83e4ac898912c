//! What do people promise about alerts?

use std::time::Duration;

use serde::Deserialize;
use tripoint_model::sla::LEVELS;
use tripoint_model::{Level, ServiceLevels};

use super::value::{list, read_span};

/// `[sla]`: how soon alerts are taken up and closed, as `LEVEL=SPAN`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Sla {
    #[serde(deserialize_with = "list")]
    pub respond: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub resolve: Vec<String>,
}

impl Sla {
    pub(super) fn check(&self) -> Result<(), String> {
        self.levels().map(drop)
    }

    /// The same, read.
    pub fn levels(&self) -> Result<ServiceLevels, String> {
        Ok(ServiceLevels { respond: promises(&self.respond)?, resolve: promises(&self.resolve)? })
    }
}

fn promises(words: &[String]) -> Result<[Option<Duration>; LEVELS], String> {
    let mut promises = [None; LEVELS];
    for word in words {
        let wrong = |why: &str| format!("{word:?} is no LEVEL=SPAN, such as \"critical=15m\": {why}");
        let (name, span) = word.split_once('=').ok_or_else(|| wrong("there is no ="))?;
        let level = Level::ALL.into_iter().find(|level| level.as_str() == name.trim());
        let level = level.ok_or_else(|| wrong("levels are informational, low, medium, high, critical"))?;
        let within = read_span(span).map_err(|why| wrong(&why))?;
        if within < Duration::from_secs(1) {
            return Err(wrong("it is shorter than a second"));
        }
        if promises[level as usize].replace(within).is_some() {
            return Err(wrong("the level is there twice"));
        }
    }
    Ok(promises)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<[Option<Duration>; LEVELS], String> {
        promises(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_level_has_its_own_promise() {
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        assert_eq!(read(&["critical=15m", "low=1d"]).unwrap(), [None, minutes(1440), None, None, minutes(15)]);
        assert_eq!(read(&[]).unwrap(), [None; LEVELS]);
    }

    #[test]
    fn what_is_no_promise_is_told_with_its_words() {
        for (words, why) in [
            (&["critical"][..], "there is no ="),
            (&["grave=1h"], "levels are"),
            (&["high=soon"], "no time span"),
            (&["high=0s"], "shorter than a second"),
            (&["high=1h", "high=2h"], "twice"),
        ] {
            let error = read(words).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}

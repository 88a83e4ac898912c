//! What did a container write, as Docker keeps it?
//!
//! `{"log":"line\n","stream":"stdout","time":"2026-…Z"}`; the line inside is read by the format it is in.
//! [Docker: json-file logging driver]

use super::fields::Fields;
use super::{LogFormat, inner};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// Docker's json-file.
pub struct Docker;

impl LogFormat for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn is_frame(&self) -> bool {
        true
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        text.starts_with("{\"log\":").then_some(())?;
        let fields = Fields::json(text)?;
        fields.get("stream")?;
        let time = fields.get("time").and_then(|time| stamp::value(time, clock));
        let line = fields.get("log")?.trim_end_matches(['\n', '\r']);
        Some(inner(time, "", line, clock).into_owned())
    }
}

//! What can be made of a line in no known format?
//!
//! A stamp at its beginning, perhaps a program's name, and words.

use tripoint_model::Timestamp;

use super::{LogFormat, syslog};
use crate::entry::Entry;
use crate::service;
use crate::stamp::{self, Clock};

/// Any text: takes what no other format does.
pub struct Plain;

impl LogFormat for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        Some(self.read_as(None, text, clock))
    }
}

impl Plain {
    /// The same with what is known of the time from elsewhere.
    pub(super) fn read_as<'l>(&self, time: Option<Timestamp>, text: &'l str, clock: &Clock) -> Entry<'l> {
        let (time, message) = match stamp::leading(text, clock).or_else(|| stamp::behind_mark(text, clock)) {
            Some((found, rest)) => (Some(found), rest.trim_start_matches([':', ' '])),
            None => (time, text),
        };
        // The journal's short form has a host before it.
        let behind_host = || {
            let (_, rest) = message.split_once(' ')?;
            rest.split(' ').next()?.ends_with("]:").then(|| syslog::tag(rest))?
        };
        match syslog::tag(message).or_else(behind_host) {
            Some((program, message)) => super::inner(time, program, message, clock),
            None => service::entry(time, "", message),
        }
    }
}

//! What can be made of a line in no known format?
//!
//! A stamp at its beginning, perhaps a program's name, and words.

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
        let (time, message) = match stamp::leading(text, clock) {
            Some((time, rest)) => (Some(time), rest),
            None => (None, text),
        };
        let (program, message) = syslog::tag(message).unwrap_or(("", message));
        Some(service::entry(time, program, message))
    }
}

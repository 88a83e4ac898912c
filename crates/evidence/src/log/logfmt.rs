//! What does a line of `name=value` pairs say?
//!
//! As Go programs write it: `time="2026-…" level=error msg="…" remote_ip=192.0.2.7`. The pairs mean what the same names
//! mean in JSON.

use super::fields::Fields;
use super::{LogFormat, json};
use crate::entry::Entry;
use crate::stamp::Clock;

/// Lines that begin with a pair and hold a level or a message.
pub struct Logfmt;

impl LogFormat for Logfmt {
    fn name(&self) -> &'static str {
        "logfmt"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let start = &text.as_bytes()[..text.len().min(24)];
        let end = memchr::memchr(b'=', start)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.@".contains(byte);
        (end > 0 && start[..end].iter().all(is_name)).then_some(())?;
        let fields = Fields::pairs(text);
        fields.first(&["level", "lvl", "severity"])?;
        fields.first(&["msg", "message"])?;
        Some(json::entry(&fields, text, clock))
    }
}

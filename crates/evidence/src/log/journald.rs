//! What does the journal hold, as `journalctl -o json` shows it?
//!
//! One object a line; `MESSAGE` is text, or a list of bytes where it is no UTF-8. [systemd: Journal JSON Format]

use super::fields::Fields;
use super::{LogFormat, inner};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// The journal as JSON.
pub struct Journald;

impl Journald {
    /// Whether a line looks like one of the journal.
    pub(super) fn is_one(text: &str) -> bool {
        memchr::memmem::find(text.as_bytes(), b"\"__REALTIME_TIMESTAMP\"").is_some()
    }
}

impl LogFormat for Journald {
    fn name(&self) -> &'static str {
        "journald"
    }

    fn is_frame(&self) -> bool {
        true
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        (text.starts_with('{') && Self::is_one(text)).then_some(())?;
        let fields = Fields::json(text)?;
        Some(entry(&fields, clock))
    }
}

/// The entry of one record of the journal.
pub(super) fn entry(fields: &Fields<'_>, clock: &Clock) -> Entry<'static> {
    let time = fields.first(&["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"]);
    let time = time.and_then(|time| stamp::value(time, clock));
    let program = fields.first(&["SYSLOG_IDENTIFIER", "_COMM"]).unwrap_or_default();
    match fields.get("MESSAGE") {
        Some(message) => inner(time, program, message, clock).into_owned(),
        None => {
            let bytes: Vec<u8> = fields.under("MESSAGE.").filter_map(|(_, byte)| byte.parse().ok()).collect();
            inner(time, program, &String::from_utf8_lossy(&bytes), clock).into_owned()
        }
    }
}

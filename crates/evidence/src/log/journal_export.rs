//! What does the journal hold, as `journalctl -o export` shows it?
//!
//! `NAME=value`, one a line, records apart by an empty line. A value of bytes stands behind its name, a line's end and
//! its length as eight bytes: such values are passed over, as they are no text. [systemd: Journal Export Format]

use super::fields::Fields;
use super::{LogFormat, journald};
use crate::entry::Entry;
use crate::stamp::Clock;

/// The journal's export.
pub struct JournalExport;

impl LogFormat for JournalExport {
    fn name(&self) -> &'static str {
        "journal-export"
    }

    fn is_frame(&self) -> bool {
        true
    }

    fn begins(&self, line: &str) -> bool {
        line.starts_with("__CURSOR=")
    }

    fn continues(&self, _so_far: &str, line: &str) -> bool {
        !line.is_empty() && !self.begins(line)
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        self.begins(text).then_some(())?;
        let mut fields = Fields::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            fields.push(name, value);
        }
        fields.get("__REALTIME_TIMESTAMP")?;
        Some(journald::entry(&fields, clock))
    }
}

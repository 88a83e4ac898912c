//! What do MySQL and MariaDB say of who tried to come in?
//!
//! `2026-01-02T03:04:05.678901Z 7 [Note] [MY-010926] [Server] message`, `2026-01-02  3:04:05 7 [Warning] message`,
//! `260102  3:04:05 [Warning] message`. [MySQL: Error Log Output Format]

use super::{LogFormat, about};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// The error log of both.
pub struct MySql;

impl LogFormat for MySql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        text.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
        let (time, rest) = stamp::leading(text, clock)?;
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let (level, rest) = rest.strip_prefix('[')?.split_once("] ")?;
        matches!(level, "Note" | "Warning" | "ERROR" | "Error" | "System").then_some(())?;
        Some(about(Some(time), None, "mysqld", rest))
    }
}

//! What does PostgreSQL say of who tried to come in?
//!
//! `2026-01-02 03:04:05.678 UTC [7] user@db FATAL:  message`: what stands between time and severity is as
//! `log_line_prefix` says, often with the client's address. [PostgreSQL: Error Reporting and Logging]

use super::{LogFormat, about, peer_in};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// PostgreSQL's log with any prefix that begins with the time.
pub struct PostgreSql;

impl LogFormat for PostgreSql {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        text.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
        let at = SEVERITIES.iter().filter_map(|severity| text.find(severity)).min()?;
        let (time, rest) = stamp::leading(text, clock)?;
        let prefix = text.get(text.len() - rest.len()..at)?;
        Some(about(Some(time), peer_in(prefix), "postgres", &text[at..]))
    }
}

const SEVERITIES: &[&str] = &["FATAL:  ", "ERROR:  ", "WARNING:  ", "LOG:  ", "PANIC:  ", "DETAIL:  ", "STATEMENT:  "];

//! What did a container write, as `docker compose logs` shows it?
//!
//! `service-1  | line`; the line is read by the format it is in.

use super::{LogFormat, inner};
use crate::entry::Entry;
use crate::stamp::Clock;

/// A name, a bar, a line.
pub struct Prefixed;

impl LogFormat for Prefixed {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn is_frame(&self) -> bool {
        true
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let (name, line) = text.split_once("| ")?;
        let name = name.strip_suffix(' ')?.trim_end();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (!name.is_empty() && name.len() <= 128 && name.bytes().all(is_name)).then_some(())?;
        Some(inner(None, "", line, clock))
    }
}

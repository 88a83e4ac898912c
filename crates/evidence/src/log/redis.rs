//! What do Redis and Valkey say?
//!
//! `7:M 02 Jan 2026 03:04:05.678 # message`: process, role, time, level. [Redis: serverLogRaw]

use super::{LogFormat, about};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// Redis's log.
pub struct Redis;

impl LogFormat for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let (process, rest) = text.split_once(' ')?;
        let (pid, role) = process.split_once(':')?;
        let is_one = role.len() == 1 && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
        (is_one && b"XCSM".contains(&role.as_bytes()[0])).then_some(())?;
        let (time, rest) = stamp::leading(rest, clock)?;
        let message = rest.strip_prefix(['.', '-', '*', '#'])?.strip_prefix(' ')?;
        Some(about(Some(time), None, "redis", message))
    }
}

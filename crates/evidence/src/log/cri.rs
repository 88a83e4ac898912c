//! What did a container write, as containerd, CRI-O and Podman keep it?
//!
//! `2026-01-02T03:04:05.678901234+01:00 stdout F line`; `P` marks a part of a line that was too long.
//! [Kubernetes: CRI logging]

use super::{LogFormat, inner};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// The log of the Container Runtime Interface.
pub struct Cri;

impl LogFormat for Cri {
    fn name(&self) -> &'static str {
        "cri"
    }

    fn is_frame(&self) -> bool {
        true
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let (stamp, rest) = text.split_once(' ')?;
        let rest = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr "))?;
        let line = rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P "))?;
        let (time, _) = stamp::leading(stamp, clock)?;
        Some(inner(Some(time), "", line, clock))
    }
}

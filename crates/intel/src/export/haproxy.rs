//! How is a file of networks written for an ACL of HAProxy (`acl bad src -f FILE`)?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network};

/// The format.
pub(super) struct HaProxy;

impl ExportFormat for HaProxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        entries.iter().try_for_each(|entry| writeln!(out, "{}", entry.observable))
    }
}

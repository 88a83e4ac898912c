//! The findings as JSON, one a line.

use std::io::Write;

use super::{Document, Format};
use crate::output::Harmless;

/// `ndjson`
pub const FORMAT: Format = Format { name: "ndjson", write };

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    for finding in document.findings {
        serde_json::to_writer(Harmless(&mut *out), finding)?;
        writeln!(out)?;
    }
    Ok(())
}

//! The scan as one JSON document, the shape that `--json` promises.

use super::{Format, pretty};

/// `json`
pub const FORMAT: Format = Format { name: "json", write: |document, out| pretty(out, document) };

//! What does the server tell others of what the feeds call bad?

use std::io;
use std::path::Path;
use std::sync::Arc;

use tripoint_intel::export::{self, Wish};
use tripoint_server::WriteIndicators;

use crate::context::now;

/// The verdicts as `intel export stix` writes them.
pub fn indicators_of(data_dir: &Path) -> WriteIndicators {
    let data_dir = data_dir.to_owned();
    Arc::new(move |out: &mut dyn io::Write| {
        let wish = Wish { at: now(), min_confidence: CONFIDENCE_MIN, direction: None, category: None };
        let verdicts = export::verdicts(&data_dir, &wish).map_err(io::Error::other)?;
        let format = export::FORMATS.iter().find(|format| format.name() == "stix");
        let format = format.ok_or_else(|| io::Error::other("there is no format stix"))?;
        export::write(*format, &verdicts, wish.at, out).map(drop)
    })
}

/// What `intel export` takes when it is not told.
const CONFIDENCE_MIN: u8 = 50;

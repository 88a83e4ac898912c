//! Is a refreshed copy believable, or does a person have to look first?

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::import::Taken;
use crate::status::SourceStatus;

/// Why the new copy must be held, in words; `None` when it may take force. The first copy of a
/// source, and one that a person `accepted`, are exempt from the bounds on size and format.
pub(super) fn doubt(former: &SourceStatus, new: &Taken, accepted: bool) -> Option<String> {
    let report = &new.report;
    if report.imported == 0 {
        return Some(match report.refusals.first() {
            Some(first) => format!("it holds no usable record; line {}: {}", first.line, first.reason),
            None => "it is empty".to_owned(),
        });
    }
    if let Some(reason) = &new.broken {
        return Some(format!("it could not be read to its end: {reason}"));
    }
    let before = former.records;
    if before == 0 || accepted {
        return None;
    }
    if former.format != report.format {
        return Some(format!("its format changed from {} to {}", former.format, report.format));
    }
    let now = report.imported;
    if now.saturating_mul(2) <= before {
        return Some(format!("it shrank from {before} to {now} records"));
    }
    (now >= before.saturating_mul(2)).then(|| format!("it grew from {before} to {now} records"))
}

/// Whether the file is a page for people: an error page, a log-in page.
pub(super) fn is_web_page(file: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|file| file.take(512).read_to_end(&mut head));
    let text = String::from_utf8_lossy(&head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    read.is_ok() && ["<!doctype html", "<html", "<head"].iter().any(|start| text.starts_with(start))
}

//! How are Maltrail's trails read (one a line, a file for each family)?

use std::io::Read;

use tripoint_model::{AppliesTo, Category, Indicator};
use tripoint_unpack::LINE_MAX;

use super::columns::observable;
use super::{FeedFormat, Reading, each_line};

/// Addresses, `address:port`, domains and URLs, with `# Reference:` lines above what they speak of.
pub struct Maltrail;

impl FeedFormat for Maltrail {
    fn name(&self) -> &'static str {
        "maltrail"
    }

    fn detect(&self, head: &str) -> bool {
        head.lines().take(50).any(|line| {
            line.starts_with("# Reference:") || (line.starts_with('#') && line.contains("Maltrail developers"))
        })
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        let family = family(&reading.file);
        let is_scanner = family.starts_with("mass_scanner");
        let mut reference = None;
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            let line = line.trim();
            if let Some(text) = line.strip_prefix("# Reference:") {
                reference = Some(tripoint_model::text::truncate(text.trim(), 256).0.to_owned());
            }
            let (trail, remark) = line.split_once('#').unwrap_or((line, ""));
            if trail.trim().is_empty() {
                return;
            }
            match observable(trail.trim()) {
                Ok(found) => {
                    let mut indicator = found.indicator(reading);
                    if is_scanner {
                        scanner(&mut indicator, remark);
                    } else {
                        indicator.note.clone_from(&reference);
                    }
                    indicator.labels.push(family.clone());
                    found.doubt(&mut indicator);
                    reading.accept(number, indicator);
                }
                Err(_) if trail.contains('/') => {
                    reading.refuse(number, "a path is no host: what else is on it may be harmless");
                }
                Err(reason) => reading.refuse(number, reason),
            }
        });
    }
}

/// Those who scan everybody: suspicious, not malicious, and only where they come in.
fn scanner(indicator: &mut Indicator, remark: &str) {
    indicator.category = Category::Scanner;
    indicator.direction = AppliesTo::In;
    let remark = tripoint_model::text::truncate(remark.trim(), 256).0;
    indicator.note = (!remark.is_empty()).then(|| remark.to_owned());
}

/// `malware/elf_mirai.txt` is about `elf_mirai`.
fn family(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.split('.').next().unwrap_or(name);
    tripoint_model::text::truncate(stem, 64).0.to_owned()
}

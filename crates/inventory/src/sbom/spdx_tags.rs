//! SPDX 2 as tag and value: which packages stand in its lines?

use super::entry::Entry;
use super::{Format, Found};

/// SPDX 2 tag-value.
pub(super) const FORMAT: Format = Format {
    name: "SPDX 2 tag-value",
    fits: |head| head.begins.lines().any(|line| line.trim_start().starts_with("SPDXVersion:")),
    read,
};

fn read(content: &[u8], found: &mut Found) -> Result<(), String> {
    let mut package: Option<Entry> = None;
    let mut in_text = false;
    let mut lines = tripoint_unpack::bounded_lines(content, tripoint_unpack::LINE_MAX);
    while let Some((_, line)) = lines.next_line() {
        let Ok(line) = line else { continue };
        // A text over several lines may hold what looks like a tag.
        if in_text {
            in_text = !line.contains("</text>");
            continue;
        }
        in_text = line.contains("<text>") && !line.contains("</text>");
        let Some((tag, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if tag.trim() == "PackageName" {
            finish(package.replace(Entry { name: value.to_owned(), ..Entry::default() }), found);
            continue;
        }
        let Some(entry) = &mut package else { continue };
        match tag.trim() {
            "PackageVersion" => value.clone_into(&mut entry.version),
            "PrimaryPackagePurpose" => value.clone_into(&mut entry.kind),
            "PackageSourceInfo" => {
                entry.source_info(value.trim_start_matches("<text>").trim_end_matches("</text>"));
            }
            "ExternalRef" => {
                let mut words = value.split_whitespace().skip(1);
                if let (Some(kind), Some(locator)) = (words.next(), words.next()) {
                    entry.reference(kind, locator.to_owned());
                }
            }
            _ => {}
        }
    }
    finish(package, found);
    Ok(())
}

fn finish(package: Option<Entry>, found: &mut Found) {
    match package {
        Some(entry) if matches!(entry.kind.as_str(), "OPERATING-SYSTEM" | "OPERATING_SYSTEM") => {
            found.system.get_or_insert((entry.name.to_lowercase(), entry.version));
        }
        Some(entry) => found.add(entry),
        None => {}
    }
}

//! Is every public file of advisories read or refused with a reason, whatever its format?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::image::open_latest;

#[derive(Default)]
struct Row {
    files: u64,
    imported: u64,
    refused: u64,
    /// Files whose records were counted otherwise too.
    counted: u64,
    reasons: BTreeMap<String, (u64, String)>,
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("folder").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, out) } else { out.push(path) }
    }
}

/// A reason without what differs from record to record.
fn kind_of(reason: &str) -> String {
    let words = reason.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit() || c == '"'));
    let text: String = words.collect::<Vec<_>>().join(" ").chars().take(90).collect();
    text.rsplit_once(": ").map_or(text.clone(), |(_, end)| if end.len() > 12 { end.to_owned() } else { text.clone() })
}

/// Unpacks archives, so that each member is imported, counted and shown by its format.
fn unpacked(data: &Path, to: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(data, &mut files);
    let mut out = Vec::new();
    for file in files {
        let shown = file.strip_prefix(data).expect("inside").to_string_lossy().replace('/', "_");
        let members = entries(Source::Path(&file), &shown, &LIMITS, &mut |name, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).expect("member");
            let path = to.join(&shown).join(name.trim_start_matches("./"));
            std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            std::fs::write(&path, bytes).expect("write");
            out.push(path);
            ControlFlow::Continue(())
        });
        if members.is_err() {
            out.push(file);
        }
    }
    out
}

/// The records of a file as plain counting finds them, by none of our readers; nothing where a file
/// is cut, packed, or of a format whose records cannot be told so simply. That there is none is a refusal.
fn counted(format: &str, file: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let json = || serde_json::from_str::<serde_json::Value>(&text).ok();
    let of = |key: &str| Some(json()?.get(key)?.as_array()?.len());
    let count = match format {
        "osv" => match json() {
            Some(serde_json::Value::Array(all)) => all.len(),
            Some(_) => 1,
            None if file.extension().is_some_and(|end| end == "yaml" || end == "yml") => 1,
            None => text.lines().filter(|line| !line.trim().is_empty()).count(),
        },
        "epss" => {
            text.lines().filter(|line| !(line.is_empty() || line.starts_with('#') || line.starts_with("cve,"))).count()
        }
        "kev" | "nvd" => of("vulnerabilities")?,
        "csaf" => of("vulnerabilities").unwrap_or(0),
        "arch" | "photon" => json()?.as_array()?.len(),
        "updateinfo" => text.matches("<update ").count(),
        "debian-tracker" => json()?.as_object()?.values().filter_map(|cves| Some(cves.as_object()?.len())).sum(),
        _ => return None,
    };
    Some((count as u64).max(1))
}

#[test]
fn every_public_file_is_read_or_refused_with_a_reason() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("tempdir");
    let files = unpacked(&data.join("vuln"), &folder.path().join("files"));
    let store = Store::open(&folder.path().join("data")).expect("store");
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut draft = store.draft("all").expect("draft");
    let mut differing: Vec<String> = Vec::new();
    for file in &files {
        let report = ImportReport::default();
        let mut reading = Reading { draft, report, formats: Vec::new(), published: None, broken: None };
        reading.file(file, None, &mut |_, _| {});
        let formats = reading.formats.join(",");
        let Reading { draft: written, report, .. } = reading;
        draft = written;
        assert_eq!(report.read, report.imported + report.refused, "{}", file.display());
        assert!(report.read > 0 && (report.refused == 0 || !report.refusals.is_empty()), "{}", file.display());
        let name = if formats.is_empty() { "(none)".to_owned() } else { formats };
        let otherwise = counted(&name, file);
        if let Some(count) = otherwise.filter(|count| *count != report.read) {
            differing.push(format!("{}: {} read, {count} there", file.display(), report.read));
        }
        let row = rows.entry(name).or_default();
        row.counted += u64::from(otherwise.is_some());
        row.files += 1;
        row.imported += report.imported;
        row.refused += report.refused;
        for refusal in &report.refusals {
            let slot = row.reasons.entry(kind_of(&refusal.reason)).or_default();
            slot.0 += 1;
            slot.1 = format!("{} {}", refusal.file.rsplit("files/").next().unwrap_or_default(), refusal.reason);
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    for (format, row) in &rows {
        let Row { files, counted, imported, refused, .. } = row;
        println!("{format}: {files} files ({counted} counted otherwise too), {imported} imported, {refused} refused");
        let mut reasons: Vec<_> = row.reasons.iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let shown = if std::env::var_os("ALL_REASONS").is_some() { 40 } else { 4 };
        for (reason, (count, example)) in reasons.into_iter().take(shown) {
            println!("    {count} × {reason}    [{}]", example.chars().take(230).collect::<String>());
        }
    }
    let info =
        SourceInfo { name: "all".into(), format: "all".into(), imported: Timestamp(0), records: 0, published: None };
    draft.commit(&info).expect("commit");
    store.build(Timestamp(1)).expect("image");
    let database = open_latest(&folder.path().join("data")).expect("open").expect("image").1;
    println!("{} packages", database.packages());
    assert!(rows.values().map(|row| row.imported).sum::<u64>() > 30_000);
    for format in
        FORMATS.iter().map(|format| format.name()).filter(|name| !matches!(*name, "ghsa" | "ruby" | "cyclonedx-vex"))
    {
        assert!(rows.iter().any(|(name, row)| name == format && row.imported > 0), "{format} read nothing");
    }
}

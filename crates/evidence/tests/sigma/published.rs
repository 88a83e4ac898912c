//! What becomes of each published rule?

use std::collections::BTreeMap;

use tripoint_evidence::sigma::compile::State;
use tripoint_evidence::sigma::image::Image;
use tripoint_model::Timestamp;

use super::published;

#[test]
fn every_rule_is_loaded_or_told_why_not() {
    let Some((_, read)) = published() else { return };
    let loaded = read.listed.iter().filter(|rule| rule.state == State::Loaded);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for rule in read.listed.iter().filter(|rule| rule.state == State::Skipped) {
        *reasons.entry(rule.reason.clone()).or_default() += 1;
        assert!(rule.line > 0 && !rule.file.is_empty() && !rule.reason.is_empty());
    }
    for (reason, count) in &reasons {
        println!("{count:4} skipped: {reason}");
    }
    for rule in loaded.clone().filter(|rule| !rule.reason.is_empty()) {
        println!("in part: {} {}", rule.about.title, rule.reason);
    }
    for fault in &read.faults {
        println!("refused: {}:{}: {}", fault.file, fault.line, fault.reason);
    }
    let skipped: usize = reasons.values().sum();
    println!(
        "{} files: {} loaded, {skipped} skipped, {} refused",
        read.files,
        loaded.clone().count(),
        read.faults.len()
    );
    assert_eq!(loaded.clone().count() + skipped + read.faults.len(), read.files, "each file holds one rule");
    assert_eq!(loaded.count(), read.rules.len());
    assert!(read.rules.len() >= 229, "{} rules", read.rules.len());
}

#[test]
fn an_image_holds_what_was_compiled() {
    let Some((_, read)) = published() else { return };
    let image = Image {
        built: Timestamp(1),
        rules: Vec::new(),
        sigma: read.rules.clone(),
        correlations: read.correlations.clone(),
    };
    let bytes = image.write().unwrap();
    println!("{} bytes for {} rules", bytes.len(), read.rules.len());
    let again = Image::read(&bytes).unwrap();
    assert_eq!(again.sigma, read.rules);
    assert_eq!(again.pack().unwrap().sigma().unwrap().rules().len(), read.rules.len());
}

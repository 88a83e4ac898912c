//! Is real traffic read whole, and what of it is flagged?

use tripoint_model::attempt::ShownBy;

use super::{data, files, found_in};

#[test]
fn ten_thousand_real_requests_are_read_and_hardly_any_is_flagged() {
    let Some(path) = data("web/apache_logs.gz") else { return };
    let (_, bytes) = files(&path).remove(0);
    let (counts, hits) = found_in(&bytes, "apache_logs");
    assert_eq!((counts.lines, counts.entries), (10_000, 10_000));
    let series: Vec<_> = hits.iter().filter(|hit| hit.kind == ShownBy::Series).collect();
    for hit in &series {
        println!("{} {:?} {:?}", hit.rule, hit.remote, hit.reasons);
    }
    assert!(series.len() <= 10, "{} series", series.len());
}

#[test]
fn nginx_plus_json_is_read() {
    let Some(path) = data("web/nginxplus_json_logs.gz") else { return };
    let (_, bytes) = files(&path).remove(0);
    let (counts, _) = found_in(&bytes, "nginxplus_json_logs");
    assert!(counts.lines > 0);
    assert_eq!(counts.lines, counts.entries);
}

#[test]
fn every_failed_password_of_a_real_log_is_a_finding() {
    let Some(path) = data("ssh/auth.log.gz") else { return };
    let (_, bytes) = files(&path).remove(0);
    let (_, hits) = found_in(&bytes, "auth.log");
    let text = String::from_utf8_lossy(&bytes);
    let mut failed = 0;
    for (line, number) in text.lines().zip(1u64..) {
        if line.contains("Failed password") {
            failed += 1;
            let hit = hits.iter().find(|hit| hit.line == number && hit.kind == ShownBy::Line);
            let hit = hit.unwrap_or_else(|| panic!("{number}: {line}"));
            assert!(hit.remote.is_some() && hit.time.is_some(), "{number}: {line}");
        }
    }
    let series = hits.iter().filter(|hit| hit.kind == ShownBy::Series).count();
    println!("{failed} failed passwords, {series} series");
    assert!(failed > 10 && series > 0);
}

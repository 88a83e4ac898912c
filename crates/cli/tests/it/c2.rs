//! Promise C2, its sentence on freeze: whoever keeps new content from us cannot keep it from being seen.

use crate::bench::Bench;

/// "Expiry shown after 48 h": `doctor` says so of the image, whatever the feeds' own state.
#[test]
fn c2_content_of_two_days_is_called_stale() {
    let bench = Bench::new();
    bench.write("list.txt", "203.0.113.7\n");
    bench.run(&["intel", "import", "list.txt", "--name", "mine"]).expect(0);
    let status = |bench: &Bench| {
        let doctor = bench.run(&["doctor", "--json"]).expect(0).json();
        let data = doctor["data"].as_array().unwrap().clone();
        let intel = data.into_iter().find(|entry| entry["source"] == "intel").unwrap();
        intel["status"].as_str().unwrap().to_owned()
    };
    assert!(status(&bench).starts_with("ok"), "{}", status(&bench));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (hours, stale) in [(47, false), (49, true), (24 * 400, true)] {
        let at = tripoint_model::Timestamp::from_seconds((now - hours * 3600).cast_signed());
        let path = bench.path("data/intel/mine/status.json");
        let mut feed: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        feed["last_success"] = at.to_string().into();
        std::fs::write(&path, feed.to_string()).unwrap();
        // The image is as old as the newest of its feeds.
        bench.write("own.txt", "203.0.113.200\n");
        bench.run(&["intel", "guard", "import", "own.txt"]).expect(0);
        let said = status(&bench);
        assert_eq!(said.starts_with("stale: nothing newer came for"), stale, "{hours} hours: {said}");
    }
}

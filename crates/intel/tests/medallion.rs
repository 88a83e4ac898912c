//! Does a TAXII server that others wrote give us all of a collection, and later what was added?

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tripoint_intel::{Context, FetchSettings, Fetcher, SyncOptions, SyncReport, SyncState, parse_descriptors, sync};
use tripoint_model::Timestamp;

/// The server, ended with the test.
struct Medallion(Child);

impl Drop for Medallion {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_collection_of_medallion_is_pulled_and_continued() {
    if !Command::new("python3")
        .args(["-c", "import medallion"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
    {
        println!("skipped: no Python with medallion");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(folder.path().join("data.json"), data(port)).unwrap();
    let config = format!(
        r#"{{"backend": {{"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": {:?}}},
        "users": {{"ada": "s e c"}}, "taxii": {{"max_page_size": 2}}}}"#,
        folder.path().join("data.json").display()
    );
    fs::write(folder.path().join("config.json"), config).unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", "from medallion.scripts.run import main; main()", "--port", &port.to_string()]);
    let server = command.arg(folder.path().join("config.json")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _server = Medallion(server.unwrap());
    wait_for(port);

    fs::write(folder.path().join("key"), "ada:s e c\n").unwrap();
    let report = pull(folder.path(), port, "High Value Indicators", 1);
    assert_eq!((report.state, report.count, report.refused), (SyncState::Updated, 5, 0), "{report:?}");
    assert_eq!(pull(folder.path(), port, "High Value Indicators", 2).state, SyncState::NotModified);
    post(port);
    let report = pull(folder.path(), port, "High Value Indicators", 3);
    assert_eq!((report.state, report.count), (SyncState::Updated, 5), "one more, one revoked: {report:?}");
    let report = pull(folder.path(), port, "no such thing", 4);
    let reason = report.reason.unwrap();
    assert!(reason.contains("High Value Indicators (91a7b528-80eb-42ed-a74d-c6fbd5a26116)"), "{reason}");
    fs::write(folder.path().join("key"), "ada:wrong\n").unwrap();
    let reason = pull(folder.path(), port, "High Value Indicators", 5).reason.unwrap();
    assert!(reason.contains("401"), "{reason}");
}

fn pull(folder: &Path, port: u16, wanted: &str, hour: i64) -> SyncReport {
    let text = format!(
        "[[feed]]\nname = \"m\"\nurl = \"http://127.0.0.1:{port}/taxii2/\"\ntaxii = {wanted:?}\nkey_file = {:?}\n",
        folder.join("key").display()
    );
    let permit = ["203.0.113.0/24".parse().unwrap()];
    // Far ahead of what the server writes as the day on which an object was added.
    let now = Timestamp::from_seconds(4_000_000_000 + hour * 3600);
    let context = Context { data_dir: &folder.join("data"), permit_ranges: &permit, own: &[], now };
    let fetcher = Fetcher::new(FetchSettings { attempts: 1, ..FetchSettings::default() }).unwrap();
    let descriptors = parse_descriptors(&text, "t").unwrap();
    sync(&descriptors, &SyncOptions::default(), &fetcher, &context, &mut |_| {}).unwrap().remove(0)
}

fn wait_for(port: u16) {
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("medallion did not come up");
}

fn id(at: u8) -> String {
    format!("indicator--6770298f-0fd8-471a-ab8c-1c658a46574{at}")
}

fn indicator(at: u8, modified: &str, extra: &str) -> String {
    format!(
        r#"{{"type": "indicator", "spec_version": "2.1", "id": "{}", "created": "2017-01-01T00:00:00.000Z",
        "modified": "{modified}", "pattern": "[ipv4-addr:value = '203.0.113.{at}']", "pattern_type": "stix",
        "indicator_types": ["malicious-activity"], "valid_from": "2017-01-01T00:00:00Z"{extra}}}"#,
        id(at)
    )
}

/// Five indicators and what stands between them.
fn data(port: u16) -> String {
    let first = "2017-01-01T00:00:00.000Z";
    let mut objects: Vec<String> = (1..=5).map(|at| indicator(at, first, "")).collect();
    objects.insert(
        2,
        format!(
            r#"{{"type": "malware", "spec_version": "2.1", "id": "malware--c0931cc6-c75e-47e5-9036-78fabc95d4ec",
            "created": "{first}", "modified": "{first}", "name": "x", "is_family": true}}"#
        ),
    );
    let manifest = |id: String, day: u8| {
        format!(
            r#"{{"id": "{id}", "date_added": "2017-02-0{day}T00:00:00.000000Z", "version": "{first}",
            "media_type": "application/stix+json;version=2.1"}}"#
        )
    };
    let mut manifests: Vec<String> = (1..=5).map(|at| manifest(id(at), at)).collect();
    manifests.insert(2, manifest("malware--c0931cc6-c75e-47e5-9036-78fabc95d4ec".into(), 2));
    format!(
        r#"{{"/discovery": {{"title": "t", "default": "http://127.0.0.1:{port}/root/",
            "api_roots": ["http://127.0.0.1:{port}/root/", "http://localhost:{port}/other/"]}},
        "root": {{"information": {{"title": "r", "versions": ["application/taxii+json;version=2.1"],
            "max_content_length": 9765625}}, "status": [], "collections": [
            {{"id": "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "title": "High Value Indicators", "can_read": true,
            "can_write": true, "media_types": ["application/stix+json;version=2.1"],
            "objects": [{}], "manifest": [{}]}}]}}}}"#,
        objects.join(","),
        manifests.join(",")
    )
}

/// Somebody adds an indicator and revokes another.
fn post(port: u16) {
    let later = "2018-01-01T00:00:00.000Z";
    let body =
        format!("{{\"objects\": [{}, {}]}}", indicator(6, later, ""), indicator(1, later, ", \"revoked\": true"));
    let script = r#"
import base64, sys, urllib.request
url = f"http://127.0.0.1:{sys.argv[1]}/root/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/"
kind = "application/taxii+json;version=2.1"
key = base64.b64encode(b"ada:s e c").decode()
headers = {"Accept": kind, "Content-Type": kind, "Authorization": "Basic " + key}
urllib.request.urlopen(urllib.request.Request(url, sys.argv[2].encode(), headers))
"#;
    let done = Command::new("python3").args(["-c", script, &port.to_string(), &body]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

//! Does a TAXII client get every sighting once, and does nobody else get any?

use std::process::Command;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tripoint_api::{Client, ResolveRequest, path};
use tripoint_model::{Alert, Resolution};
use tripoint_server::token_path;

use crate::rig::{Rig, alert};

/// Status, headers in lower case, body.
type Answer = (u16, String, Value);

const SIGHTINGS: &str = "/taxii2/root/collections/sightings/";

struct Asker {
    address: std::net::SocketAddr,
    token: String,
}

impl Asker {
    fn of(rig: &Rig, data_dir: &std::path::Path) -> Self {
        let token = std::fs::read_to_string(token_path(data_dir)).unwrap().trim().to_owned();
        Self { address: rig.ready.address.unwrap(), token }
    }

    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Answer {
        let accept = "Accept: application/taxii+json;version=2.1\r\n";
        self.ask("GET", path, &format!("{accept}Authorization: Bearer {}\r\n", self.token)).await
    }

    /// All objects, in pages of at most `limit`.
    async fn all(&self, query: &str, limit: usize) -> Vec<Value> {
        let mut next = String::new();
        let mut out = Vec::new();
        loop {
            let (status, _, body) = self.get(&format!("{SIGHTINGS}objects/?limit={limit}{query}{next}")).await;
            assert_eq!(status, 200, "{body}");
            let objects = body["objects"].as_array().cloned().unwrap_or_default();
            assert!(objects.len() <= limit);
            out.extend(objects);
            if body["more"] != true {
                return out;
            }
            next = format!("&next={}", path::segment(body["next"].as_str().unwrap()));
        }
    }
}

fn types(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn sightings_are_paged_filtered_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::of(&rig, folder.path());
    let alerts: Vec<Alert> = (0..7).map(|at| alert(&format!("a{at}"), 50, at)).collect();
    rig.report("web1", 1, &alerts).await;
    let all = asker.all("", 1000).await;
    // An identity; the address is the same in each alert.
    assert_eq!(types(&all)[..5], ["identity", "indicator", "ipv4-addr", "observed-data", "sighting"]);
    assert_eq!(all.len(), 2 + 7 * 3);
    for limit in [1, 2, 3, 4, 5, 22] {
        let mut paged = asker.all("", limit).await;
        // What several alerts share may come once on each page.
        let mut seen = std::collections::HashSet::new();
        paged.retain(|object| seen.insert(object["id"].as_str().unwrap().to_owned()));
        assert_eq!(paged, all, "in pages of {limit}");
    }
    assert_eq!(asker.all("&match%5Btype%5D=sighting,identity", 2).await.len(), 8);
    assert_eq!(asker.all("&match%5Bspec_version%5D=2.0", 2).await.len(), 0);
    assert_eq!(asker.all("&match%5Bversion%5D=first", 50).await.len(), all.len());
    let id = all[4]["id"].as_str().unwrap();
    let (status, head, body) = asker.get(&format!("{SIGHTINGS}objects/{id}/")).await;
    assert_eq!((status, &body["objects"][0]), (200, &all[4]));
    assert!(head.contains("content-type: application/taxii+json;version=2.1"));
    let added = head.split("x-taxii-date-added-last: ").nth(1).unwrap().split("\r\n").next().unwrap().to_uppercase();
    let (_, _, body) = asker.get(&format!("{SIGHTINGS}objects/{id}/versions/")).await;
    assert_eq!(body["versions"][0], all[4]["modified"]);
    let (_, _, body) = asker.get(&format!("{SIGHTINGS}manifest/?match%5Bid%5D={id}")).await;
    assert_eq!(body["objects"][0]["date_added"], added);
    assert_eq!(asker.all(&format!("&added_after={added}"), 50).await.len(), 1 + 6 * 3);

    let (_, head, _) = asker.get(&format!("{SIGHTINGS}objects/")).await;
    let last = head.split("x-taxii-date-added-last: ").nth(1).unwrap().split("\r\n").next().unwrap().to_uppercase();
    let (_, _, body) = asker.get(&format!("{SIGHTINGS}objects/?added_after={last}")).await;
    assert_eq!(body, serde_json::json!({}));
    let resolve = ResolveRequest { resolution: Resolution::FalsePositive, comment: None };
    rig.client.post::<Alert>(&path::alert_work("a3", "resolve"), &resolve).await.unwrap();
    let changed = asker.all(&format!("&added_after={last}"), 50).await;
    assert_eq!(types(&changed), ["indicator", "ipv4-addr", "observed-data", "sighting"]);
    assert!([0, 2, 3].iter().all(|at| changed[*at]["revoked"] == true), "{changed:?}");
    rig.stop().await;
}

#[tokio::test]
async fn refusals_are_those_of_taxii_and_strangers_get_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::of(&rig, folder.path());
    let bearer = format!("Authorization: Bearer {}\r\n", asker.token);
    let paths = ["/taxii2/", "/taxii2/root/", "/taxii2/root/collections/", SIGHTINGS];
    for path in paths {
        assert_eq!(asker.ask("GET", path, &bearer).await.0, 200, "{path}");
        for strangers in
            ["", "Authorization: Basic eDp5\r\n", "Authorization: Bearer x\r\n", "Authorization: Basic %\r\n"]
        {
            let (status, head, body) = asker.ask("GET", path, strangers).await;
            assert_eq!((status, body["http_status"].as_str()), (401, Some("401")), "{path} {strangers}");
            assert!(head.contains("www-authenticate: basic"));
        }
    }
    for (method, path, headers, expected) in [
        ("GET", "/taxii2/", "Accept: application/json\r\n", 406),
        ("GET", "/taxii2/", "Accept: application/taxii+json;version=2.0\r\n", 406),
        ("GET", "/taxii2/", "Accept: text/html, application/taxii+json; version=2.1\r\n", 200),
        ("GET", "/taxii2/", "Accept: */*\r\n", 200),
        ("GET", "/taxii2", "", 404),
        ("GET", "/taxii2/root/collections/nothing/objects/", "", 404),
        ("GET", "/taxii2/root/collections/indicators/objects/", "", 404),
        ("GET", "/taxii2/root/status/1/", "", 404),
        ("GET", "/taxii2/root/collections/sightings/objects/indicator--x/", "", 404),
        ("GET", "/taxii2/root/collections/sightings/objects/?added_after=soon", "", 400),
        ("GET", "/taxii2/root/collections/sightings/objects/?limit=0", "", 400),
        ("GET", "/taxii2/root/collections/sightings/objects/?limit=x", "", 400),
        ("GET", "/taxii2/root/collections/sightings/objects/?next=1:2", "", 400),
        ("POST", "/taxii2/root/collections/sightings/objects/", "Content-Length: 0\r\n", 405),
        ("DELETE", "/taxii2/root/collections/sightings/objects/x/", "", 405),
    ] {
        let (status, head, body) = asker.ask(method, path, &format!("{bearer}{headers}")).await;
        assert_eq!(status, expected, "{method} {path} {headers}: {body}");
        if path != "/taxii2" {
            assert!(head.contains("content-type: application/taxii+json;version=2.1"), "{path}");
            assert!(status == 200 || body["title"].is_string(), "{path}");
        }
    }
    // Through the Unix socket the kernel says who asks.
    let text = Client::unix(&rig.ready.socket).get_text("/taxii2/").await.unwrap();
    assert!(text.contains("/taxii2/root/"));
    rig.stop().await;
}

/// Programs that others wrote read it and judge it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_others_wrote_reads_it_and_what_it_gets_is_valid() {
    let needs = Command::new("python3").args(["-c", "import taxii2client, stix2validator"]).output();
    if !needs.is_ok_and(|output| output.status.success()) {
        println!("skipped: no Python with taxii2-client and stix2-validator");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut alerts: Vec<Alert> = (0..5).map(|at| alert(&format!("b{at}"), 50, at)).collect();
    for (alert, indicator) in
        alerts.iter_mut().zip(["2001:db8::66", "203.0.113.0/24", "bad.example", "203.0.113.66:443", "[2001:db8::1]:53"])
    {
        alert.indicator = indicator.parse().unwrap();
        alert.title = "a 'title' with \"quotes\" \u{1b}[31m".into();
    }
    rig.report("web1", 1, &alerts).await;
    let asker = Asker::of(&rig, folder.path());
    let url = format!("http://{}/taxii2/", asker.address);
    let read = move || Command::new("python3").args(["-c", READ, &url, &asker.token]).output().unwrap();
    let output = tokio::task::spawn_blocking(read).await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("5 sightings"), "{said}");
    rig.stop().await;
}

const READ: &str = r#"
import sys
from stix2validator import ValidationOptions, validate_instance
from taxii2client.v21 import Server, as_pages
server = Server(sys.argv[1], user="anybody", password=sys.argv[2])
collection = server.default.collections[0]
assert collection.title == "Sightings" and collection.can_read and not collection.can_write
objects = [object for page in as_pages(collection.get_objects, per_request=3) for object in page.get("objects", [])]
for object in objects:
    result = validate_instance(object, ValidationOptions(version="2.1"))
    assert result.is_valid and not result.warnings, (object, result.errors, result.warnings)
one = [object for object in objects if object["type"] == "sighting"]
assert collection.get_object(one[0]["id"])["objects"] == [one[0]]
assert len(collection.get_manifest(type="sighting")["objects"]) == len(one)
added = collection.get_manifest(id=one[1]["id"])["objects"][0]["date_added"]
later = collection.get_objects(added_after=added, type="sighting")["objects"]
assert later == one[2:], later
print(len(one), "sightings")
"#;

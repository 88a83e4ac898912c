//! Do long answers come packed to whoever takes that, and nothing else?

use std::io::Read as _;

use serde_json::json;
use tokio::io::AsyncReadExt as _;

use tripoint_api::{Role, path};
use tripoint_model::Alert;

use crate::browser::{Browser, add_user, head_of};
use crate::rig::{Rig, alert};

const FIRST: &str = "a1b2c3d4e5f600";

/// Alerts whose lines fill a page.
fn many() -> Vec<Alert> {
    (0..200).map(|number| alert(&format!("{FIRST}{number:02x}"), 50, number % 60)).collect()
}

/// The head and the body as it came over the wire.
async fn asked(browser: &Browser, path: &str) -> (String, Vec<u8>) {
    let mut stream = browser.begin("GET", path, "").await;
    let head = head_of(&mut stream).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    if !head.contains("transfer-encoding: chunked") {
        return (head, rest);
    }
    let (mut body, mut rest) = (Vec::new(), &rest[..]);
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return (head, body);
        }
        let (chunk, after) = rest[end + 2..].split_at(length);
        body.extend_from_slice(chunk);
        rest = &after[2..];
    }
}

#[tokio::test]
async fn a_page_of_the_queue_comes_packed_and_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &many()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let plain = Browser::signed_in(&rig, "ada").await;
    let packs = Browser { more: "accept-encoding: gzip, br\r\n".into(), ..plain.clone() };

    let (head, text) = asked(&plain, "/v1/queue?limit=200").await;
    assert!(!head.contains("content-encoding") && head.contains("vary: accept-encoding"), "{head}");
    let (head, bytes) = asked(&packs, "/v1/queue?limit=200").await;
    assert!(head.contains("content-encoding: gzip") && head.contains("cache-control: no-store"), "{head}");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, text);
    assert!(bytes.len() * 8 < text.len(), "{} of {}", bytes.len(), text.len());

    // An ETag names the bytes as they stand; a little answer is smaller as it is; the console is packed already.
    let one = format!("/v1/alerts/{FIRST}00");
    for (path, packing) in [(&*one, None), (path::ALIVE, None), ("/", Some("content-encoding: br"))] {
        let (head, _) = asked(&packs, path).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let found = head.lines().find(|line| line.starts_with("content-encoding"));
        // A program that was built without the console has one page, which says so.
        assert!(found == packing || path == "/" && found.is_none(), "{path}: {head}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn answers_to_changes_and_streams_are_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    rig.report("web1", 1, &many()).await;
    let mut ada = Browser::signed_in(&rig, "ada").await;
    ada.more = "accept-encoding: gzip\r\n".into();
    let ids: Vec<String> = many().iter().map(|alert| alert.id.to_string()).collect();
    let heard = ada.post(path::QUEUE_WORK, json!({"ids": ids, "work": {"do": "comment", "text": "seen"}})).await;
    assert!(heard.status == 200 && heard.body.len() > 2 << 10, "{heard:?}");
    assert!(!heard.head.contains("content-encoding"), "{heard:?}");
    let mut stream = ada.begin("GET", path::QUEUE_WATCH, "").await;
    let head = head_of(&mut stream).await;
    assert!(head.contains("text/event-stream") && !head.contains("content-encoding"), "{head}");
    drop(stream);
    rig.stop().await;
}

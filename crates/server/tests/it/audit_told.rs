//! Does every row of the audit reach another machine, in order, as it is, also after its receiver was away?

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use tripoint_api::{AuditList, Role, path};
use tripoint_fetch::Settings;
use tripoint_server::Notify;
use tripoint_server::notify_config::{ChannelConfig, RouteConfig};

use crate::browser::{Browser, add_user};
use crate::channels::{channel, config, secret, serve, to, until, webhook};
use crate::receiver::{Manner, Receiver};
use crate::rig::Rig;

fn of_audit(names: &[&str]) -> RouteConfig {
    RouteConfig { kinds: vec!["audit".into()], ..to(names) }
}

/// Number and hash of each row that the server has, oldest first.
async fn rows(rig: &Rig) -> Vec<(u64, String)> {
    let list: AuditList = rig.client.get(&format!("{}?limit=500", path::AUDIT)).await.unwrap();
    list.rows.into_iter().rev().map(|row| (row.number, row.hash)).collect()
}

/// Rows that a receiver was told of after so many messages.
fn told(receiver: &Receiver, after: usize) -> Vec<(u64, String)> {
    let one = |value: Value| {
        assert_eq!(value["type"], "audit", "{value}");
        (value["audit"]["number"].as_u64().unwrap(), value["audit"]["hash"].as_str().unwrap().to_owned())
    };
    let mut all: Vec<_> = receiver.came().iter().skip(after).map(|came| one(came.json())).collect();
    // A receiver that refuses hears of the same again.
    all.dedup();
    all
}

/// Takes records of syslog, each with its length before it, and keeps them.
async fn syslog() -> (u16, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, kept) = (listener.local_addr().unwrap().port(), std::sync::Arc::default());
    let own = std::sync::Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let own: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::clone(&own);
            tokio::spawn(async move {
                loop {
                    let mut length = String::new();
                    while !length.ends_with(' ') {
                        let Ok(byte) = stream.read_u8().await else { return };
                        length.push(char::from(byte));
                    }
                    let mut record = vec![0; length.trim().parse().unwrap()];
                    stream.read_exact(&mut record).await.unwrap();
                    own.lock().unwrap().push(String::from_utf8(record).unwrap());
                }
            });
        }
    });
    (port, kept)
}

#[tokio::test]
async fn every_row_of_the_audit_is_told_elsewhere_once_and_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // What was done before anybody was told.
    let rig = Rig::start(folder.path()).await;
    for number in 0..300 {
        let group = json!({"name": format!("g{number}"), "hosts": ["web-*"]});
        rig.client.post::<Value>(path::GROUPS, &group).await.unwrap();
    }
    rig.stop().await;
    let (hook, (port, records)) = (Receiver::new(Manner::Says(503)).await, syslog().await);
    let log =
        ChannelConfig { server: format!("127.0.0.1:{port}"), transport: "tcp".into(), ..channel("log", "syslog", "") };
    let config = config(vec![webhook(folder.path(), "hook", &hook.url), log], vec![of_audit(&["hook", "log"])]);
    let rig = serve(folder.path(), &config).await;
    // A change, one that is refused, a sign-in, and one that fails.
    add_user(&rig.client, "ada", Role::Viewer, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    assert_eq!(ada.post(path::GROUPS, json!({"name": "x", "hosts": ["*"]})).await.status, 403);
    assert_eq!(Browser::new(&rig).sign_in("ada", "not the password").await.status, 401);
    until("a refusal", async || !hook.came().is_empty()).await;
    rig.stop().await;
    let refused = hook.came().len();
    let rig = serve(folder.path(), &config).await;
    hook.behave(Manner::Says(200));
    let all = rows(&rig).await;
    assert!(all.len() >= 304, "{}", all.len());
    until("the webhook's last row", async || told(&hook, refused).last() == all.last()).await;
    assert_eq!(told(&hook, refused), all);
    until("the last record", async || records.lock().unwrap().len() >= all.len()).await;
    let records = records.lock().unwrap().clone();
    for ((number, hash), record) in all.iter().zip(&records) {
        assert!(record.contains(&format!("number=\"{number}\" hash=\"{hash}\"")), "{record}");
    }
    let last = records.last().unwrap();
    assert!(last.contains("who=\"ada\"") || last.contains("POST /v1/session"), "{last}");
    assert!(records.iter().any(|record| record.contains("result=\"403 forbidden\"")), "what was refused too");
    // Nothing is told twice, and what comes later is told as well.
    let before = hook.came().len();
    rig.client.delete(&path::group("g7")).await.unwrap();
    until("one more", async || hook.came().len() > before).await;
    let last = hook.came().last().unwrap().json();
    assert_eq!((&last["audit"]["what"], &last["audit"]["target"]), (&json!("DELETE /v1/groups/{name}"), &json!("g7")));
    assert_eq!(told(&hook, refused), rows(&rig).await);
    rig.stop().await;
}

/// Promise: a receiver that hangs, with all that may wait for it, holds up no other.
#[tokio::test]
async fn each_receiver_has_every_row_however_far_another_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (hangs, takes) = (Receiver::new(Manner::Sleeps).await, Receiver::new(Manner::Says(200)).await);
    let channels = vec![webhook(folder.path(), "hangs", &hangs.url), webhook(folder.path(), "takes", &takes.url)];
    let both = config(channels, vec![of_audit(&["hangs", "takes"])]);
    let rig = serve(folder.path(), &both).await;
    for number in 0..600 {
        let group = json!({"name": format!("g{number}"), "hosts": ["web-*"]});
        rig.client.post::<Value>(path::GROUPS, &group).await.unwrap();
    }
    until("the last row", async || told(&takes, 0).last() == rows(&rig).await.last()).await;
    assert_eq!(told(&takes, 0).len(), 600);
    assert!(hangs.came().len() < 600);
    // The one that hung finds all of them, from the first on.
    hangs.behave(Manner::Says(200));
    rig.stop().await;
    let rig = serve(folder.path(), &both).await;
    until("the last row there", async || told(&hangs, 0).last() == rows(&rig).await.last()).await;
    let mut numbers: Vec<u64> = told(&hangs, 0).into_iter().map(|(number, _)| number).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=600).collect::<Vec<u64>>());
    assert_eq!(told(&takes, 0).len(), 600, "and nobody is told again");
    rig.stop().await;
}

#[test]
fn what_would_lose_rows_of_the_audit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = "https://receiver.example/hook";
    let syslog = |transport: &str| ChannelConfig {
        server: "127.0.0.1:514".into(),
        transport: transport.into(),
        ..channel("one", "syslog", "")
    };
    let ocsf = ChannelConfig { format: "ocsf".into(), ..webhook(folder.path(), "one", url) };
    let splunk = ChannelConfig { token_file: secret(folder.path(), "token"), ..channel("one", "splunk-hec", url) };
    let plain = || of_audit(&["one"]);
    for (one, route, why) in [
        (webhook(folder.path(), "one", url), plain(), None),
        (splunk, plain(), None),
        (syslog("tcp"), plain(), None),
        (syslog("udp"), plain(), Some("lose rows")),
        (syslog(""), plain(), Some("lose rows")),
        (ocsf, plain(), Some("lose rows")),
        (channel("one", "slack", url), plain(), Some("lose rows")),
        (syslog("tcp"), RouteConfig { digest: "1h".into(), ..plain() }, Some("without quiet")),
        (syslog("tcp"), RouteConfig { quiet: vec!["22:00-07:00".into()], ..plain() }, Some("without quiet")),
        (
            syslog("tcp"),
            RouteConfig { filter: "severity:high".into(), ..plain() },
            Some("a filter and groups are about alerts"),
        ),
    ] {
        let told = Notify::new(&config(vec![one], vec![route]), Settings::default());
        match (told, why) {
            (Ok(_), None) => {}
            (Err(told), Some(why)) => assert!(told.to_string().contains(why), "{told}"),
            (told, why) => panic!("{why:?}: {:?}", told.err()),
        }
    }
}

#[test]
fn nothing_is_told_in_the_clear_beyond_this_host_unless_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let hook = |url: &str| webhook(folder.path(), "one", url);
    let syslog = |server: &str, transport: &str| ChannelConfig {
        server: server.into(),
        transport: transport.into(),
        ..channel("one", "syslog", "")
    };
    for (one, clear) in [
        (hook("https://receiver.example/"), false),
        (hook("http://127.0.0.1:8000/"), false),
        (hook("http://localhost:8000/"), false),
        (hook("http://[::1]:8000/"), false),
        (hook("http://receiver.example/"), true),
        (hook("http://192.0.2.1/"), true),
        (channel("one", "alertmanager", "http://alertmanager.example:9093"), true),
        (channel("one", "falcosidekick", "http://falco.example:2801"), true),
        (syslog("log.example:6514", "tls"), false),
        (syslog("127.0.0.1:514", "udp"), false),
        (syslog("log.example:514", "udp"), true),
        (syslog("log.example:514", ""), true),
        (syslog("log.example:601", "tcp"), true),
    ] {
        let asked = ChannelConfig { unencrypted: true, ..one.clone() };
        let what = format!("{one:?}");
        let told = Notify::new(&config(vec![one], vec![]), Settings::default());
        assert_eq!(told.as_ref().err().is_some(), clear, "{what}: {:?}", told.as_ref().err());
        assert!(told.err().is_none_or(|told| told.to_string().contains("unencrypted = true")), "{what}");
        assert!(Notify::new(&config(vec![asked], vec![]), Settings::default()).is_ok(), "{what}");
    }
    // What proves who we are goes nowhere in the clear, whatever is asked for.
    let token_file = secret(folder.path(), "token");
    let splunk =
        ChannelConfig { token_file, unencrypted: true, ..channel("one", "splunk-hec", "http://splunk.example") };
    assert!(
        Notify::new(&config(vec![splunk], vec![]), Settings::default())
            .err()
            .unwrap()
            .to_string()
            .contains("use https")
    );
}

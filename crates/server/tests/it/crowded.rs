//! Does whoever shares an address with strangers, or comes beside them, still get in (promise S9)?

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use tripoint_api::{Role, path};
use tripoint_server::Limits;

use crate::browser::{Browser, PASSWORD, add_user, head_of};
use crate::rig::Rig;

const SIGN_IN: &str = "/v1/session HTTP/1.1\r\n";

/// A request whose body is begun and not ended.
async fn begun(rig: &Rig, source: [u8; 4], head: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    let mut stream = socket.connect(rig.ready.address.unwrap()).await.unwrap();
    let text = format!("POST {head}host: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{");
    let _ = stream.write_all(text.as_bytes()).await;
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_bodies_and_does_not_end_them_shuts_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { open_max: 64, open_per_source: 16, ..Limits::default() };
    let rig = Rig::start_as(folder.path(), |options| options.limits = limits).await;
    // Whoever is known may take its time, beside all of them.
    let known = format!("{} HTTP/1.1\r\nauthorization: Bearer {}\r\n", path::VIEWS, rig.token());
    let mut slow = begun(&rig, [127, 0, 0, 9], &known).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut kept = Vec::new();
    for number in 0..80_u8 {
        kept.push(begun(&rig, [127, 0, 0, 1 + number % 4], SIGN_IN).await);
    }
    // All of them are in, and wait for what is never said.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for source in [[127, 0, 0, 1], [127, 0, 0, 8]] {
        let honest = Browser { from: source, ..Browser::new(&rig) };
        let begun = Instant::now();
        assert_eq!(honest.sign_in_as("nobody-here").await, 401, "{source:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    // A stranger's body has to come soon, also where there is room.
    let begun_at = Instant::now();
    let mut late = begun(&rig, [127, 0, 0, 7], SIGN_IN).await;
    assert!(head_of(&mut late).await.contains(" 408 "));
    assert!((4..9).contains(&begun_at.elapsed().as_secs()), "{:?}", begun_at.elapsed());
    let body = r#""name":"mine","filter":"","sort":"newest","shared":false}"#;
    slow.write_all(format!("{body:<99}").as_bytes()).await.unwrap();
    let heard = head_of(&mut slow).await;
    assert!(!heard.contains(" 408 "), "{heard}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_one_address_strangers_keep_nobody_from_signing_in_and_going_on() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { strangers_per_minute: 30, ..Limits::default() };
    let rig = Rig::start_as(folder.path(), |options| options.limits = limits).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    // It has signed in here before.
    let mut ada = Browser::new(&rig);
    let heard = ada.post(path::SESSION, json!({"name": "ada", "password": PASSWORD})).await;
    let mark = heard.head.lines().find_map(|line| line.strip_prefix("set-cookie: __Host-tripoint-known=")).unwrap();
    ada.more = format!("cookie: __Host-tripoint-known={}\r\n", mark.split(';').next().unwrap());
    for number in 0..200 {
        let bad = Browser { token: Some(format!("tp_{number}")), ..Browser::new(&rig) };
        bad.get(path::HEALTH).await;
    }
    assert_eq!(Browser::with_token(&rig, "tp_x").get(path::HEALTH).await.status, 429);
    // What a stranger failed does not make a new session wait.
    let signed_in = Browser::signed_in(&rig, "ada").await;
    for _ in 0..6 {
        assert_eq!(signed_in.get(path::QUEUE).await.status, 200);
    }
    // Nor what it asked that anybody may: neither a browser that is known, nor whoever keeps the server running.
    while Browser::new(&rig).get(path::OIDC).await.status != 429 {}
    assert_eq!(Browser::new(&rig).sign_in_as("ada").await, 429);
    assert_eq!(ada.sign_in_as("ada").await, 200);
    for probe in [path::ALIVE, path::READY] {
        assert_eq!(Browser::new(&rig).get(probe).await.status, 200, "{probe}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_that_is_believed_each_is_counted_by_its_own_address() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { strangers_per_minute: 20, ..Limits::default() };
    let rig = Rig::start_as(folder.path(), |options| {
        options.limits = limits;
        options.trusted_proxies = vec!["127.0.0.5/32".parse().unwrap()];
    })
    .await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let through = |proxy: u8, said: &str| Browser {
        from: [127, 0, 0, proxy],
        more: format!("x-forwarded-for: {said}\r\n"),
        ..Browser::new(&rig)
    };
    let stranger = |said: &str| Browser { token: Some("tp_x".into()), ..through(5, said) };
    let mut last = 0;
    for number in 0..60 {
        // What it says of itself before the proxy's word is no other address.
        last = stranger(&format!("203.0.113.{number}, 198.51.100.7")).get(path::HEALTH).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(stranger("198.51.100.8").get(path::HEALTH).await.status, 401, "somebody else behind it");
    // Nor do another's wrong passwords make it wait.
    for _ in 0..12 {
        through(5, "198.51.100.7").post(path::SESSION, json!({"name": "ada", "password": "wrong as can be"})).await;
    }
    assert_eq!(through(5, "198.51.100.7").sign_in_as("ada").await, 429);
    assert_eq!(through(5, "198.51.100.8").sign_in_as("ada").await, 200);
    let audit = rig.client.get::<serde_json::Value>(path::AUDIT).await.unwrap().to_string();
    assert!(audit.contains("\"198.51.100.8\""), "{audit}");
    // Whoever is not believed is who it is.
    for number in 0..60 {
        let said = format!("198.51.100.{number}");
        last = Browser { token: Some("tp_x".into()), ..through(6, &said) }.get(path::HEALTH).await.status;
    }
    assert_eq!(last, 429);
    rig.stop().await;
}

impl Browser {
    async fn sign_in_as(&self, name: &str) -> u16 {
        self.post(path::SESSION, json!({"name": name, "password": PASSWORD})).await.status
    }
}

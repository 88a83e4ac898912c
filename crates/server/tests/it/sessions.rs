//! Does a session let in whom it should, as long as it should, and nobody else?

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use tripoint_api::{Role, path};

use crate::browser::{Browser, PASSWORD, add_user, head_of, sql};
use crate::rig::{Rig, alert};

fn setup_code(folder: &std::path::Path) -> String {
    let text = std::fs::read_to_string(tripoint_server::setup_path(folder)).unwrap();
    text.lines().find_map(|line| line.strip_prefix("code ")).unwrap().to_owned()
}

#[tokio::test]
async fn the_first_admin_is_made_once_by_whoever_has_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let former = setup_code(folder.path());
    rig.stop().await;
    let rig = Rig::start(folder.path()).await;
    let code = setup_code(folder.path());
    assert_ne!(former, code, "made anew at each start");
    let stranger = Browser::new(&rig);
    let wish = |code: &str, name: &str, password: &str| json!({"code": code, "name": name, "password": password});
    for (wish, expected) in [
        (wish(&former, "ada", PASSWORD), (403, "setup-code")),
        (wish("", "ada", PASSWORD), (403, "setup-code")),
        (wish(&code, "Ada", PASSWORD), (422, "name")),
        (wish(&code, "root", PASSWORD), (422, "name")),
        (wish(&code, "ada", "password1234"), (422, "password")),
    ] {
        let heard = stranger.post(path::SETUP, wish).await;
        assert_eq!((heard.status, heard.kind().as_str()), expected, "{heard:?}");
    }
    // Of many at once one is the first.
    let all = (0..6).map(|n| {
        let (stranger, wish) = (stranger.clone(), wish(&code, &format!("ada{n}"), PASSWORD));
        tokio::spawn(async move { stranger.post(path::SETUP, wish).await.status })
    });
    let mut made = 0;
    for one in all.collect::<Vec<_>>() {
        made += u32::from(one.await.unwrap() == 200);
    }
    assert_eq!(made, 1);
    assert!(!tripoint_server::setup_path(folder.path()).exists());
    assert_eq!(stranger.post(path::SETUP, wish(&code, "eve", PASSWORD)).await.status, 403);
    rig.stop().await;
    // There is a user: no further start makes a code.
    let rig = Rig::start(folder.path()).await;
    assert!(!tripoint_server::setup_path(folder.path()).exists());
    let users: Value = rig.client.get(path::USERS).await.unwrap();
    assert_eq!((users.as_array().unwrap().len(), &users[0]["role"]), (1, &json!("admin")));
    rig.stop().await;
}

#[tokio::test]
async fn each_sign_in_has_an_id_of_its_own_that_ends_when_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let mut browser = Browser::new(&rig);
    // An id that somebody else chose is not taken over.
    browser.cookie = Some("0".repeat(64));
    assert_eq!(browser.get(path::SESSION).await.status, 401);
    let heard = browser.sign_in("ada", PASSWORD).await;
    let set = heard.header("set-cookie").unwrap();
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(&format!("; {part}")), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    let first = browser.clone();
    assert!(first.cookie.as_ref().unwrap().len() == 64 && first.cookie != Some("0".repeat(64)));
    assert_eq!(first.get(path::SESSION).await.json()["role"], "analyst");
    // Signing in anew ends what the browser had before.
    browser.sign_in("ada", PASSWORD).await;
    assert_ne!(browser.cookie, first.cookie);
    assert_eq!((first.get(path::SESSION).await.status, browser.get(path::SESSION).await.status), (401, 200));
    let other = Browser::signed_in(&rig, "ada").await;
    let list = browser.get(path::SESSIONS).await.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let id = list.as_array().unwrap().iter().find(|one| one["current"] == false).unwrap()["id"].clone();
    assert_eq!(browser.delete(&format!("{}/{}", path::SESSIONS, id.as_str().unwrap())).await.status, 204);
    assert_eq!(other.get(path::SESSION).await.status, 401, "ended by its owner elsewhere");
    let heard = browser.delete(path::SESSION).await;
    assert!(heard.status == 204 && heard.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(browser.get(path::SESSION).await.status, 401, "signed out");
    let (one, two) = (Browser::signed_in(&rig, "ada").await, Browser::signed_in(&rig, "ada").await);
    assert_eq!(one.delete(path::SESSIONS).await.status, 204);
    assert_eq!((one.get(path::SESSION).await.status, two.get(path::SESSION).await.status), (401, 401));
    for (statement, why) in [
        ("UPDATE sessions SET used = used - 1801000000", "idle for half an hour"),
        ("UPDATE sessions SET created = created - 43201000000", "twelve hours old"),
    ] {
        let aged = Browser::signed_in(&rig, "ada").await;
        sql(folder.path(), statement).await;
        assert_eq!(aged.get(path::SESSION).await.status, 401, "{why}");
    }
    let used = Browser::signed_in(&rig, "ada").await;
    sql(folder.path(), "UPDATE sessions SET used = used - 1700000000").await;
    assert_eq!(used.get(path::SESSION).await.status, 200);
    sql(folder.path(), "UPDATE sessions SET used = used - 1700000000").await;
    assert_eq!(used.get(path::SESSION).await.status, 200, "what is used goes on");
    rig.stop().await;
}

#[tokio::test]
async fn changed_rights_end_sessions_and_open_streams_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let changes = [
        json!({"role": "viewer"}),
        json!({"password": "another owl sings"}),
        json!({"password": PASSWORD, "disabled": true}),
    ];
    for change in changes {
        let browser = Browser::signed_in(&rig, if change["disabled"] == true { "bob" } else { "ada" }).await;
        let name = browser.get(path::SESSION).await.json()["name"].as_str().unwrap().to_owned();
        let mut stream = browser.begin("GET", path::ALERTS_WATCH, "").await;
        assert!(head_of(&mut stream).await.contains("200 OK"));
        let changed = Instant::now();
        rig.client.post::<Value>(&path::user(&name), &change).await.unwrap();
        assert_eq!(browser.get(path::SESSION).await.status, 401, "{change}");
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert!(changed.elapsed() < Duration::from_secs(1));
        if change["password"] == "another owl sings" {
            add_user(&rig.client, "bob", Role::Analyst, &[]).await;
        }
    }
    let mut shut_out = Browser::new(&rig);
    assert_eq!(shut_out.sign_in("bob", PASSWORD).await.status, 401, "disabled");
    // One's own password: all sessions end, the one that asked too.
    add_user(&rig.client, "eva", Role::Viewer, &[]).await;
    let (one, two) = (Browser::signed_in(&rig, "eva").await, Browser::signed_in(&rig, "eva").await);
    for (old, new, expected) in
        [("wrong", "some other long one", 401), (PASSWORD, "short", 422), (PASSWORD, "some other long one", 204)]
    {
        assert_eq!(one.post(path::OWN_PASSWORD, json!({"old": old, "new": new})).await.status, expected, "{new}");
    }
    assert_eq!((one.get(path::SESSION).await.status, two.get(path::SESSION).await.status), (401, 401));
    assert_eq!(Browser::new(&rig).sign_in("eva", PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&rig).sign_in("eva", "some other long one").await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn a_change_needs_a_page_of_ours_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let own = Browser::signed_in(&rig, "ada").await;
    let comment = path::alert_work("aa", "comment");
    let body = json!({"text": "x"});
    let port = rig.ready.address.unwrap().port();
    assert_eq!(own.post(&comment, body.clone()).await.status, 200);
    let fetched = Browser { origin: None, more: "sec-fetch-site: same-origin\r\n".into(), ..own.clone() };
    assert_eq!(fetched.post(&comment, body.clone()).await.status, 200);
    let foreign: Vec<Browser> = [
        (None, ""),
        (Some("null".to_owned()), ""),
        (Some("http://example.org".to_owned()), ""),
        (Some("https://127.0.0.1".to_owned()), ""),
        (Some(format!("http://127.0.0.1:{}", port ^ 1)), ""),
        (Some("http://example.org".to_owned()), "sec-fetch-site: same-origin\r\n"),
        (None, "sec-fetch-site: cross-site\r\n"),
        (None, "sec-fetch-site: same-site\r\n"),
        (None, "sec-fetch-site: none\r\n"),
    ]
    .into_iter()
    .map(|(origin, more)| Browser { origin, more: more.into(), ..own.clone() })
    .collect();
    // A form can send the first three without being asked about it.
    let forms: Vec<Browser> =
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
            .map(|kind| Browser { kind, ..own.clone() })
            .into();
    for (browser, expected) in
        foreign.iter().map(|one| (one, (403, "cross-site"))).chain(forms.iter().map(|one| (one, (415, "not-json"))))
    {
        for permit in tripoint_server::permits::all().iter().filter(|permit| permit.is_change()) {
            if matches!(permit.who, tripoint_server::permits::Who::Anybody | tripoint_server::permits::Who::Root) {
                continue;
            }
            let path = permit.route.replace("{id}", "aa").replace("{name}", "ada");
            let heard = browser.ask(&permit.method.to_uppercase(), &path, &body.to_string()).await;
            assert_eq!((heard.status, heard.kind().as_str()), expected, "{} {path}", permit.method);
        }
    }
    // Signing somebody in as somebody else is a change too.
    for browser in foreign.iter().filter(|one| one.origin.is_some() || !one.more.is_empty()) {
        let heard = browser.post(path::SESSION, json!({"name": "ada", "password": PASSWORD})).await;
        assert_eq!(heard.kind(), "cross-site");
    }
    let shown = own.get(&path::alert("aa")).await.json();
    assert_eq!(shown["work"]["comments"].as_array().unwrap().len(), 2, "nothing was done");
    // Whoever shows a token is no browser.
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let program = Browser { kind: "", ..Browser::with_token(&rig, machine.trim()) };
    assert_eq!(program.post(&comment, body.clone()).await.status, 200);
    // But a browser that says where it is, is.
    let page = Browser { origin: Some("http://example.org".into()), ..program.clone() };
    assert_eq!(page.post(&comment, body.clone()).await.kind(), "cross-site");
    // Browsers send a password that was typed once to every page's requests: it is none here.
    let packed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("x:{}", machine.trim()));
    let typed = Browser { token: None, more: format!("authorization: Basic {packed}\r\n"), ..program };
    assert_eq!(typed.post(&comment, body).await.status, 401);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_dangerous_has_to_be_confirmed_after_five_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let browser = Browser::signed_in(&rig, "ada").await;
    let block = json!({"kind": "block", "target": "203.0.113.1"});
    let dry = json!({"kind": "block", "target": "203.0.113.1", "dry_run": true});
    assert_eq!(browser.post(path::ACTIONS, block.clone()).await.kind(), "no-agent", "just signed in");
    sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
    // Also where a change is to be done once: the refusal is not what is remembered.
    let browser = Browser { more: "idempotency-key: k-1\r\n".into(), ..browser };
    let heard = browser.post(path::ACTIONS, block.clone()).await;
    assert_eq!((heard.status, heard.kind().as_str()), (403, "confirm-needed"));
    let browser = Browser { more: String::new(), ..browser };
    assert_eq!(browser.post(path::ACTIONS, dry).await.kind(), "no-agent", "a preview does nothing");
    assert_eq!(browser.post(path::BOUNCERS, json!({"name": "edge"})).await.kind(), "confirm-needed");
    assert_eq!(browser.post(path::SESSION_CONFIRM, json!({"password": "wrong"})).await.status, 401);
    assert_eq!(browser.post(path::SESSION_CONFIRM, json!({})).await.status, 401);
    assert_eq!(browser.post(path::ACTIONS, block.clone()).await.kind(), "confirm-needed");
    assert_eq!(browser.post(path::SESSION_CONFIRM, json!({"password": PASSWORD})).await.status, 200);
    let again = Browser { more: "idempotency-key: k-1\r\n".into(), ..browser.clone() };
    assert_eq!(again.post(path::ACTIONS, block).await.kind(), "no-agent");
    assert_eq!(browser.post(path::BOUNCERS, json!({"name": "edge"})).await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn strangers_wait_longer_and_longer_and_shut_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Viewer, &[]).await;
    let mut owner = Browser::new(&rig);
    let heard = owner.sign_in("ada", PASSWORD).await;
    let known = heard.head.lines().find_map(|line| line.strip_prefix("set-cookie: __Host-tripoint-known="));
    let known = known.unwrap().split(';').next().unwrap();
    let mut stranger = Browser { from: [127, 0, 0, 2], ..Browser::new(&rig) };
    let mut answers = Vec::new();
    for _ in 0..8 {
        let heard = stranger.sign_in("ada", "a wrong password").await;
        answers.push(heard.status);
        if heard.status == 429 {
            assert!(heard.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        }
    }
    assert_eq!(answers, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(stranger.sign_in("ada", PASSWORD).await.status, 429, "also with the right one");
    assert_eq!(Browser::new(&rig).sign_in("ada", PASSWORD).await.status, 429, "one host is one place");
    // Who has signed in there before goes on doing so, and who is signed in goes on confirming.
    let more = format!("cookie: __Host-tripoint-known={known}\r\n");
    let again = Browser { more, ..Browser::new(&rig) }.sign_in("ada", PASSWORD).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(owner.post(path::SESSION_CONFIRM, json!({"password": PASSWORD})).await.status, 200);
    // Unknown names get the same answer, after as much work.
    add_user(&rig.client, "bob", Role::Viewer, &[]).await;
    let mut other = Browser { from: [127, 0, 0, 3], ..Browser::new(&rig) };
    let mut took = [Duration::ZERO; 2];
    let mut said = Vec::new();
    for (name, took) in ["bob", "nobody-here"].into_iter().zip(&mut took) {
        let begun = Instant::now();
        let heard = other.sign_in(name, "a wrong password").await;
        *took = begun.elapsed();
        said.push((heard.status, heard.body));
    }
    assert_eq!(said[0], said[1]);
    assert!(took[1] * 3 > took[0] && took[0] * 3 > took[1], "{took:?}");
    rig.stop().await;
}

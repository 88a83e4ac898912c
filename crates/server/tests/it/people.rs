//! Do tokens, authenticators and groups of hosts let through what they should, and is no secret in the files?

use serde_json::{Value, json};

use tripoint_api::{Role, path};
use tripoint_model::Timestamp;

use crate::browser::{Browser, PASSWORD, add_user, sql};
use crate::rig::{Rig, alert};

fn in_seconds(seconds: u64) -> String {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    now.plus(std::time::Duration::from_secs(seconds)).to_string()
}

#[tokio::test]
async fn a_token_ends_and_never_may_more_than_its_maker_does_now() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Responder, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let wish = |role: &str, expires: Option<String>| json!({"name": "ci", "role": role, "expires": expires});
    for (wish, expected) in [
        (wish("responder", None), 400),
        (wish("admin", Some(in_seconds(60))), 422),
        (wish("viewer", Some(in_seconds(367 * 86_400))), 422),
        (wish("viewer", Some("2020-01-01T00:00:00Z".into())), 422),
        (json!({"name": "ci", "role": "viewer", "expires": in_seconds(60), "scopes": ["all:read"]}), 400),
    ] {
        assert_eq!(ada.post(path::TOKENS, wish.clone()).await.status, expected, "{wish}");
    }
    let made = ada.post(path::TOKENS, wish("responder", Some(in_seconds(3600)))).await.json();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert!(token.starts_with("tp_") && token.len() == 67, "{token}");
    let program = Browser::with_token(&rig, token);
    let comment = path::alert_work("aa", "comment");
    assert_eq!(program.post(&comment, json!({"text": "x"})).await.json()["work"]["comments"][0]["author"], "ada");
    for wrong in ["tp_", &token[..66], &format!("{token}0"), &token[3..]] {
        assert_eq!(Browser::with_token(&rig, wrong).get(path::SESSION).await.status, 401, "{wrong}");
    }
    assert_eq!(program.post(path::TOKENS, wish("viewer", Some(in_seconds(60)))).await.status, 403);
    let me = program.get(path::SESSION).await.json();
    assert_eq!((me["by"].as_str(), me["role"].as_str()), (Some("token"), Some("responder")));
    // What its maker loses it loses at once.
    rig.client.post::<Value>(&path::user("ada"), &json!({"role": "viewer"})).await.unwrap();
    assert_eq!(program.post(&comment, json!({"text": "x"})).await.status, 403);
    rig.client.post::<Value>(&path::user("ada"), &json!({"disabled": true})).await.unwrap();
    assert_eq!(program.get(path::ALERTS).await.status, 401);
    rig.client.post::<Value>(&path::user("ada"), &json!({"disabled": false})).await.unwrap();
    assert_eq!(program.get(path::ALERTS).await.status, 200);
    let tokens: Value = rig.client.get(path::TOKENS).await.unwrap();
    assert!(tokens[0]["last_used"].is_string() && tokens[0].get("hash").is_none(), "{tokens}");
    // Others' tokens are not there.
    add_user(&rig.client, "bob", Role::Responder, &[]).await;
    let bob = Browser::signed_in(&rig, "bob").await;
    assert_eq!(bob.get(path::TOKENS).await.json(), json!([]));
    assert_eq!(bob.delete(&path::token(id)).await.status, 404);
    let ada = Browser::signed_in(&rig, "ada").await;
    assert_eq!(ada.delete(&path::token(id)).await.status, 204);
    assert_eq!(program.get(path::ALERTS).await.status, 401);
    let made = ada.post(path::TOKENS, wish("viewer", Some(in_seconds(3600)))).await.json();
    let program = Browser::with_token(&rig, made["token"].as_str().unwrap());
    assert_eq!(program.get(path::ALERTS).await.status, 200);
    sql(folder.path(), "UPDATE tokens SET expires = 1").await;
    assert_eq!(program.get(path::ALERTS).await.status, 401, "ended");
    rig.stop().await;
}

#[tokio::test]
async fn the_last_admin_stays_and_a_removed_user_leaves_nothing_open() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    add_user(&rig.client, "bob", Role::Admin, &["web"]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    for change in [json!({"role": "viewer"}), json!({"disabled": true}), json!({"groups": ["web"]})] {
        let heard = ada.post(&path::user("ada"), change).await;
        assert_eq!((heard.status, heard.kind().as_str()), (409, "last-admin"));
    }
    assert_eq!(ada.delete(&path::user("ada")).await.kind(), "last-admin");
    assert_eq!(ada.delete(&path::group("web")).await.kind(), "in-use");
    assert_eq!(ada.post(&path::user("bob"), json!({"groups": ["none"]})).await.kind(), "no-group");
    assert_eq!(ada.post(&path::user("bob"), json!({"groups": []})).await.status, 200);
    let bob = Browser::signed_in(&rig, "bob").await;
    let wish = json!({"name": "t", "role": "admin", "expires": in_seconds(60)});
    let token = bob.post(path::TOKENS, wish).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(ada.delete(&path::user("bob")).await.status, 204);
    assert_eq!(bob.get(path::SESSION).await.status, 401);
    assert_eq!(Browser::with_token(&rig, &token).get(path::ALERTS).await.status, 401);
    // Nobody comes into an old one's rights by taking the name.
    add_user(&rig.client, "bob", Role::Viewer, &[]).await;
    assert_eq!(bob.get(path::SESSION).await.status, 401);
    assert_eq!(Browser::with_token(&rig, &token).get(path::ALERTS).await.status, 401);
    rig.stop().await;
}

#[tokio::test]
async fn whoever_has_a_group_sees_and_does_what_concerns_its_hosts_only() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    rig.report("db1", 1, &[alert("dd", 50, 1)]).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
    add_user(&rig.client, "ada", Role::Responder, &["web"]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let ids = |list: &Value| -> Vec<String> {
        list["alerts"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&ada.get(path::ALERTS).await.json()), ["aa"]);
    assert_eq!(ids(&ada.get("/v1/alerts?host=db1").await.json()), Vec::<String>::new());
    let everybody: Value = rig.client.get(path::ALERTS).await.unwrap();
    assert_eq!(ids(&everybody).len(), 2);
    for what in ["", "/resolve", "/reopen", "/comment", "/assign", "/investigate"] {
        let (foreign, none) = (format!("/v1/alerts/dd{what}"), format!("/v1/alerts/none{what}"));
        let method = if what.is_empty() { "GET" } else { "POST" };
        let (foreign, none) = (ada.ask(method, &foreign, "{}").await, ada.ask(method, &none, "{}").await);
        assert_eq!((foreign.status, foreign.body), (404, none.body), "{what}: as if it were not there");
    }
    let agents = ada.get(path::AGENTS).await.json();
    assert_eq!(agents.as_array().unwrap().iter().map(|one| &one["agent"]["host"]).collect::<Vec<_>>(), ["web1"]);
    let health = ada.get(path::HEALTH).await.json();
    assert_eq!((health["alerts_open"].as_u64(), health["agents"].as_u64()), (Some(1), Some(1)));
    // Actions: another's host is not connected, another's alert is no cause.
    let act = |more: Value| {
        let mut wish = json!({"kind": "block", "target": "203.0.113.1", "dry_run": true});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    assert_eq!(ada.post(path::ACTIONS, act(json!({"host": "db1"}))).await.kind(), "no-agent");
    assert_eq!(ada.post(path::ACTIONS, act(json!({"cause": "dd"}))).await.kind(), "not-found");
    assert_eq!(ada.post(path::ACTIONS, act(json!({"kind": "allow"}))).await.kind(), "host-needed");
    // Exceptions: for hosts of the group only.
    let except = |hosts: Option<&str>| json!({"target": "203.0.113.9", "reason": "ours", "hosts": hosts});
    for hosts in [None, Some("db1"), Some("*"), Some("w*")] {
        for route in [path::EXCEPTIONS, path::EXCEPTIONS_PREVIEW] {
            assert_eq!(ada.post(route, except(hosts)).await.kind(), "other-hosts", "{hosts:?}");
        }
    }
    assert_eq!(ada.post(path::EXCEPTIONS, except(Some("web1"))).await.status, 200);
    let others: Value = rig.client.post(path::EXCEPTIONS, &except(Some("db*"))).await.unwrap();
    let whole: Value = rig.client.post(path::EXCEPTIONS, &except(None)).await.unwrap();
    let listed = ada.get(path::EXCEPTIONS).await.json();
    assert_eq!(listed["exceptions"].as_array().unwrap().len(), 2, "hers, and the one for all");
    for one in [&others, &whole] {
        assert_eq!(ada.delete(&path::exception(one["id"].as_str().unwrap())).await.status, 404);
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_queue_and_its_streams_hold_nothing_of_other_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    rig.report("db1", 1, &[alert("dd", 50, 1)]).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["WEB*"]})).await.unwrap();
    add_user(&rig.client, "ada", Role::Responder, &["web"]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    for asked in [path::QUEUE.to_owned(), format!("{}?filter=host%3Adb1%20OR%20id%3Aaa", path::QUEUE)] {
        let page = ada.get(&asked).await.json();
        let ids: Vec<&str> = page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["aa"], "{asked}");
    }
    let facets = ada.get(path::QUEUE_FACETS).await;
    assert_eq!(facets.json()["total"], 1);
    assert!(!facets.body.contains("db1"), "{}", facets.body);
    let bulk = json!({"ids": ["aa", "dd", "none"], "work": {"do": "comment", "text": "x"}});
    let answer = ada.post(path::QUEUE_WORK, bulk).await.json();
    assert_eq!(answer["done"], json!(["aa"]));
    let mut reasons: Vec<&Value> = answer["refused"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    reasons.dedup();
    assert_eq!(reasons, [&json!("there is no such alert")], "as if it were not there");
    for (route, wish) in [
        (path::alert_work("aa", "work"), json!({"do": "merge", "into": "dd"})),
        (path::QUEUE_WORK.to_owned(), json!({"ids": ["aa"], "work": {"do": "merge", "into": "dd"}})),
    ] {
        assert_eq!(ada.post(&route, wish).await.status, 404, "{route}");
    }
    // What changes while she watches, and what she missed.
    let mut streams = Vec::new();
    for asked in [path::ALERTS_WATCH.to_owned(), path::QUEUE_WATCH.to_owned(), format!("{}?since=0", path::QUEUE_WATCH)]
    {
        let mut stream = ada.begin("GET", &asked, "").await;
        assert!(crate::browser::head_of(&mut stream).await.contains("200 OK"), "{asked}");
        streams.push((asked, stream));
    }
    rig.report("db1", 2, &[alert("d2", 50, 2)]).await;
    rig.report("web1", 2, &[alert("a2", 50, 2)]).await;
    for (asked, mut stream) in streams {
        let mut heard = String::new();
        while !heard.contains("\"a2\"") {
            let mut bytes = [0; 4096];
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.unwrap();
            assert!(read > 0, "{asked}: {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        for hidden in ["d2", "dd", "db1"] {
            assert!(!heard.contains(hidden), "{asked}: {heard}");
        }
        // Not even that something happened there.
        assert!(!heard.lines().any(|line| line.starts_with(':')), "{asked}: {heard}");
    }
    rig.stop().await;
}

/// Waits until the code of now holds for some seconds more, so that no test runs over its end.
pub async fn begin_of_a_step() {
    let into = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % 30;
    if into > 15 {
        tokio::time::sleep(std::time::Duration::from_secs(30 - into)).await;
    }
}

/// The digits for a seed in base32, as an authenticator computes them.
pub fn digits(secret: &str, steps: i64) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut seed = Vec::new();
    let (mut held, mut bits) = (0_u32, 0);
    for letter in secret.bytes() {
        let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        (held, bits) = ((held << 5 | u32::from(value)) & 0xfff, bits + 5);
        if bits >= 8 {
            bits -= 8;
            seed.push((held >> bits) as u8);
        }
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&seed).unwrap();
    mac.update(&(now / 30 + steps).to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let at = usize::from(sum[19] & 15);
    let word = u32::from_be_bytes(sum[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

#[tokio::test]
async fn an_authenticator_is_asked_for_once_it_has_shown_its_digits() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    assert_eq!(ada.post(path::OWN_TOTP_CONFIRM, json!({"code": "123456"})).await.kind(), "no-seed");
    let seed = ada.ask("POST", path::OWN_TOTP, "").await.json();
    let secret = seed["secret"].as_str().unwrap();
    assert!(seed["uri"].as_str().unwrap().starts_with(&format!("otpauth://totp/Tripoint:ada?secret={secret}&")));
    let login = |totp: Option<&str>| json!({"name": "ada", "password": PASSWORD, "totp": totp});
    let stranger = Browser::new(&rig);
    assert_eq!(stranger.post(path::SESSION, login(None)).await.status, 200, "not shown yet, not asked for");
    begin_of_a_step().await;
    for steps in [-1, 1] {
        let heard = ada.post(path::OWN_TOTP_CONFIRM, json!({"code": digits(secret, steps)})).await;
        assert_eq!((heard.status, heard.kind().as_str()), (422, "other-time"), "{steps}");
    }
    let codes = ada.post(path::OWN_TOTP_CONFIRM, json!({"code": digits(secret, 0)})).await.json();
    let codes: Vec<String> = serde_json::from_value(codes["codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    assert_eq!(stranger.post(path::SESSION, login(None)).await.kind(), "totp-needed");
    let now = digits(secret, 0);
    assert_eq!(stranger.post(path::SESSION, login(Some(&now))).await.status, 401, "it has opened once");
    // As if it were another half minute.
    let again = "UPDATE users SET totp_step = totp_step - 2";
    sql(folder.path(), again).await;
    for steps in [-1, 1] {
        assert_eq!(stranger.post(path::SESSION, login(Some(&digits(secret, steps)))).await.status, 401, "{steps}");
    }
    let twice = [login(Some(&now)), login(Some(&now)), login(Some(&codes[0])), login(Some(&codes[0]))];
    let mut answers = Vec::new();
    for wish in twice {
        answers.push(stranger.post(path::SESSION, wish).await.status);
    }
    assert_eq!(answers, [200, 401, 200, 401], "each opens once");
    // A wrong password with the right code says no more than a wrong password.
    let wrong = json!({"name": "ada", "password": "a wrong password", "totp": digits(secret, 1)});
    assert_eq!(stranger.post(path::SESSION, wrong).await.kind(), "wrong-credentials");
    sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
    assert_eq!(ada.delete(path::OWN_TOTP).await.kind(), "confirm-needed");
    sql(folder.path(), again).await;
    assert_eq!(ada.post(path::SESSION_CONFIRM, json!({"totp": digits(secret, 0)})).await.status, 200);
    assert_eq!(ada.delete(path::OWN_TOTP).await.status, 204);
    assert_eq!(stranger.post(path::SESSION, login(None)).await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn no_secret_stands_in_the_files_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let secret = ada.ask("POST", path::OWN_TOTP, "").await.json()["secret"].as_str().unwrap().to_owned();
    let codes = ada.post(path::OWN_TOTP_CONFIRM, json!({"code": digits(&secret, 0)})).await.json();
    let token = ada.post(path::TOKENS, json!({"name": "t", "role": "admin", "expires": in_seconds(60)})).await.json();
    let key: Value = rig.client.post(path::BOUNCERS, &json!({"name": "edge"})).await.unwrap();
    let mut seed = Vec::new();
    for pair in secret.as_bytes().chunks(8) {
        let five = pair.iter().fold(0_u64, |all, letter| {
            let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
            all << 5 | u64::from(value)
        });
        seed.extend_from_slice(&five.to_be_bytes()[3..]);
    }
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = |value: &Value| value.as_str().unwrap().as_bytes().to_vec();
    let secrets = [
        PASSWORD.as_bytes().to_vec(),
        ada.cookie.clone().unwrap().into_bytes(),
        secret.into_bytes(),
        seed,
        hex.into_bytes(),
        text(&codes["codes"][0]),
        text(&token["token"]),
        text(&key["key"]),
    ];
    // Found where it is said: the search can find.
    let ada_is_there = look_for(folder.path(), b"ada");
    assert!(ada_is_there.iter().any(|path| path.contains("server.sqlite")), "{ada_is_there:?}");
    for stopped in [false, true] {
        for (number, secret) in secrets.iter().enumerate() {
            assert_eq!(look_for(folder.path(), secret), Vec::<String>::new(), "secret {number}, stopped: {stopped}");
        }
        if !stopped {
            sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
    }
    rig.stop().await;
}

/// Files below the folder that hold these bytes.
pub fn look_for(folder: &std::path::Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                // What is in use may be gone by now.
                let Ok(text) = std::fs::read(entry.path()) else { continue };
                if text.windows(bytes.len()).any(|window| window == bytes) {
                    found.push(entry.path().display().to_string());
                }
            }
        }
    }
    found
}

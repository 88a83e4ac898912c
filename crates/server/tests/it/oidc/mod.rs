//! Does nobody sign in by a provider but whom the provider named, to us, now, in this browser (promise S10)?

mod hostile;
mod kept;
mod provider;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tripoint_api::{Role, path};
use tripoint_fetch::{Fetcher, Settings};
use tripoint_server::{OidcOptions, RoleRule};

use crate::browser::{Browser, Heard, add_user, sql};
use crate::rig::Rig;
use provider::{CLIENT, HONEST, Manner, Provider, SECRET, Sign};

/// A server that takes this provider's word.
async fn start(folder: &Path, issuer: &str) -> Rig {
    let settings = Settings { total_timeout: Duration::from_secs(5), attempts: 1, ..Settings::default() };
    let rule = |claim: &str, role: Role| RoleRule { claim: claim.into(), role, groups: vec![] };
    let options = OidcOptions {
        name: "Example".into(),
        issuer: issuer.to_owned(),
        client_id: CLIENT.into(),
        secret: SECRET.into(),
        redirect: String::new(),
        scopes: vec!["profile".into()],
        groups_claim: "groups".into(),
        roles: vec![rule("soc-admins", Role::Admin), rule("soc", Role::Responder)],
        private: false,
        fetcher: Arc::new(Fetcher::new(settings).unwrap()),
    };
    Rig::start_as(folder, |server| server.oidc = Some(options)).await
}

/// What a browser brings back from the provider, and the cookie it has.
#[derive(Clone, Debug)]
pub struct Answer {
    query: Vec<(String, String)>,
    cookie: Option<String>,
}

impl Answer {
    fn set(&mut self, name: &str, value: &str) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_owned()));
    }
}

fn pairs(query: &str) -> HashMap<String, String> {
    let plain = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let digits = |rest: &mut std::str::Bytes<'_>| String::from_utf8(rest.by_ref().take(2).collect()).unwrap();
            bytes.push(if byte == b'%' { u8::from_str_radix(&digits(&mut rest), 16).unwrap() } else { byte });
        }
        String::from_utf8(bytes).unwrap()
    };
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), plain(value)))
        .collect()
}

/// Begins, is sent to the provider, signs in there; `None` where the server begins nothing.
async fn begun(browser: &Browser, provider: &Provider, wish: &str) -> Option<Answer> {
    let heard = browser.get(&format!("{}{wish}", path::OIDC_BEGIN)).await;
    if heard.status != 303 {
        return None;
    }
    let (at, query) = heard.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(at, format!("{}/authorize", provider.url()));
    let asked = pairs(query);
    let code = provider.authorize(&asked);
    let cookie = heard.header("set-cookie").unwrap();
    for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().map(str::to_owned);
    let query = vec![("code".to_owned(), code), ("state".to_owned(), asked["state"].clone())];
    Some(Answer { query, cookie })
}

async fn finished(browser: &Browser, answer: &Answer) -> Heard {
    let query: Vec<String> =
        answer.query.iter().map(|(name, value)| format!("{name}={}", value.replace('/', "%2F"))).collect();
    let more = answer.cookie.as_ref().map_or(String::new(), |cookie| format!("cookie: {cookie}\r\n"));
    let browser = Browser { more, cookie: None, origin: None, ..browser.clone() };
    browser.get(&format!("{}?{}", path::OIDC_CALLBACK, query.join("&"))).await
}

/// The session that an answer opened.
fn session(heard: &Heard) -> Option<String> {
    let set = heard.head.lines().filter_map(|line| line.strip_prefix("set-cookie: __Host-tripoint="));
    set.filter_map(|rest| rest.split(';').next()).find(|value| !value.is_empty()).map(str::to_owned)
}

/// All the way, with a change of what is brought back.
async fn sign_in(rig: &Rig, provider: &Provider, change: fn(&mut Answer)) -> Option<Heard> {
    let browser = Browser::new(rig);
    let mut answer = begun(&browser, provider, "").await?;
    change(&mut answer);
    Some(finished(&browser, &answer).await)
}

#[tokio::test]
async fn an_honest_provider_is_believed_however_it_signs() {
    let signed = |sign: Sign, alg: &'static str, kid: &'static str| (sign, alg, kid);
    for (sign, alg, kid) in [
        signed(Sign::Rsa, "RS256", "r"),
        signed(Sign::Pss, "PS256", "r"),
        signed(Sign::Ec, "ES256", "e"),
        signed(Sign::Ed, "EdDSA", "d"),
    ] {
        let token: fn(&mut provider::Token) = match sign {
            Sign::Pss => |token| (token.sign, token.head["alg"]) = (Sign::Pss, "PS256".into()),
            Sign::Ec => |token| (token.sign, token.head) = (Sign::Ec, json!({"alg": "ES256", "kid": "e"})),
            Sign::Ed => |token| (token.sign, token.head) = (Sign::Ed, json!({"alg": "EdDSA", "kid": "d"})),
            // Of many audiences it says for which it was made; clocks differ a little.
            _ => |token| {
                token.claims["aud"] = json!([CLIENT, "another"]);
                token.claims["azp"] = CLIENT.into();
                token.claims["iat"] = (provider::now() + 30).into();
            },
        };
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(Manner { token, ..HONEST }).await;
        let rig = start(folder.path(), provider.url()).await;
        let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
        let cookie = session(&heard);
        assert!(heard.status == 303 && cookie.is_some(), "{alg} {kid}: {heard:?}");
        let me = Browser { cookie, ..Browser::new(&rig) }.get(path::SESSION).await.json();
        assert_eq!((&me["name"], &me["role"]), (&json!("ada"), &json!("responder")), "{alg}");
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_person_is_known_by_issuer_and_subject_and_gets_what_its_groups_may() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(HONEST).await;
    let rig = start(folder.path(), provider.url()).await;
    let shown = Browser::new(&rig).get(path::OIDC).await.json();
    assert_eq!(shown, json!({"oidc": "Example"}));
    // Somebody is called so already: nobody becomes that user by a name or an address of mail.
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    assert_eq!(heard.header("location"), Some("/"));
    let first = Browser { cookie: session(&heard), ..Browser::new(&rig) };
    assert_eq!(first.get(path::SESSION).await.json()["name"], "ada-2");
    // No password opens it.
    for password in ["", "x", crate::browser::PASSWORD] {
        assert_eq!(Browser::new(&rig).sign_in("ada-2", password).await.status, 401, "{password:?}");
    }
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    let again = Browser { cookie: session(&heard), ..Browser::new(&rig) };
    assert_eq!(again.get(path::SESSION).await.json()["name"], "ada-2", "the same, and no third");
    // What an admin gave by hand holds until the provider's groups say otherwise, at the next sign-in.
    rig.client.post::<Value>(&path::user("ada-2"), &json!({"role": "admin"})).await.unwrap();
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    let lower = Browser { cookie: session(&heard), ..Browser::new(&rig) };
    assert_eq!(lower.get(path::SESSION).await.json()["role"], "responder");
    rig.client.post::<Value>(&path::user("ada-2"), &json!({"disabled": true})).await.unwrap();
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    assert_eq!((heard.status, heard.kind().as_str(), session(&heard)), (403, "oidc-disabled", None));
    // A dropped user's name may be another's; the provider's person is not that one.
    rig.client.delete(&path::user("ada-2")).await.unwrap();
    add_user(&rig.client, "ada-2", Role::Admin, &[]).await;
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    let third = Browser { cookie: session(&heard), ..Browser::new(&rig) };
    assert_eq!(third.get(path::SESSION).await.json()["name"], "ada-3");
    let audit: Value = rig.client.get(path::AUDIT).await.unwrap();
    assert!(audit.to_string().contains("GET /v1/oidc/callback") && audit.to_string().contains("4711"), "{audit}");
    rig.stop().await;
}

#[tokio::test]
async fn whoever_signed_in_by_a_provider_proves_there_that_it_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(HONEST).await;
    let rig = start(folder.path(), provider.url()).await;
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    let browser = Browser { cookie: session(&heard), ..Browser::new(&rig) };
    sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
    let block = json!({"kind": "block", "target": "203.0.113.1"});
    assert_eq!(browser.post(path::ACTIONS, block.clone()).await.kind(), "confirm-needed");
    assert!(begun(&Browser::new(&rig), &provider, "?confirm=true").await.is_none(), "only who has signed in");
    let answer = begun(&browser, &provider, "?confirm=true&then=/alerts").await.unwrap();
    let heard = finished(&browser, &answer).await;
    assert_eq!((heard.status, heard.header("location"), session(&heard)), (303, Some("/alerts"), None));
    assert_eq!(browser.post(path::ACTIONS, block.clone()).await.kind(), "no-agent");
    rig.stop().await;
    // A provider that only says who was there an hour ago proves nothing.
    let stale: fn(&mut provider::Token) = |token| token.claims["auth_time"] = (provider::now() - 3600).into();
    let missing: fn(&mut provider::Token) = |token| token.claims["auth_time"] = Value::Null;
    for token in [stale, missing] {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(Manner { token, ..HONEST }).await;
        let rig = start(folder.path(), provider.url()).await;
        let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
        let browser = Browser { cookie: session(&heard), ..Browser::new(&rig) };
        sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
        let answer = begun(&browser, &provider, "?confirm=true").await.unwrap();
        assert_eq!(finished(&browser, &answer).await.kind(), "oidc-refused");
        assert_eq!(browser.post(path::ACTIONS, block.clone()).await.kind(), "confirm-needed");
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_name_that_stands_for_others_is_nobodys_and_what_a_person_did_stands_in_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    for (wished, name) in [("policy", "policy-2"), ("token", "token-2"), ("server", "server-2"), ("daemon", "daemon-2")]
    {
        let token: fn(&mut provider::Token) = match wished {
            "policy" => |token| token.claims["preferred_username"] = "policy".into(),
            "token" => |token| token.claims["preferred_username"] = "token".into(),
            "server" => |token| token.claims["preferred_username"] = "Server".into(),
            // A user of every host.
            _ => |token| token.claims["preferred_username"] = "daemon".into(),
        };
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(Manner { token, ..HONEST }).await;
        let rig = start(folder.path(), provider.url()).await;
        let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
        let browser = Browser { cookie: session(&heard), ..Browser::new(&rig) };
        assert_eq!(browser.get(path::SESSION).await.json()["name"], name);
        rig.stop().await;
    }
    let provider = Provider::start(HONEST).await;
    let rig = start(folder.path(), provider.url()).await;
    let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
    let browser = Browser { cookie: session(&heard), ..Browser::new(&rig) };
    let answer = begun(&browser, &provider, "?confirm=true").await.unwrap();
    assert_eq!(finished(&browser, &answer).await.status, 303);
    // Somebody whose groups may nothing, and strangers' nonsense.
    rig.client.post::<Value>(&path::user("ada"), &json!({"disabled": true})).await.unwrap();
    assert_eq!(sign_in(&rig, &provider, |_| {}).await.unwrap().kind(), "oidc-disabled");
    for _ in 0..50 {
        sign_in(&rig, &provider, |answer| answer.cookie = None).await.unwrap();
    }
    let audit: Value = rig.client.get(path::AUDIT).await.unwrap();
    let rows: Vec<(String, String, String)> = audit["rows"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .filter(|row| row["what"] == "GET /v1/oidc/callback")
        .map(|row| ["who", "asked", "result"].map(|name| row[name].as_str().unwrap_or_default().to_owned()).into())
        .collect();
    let asked = format!("{} 4711", provider.url());
    let expected = [
        ("server", asked.clone(), "done"),
        ("ada", asked.clone(), "done"),
        ("ada", format!("confirm {asked}"), "done"),
        ("", asked.clone(), "403 oidc-disabled"),
    ];
    let expected: Vec<_> = expected.map(|(who, asked, result)| (who.to_owned(), asked, result.to_owned())).into();
    assert_eq!(rows, expected, "{audit}");
    rig.stop().await;
}

#[tokio::test]
async fn whoever_a_provider_knows_is_no_first_admin() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(HONEST).await;
    let rig = start(folder.path(), provider.url()).await;
    assert!(session(&sign_in(&rig, &provider, |_| {}).await.unwrap()).is_some());
    let code = std::fs::read_to_string(folder.path().join("run/setup")).unwrap();
    let code = code.trim().rsplit(['=', ' ', '\n']).next().unwrap().to_owned();
    let set_up = |name: &str| json!({"code": code, "name": name, "password": crate::browser::PASSWORD});
    let stranger = Browser::new(&rig);
    assert_eq!(stranger.post(path::SETUP, set_up("ada")).await.kind(), "name-taken");
    let heard = stranger.post(path::SETUP, set_up("grace")).await;
    assert_eq!((heard.status, heard.json()["role"].clone()), (200, json!("admin")), "{heard:?}");
    assert_eq!(stranger.post(path::SETUP, set_up("mallory")).await.status, 403);
    rig.stop().await;
    let rig = start(folder.path(), provider.url()).await;
    assert!(!folder.path().join("run/setup").exists(), "there is an admin now");
    rig.stop().await;
}

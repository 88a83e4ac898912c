//! Does a key open what it is for and nothing else, and does what is over open nothing, on every route?

use base64::Engine as _;
use serde_json::{Value, json};

use tripoint_api::{BouncerKey, NewBouncer, Role, SecondFactor, path};
use tripoint_server::permits::{self, Permit, Who};

use crate::browser::{Browser, PASSWORD, add_user, sql};
use crate::matrix::{Column, Proof, check, check_as, expected, request, token, with_an_alert};
use crate::rig::{Rig, alert};

/// What the gate says to somebody who shows nothing that it knows.
fn to_nobody(permit: &Permit) -> Option<u16> {
    let nobody = Column { name: String::new(), role: None, by: Proof::None, hosts: (false, false) };
    expected(permit, &nobody)
}

/// The same, but for bouncers' routes.
fn to_bouncer(permit: &Permit) -> Option<u16> {
    to_nobody(permit).filter(|_| permit.who != Who::Bouncers)
}

/// A program that shows something in a header.
fn with_header(rig: &Rig, header: &str) -> Browser {
    Browser { more: format!("{header}\r\n"), origin: None, ..Browser::new(rig) }
}

fn basic(key: &str) -> String {
    let packed = base64::engine::general_purpose::STANDARD.encode(format!("fw:{key}"));
    format!("authorization: Basic {packed}")
}

async fn bouncer(rig: &Rig, name: &str) -> String {
    let made: BouncerKey = rig.client.post(path::BOUNCERS, &NewBouncer { name: name.into() }).await.unwrap();
    made.key
}

#[tokio::test]
async fn a_bouncers_key_opens_what_bouncers_ask_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let rig = with_an_alert(folder.path()).await;
    let (key, dropped) = (bouncer(&rig, "fw").await, bouncer(&rig, "gone").await);
    rig.client.delete(&path::bouncer("gone")).await.unwrap();
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let peoples = token(&Browser::signed_in(&rig, "ada").await, Role::Admin, Vec::new()).await;
    let changed = format!("{}0", &key[..63]);
    let (header, list) = (|key: &str| format!("x-api-key: {key}"), |permit: &Permit| permit.route == path::BLOCKLIST);
    let mut cells = check_as(&rig, "a key", (&with_header(&rig, &header(&key)), None), to_bouncer).await;
    // Firewalls that read a list may know this way only, and only there.
    let by_password = |permit: &Permit| to_nobody(permit).filter(|_| !list(permit));
    cells += check_as(&rig, "a key as a password", (&with_header(&rig, &basic(&key)), None), by_password).await;
    cells += check_as(&rig, "a key as a token", (&Browser::with_token(&rig, &key), None), to_nobody).await;
    let as_session = Browser { cookie: Some(key.clone()), ..Browser::new(&rig) };
    cells += check_as(&rig, "a key as a session", (&as_session, None), to_nobody).await;
    for (name, shown) in [("a dropped key", &dropped), ("a wrong key", &changed), ("a token as a key", &peoples)] {
        cells += check_as(&rig, name, (&with_header(&rig, &header(shown)), None), to_nobody).await;
        cells += check_as(&rig, name, (&with_header(&rig, &basic(shown)), None), |permit| {
            // TAXII's clients send a token so.
            to_nobody(permit).filter(|_| shown != &peoples || !permit.route.starts_with("/taxii2/"))
        })
        .await;
    }
    println!("{cells} pairs of a route and what is shown");
    assert_eq!(cells, permits::all().len() * 10);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_over_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = with_an_alert(folder.path()).await;
    for name in ["ada", "bob", "eva", "kim", "max"] {
        add_user(&rig.client, name, Role::Admin, &[]).await;
    }
    let made = |name: &'static str| {
        let rig = &rig;
        async move {
            let session = Browser::signed_in(rig, name).await;
            let token = token(&session, Role::Admin, Vec::new()).await;
            (session, Browser::with_token(rig, &token))
        }
    };
    let (left, of_left) = made("bob").await;
    rig.client.delete(&path::user("bob")).await.unwrap();
    let (shut, of_shut) = made("eva").await;
    rig.client.post::<Value>(&path::user("eva"), &json!({"disabled": true})).await.unwrap();
    let (ended, revoked) = made("kim").await;
    let id = ended.get(path::TOKENS).await.json()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(ended.delete(&format!("{}/{id}", path::TOKENS)).await.status, 204);
    assert_eq!(ended.delete(path::SESSION).await.status, 204);
    let (idle, expired) = made("max").await;
    sql(folder.path(), "UPDATE tokens SET expires = created + 1 WHERE maker = 'max'").await;
    sql(folder.path(), "UPDATE sessions SET used = used - 1801000000").await;
    let columns = [
        ("the session of a removed user", left),
        ("the token of a removed user", of_left),
        ("the session of a disabled user", shut),
        ("the token of a disabled user", of_shut),
        ("a session that was ended", ended),
        ("a token that was revoked", revoked),
        ("a session that was idle for too long", idle),
        ("a token that has expired", expired),
        ("a token that was never made", Browser::with_token(&rig, &format!("tp_{}", "0".repeat(64)))),
        ("a session that never began", Browser { cookie: Some("0".repeat(64)), ..Browser::new(&rig) }),
        ("an empty token", Browser::with_token(&rig, "")),
        ("a password as a token", Browser::with_token(&rig, PASSWORD)),
    ];
    let (mut cells, count) = (0, columns.len());
    for (name, browser) in columns {
        cells += check_as(&rig, name, (&browser, None), to_nobody).await;
    }
    // A token may no more than its maker may by now.
    let (_, token) = made("ada").await;
    let change = json!({"role": "viewer", "groups": []});
    rig.client.post::<Value>(&path::user("ada"), &change).await.unwrap();
    let by = Proof::Token(Vec::new());
    let column =
        Column { name: "a viewer's from better days".into(), role: Some(Role::Viewer), by, hosts: (true, true) };
    cells += check(&rig, &column, &token, None).await;
    println!("{cells} pairs of a route and what is shown");
    assert_eq!(cells, permits::all().len() * (count + 1));
    rig.stop().await;
}

#[tokio::test]
async fn a_session_that_lacks_a_second_factor_opens_nothing_but_the_way_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| options.second_factor = SecondFactor::Required).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let session = Browser::signed_in(&rig, "ada").await;
    let own = |permit: &Permit| permit.who == Who::SignedIn || (permit.method, permit.route) == ("get", path::SESSION);
    let cells = check_as(&rig, "half a session", (&session, Some("ada")), |permit| match permit.who {
        Who::Anybody | Who::Bouncers | Who::Agents => to_nobody(permit),
        _ => (!own(permit)).then_some(403),
    })
    .await;
    println!("{cells} pairs of a route and what is shown");
    assert_eq!(cells, permits::all().len());
    rig.stop().await;
}

#[tokio::test]
async fn no_method_that_the_table_does_not_name_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let rig = with_an_alert(folder.path()).await;
    let askers = [
        ("nobody", Browser::new(&rig)),
        ("the machine", Browser::with_token(&rig, &rig.token())),
        ("a bouncer", with_header(&rig, &format!("x-api-key: {}", bouncer(&rig, "fw").await))),
    ];
    let mut asked = 0;
    for permit in permits::all() {
        let named = |method: &str| permits::all().iter().any(|own| own.route == permit.route && own.method == method);
        for method in ["get", "post", "put", "patch", "delete"].into_iter().filter(|method| !named(method)) {
            for (name, browser) in &askers {
                let heard = browser.ask(&method.to_uppercase(), &request(permit).0, "{}").await;
                assert!([401, 403, 405].contains(&heard.status), "{method} {} by {name}: {heard:?}", permit.route);
                asked += 1;
            }
        }
    }
    println!("{asked} requests that nobody may ask");
    assert!(asked > permits::all().len() * 6);
    rig.stop().await;
}

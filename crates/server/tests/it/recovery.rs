//! Is a second factor there where it is demanded, and who comes in again that has lost one?

use serde_json::{Value, json};

use tripoint_api::{Role, path};

use crate::browser::{Browser, PASSWORD, add_user, sql};
use crate::people::{begin_of_a_step, digits, look_for};
use crate::rig::Rig;

/// Adds an authenticator; its seed, and the codes for when it is lost.
async fn with_authenticator(browser: &Browser) -> (String, Vec<String>) {
    let seed = browser.ask("POST", path::OWN_TOTP, "").await.json()["secret"].as_str().unwrap().to_owned();
    begin_of_a_step().await;
    let codes = browser.post(path::OWN_TOTP_CONFIRM, json!({"code": digits(&seed, 0)})).await.json();
    (seed, serde_json::from_value(codes["codes"].clone()).unwrap())
}

#[tokio::test]
async fn where_two_factors_are_demanded_a_password_alone_opens_nothing_but_the_second() {
    use tripoint_api::SecondFactor;
    for (of, proxied, demanded) in [
        (SecondFactor::Required, false, true),
        (SecondFactor::Remote, true, true),
        (SecondFactor::Remote, false, false),
        (SecondFactor::Optional, true, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let rig = Rig::start_as(folder.path(), |options| {
            options.second_factor = of;
            options.public_url = proxied.then(|| "https://soc.example".into());
        })
        .await;
        add_user(&rig.client, "ada", Role::Admin, &[]).await;
        let ada = Browser::signed_in(&rig, "ada").await;
        let me = ada.get(path::SESSION).await.json();
        assert_eq!(me["needs_totp"] == true, demanded, "{of:?} {proxied}: {me}");
        // Every route that a session may ask otherwise; the table says which.
        let routes = tripoint_server::permits::all().iter().filter(|permit| {
            use tripoint_server::permits::Who;
            matches!(permit.who, Who::People(_) | Who::Persons(_) | Who::Givers(_)) && permit.route != path::SESSION
        });
        let mut asked = 0;
        for permit in routes.filter(|permit| !permit.route.starts_with("/taxii2/") && !permit.route.ends_with("watch"))
        {
            let kind = ada.ask(&permit.method.to_uppercase(), permit.route, "{}").await.kind();
            assert_eq!(kind == "second-factor-needed", demanded, "{} {}: {kind}", permit.method, permit.route);
            asked += 1;
        }
        assert!(asked > 50, "{asked}");
        if demanded {
            assert_eq!(ada.get("/taxii2/").await.status, 403);
            assert_eq!(ada.get(path::QUEUE_WATCH).await.kind(), "second-factor-needed");
            with_authenticator(&ada).await;
            assert_eq!(ada.get(path::SESSION).await.json()["needs_totp"], Value::Null);
        }
        assert_eq!(ada.get(path::ALERTS).await.status, 200);
        // Who lets it go has to add one again.
        assert_eq!(ada.delete(path::OWN_TOTP).await.status, 204);
        assert_eq!(ada.get(path::ALERTS).await.kind() == "second-factor-needed", demanded);
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_code_once_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    for (name, role) in [("ada", Role::Analyst), ("bob", Role::Viewer), ("eve", Role::Admin)] {
        add_user(&rig.client, name, role, &[]).await;
    }
    let (ada, eve) = (Browser::signed_in(&rig, "ada").await, Browser::signed_in(&rig, "eve").await);
    let (seed, recovery) = with_authenticator(&ada).await;
    let seen = json!({"reason": "came to my desk"});
    for wish in [json!({"reason": ""}), json!({"reason": "  hm   "}), json!({"reason": "x".repeat(501)})] {
        assert_eq!(eve.post(&path::user_reset("ada"), wish).await.kind(), "reason");
    }
    assert_eq!(ada.post(&path::user_reset("ada"), seen.clone()).await.status, 403, "nobody lets itself in");
    assert_eq!(eve.post(&path::user_reset("nobody.there"), seen.clone()).await.status, 404);
    let first = eve.post(&path::user_reset("ada"), seen.clone()).await.json();
    let made = eve.post(&path::user_reset("ada"), seen.clone()).await.json();
    let code = made["code"].as_str().unwrap();
    assert_eq!(code.len(), 26, "128 bits");
    assert_eq!(made["link"], format!("{}/reset#ada:{code}", rig.ready.url.as_ref().unwrap()));
    let other = "four dry owls hoot";
    let wish = |name: &str, code: &str, totp: Option<&str>| json!({"name": name, "code": code, "password": other, "totp": totp});
    let stranger = Browser::new(&rig);
    begin_of_a_step().await;
    sql(folder.path(), "UPDATE users SET totp_step = totp_step - 2").await;
    let digits = digits(&seed, 0);
    for (what, wish, expected) in [
        ("the one before it", wish("ada", first["code"].as_str().unwrap(), Some(&digits)), "wrong-credentials"),
        ("another's", wish("bob", code, None), "wrong-credentials"),
        ("nobody's", wish("nobody.there", code, None), "wrong-credentials"),
        ("the code alone", wish("ada", code, None), "totp-needed"),
        ("wrong digits", wish("ada", code, Some("000000")), "wrong-credentials"),
        ("a weak one", json!({"name": "ada", "code": code, "password": "password1234", "totp": digits}), "password"),
    ] {
        let heard = stranger.post(path::RESET, wish).await;
        assert_eq!(heard.kind(), expected, "{what}: {heard:?}");
    }
    assert_eq!(stranger.post(path::RESET, wish("ada", code, Some(&digits))).await.status, 204);
    assert_eq!(ada.get(path::SESSION).await.status, 401, "every session has ended");
    let again = stranger.post(path::RESET, wish("ada", code, Some(&recovery[0]))).await;
    assert_eq!(again.kind(), "wrong-credentials", "once");
    let login = |password: &str, totp: &str| json!({"name": "ada", "password": password, "totp": totp});
    assert_eq!(stranger.post(path::SESSION, login(PASSWORD, &recovery[0])).await.status, 401);
    assert_eq!(stranger.post(path::SESSION, login(other, &recovery[0])).await.status, 200);
    // What has ended opens nothing, nor what a new password has overtaken.
    let code = eve.post(&path::user_reset("bob"), seen.clone()).await.json()["code"].as_str().unwrap().to_owned();
    sql(folder.path(), "UPDATE resets SET until = 1").await;
    assert_eq!(stranger.post(path::RESET, wish("bob", &code, None)).await.kind(), "wrong-credentials");
    let code = eve.post(&path::user_reset("bob"), seen.clone()).await.json()["code"].as_str().unwrap().to_owned();
    rig.client.post::<Value>(&path::user("bob"), &json!({"password": "five grey owls nest"})).await.unwrap();
    assert_eq!(stranger.post(path::RESET, wish("bob", &code, None)).await.kind(), "wrong-credentials");
    // It is asked for lately proven rights, and stands in the audit with its reason, without the code.
    sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
    assert_eq!(eve.post(&path::user_reset("ada"), seen).await.kind(), "confirm-needed");
    let audit: Value = rig.client.get("/v1/audit?limit=100").await.unwrap();
    let rows: Vec<&Value> = audit["rows"].as_array().unwrap().iter().collect();
    let of = |what: &str| rows.iter().find(|row| row["what"] == what && row["result"] == "done").unwrap();
    assert_eq!(of("POST /v1/users/{name}/reset")["reason"], "came to my desk");
    assert_eq!((&of("POST /v1/reset")["who"], &of("POST /v1/reset")["by"]), (&json!("ada"), &json!("reset code")));
    assert!(!audit.to_string().contains(code.as_str()));
    assert_eq!(look_for(folder.path(), code.as_bytes()), Vec::<String>::new(), "kept as a hash");
    rig.stop().await;
}

#[tokio::test]
async fn a_lost_authenticator_is_forgotten_by_another_who_says_how_it_knows_and_added_anew() {
    let folder = tempfile::tempdir().unwrap();
    let rig =
        Rig::start_as(folder.path(), |options| options.second_factor = tripoint_api::SecondFactor::Required).await;
    for name in ["ada", "eve"] {
        add_user(&rig.client, name, Role::Admin, &[]).await;
    }
    let (ada, eve) = (Browser::signed_in(&rig, "ada").await, Browser::signed_in(&rig, "eve").await);
    with_authenticator(&ada).await;
    let (_, codes) = with_authenticator(&eve).await;
    let forget = |reason: Option<&str>| json!({"remove_totp": true, "reason": reason});
    for reason in [None, Some(""), Some("lost it")] {
        assert_eq!(eve.post(&path::user("ada"), forget(reason)).await.kind(), "reason", "{reason:?}");
    }
    let knows = Some("called back on the number in the directory");
    assert_eq!(eve.post(&path::user("eve"), forget(knows)).await.kind(), "own", "by another");
    sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
    assert_eq!(eve.post(&path::user("ada"), forget(knows)).await.kind(), "confirm-needed");
    assert_eq!(eve.post(path::SESSION_CONFIRM, json!({"password": PASSWORD})).await.status, 200);
    assert_eq!(eve.post(&path::user("ada"), forget(knows)).await.status, 200);
    assert_eq!(ada.get(path::SESSION).await.status, 401, "its sessions have ended");
    // The password is still asked for, and then a new authenticator.
    let mut ada = Browser::new(&rig);
    assert_eq!(ada.sign_in("ada", "not the password").await.status, 401);
    assert_eq!(ada.sign_in("ada", PASSWORD).await.status, 200);
    assert_eq!(ada.get(path::USERS).await.kind(), "second-factor-needed");
    let audit: Value = rig.client.get("/v1/audit?limit=100").await.unwrap();
    let rows = audit["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["what"] == "POST /v1/users/{name}" && row["result"] == "done").unwrap();
    assert_eq!((&row["who"], &row["target"], row["reason"].as_str()), (&json!("eve"), &json!("ada"), knows));
    // Who kept its codes needs nobody.
    let login = json!({"name": "eve", "password": PASSWORD, "totp": codes[3]});
    assert_eq!(Browser::new(&rig).post(path::SESSION, login).await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn no_new_password_is_one_that_was_published() {
    use sha1::Digest as _;
    let folder = tempfile::tempdir().unwrap();
    let listed = ["three red owls sing", "four red owls sing"];
    let line = |text: &&str| {
        let hex: String = sha1::Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{hex}:7\n")
    };
    let mut lines: Vec<String> = listed.iter().map(line).collect();
    lines.sort();
    let file = folder.path().join("breached.txt");
    std::fs::write(&file, lines.concat()).unwrap();
    let rig = Rig::start_as(folder.path(), |options| options.breached = Some(file.clone())).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let code = ada.post(&path::user_reset("ada"), json!({"reason": "it is me"})).await.json()["code"].clone();
    for listed in listed {
        let new = json!({"name": "bob", "role": "viewer", "password": listed});
        for (route, wish) in [
            (path::USERS.to_owned(), new),
            (path::user("ada"), json!({"password": listed})),
            (path::OWN_PASSWORD.to_owned(), json!({"old": PASSWORD, "new": listed})),
            (path::RESET.to_owned(), json!({"name": "ada", "code": code, "password": listed})),
        ] {
            let heard = ada.post(&route, wish).await;
            assert_eq!((heard.status, heard.kind().as_str()), (422, "password"), "{route}: {heard:?}");
            assert!(heard.body.contains("was published"), "{}", heard.body);
        }
    }
    // A file that was spoilt meanwhile lets nothing through, and says so.
    std::fs::write(&file, "nonsense").unwrap();
    let heard = ada.post(path::OWN_PASSWORD, json!({"old": PASSWORD, "new": "six blue owls hum"})).await;
    assert_eq!((heard.status, heard.kind().as_str()), (503, "breached-unreadable"));
    rig.stop().await;
    let refused = Rig::try_start(tripoint_server::ServerOptions {
        data_dir: folder.path().to_owned(),
        breached: Some(file),
        ..Default::default()
    });
    let refused = refused.await.err().unwrap().to_string();
    assert!(refused.contains("at byte 0 there is no line HASH:COUNT"), "{refused}");
}

//! What does the server do that the list in `docs/reference/asvs.md` asks for and no other test looks at?

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use tripoint_api::{AuditList, Role, path};
use tripoint_server::permits;

use crate::browser::{Browser, Heard, PASSWORD, add_user, sql};
use crate::rig::{Rig, alert};

/// An answer is no page, has a kind, is kept by nobody, and no other origin may read it.
fn check_head(heard: &Heard, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(heard.header(name), Some(value), "{what}: {heard:?}");
    }
    assert!(heard.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{what}");
    let head = heard.head.to_lowercase();
    for never in ["access-control-", "location:", "server:", "x-powered-by"] {
        assert!(!head.contains(&format!("\n{never}")), "{what}: {heard:?}");
    }
    let kind = heard.header("content-type").unwrap_or_default();
    assert!(heard.body.is_empty() || !kind.is_empty(), "{what}: {heard:?}");
    let is_said = !kind.starts_with("text/") || kind.contains("charset=utf-8");
    assert!(is_said, "{what} is {kind}");
    if kind.ends_with("json") {
        assert!(serde_json::from_str::<Value>(&heard.body).is_ok(), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn who_signs_out_has_the_browser_forget() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Viewer, &[]).await;
    for (method, route, wish) in [
        ("DELETE", path::SESSION, json!(null)),
        ("DELETE", path::SESSIONS, json!(null)),
        ("POST", path::OWN_PASSWORD, json!({"old": PASSWORD, "new": "four dry owls hoot"})),
    ] {
        let ada = Browser::signed_in(&rig, "ada").await;
        let body = if wish.is_null() { String::new() } else { wish.to_string() };
        let heard = ada.ask(method, route, &body).await;
        assert_eq!((heard.status, heard.header("clear-site-data")), (204, Some("\"cache\"")), "{route}: {heard:?}");
        assert!(heard.header("set-cookie").unwrap().starts_with("__Host-tripoint=;"), "{route}: {heard:?}");
        assert_eq!(ada.get(path::SESSION).await.status, 401);
    }
    rig.stop().await;
}

#[tokio::test]
async fn every_answer_says_what_it_is_is_kept_by_nobody_and_read_by_no_other_page() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let foreign = "origin: http://example.org\r\naccess-control-request-method: POST\r\n";
    let known = Browser { more: foreign.into(), ..Browser::with_token(&rig, machine.trim()) };
    let stranger = Browser { more: foreign.into(), origin: None, ..Browser::new(&rig) };
    let mut asked = 0;
    for browser in [&known, &stranger] {
        for permit in permits::all().iter().filter(|one| one.method == "get" && !one.route.ends_with("/watch")) {
            let path = permit.route.replace("{id}", "aa").replace("{name}", "zz").replace("{*rest}", "x");
            let path = path.replace("{collection}", "zz").replace("{object}", "zz");
            check_head(&browser.get(&path).await, &path);
            asked += 1;
        }
        for (method, path) in [
            ("OPTIONS", "/v1/queue"),
            ("PUT", "/v1/queue"),
            ("POST", "/v1/nothing"),
            ("GET", "/v1/nothing"),
            ("GET", "/v1/views/%0d%0aset-cookie:%20x=y"),
            ("GET", "/v1/queue?filter=%0d%0aset-cookie:%20x=y"),
            ("POST", "/v1/session"),
            ("POST", "/v1/agent/batch"),
        ] {
            let heard = browser.ask(method, path, "").await;
            assert!(heard.status >= 400 && heard.header("set-cookie").is_none(), "{method} {path}: {heard:?}");
            check_head(&heard, path);
        }
    }
    println!("{asked} questions, each answer with its kind");
    rig.stop().await;
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_not_there_and_no_method_is_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let browser = Browser::new(&rig);
    for path in ["/.git/config", "/.git/HEAD", "/.svn/entries", "/assets/", "/assets", "/Cargo.toml", "/index.html.br"]
    {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    for path in ["/server/server.sqlite", "/run/token", "/..%2f..%2frun/token", "/assets/..%2f..%2frun%2ftoken"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    for method in ["TRACE", "TRACK", "PUT", "PATCH", "OPTIONS", "PROPFIND", "DEBUG"] {
        for path in ["/", "/v1/session", "/v1/queue", "/metrics", "/nothing"] {
            let heard = Browser { more: "x-mine: echoed\r\n".into(), ..browser.clone() }.ask(method, path, "").await;
            assert!([401, 404, 405].contains(&heard.status), "{method} {path}: {heard:?}");
            assert!(!heard.body.contains("echoed") && !heard.head.contains("echoed"), "{heard:?}");
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn one_request_has_one_end() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let begin = "POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let next = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for (head, body, first, answers) in [
        // Said twice and differently, or in a way that nobody knows: nothing behind it is believed.
        ("content-length: 2\r\ncontent-length: 44\r\n", "{}", "400", 1),
        ("transfer-encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n", "400", 1),
        ("transfer-encoding: chunked, identity\r\n", "2\r\n{}\r\n0\r\n\r\n", "400", 1),
        ("content-length: +2\r\n", "{}", "400", 1),
        ("content-length : 2\r\n", "{}", "400", 1),
        // Pieces go before a length: one body, one answer, and then the next request.
        ("transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n", "400", 2),
        ("content-length: 2\r\n", "{}", "400", 2),
    ] {
        let mut stream = TcpStream::connect(rig.ready.address.unwrap()).await.unwrap();
        stream.write_all(format!("{begin}{head}\r\n{body}{next}").as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        let heard = String::from_utf8_lossy(&heard).into_owned();
        assert!(heard.starts_with(&format!("HTTP/1.1 {first}")), "{head:?}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), answers, "{head:?}: {heard}");
    }
    // By its length the body ends after the size of its first piece, and what stands in the piece were a request.
    let hidden = "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n";
    let size = format!("{:x}\r\n", hidden.len());
    let both = format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", size.len());
    for (head, smuggled) in [(both.as_str(), false), (&format!("content-length: {}\r\n", size.len()), true)] {
        let mut stream = TcpStream::connect(rig.ready.address.unwrap()).await.unwrap();
        stream.write_all(format!("{begin}{head}\r\n{size}{hidden}\r\n0\r\n\r\n{next}").as_bytes()).await.unwrap();
        let mut heard = String::new();
        let _ = stream.read_to_string(&mut heard).await;
        assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
        // Where there is a length alone, it is a request: that is how it would be seen.
        assert_eq!(heard.contains("ready\n"), smuggled, "{head}: {heard}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_stands_before_us_is_not_believed_and_an_address_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let (token, cookie) = (machine.trim(), ada.cookie.clone().unwrap());
    let nobody = Browser::new(&rig);
    for query in [
        format!("token={token}"),
        format!("access_token={token}"),
        format!("api_key={token}"),
        format!("__Host-tripoint={cookie}"),
        format!("session={cookie}"),
    ] {
        assert_eq!(nobody.get(&format!("/v1/session?{query}")).await.status, 401, "{query}");
    }
    let mut answers = Vec::new();
    for number in 0..7 {
        let more = format!(
            "x-forwarded-for: 192.0.2.{number}\r\nforwarded: for=192.0.2.{number}\r\nx-real-ip: 192.0.2.{number}\r\n\
             x-forwarded-host: example.org\r\nx-user-id: root\r\nx-original-url: /healthz\r\n"
        );
        let mut guess = Browser { from: [127, 0, 0, 9], more, ..Browser::new(&rig) };
        answers.push(guess.sign_in("ada", "a wrong password").await.status);
    }
    assert_eq!(answers, [401, 401, 401, 401, 401, 429, 429]);
    let audit: AuditList = rig.client.get(path::AUDIT).await.unwrap();
    let failed: Vec<_> = audit.rows.iter().filter(|row| row.entry.result.contains("wrong")).collect();
    assert!(failed.len() == 5 && failed.iter().all(|row| row.entry.from == "127.0.0.9"), "{failed:?}");
    rig.stop().await;
}

#[tokio::test]
async fn a_fault_of_the_store_is_told_without_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let browser = Browser::with_token(&rig, machine.trim());
    assert_eq!(browser.get(path::GROUPS).await.status, 200);
    sql(folder.path(), "ALTER TABLE host_groups RENAME TO elsewhere").await;
    for heard in
        [browser.get(path::GROUPS).await, browser.post(path::GROUPS, json!({"name": "g", "hosts": ["a"]})).await]
    {
        assert_eq!((heard.status, heard.kind().as_str()), (503, "store"), "{heard:?}");
        for word in ["groups", "SELECT", "INSERT", "sql", "table", ".rs", "panick", "/"] {
            assert!(!heard.json()["detail"].as_str().unwrap().contains(word), "{word}: {heard:?}");
        }
    }
    assert_eq!(browser.get(path::VIEWS).await.status, 200, "the rest goes on");
    rig.stop().await;
}

#[tokio::test]
async fn nothing_is_taken_that_was_not_asked_for_nor_sent_that_nobody_needs() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let mut ada = Browser::new(&rig);
    let heard = ada.sign_in("ada", PASSWORD).await;
    assert!(!heard.body.contains(ada.cookie.as_ref().unwrap()), "the cookie alone has it: {heard:?}");
    let wish = json!({"old": PASSWORD, "new": "some other long one", "role": "admin", "groups": [], "disabled": false});
    let heard = ada.post(path::OWN_PASSWORD, wish).await;
    assert!([204, 400].contains(&heard.status), "{heard:?}");
    let comment = json!({"text": "x", "author": "root", "status": "resolved", "id": "bb", "host": "db1"});
    let ada = match heard.status {
        204 => {
            let mut again = Browser::new(&rig);
            assert_eq!(again.sign_in("ada", "some other long one").await.status, 200);
            again
        }
        _ => ada,
    };
    ada.post(&path::alert_work("aa", "comment"), comment).await;
    let shown = ada.get(&path::alert("aa")).await.json();
    assert_eq!((&shown["host"], &shown["work"]["status"]), (&json!("web1"), &json!("open")));
    assert_ne!(shown["work"]["comments"][0]["author"], "root");
    let users: Value = rig.client.get(path::USERS).await.unwrap();
    assert_eq!(users[0]["role"], "analyst");
    for secret in ["argon2", "seed", "secret", "hash", "codes", PASSWORD] {
        assert!(!users.to_string().contains(secret), "{secret}: {users}");
    }
    // One name means one thing, of the kind that it has.
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let program = Browser::with_token(&rig, machine.trim());
    for path in ["/v1/queue?limit=1&limit=2", "/v1/queue?limit=x", "/v1/queue?limit=-1", "/v1/audit?after=1&after=2"] {
        assert_eq!(program.get(path).await.status, 400, "{path}");
    }
    for path in ["/v1/queue?after=zz", "/v1/alerts?after=zz", "/v1/alerts?after=aa-1"] {
        let heard = program.get(path).await;
        assert_eq!((heard.status, heard.kind().as_str()), (422, "cursor"), "{path}: no first page again");
    }
    let url = path::alert_work("aa", "comment");
    let list = program.ask("POST", &path::alert_work("aa", "reopen"), "[]").await;
    assert_eq!(list.status, 400, "a list is no object: {list:?}");
    let heard = program.get(&format!("{}?confirm=null", path::OIDC_BEGIN)).await;
    assert_eq!((heard.status, heard.kind().as_str()), (400, "unreadable"), "{heard:?}");
    for body in [r#"{"text":"a","text":"b"}"#, r#"{"text":["a"]}"#, r#"{"text":1}"#, r#"[]"#, r#"{"text":null}"#] {
        assert_eq!(program.ask("POST", &url, body).await.status, 400, "{body}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn quotes_end_no_statement_and_no_query() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let program = Browser::with_token(&rig, machine.trim());
    for bad in [
        "' OR 1=1 --",
        "aa' OR '1'='1",
        "\"; DROP TABLE alerts; --",
        "%",
        "_",
        "aa\\",
        "aa'||'",
        "') UNION SELECT 1 --",
    ] {
        let part = path::segment(bad);
        assert_eq!(program.get(&format!("/v1/alerts/{part}")).await.status, 404, "{bad}");
        assert_eq!(program.delete(&format!("/v1/views/{part}")).await.status, 404, "{bad}");
        for field in ["host", "application", "indicator"] {
            let term = format!("{field}:\"{}\"", bad.replace('\\', "\\\\").replace('"', "\\\""));
            let heard = program.get(&format!("/v1/queue?filter={}", path::segment(&term))).await;
            let rows = heard.json()["rows"].as_array().map(Vec::len);
            assert!(heard.status == 400 || heard.status == 422 || rows == Some(0), "{term}: {heard:?}");
        }
        let mut guess = Browser { from: [127, 0, 1, 1], ..Browser::new(&rig) };
        assert_ne!(guess.sign_in(bad, bad).await.status, 200, "{bad}");
    }
    assert_eq!(program.get("/v1/alerts/aa").await.status, 200, "it is there still");
    rig.stop().await;
}

#[tokio::test]
async fn any_long_password_is_taken_as_it_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let long = "only small letters and no digit ".repeat(4);
    let passwords =
        [long.as_str(), "  a space before and behind  ", "drei nasse Käuzchen singen ünd", "🦉🦉 wet 🌧 owls ✓ sing"];
    for (number, password) in passwords.iter().enumerate() {
        let name = format!("user{number}");
        let user = json!({"name": name, "role": "viewer", "password": password, "groups": []});
        rig.client.post::<Value>(path::USERS, &user).await.unwrap();
        let from = [127, 0, 2, u8::try_from(number).unwrap() + 1];
        let mut browser = Browser { from, ..Browser::new(&rig) };
        for wrong in [password.trim(), &password.to_uppercase(), &password[..password.len() - 4]] {
            if wrong != *password {
                assert_eq!(browser.sign_in(&name, wrong).await.status, 401, "{wrong:?}");
            }
        }
        assert_eq!(browser.sign_in(&name, password).await.status, 200, "{password:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_the_server_keeps_is_read_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    let mut seen = 0;
    for folder in [folder.path().join("server"), folder.path().join("run")] {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (name, about) = (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap());
            if about.is_file() && !PUBLIC.contains(&name.as_str()) {
                assert_eq!(about.permissions().mode() & 0o077, 0, "{name}: {:o}", about.permissions().mode());
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "database, keys, token: {seen}");
    rig.stop().await;
}

/// The first words of a client that offers a version and one suite, and all that belongs to it: curves, how points are
/// written, and how it may be signed (RFC 5246 section 7.4.1, RFC 8422 section 5.1).
fn hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let extensions = [
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 8, 0, 6, 4, 3, 5, 3, 8, 4],
        // Keys of the handshake hang on all of it (RFC 7627).
        &[0, 23, 0, 0],
    ]
    .concat();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let body = [&version[..], &[7; 32], &[0], &[0, 2], &suite, &[1, 0], &length(&extensions), &extensions].concat();
    let shake = [&[1, 0][..], &length(&body), &body].concat();
    [&[0x16, 3, 1][..], &length(&shake), &shake].concat()
}

#[tokio::test]
async fn old_versions_and_suites_of_tls_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    for (name, version, suite, alert) in [
        // The same words with a good version and suite are answered: the rest of them is not what is refused.
        ("TLS 1.2, ECDHE and GCM", [3, 3], [0xc0, 0x2b], None),
        ("TLS 1.2, ECDHE and ChaCha20", [3, 3], [0xcc, 0xa9], None),
        ("SSL 3", [3, 0], [0xc0, 0x2b], Some(70)),
        ("TLS 1.0", [3, 1], [0xc0, 0x2b], Some(70)),
        ("TLS 1.1", [3, 2], [0xc0, 0x2b], Some(70)),
        ("TLS 1.2, RSA and CBC", [3, 3], [0, 0x2f], Some(40)),
        ("TLS 1.2, ECDHE and CBC", [3, 3], [0xc0, 0x23], Some(40)),
        ("TLS 1.2, RC4", [3, 3], [0, 5], Some(40)),
        ("TLS 1.2, nothing encrypted", [3, 3], [0, 1], Some(40)),
        ("TLS 1.2, nobody known", [3, 3], [0xc0, 0x18], Some(40)),
    ] {
        let mut stream = TcpStream::connect(rig.ready.address.unwrap()).await.unwrap();
        stream.write_all(&hello(version, suite)).await.unwrap();
        let mut heard = [0; 7];
        stream.read_exact(&mut heard).await.unwrap();
        match alert {
            // A record of the handshake, and in it the server's own words (RFC 5246 section 7.4).
            None => assert!(heard[0] == 0x16 && heard[5] == 2, "{name}: {heard:?}"),
            // A fatal alert: the version, or that nothing is in common.
            Some(alert) => assert!(heard[0] == 0x15 && heard[5..7] == [2, alert], "{name}: {heard:?}"),
        }
    }
    rig.stop().await;
}

/// What others may read: it proves and opens nothing. `trust` is for the importer, which is another user.
const PUBLIC: &[&str] = &["audit.pub", "ready", "trust"];

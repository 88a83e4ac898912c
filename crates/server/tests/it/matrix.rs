//! May each kind of caller ask exactly what the table of permits says, on every route of the contract?

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use tripoint_api::accounts::{NewToken, TokenMade};
use tripoint_api::{Area, Role, Scope, path};
use tripoint_model::Timestamp;
use tripoint_server::permits::{self, Confirm, Hosts, Permit, Who};

use crate::browser::{Browser, Heard, add_user, sql};
use crate::contract::CONTRACT;
use crate::rig::{Rig, alert};
use crate::witness::whole_alert;

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let contract: BTreeSet<(String, String)> = CONTRACT.requests().cloned().collect();
    let rows = permits::all().iter().filter(|permit| !permit.route.starts_with("/taxii2/"));
    let rows: BTreeSet<(String, String)> =
        rows.map(|permit| (permit.method.to_owned(), permit.route.to_owned())).collect();
    assert_eq!(contract, rows);
}

/// Who asks in a column of the matrix.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// Nothing = nobody.
    pub role: Option<Role>,
    pub by: Proof,
    /// Whether it sees the host of the alert, and whether it sees all.
    pub hosts: (bool, bool),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    None,
    Session,
    Token(Vec<Scope>),
    Machine,
}

/// What the gate has to say: `None` = it lets pass.
pub fn expected(permit: &Permit, column: &Column) -> Option<u16> {
    let Some(role) = column.role else {
        return match permit.who {
            Who::Anybody => None,
            Who::Agents => Some(403),
            Who::Bouncers => Some(if permit.route == path::BLOCKLIST { 401 } else { 403 }),
            _ => Some(401),
        };
    };
    let is_token = matches!(column.by, Proof::Token(_));
    let (least, fits) = match permit.who {
        Who::Anybody => return None,
        Who::Agents => return Some(403),
        Who::Bouncers => return Some(if permit.route == path::BLOCKLIST { 401 } else { 403 }),
        Who::People(least) => (least, true),
        Who::Persons(least) => (least, column.by == Proof::Session),
        Who::Givers(least) => (least, !is_token),
        Who::SignedIn => (Role::Viewer, column.by == Proof::Session),
        Who::Root => (Role::Viewer, false),
    };
    let scope = Scope { area: permit.area, write: permit.write };
    let scoped = match &column.by {
        Proof::Token(scopes) => scopes.is_empty() || scopes.contains(&scope),
        _ => true,
    };
    let (sees_alert, sees_all) = column.hosts;
    if role < least || !fits || !scoped || (permit.hosts == Hosts::Whole && !sees_all) {
        return Some(403);
    }
    (permit.hosts == Hosts::OfAlert && !sees_alert).then_some(404)
}

/// What the gate said, where it was the gate.
fn gate(heard: &Heard) -> Option<u16> {
    let by_gate = ["unauthorized", "forbidden", "cross-site", "confirm-needed", "not-json", "second-factor-needed"];
    let plain = heard.kind().is_empty() && matches!(heard.status, 401 | 403);
    let hidden = heard.status == 404 && heard.json()["detail"] == "there is no such alert";
    (plain || hidden || by_gate.contains(&heard.kind().as_str())).then_some(heard.status)
}

/// A request that does little where it is let through.
pub fn request(permit: &Permit) -> (String, &'static str) {
    let path = permit.route.replace("{name}", "zz").replace("{number}", "999").replace("{collection}", "sightings");
    let path = path.replace("{object}", "zz").replace("{*rest}", "zz");
    let path = path.replace("{id}", if permit.hosts == Hosts::OfAlert { "aa" } else { "zz" });
    match permit.route {
        path::AGENT_ORDERS => (format!("{path}?host=web1&wait_s=0"), ""),
        path::AGENT_ALERTS => (format!("{path}?host=web1"), ""),
        path::SESSION_CONFIRM => (path, r#"{"password":"three wet owls sing"}"#),
        "/v1/alerts/{id}/comment" => (path, r#"{"text":"x"}"#),
        "/v1/alerts/{id}/resolve" => (path, r#"{"resolution":"expected"}"#),
        _ if permit.method == "get" => (path, ""),
        _ => (path, "{}"),
    }
}

async fn ask(browser: &Browser, permit: &Permit) -> Heard {
    let (path, body) = request(permit);
    if permit.route.ends_with("/watch") {
        let mut stream = browser.begin("GET", &path, "").await;
        let head = crate::browser::head_of(&mut stream).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if status == 200 { String::new() } else { browser.get(&path).await.body };
        return Heard { status, head, body };
    }
    browser.ask(&permit.method.to_uppercase(), &path, body).await
}

/// Ends the session that asks.
fn ends_it(permit: &Permit) -> bool {
    permit.method == "delete" && [path::SESSION, path::SESSIONS].contains(&permit.route)
}

pub async fn token(maker: &Browser, role: Role, scopes: Vec<Scope>) -> String {
    let expires = Timestamp::from_system(std::time::SystemTime::now()).plus(std::time::Duration::from_secs(3600));
    let new = NewToken { name: "t".into(), role, scopes, expires };
    let heard = maker.post(path::TOKENS, serde_json::to_value(new).unwrap()).await;
    assert_eq!(heard.status, 200, "{heard:?}");
    serde_json::from_str::<TokenMade>(&heard.body).unwrap().token
}

/// Every cell of a column; how many. With a name it is asked by a session of that user.
pub async fn check(rig: &Rig, column: &Column, browser: &Browser, name: Option<&str>) -> usize {
    check_as(rig, &column.name, (browser, name), |permit| expected(permit, column)).await
}

/// The same by what the gate has to say to each row.
pub async fn check_as(
    rig: &Rig,
    column: &str,
    (browser, name): (&Browser, Option<&str>),
    wanted: impl Fn(&Permit) -> Option<u16>,
) -> usize {
    // The rows that end all sessions come last, each with a session of its own.
    let (last, first): (Vec<&Permit>, Vec<&Permit>) = permits::all().iter().partition(|permit| ends_it(permit));
    for permit in first.into_iter().chain(last) {
        let browser = match name {
            Some(name) if ends_it(permit) => Browser::signed_in(rig, name).await,
            _ => browser.clone(),
        };
        let heard = ask(&browser, permit).await;
        assert_eq!(gate(&heard), wanted(permit), "{} {} by {column}: {heard:?}", permit.method, permit.route);
        assert_ne!(heard.status, 405);
        assert!(heard.status < 500, "{heard:?}");
    }
    permits::all().len()
}

/// A server that knows an alert of `web1`, whose agent is not connected: nobody is waited for.
pub async fn with_an_alert(folder: &std::path::Path) -> Rig {
    let rig = Rig::start(folder).await;
    rig.report("web1", 1, &[whole_alert("aa", 50)]).await;
    rig.stop().await;
    // Whoever is refused on every route is soon told to wait; that is asked elsewhere.
    Rig::start_as(folder, |options| options.limits.strangers_per_minute = 0).await
}

#[tokio::test]
async fn every_cell_of_the_matrix_is_as_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let rig = with_an_alert(folder.path()).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "db", "hosts": ["db*"]})).await.unwrap();
    let mut cells = 0;
    let none = Column { name: "nobody".into(), role: None, by: Proof::None, hosts: (false, false) };
    cells += check(&rig, &none, &Browser::new(&rig), None).await;
    let machine = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let column = Column { name: "machine".into(), role: Some(Role::Admin), by: Proof::Machine, hosts: (true, true) };
    cells += check(&rig, &column, &Browser::with_token(&rig, machine.trim()), None).await;
    for (groups, hosts) in [(vec![], (true, true)), (vec!["web"], (true, false)), (vec!["db"], (false, false))] {
        for role in Role::ALL {
            let name = format!("{}{}", role.as_str(), groups.join(""));
            add_user(&rig.client, &name, role, &groups).await;
            let session = Browser::signed_in(&rig, &name).await;
            let token = token(&session, role, Vec::new()).await;
            let column = Column { name: format!("token of {name}"), role: Some(role), by: Proof::Token(vec![]), hosts };
            cells += check(&rig, &column, &Browser::with_token(&rig, &token), None).await;
            let column = Column { name: name.clone(), role: Some(role), by: Proof::Session, hosts };
            cells += check(&rig, &column, &session, Some(&name)).await;
        }
    }
    println!("{cells} cells");
    assert_eq!(cells, permits::all().len() * 26);
    rig.stop().await;
}

#[tokio::test]
async fn a_token_is_held_to_its_scopes_on_every_route() {
    let folder = tempfile::tempdir().unwrap();
    let rig = with_an_alert(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let session = Browser::signed_in(&rig, "ada").await;
    for area in Area::ALL {
        for write in [false, true] {
            let scopes = vec![Scope { area, write }];
            let token = token(&session, Role::Admin, scopes.clone()).await;
            let name = format!("token for {}", scopes[0]);
            let column = Column { name, role: Some(Role::Admin), by: Proof::Token(scopes), hosts: (true, true) };
            check(&rig, &column, &Browser::with_token(&rig, &token), None).await;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn every_row_that_has_to_be_confirmed_is_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let rig = with_an_alert(folder.path()).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    for permit in permits::all().iter().filter(|permit| !matches!(permit.who, Who::Anybody)) {
        let browser = Browser::signed_in(&rig, "ada").await;
        sql(folder.path(), "UPDATE sessions SET confirmed = confirmed - 301000000").await;
        let (path, body) = request(permit);
        let heard = match permit.route {
            path::ALERTS_WATCH | path::QUEUE_WATCH | path::CONNECTIONS_WATCH => continue,
            path::ACTIONS if permit.method == "post" => {
                browser.post(&path, json!({"kind": "block", "target": "203.0.113.1"})).await
            }
            _ => browser.ask(&permit.method.to_uppercase(), &path, body).await,
        };
        let asks_for_it = permit.confirm != Confirm::No && permit.who != Who::Root;
        assert_eq!(heard.kind() == "confirm-needed", asks_for_it, "{} {path}: {heard:?}", permit.method);
    }
    rig.stop().await;
}

/// An agent that is not root is an agent and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_may_what_agents_may_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt as _;
    if crate::rig::own_uid() != 0 {
        println!("skipped: only root can ask as another user");
        return;
    }
    const AGENT: u32 = 65_533;
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| options.agent_uids.push(AGENT)).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    for path in [folder.path().to_owned(), folder.path().join("run"), rig.ready.socket.clone()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let socket = rig.ready.socket.clone();
    let asking = std::thread::spawn(move || {
        let uid = rustix::process::Uid::from_raw(AGENT);
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        for permit in permits::all() {
            let (path, body) = request(permit);
            let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
            let length = body.len();
            let head = format!("{} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", permit.method.to_uppercase());
            // In one piece: whoever is refused is refused before the end.
            let whole = format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(whole.as_bytes()).unwrap();
            let mut answer = vec![0; 12];
            stream.read_exact(&mut answer).unwrap();
            let status: u16 = String::from_utf8_lossy(&answer[9..]).parse().unwrap();
            let refused = matches!(status, 401 | 403);
            let open = matches!(permit.who, Who::Agents) || permit.who == Who::Anybody && permit.route == path::SESSION;
            // A wrong code and a wrong password are refused in the same way as everybody's.
            if permit.who == Who::Anybody {
                continue;
            }
            assert_eq!(refused, !open, "{} {path}: {status}", permit.method);
        }
    });
    tokio::task::spawn_blocking(move || asking.join()).await.unwrap().unwrap();
    rig.stop().await;
}

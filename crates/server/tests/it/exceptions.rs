//! Is what an exception would do and did told as it is?

use tripoint_api::accounts::{NewToken, TokenMade};
use tripoint_api::{
    AlertList, Answer, Area, ExceptionList, ExceptionPreview, ExceptionRequest, Order, Orders, Role, Scope, path,
};
use tripoint_model::{Alert, Exception, Timestamp};

use crate::browser::{Browser, sql};
use crate::rig::{Rig, alert};

fn request(target: &str) -> ExceptionRequest {
    ExceptionRequest { target: Some(target.parse().unwrap()), reason: "partner".into(), ..ExceptionRequest::default() }
}

/// An alert with connections to these peers.
fn with_peers(id: &str, peers: &[&str]) -> Alert {
    let one = |peer: &&str| {
        format!(
            r#"{{"id":{{"cookie":1,"peer":0}},"protocol":"tcp","direction":"outbound","local":"198.51.100.1:4000",
            "remote":"{peer}","state":"closed","opened":"2026-11-20T03:00:00Z","bytes_in":0,"bytes_out":0,"netns":1}}"#
        )
    };
    let text = format!("[{}]", peers.iter().map(one).collect::<Vec<_>>().join(","));
    let connections = serde_json::from_str(&text).unwrap();
    Alert { connections, direction: tripoint_model::Direction::Outbound, ..alert(id, 50, 1) }
}

async fn preview(rig: &Rig, request: &ExceptionRequest) -> ExceptionPreview {
    rig.client.post(path::EXCEPTIONS_PREVIEW, request).await.unwrap()
}

#[tokio::test]
async fn a_preview_names_what_is_covered_whole_and_in_part_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let items = [
        with_peers("aa", &["203.0.113.66:443"]),
        with_peers("ab", &["203.0.113.66:443", "198.51.100.7:443"]),
        with_peers("ac", &["198.51.100.7:443"]),
    ];
    rig.report("web1", 1, &items).await;
    let said = preview(&rig, &request("203.0.113.0/24")).await;
    assert_eq!(said.read, 3);
    assert_eq!(said.alerts.iter().map(|one| one.id.0.as_str()).collect::<Vec<_>>(), ["aa"]);
    assert_eq!((said.partly[0].id.0.as_str(), said.partly[0].covered, said.partly[0].carried), ("ab", 1, 2));
    // An agent that reports fetches no orders here: that is said, and the alerts are told all the same.
    assert!(said.errors.iter().any(|error| error.contains("blocks in force")), "{:?}", said.errors);
    let elsewhere = ExceptionRequest { hosts: Some("db-*".into()), ..request("203.0.113.0/24") };
    assert_eq!(preview(&rig, &elsewhere).await.alerts_total, 0);
    let list: ExceptionList = rig.client.get(path::EXCEPTIONS).await.unwrap();
    assert!(list.exceptions.is_empty());
    rig.stop().await;
}

/// Whoever accepted one vulnerability has not accepted another that a report brings, whoever knows of it.
#[tokio::test]
async fn an_exception_for_a_vulnerability_covers_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let wanted = ExceptionRequest { cves: vec!["CVE-2026-0001".into()], ..request("203.0.113.66") };
    let made: Exception = rig.client.post(path::EXCEPTIONS, &wanted).await.unwrap();
    let finding = |cve: &str| -> tripoint_model::Finding {
        let text = format!(
            r#"{{"purl":"pkg:deb/debian/x@1","name":"x","id":"{cve}","cves":["{cve}"],"state":"affected","fixed":null,
            "known_exploited":false}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    let covered = |id: &str, cves: &[&str]| Alert {
        findings: cves.iter().map(|cve| finding(cve)).collect(),
        suppressed_by: Some(made.id.clone()),
        ..with_peers(id, &["203.0.113.66:443"])
    };
    let reported = [covered("aa", &["CVE-2026-0001"]), covered("ab", &["CVE-2026-0001", "CVE-2026-0002"])];
    rig.report("web1", 1, &reported).await;
    for (id, is_covered) in [("aa", true), ("ab", false)] {
        let kept: Alert = rig.client.get(&path::alert(id)).await.unwrap();
        assert_eq!(kept.suppressed_by.is_some(), is_covered, "{id}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_preview_asks_the_agents_what_they_would_lift() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    let client = rig.tcp();
    let asked = tokio::spawn(async move {
        client.post::<ExceptionPreview>(path::EXCEPTIONS_PREVIEW, &request("203.0.113.66")).await.unwrap()
    });
    let orders: Orders = rig.client.get(&format!("{}?host=web1&after=0&wait_s=10", path::AGENT_ORDERS)).await.unwrap();
    let Order::WouldLift { exception } = &orders.orders[0].order else { panic!("{:?}", orders.orders) };
    assert_eq!(exception.target, Some("203.0.113.66".parse().unwrap()));
    let standing = serde_json::from_str(
        r#"[{"id":"b","target":"203.0.113.66","scope":"host","expires":"2026-11-20T03:00:00Z","requester":"policy",
        "reason":"c2","mechanism":"bpf","kernel":"held"}]"#,
    )
    .unwrap();
    let answer = Answer { standing, ..Answer::default() };
    let _: () = rig.client.post(&path::order_answer(orders.orders[0].number), &answer).await.unwrap();
    let said = asked.await.unwrap();
    assert_eq!((said.hosts.as_slice(), said.blocks.len()), (&["web1".to_owned()][..], 1));
    assert_eq!(said.errors, Vec::<String>::new());
    rig.stop().await;
}

/// An exception and what tells the agents of it are one: where the one cannot be kept, neither is.
#[tokio::test]
async fn an_exception_that_no_agent_can_be_told_of_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    let kept: Exception = rig.client.post(path::EXCEPTIONS, &request("203.0.113.1")).await.unwrap();
    sql(folder.path(), "CREATE TRIGGER t BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    rig.client.post::<Exception>(path::EXCEPTIONS, &request("203.0.113.2")).await.unwrap_err();
    rig.client.delete(&path::exception(&kept.id)).await.unwrap_err();
    let list: ExceptionList = rig.client.get(path::EXCEPTIONS).await.unwrap();
    assert_eq!(list.exceptions.iter().map(|one| &one.exception).collect::<Vec<_>>(), [&kept]);
    rig.stop().await;
}

/// To allow somebody is to make an exception, and takes the right to.
#[tokio::test]
async fn a_token_for_actions_makes_no_exceptions() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    let expires = Timestamp::from_system(std::time::SystemTime::now()).plus(std::time::Duration::from_secs(3600));
    let scope = |area| Scope { area, write: true };
    let program = async |scopes: Vec<Scope>| {
        let new = NewToken { name: format!("t{}", scopes.len()), role: Role::Responder, scopes, expires };
        let made: TokenMade = rig.client.post(path::TOKENS, &new).await.unwrap();
        Browser::with_token(&rig, &made.token)
    };
    let exceptions = async || rig.client.get::<ExceptionList>(path::EXCEPTIONS).await.unwrap().exceptions.len();
    let wish = serde_json::json!({"kind": "allow", "target": "203.0.113.66", "reason": "partner"});
    let refused = program(vec![scope(Area::Actions)]).await.post(path::ACTIONS, wish.clone()).await;
    assert_eq!((refused.status, refused.body.contains("exceptions:write")), (403, true), "{refused:?}");
    assert_eq!(exceptions().await, 0);
    // It does not wait for what the agent says of it.
    let both = program(vec![scope(Area::Actions), scope(Area::Exceptions)]).await;
    let _asked = both.begin("POST", path::ACTIONS, &wish.to_string()).await;
    crate::channels::until("the exception", async || exceptions().await == 1).await;
    rig.abort().await;
}

/// Hits are connections: told once, counted once, and what is told again adds nothing.
#[tokio::test]
async fn what_an_exception_kept_quiet_is_counted_and_stays_searchable() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let made: Exception = rig.client.post(path::EXCEPTIONS, &request("203.0.113.66")).await.unwrap();
    let quiet = |count| {
        let suppressed_by = Some(made.id.clone());
        Alert { suppressed_by, count, ..with_peers("aa", &["203.0.113.66:443"]) }
    };
    let used = async || {
        let list: ExceptionList = rig.client.get(path::EXCEPTIONS).await.unwrap();
        let used = list.exceptions[0].used;
        (used.hits, used.alerts, used.last_used.is_some())
    };
    assert_eq!(used().await, (0, 0, false));
    for (sequence, count, expected) in [(1, 3, (3, 1, true)), (2, 3, (3, 1, true)), (3, 5, (5, 1, true))] {
        rig.report("web1", sequence, &[quiet(count)]).await;
        assert_eq!(used().await, expected, "{sequence}");
    }
    rig.report("web1", 4, &[with_peers("ab", &["198.51.100.7:443"])]).await;
    let listed = async |query: &str| {
        let list: AlertList = rig.client.get(&format!("{}{query}", path::ALERTS)).await.unwrap();
        list.alerts.into_iter().map(|alert| alert.id.0).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["ab"]);
    assert_eq!(listed("?suppressed=true").await.len(), 2);
    assert_eq!(listed("?suppressed_only=true").await, ["aa"]);
    // It ends: the agent says so, the alert counts again, and being kept quiet anew is a new alert to it.
    rig.report("web1", 5, &[Alert { count: 5, ..with_peers("aa", &["203.0.113.66:443"]) }]).await;
    assert_eq!(listed("").await.len(), 2);
    // An exception that nobody keeps counts nothing and does no harm.
    let stranger = Alert { suppressed_by: Some("x0".into()), ..with_peers("ad", &["203.0.113.66:443"]) };
    rig.report("web1", 6, &[stranger]).await;
    assert_eq!(used().await, (5, 1, true));
    rig.stop().await;
}

#[tokio::test]
async fn what_means_nothing_or_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let base = request("203.0.113.66");
    for (wrong, why) in [
        (ExceptionRequest { target: None, ..base.clone() }, "nothing that it is about"),
        (ExceptionRequest { hosts: Some(" ".into()), ..base.clone() }, "a pattern of nothing"),
        (ExceptionRequest { ticket: Some("x".repeat(2000)), ..base.clone() }, "too long"),
        (ExceptionRequest { cves: vec!["CVE-2026-1".into(); 65], ..base.clone() }, "too many"),
        (request("0.0.0.0/0"), "everybody"),
        (request("64.0.0.0/7"), "a hundredth of everybody"),
        (request("::/6"), "everybody by IPv6"),
        (request("AS64501"), "a system that the table does not know"),
        (request("AS64502"), "a system of too many networks"),
    ] {
        let refused = rig.client.post::<Exception>(path::EXCEPTIONS, &wrong).await;
        assert!(refused.is_err(), "{why}");
    }
    for widest in ["10.0.0.0/8", "fc00::/7"] {
        let kept: Exception = rig.client.post(path::EXCEPTIONS, &request(widest)).await.unwrap();
        assert_eq!(kept.target, Some(widest.parse().unwrap()));
    }
    let system: Exception = rig.client.post(path::EXCEPTIONS, &request("AS64500")).await.unwrap();
    assert_eq!(system.networks, ["203.0.113.0/24".parse().unwrap()]);
    assert!(system.created > Timestamp(0));
    rig.stop().await;
}

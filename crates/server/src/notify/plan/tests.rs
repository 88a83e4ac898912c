//! Does what is configured come out, and is what is wrong told?

use tripoint_api::routing::WindowState;
use tripoint_model::Level;

use super::*;
use crate::notify::news::about;

fn alert(id: &str, level: Level, host: &str) -> Alert {
    let json = format!(
        r#"{{"schema":1,"id":"{id}","rule":"bad_peer","title":"t","host":"{host}","application":{{"kind":"unit","id":"a",
        "name":"a"}},"indicator":"203.0.113.66","direction":"outbound","severity":{{"score":{},"level":"{level}",
        "factors":[]}},"confidence":90,"first_seen":"2026-11-20T03:00:00Z","last_seen":"2026-11-20T03:00:00Z","count":1,
        "bytes_in":0,"bytes_out":0,"still_open":true,"connections":[],"claims":[],"findings":[]}}"#,
        20 * level as u8 + 10
    );
    serde_json::from_str(&json).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan(routes: &[RouteConfig], maintenance: &[MaintenanceConfig]) -> Result<Plan, String> {
    let config = NotifyConfig { channels: Vec::new(), routes: routes.to_vec(), maintenance: maintenance.to_vec() };
    let channels = ["ops", "pager", "log"].map(str::to_owned);
    Plan::new(&config, &channels, Timestamp(0)).map_err(|error| match &error.filter {
        Some(filter) => format!("{error}: {filter}"),
        None => error.to_string(),
    })
}

fn to(channels: &[&str]) -> RouteConfig {
    RouteConfig { channels: channels.iter().map(|one| (*one).to_owned()).collect(), ..RouteConfig::default() }
}

fn standing(alert: &Alert, now: &str) -> Standing {
    let group = |name: &str, hosts: &str| HostGroup { name: name.into(), hosts: vec![hosts.into()] };
    Standing::new(QueueRow::of(alert, at(now)), &[group("shop", "web-*"), group("stores", "db-*")])
}

/// `channel` or `channel: bundle until TIME`.
fn placed(plan: &Plan, kind: Kind, alert: &Alert, now: &str) -> Vec<String> {
    let news = News::read(&about(kind, alert, &[], at(now)).to_string()).unwrap();
    let standing = standing(alert, now);
    let text = |one: Placed| match one.hold {
        None => one.channel,
        Some(hold) => format!("{}: {} until {}", one.channel, hold.bundle, hold.due),
    };
    plan.place(&news, Some(&standing), at(now)).into_iter().map(text).collect()
}

const NOON: &str = "2026-11-20T12:00:00Z";

#[test]
fn routes_choose_by_filter_and_kind_and_each_channel_once() {
    let routes = [
        RouteConfig { filter: "severity>=high".into(), ..to(&["pager", "ops"]) },
        RouteConfig { filter: "host:web-*".into(), ..to(&["ops"]) },
        RouteConfig { kinds: vec!["feeds".into(), "work".into()], ..to(&["log"]) },
    ];
    let plan = plan(&routes, &[]).unwrap();
    let new = Kind::AlertNew;
    assert_eq!(placed(&plan, new, &alert("a", Level::Critical, "web-1"), NOON), ["ops", "pager"]);
    assert_eq!(placed(&plan, new, &alert("a", Level::Low, "web-1"), NOON), ["ops"]);
    assert!(placed(&plan, new, &alert("a", Level::Low, "db-1"), NOON).is_empty());
    assert_eq!(placed(&plan, Kind::AlertResolved, &alert("a", Level::Critical, "web-1"), NOON), ["log"]);
    assert!(plan.wants("feeds") && plan.wants("alerts") && !plan.wants("actions"));
    let feed = r#"{"schema":1,"type":"feed-recovered","at":"2026-11-20T12:00:00Z","feed":"f","trouble":null}"#;
    assert_eq!(plan.place(&News::read(feed).unwrap(), None, at(NOON)).len(), 1);
}

#[test]
fn a_route_of_groups_takes_what_comes_of_their_hosts_and_its_filter_besides() {
    let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let routes = [
        RouteConfig { groups: groups(&["shop", "nowhere"]), ..to(&["ops"]) },
        RouteConfig { groups: groups(&["shop", "stores"]), filter: "severity>=high".into(), ..to(&["pager"]) },
    ];
    let own = plan(&routes, &[]).unwrap();
    let new = Kind::AlertNew;
    assert_eq!(placed(&own, new, &alert("a", Level::Low, "web-1"), NOON), ["ops"]);
    assert_eq!(placed(&own, new, &alert("a", Level::High, "db-1"), NOON), ["pager"]);
    assert!(placed(&own, new, &alert("a", Level::Critical, "mail-1"), NOON).is_empty());
    assert_eq!(own.groups().into_iter().collect::<Vec<_>>(), ["nowhere", "shop", "stores"]);
    let feeds = RouteConfig { groups: groups(&["shop"]), kinds: vec!["feeds".into()], ..to(&["ops"]) };
    assert!(plan(&[feeds], &[]).unwrap_err().contains("groups are about alerts"));
}

#[test]
fn quiet_hours_digests_and_maintenance_hold_back_and_the_least_wins() {
    let routes = [
        RouteConfig {
            name: "all".into(),
            digest: "15m".into(),
            quiet: vec!["22:00-07:00".into()],
            zone: "+01:00".into(),
            ..to(&["ops", "log"])
        },
        RouteConfig { name: "bad".into(), filter: "severity:critical".into(), ..to(&["ops"]) },
    ];
    let mute = MaintenanceConfig {
        name: "db".into(),
        filter: "host:db-1".into(),
        from: "2026-11-20T11:00:00Z".into(),
        until: "2026-11-20T13:00:00Z".into(),
    };
    let plan = plan(&routes, &[mute]).unwrap();
    let of = |level, host, now| placed(&plan, Kind::AlertNew, &alert("a", level, host), now);
    assert_eq!(of(Level::Critical, "web-1", NOON), ["log: digest of all until 2026-11-20T12:15:00Z", "ops"]);
    let night = "2026-11-20T21:30:00Z";
    assert_eq!(of(Level::Low, "web-1", night)[0], "log: quiet hours of all until 2026-11-21T06:00:00Z");
    // Maintenance outranks what is urgent, for as long as it lasts and no longer.
    let muted = "ops: maintenance db until 2026-11-20T13:00:00Z";
    let then = "log: maintenance db, digest of all until 2026-11-20T13:15:00Z";
    assert_eq!(of(Level::Critical, "db-1", NOON), [then, muted]);
    assert_eq!(of(Level::Critical, "db-1", "2026-11-20T13:00:00Z")[1], "ops");
    assert_eq!(of(Level::Critical, "db-1", "2026-11-20T10:59:59Z")[1], "ops");
}

#[test]
fn what_maintenance_held_waits_for_quiet_hours_and_digests_like_anything_else() {
    let quiet = |quiet: &str, name: &str| RouteConfig { name: name.into(), quiet: vec![quiet.into()], ..to(&[name]) };
    let routes = [
        quiet("00:00-24:00", "log"),
        quiet("13:30-15:00", "ops"),
        RouteConfig { digest: "1h".into(), ..to(&["pager"]) },
    ];
    let mute = |name: &str, from: &str, until: &str| MaintenanceConfig {
        name: name.into(),
        from: format!("2026-11-20T{from}:00Z"),
        until: format!("2026-11-20T{until}:00Z"),
        ..MaintenanceConfig::default()
    };
    // One follows on the other: what the first lets go the second holds.
    let plan = plan(&routes, &[mute("a", "11:00", "13:00"), mute("b", "12:30", "14:00")]).unwrap();
    let row = QueueRow::of(&alert("a", Level::Critical, "web-1"), at(NOON));
    let told = placed(&plan, Kind::AlertNew, &alert("a", Level::Critical, "web-1"), NOON);
    assert_eq!(
        told,
        [
            "log: maintenance a, quiet hours of log until 2026-11-28T00:00:00Z",
            "ops: maintenance a, quiet hours of ops until 2026-11-20T15:00:00Z",
            "pager: maintenance a, digest of route 3 until 2026-11-20T15:00:00Z",
        ]
    );
    // Escalations wait for maintenance alone.
    let steps = plan.place_step(&["log".to_owned()], &row, at(NOON));
    assert_eq!(steps[0].hold.as_ref().map(|hold| hold.due), Some(at("2026-11-20T14:00:00Z")));
}

#[test]
fn escalations_are_watched_step_by_step_until_somebody_does_something() {
    let step =
        |after: &str, when: &str, to: &str| StepConfig { after: after.into(), when: when.into(), to: vec![to.into()] };
    let steps = vec![step("30m", "", "pager"), step("1h", "unassigned", "log")];
    let plan = plan(&[RouteConfig { name: "r".into(), escalate: steps, ..to(&["ops"]) }], &[]).unwrap();
    let mut one = alert("a", Level::High, "web-1");
    let watched = |plan: &Plan, kind, alert: &Alert| {
        let news = News::read(&about(kind, alert, &[], at(NOON)).to_string()).unwrap();
        plan.watches(&news, Some(&standing(alert, NOON)), at(NOON))
    };
    let due = at("2026-11-20T12:30:00Z");
    assert_eq!(watched(&plan, Kind::AlertNew, &one), [Watch { route: "r".into(), step: 0, due }]);
    assert!(watched(&plan, Kind::AlertResolved, &one).is_empty());
    let (open, unassigned) = (plan.step("r", 0).unwrap(), plan.step("r", 1).unwrap());
    assert!(plan.step("r", 2).is_none() && plan.step("gone", 0).is_none());
    assert!(open.is_met(&one) && unassigned.is_met(&one));
    one.work.status = AlertStatus::Investigating;
    assert!(!open.is_met(&one) && unassigned.is_met(&one));
    one.work.assignee = Some("ada".into());
    assert!(!unassigned.is_met(&one));
    let quiet = Alert { suppressed_by: Some("x".into()), ..alert("a", Level::High, "web-1") };
    assert!(!open.is_met(&quiet));
}

#[test]
fn windows_are_shown_as_they_lie_to_now_and_an_alert_is_told_as_it_would_be() {
    let window = |name: &str, from: &str, until: &str| MaintenanceConfig {
        name: name.into(),
        filter: "host:db-*".into(),
        from: from.into(),
        until: until.into(),
    };
    let windows = [
        window("over", "2026-11-19T00:00:00Z", "2026-11-20T12:00:00Z"),
        window("later", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
        window("next", "2026-11-20T12:00:01Z", "2026-11-24T00:00:00Z"),
        window("now", "", "2026-11-20T12:00:01Z"),
    ];
    let quiet = RouteConfig { quiet: vec!["11:00-13:00".into()], zone: "Z".into(), ..to(&["ops"]) };
    let high = RouteConfig { name: "high".into(), filter: "severity>=high".into(), ..to(&["pager"]) };
    let work = RouteConfig { kinds: vec!["work".into()], ..to(&["log"]) };
    let plan = plan(&[quiet, high, work], &windows).unwrap();
    let (routes, shown) = plan.shown(at(NOON));
    let names: Vec<(&str, WindowState)> = shown.iter().map(|one| (one.name.as_str(), one.state)).collect();
    let (active, planned, over) = (WindowState::Active, WindowState::Planned, WindowState::Over);
    assert_eq!(names, [("now", active), ("next", planned), ("later", planned), ("over", over)]);
    assert!(shown[0].from.is_none() && shown[1].from.is_some());
    assert_eq!(routes[0].name, "route 1");
    assert_eq!((routes[0].quiet_until, routes[0].zone.as_deref()), (Some(at("2026-11-20T13:00:00Z")), None));
    let told = |alert: &Alert| {
        let news = News::read(&about(Kind::AlertNew, alert, &[], at(NOON)).to_string()).unwrap();
        plan.explained(&news, alert, &standing(alert, NOON), at(NOON))
    };
    let critical = alert("a", Level::Critical, "web-1");
    let one = told(&critical);
    let channels: Vec<(&str, Option<&str>)> =
        one.channels.iter().map(|to| (to.channel.as_str(), to.held_for.as_deref())).collect();
    assert_eq!(channels, [("ops", Some("quiet hours of route 1")), ("pager", None)]);
    let why: Vec<&str> = one.routes.iter().map(|route| route.why.as_str()).collect();
    assert_eq!(why, ["it takes every alert", "its filter takes it", "it does not tell of alerts"]);
    assert_eq!(told(&alert("a", Level::Low, "web-1")).routes[1].why, "its filter does not take it");
    // What is told and what is said of it are one: an exception keeps it quiet, maintenance holds it back.
    let covered = told(&Alert { suppressed_by: Some("x".into()), ..critical });
    assert_eq!((covered.untold.as_deref(), covered.channels.len()), (Some("exception x covers it"), 0));
    let muted = told(&alert("a", Level::Critical, "db-1"));
    assert_eq!(muted.channels[1].held_for.as_deref(), Some("maintenance now"));
    assert_eq!(muted.channels[1].until, Some(at("2026-11-24T00:00:00Z")), "the next window follows on it");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let wrong = |route: RouteConfig| plan(&[route], &[]).unwrap_err();
    assert!(wrong(to(&["opps"])).contains("there is no channel \"opps\""));
    assert!(wrong(to(&[])).contains("names no channel"));
    assert!(wrong(RouteConfig { filter: "severty:high".into(), ..to(&["ops"]) }).contains("severty:high\n^^^^^^^"));
    let second = NotifyConfig { routes: vec![to(&["ops"]), to(&["opps"])], ..NotifyConfig::default() };
    let error = Plan::new(&second, &["ops".to_owned()], Timestamp(0)).unwrap_err();
    assert_eq!(error.part, Some(("route", 1)));
    assert!(wrong(RouteConfig { kinds: vec!["all".into()], ..to(&["ops"]) }).contains("known: alerts, work"));
    assert!(wrong(RouteConfig { quiet: vec!["late".into()], ..to(&["ops"]) }).contains("no hours"));
    assert!(wrong(RouteConfig { digest: "soon".into(), ..to(&["ops"]) }).contains("digest: "));
    let both = RouteConfig { filter: "kev:yes".into(), kinds: vec!["actions".into()], ..to(&["ops"]) };
    assert!(wrong(both).contains("a filter and groups are about alerts"));
    let step = StepConfig { after: "1h".into(), when: "angry".into(), to: vec!["ops".into()] };
    assert!(wrong(RouteConfig { escalate: vec![step], ..to(&["ops"]) }).contains("none of open, unassigned"));
    let twice = [RouteConfig { name: "a".into(), ..to(&["ops"]) }, RouteConfig { name: "a".into(), ..to(&["ops"]) }];
    assert!(plan(&twice, &[]).unwrap_err().contains("two routes"));
    let mute =
        |until: &str| MaintenanceConfig { name: "m".into(), until: until.into(), ..MaintenanceConfig::default() };
    for until in ["", "tomorrow"] {
        assert!(plan(&[], &[mute(until)]).unwrap_err().contains("maintenance \"m\": until"), "{until}");
    }
}

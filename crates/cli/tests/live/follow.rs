//! Does an alert follow what is known of its software while the connection stays open?

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::instance::{ADVISORY, App, BAD4, Instance, stage};

const RULE: &str = "bad_server_of_vulnerable_app";

/// Publishes the advisory, or withdraws it.
fn publish(instance: &Instance, withdrawn: bool) {
    let file = instance.path().join("advisory.json");
    let withdrawal = r#""modified":"2025-06-01T00:00:00Z","withdrawn":"2025-06-01T00:00:00Z""#;
    let text = if withdrawn {
        ADVISORY.replace(r#""modified":"2025-05-09T13:13:16Z""#, withdrawal)
    } else {
        ADVISORY.replace("2025-05-09", "2025-07-09")
    };
    std::fs::write(&file, text).unwrap();
    instance.run(&["vulns", "import", &file.display().to_string()]);
}

#[test]
fn advisories_raise_the_alert_of_an_open_connection_and_make_it_milder() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    publish(&instance, true);
    instance.up();
    std::thread::sleep(Duration::from_secs(2));
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    std::thread::sleep(Duration::from_secs(2));
    assert!(instance.alert(RULE, BAD4).is_none(), "nothing vulnerable is known yet");
    publish(&instance, false);
    let published = Instant::now();
    let alert = instance.wait("the alert", || instance.alert(RULE, BAD4));
    println!("alert {} ms after the advisory", published.elapsed().as_millis());
    assert_eq!(alert["still_open"], true, "{alert:#}");
    let fix = alert["findings"][0]["fix_command"].as_str().unwrap_or_default();
    assert!(fix.starts_with("replace ") && fix.contains("; then restart process"), "{fix}");
    publish(&instance, true);
    let milder = |alert: &Value| alert["findings"].as_array().is_some_and(Vec::is_empty);
    let alert = instance.wait("the withdrawal", || instance.alert(RULE, BAD4).filter(milder));
    assert_eq!((&alert["judged"]["trend"], &alert["work"]["status"]), (&"milder".into(), &"open".into()), "{alert:#}");
    assert_eq!(told(&alert).len(), 1, "{:?}", told(&alert));
    assert!(told(&alert)[0].contains("CVE-2021-44228 is said of "), "{:?}", told(&alert));
}

/// Lines of its history that tell of another judgement.
fn told(alert: &Value) -> Vec<String> {
    let history = alert["work"]["history"].as_array().cloned().unwrap_or_default();
    let words = history.iter().filter_map(|change| change["what"].as_str()).map(str::to_owned);
    words.filter(|what| what.starts_with("judged anew")).collect()
}

/// A feed that names these only.
fn list(instance: &Instance, addresses: &str) {
    let file = instance.path().join("bad.txt");
    std::fs::write(&file, addresses).unwrap();
    let file = file.display().to_string();
    instance.fine(&["intel", "import", &file, "--name", "lab", "--category", "c2", "--confidence", "95"]);
}

/// The agent judges while it knows of the connection, the server when the agent was started anew and knows nothing.
#[test]
fn a_delisting_and_an_upgrade_make_the_alert_milder_whoever_knows_of_it() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let raised = instance.wait("the alert", || instance.alert(RULE, BAD4));
    assert!(told(&raised).is_empty(), "{:?}", told(&raised));
    let wait = |instance: &Instance, words: &str| {
        let tells = |alert: &Value| told(alert).last().is_some_and(|line| line.contains(words));
        let alert = instance.wait(words, || instance.alert(RULE, BAD4).filter(tells));
        // Whoever judges it too has nothing to add.
        std::thread::sleep(Duration::from_secs(3));
        let later = instance.alert(RULE, BAD4).unwrap();
        assert_eq!(told(&later), told(&alert));
        later
    };
    list(&instance, "203.0.113.99\n");
    let gone = wait(&instance, "no list names 203.0.113.66 any more (lab did)");
    let trend = |alert: &Value| alert["judged"]["trend"].as_str().unwrap_or_default().to_owned();
    assert_eq!((trend(&gone).as_str(), &gone["still_open"]), ("milder", &true.into()), "{gone:#}");
    assert_eq!((gone["claims"].as_array().map(Vec::len), told(&gone).len()), (Some(0), 1));
    assert_eq!((&gone["id"], &gone["work"]["status"]), (&raised["id"], &"open".into()));
    let next = instance.fine(&["alerts", "show", gone["id"].as_str().unwrap()]);
    assert_eq!(next["judged"]["raised"]["claims"][0]["feed"], "lab", "{next:#}");
    list(&instance, "203.0.113.66\n");
    let back = wait(&instance, "lab names 203.0.113.66 as c2");
    assert_eq!((trend(&back).as_str(), told(&back).len()), ("same", 2), "{back:#}");
    // Begun anew with a library that has no hole.
    drop(app);
    let app = App::start_with(&lab, instance.path(), "2.17.1");
    let mended = wait(&instance, "runs no longer: the application was begun anew without it");
    assert_eq!((trend(&mended).as_str(), told(&mended).len()), ("milder", 3), "{mended:#}");
    // An agent that was started anew knows nothing of a connection that was over.
    drop(app);
    instance.down();
    instance.up();
    list(&instance, "203.0.113.99\n");
    let gone = wait(&instance, "no list names 203.0.113.66 any more (lab did)");
    assert_eq!((trend(&gone).as_str(), told(&gone).len()), ("milder", 4), "{gone:#}");
    let factors = gone["severity"]["factors"].as_array().unwrap();
    assert!(factors.iter().any(|factor| factor["name"] == "code-mended"), "{gone:#}");
}

/// The alert once its history tells this.
fn wait_told(instance: &Instance, words: &str) -> Value {
    let tells = |alert: &Value| told(alert).last().is_some_and(|line| line.contains(words));
    instance.wait(words, || instance.alert(RULE, BAD4).filter(tells))
}

/// Nothing connects: an agent that was started anew looks for what its open alerts rest on.
#[test]
fn an_upgrade_while_the_agent_was_away_is_told_without_any_connection() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let raised = instance.wait("the alert", || instance.alert(RULE, BAD4));
    instance.down();
    // Begun anew with a library that has no hole, and quiet since.
    drop(app);
    let mut app = App::start_with(&lab, instance.path(), "2.17.1");
    instance.up();
    let up = Instant::now();
    let mended = wait_told(&instance, "2.14.1 runs no longer: the application was begun anew without it");
    println!("judged anew {} ms after the agent was up", up.elapsed().as_millis());
    assert!(up.elapsed() < Duration::from_secs(10));
    assert_eq!((&mended["judged"]["trend"], &mended["work"]["status"]), (&"milder".into(), &"open".into()));
    assert!(mended["severity"]["score"].as_u64() < raised["severity"]["score"].as_u64(), "{mended:#}");
    assert_eq!((&mended["count"], &mended["first_seen"]), (&raised["count"], &raised["first_seen"]), "nothing came");
    // It goes on being looked after: the old one is begun again.
    drop(app);
    app = App::start(&lab, instance.path());
    let again = wait_told(&instance, "vulnerable code runs again");
    assert_eq!((&again["judged"]["trend"], told(&again).len()), (&"same".into(), 2), "{:?}", told(&again));
    drop(app);
}

#[test]
fn what_ended_and_was_removed_while_the_agent_was_away_is_told_and_what_only_ended_is_not() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    instance.wait("the alert", || instance.alert(RULE, BAD4));
    instance.down();
    drop(app);
    instance.up();
    std::thread::sleep(Duration::from_secs(5));
    let ended = instance.alert(RULE, BAD4).unwrap();
    assert!(told(&ended).is_empty(), "what is still installed will be begun again: {:?}", told(&ended));
    instance.down();
    std::fs::remove_file(instance.path().join("log4j-core-2.14.1.jar")).unwrap();
    instance.up();
    let words = "log4j-core 2.14.1 runs no longer: its application has ended, and it is installed no more";
    let gone = wait_told(&instance, words);
    assert_eq!((&gone["judged"]["trend"], told(&gone).len()), (&"milder".into(), 1), "{:?}", told(&gone));
}

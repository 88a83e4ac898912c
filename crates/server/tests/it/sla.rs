//! Are promises about alerts kept in view, told when they are broken, once, and never of what is done?

use std::time::Duration;

use serde_json::{Value, json};

use tripoint_api::path;
use tripoint_fetch::Settings;
use tripoint_model::{Alert, ServiceLevels};
use tripoint_server::Notify;
use tripoint_server::notify_config::RouteConfig;

use crate::channels::{TICK, config, to, types, until, webhook};
use crate::receiver::{Manner, Receiver};
use crate::rig::{Rig, alert};

/// Medium alerts are taken up in a second and closed in two hours; nothing is promised about others.
fn levels() -> ServiceLevels {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    ServiceLevels { respond: [None, None, seconds(1), None, None], resolve: [None, None, seconds(7200), None, None] }
}

async fn serve(folder: &std::path::Path, hook: &Receiver) -> Rig {
    let route = RouteConfig { kinds: vec!["overdue".into()], ..to(&["hook"]) };
    let notify = config(vec![webhook(folder, "hook", &hook.url)], vec![route]);
    let notify = Notify::new(&notify, Settings::default()).unwrap().paced(Duration::from_secs(30), TICK, TICK);
    Rig::start_as(folder, |options| {
        options.notify = Some(notify);
        options.levels = levels();
    })
    .await
}

async fn queue(rig: &Rig, filter: &str) -> Vec<String> {
    let page: Value = rig.client.get(&format!("{}?filter={filter}&sort=due", path::QUEUE)).await.unwrap();
    page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_overdue_is_told_once_and_what_somebody_took_up_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let hook = Receiver::new(Manner::Says(200)).await;
    let rig = serve(folder.path(), &hook).await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 50, 1), alert("grave", 90, 1)]).await;
    let assigned: Value =
        rig.client.post(&path::alert_work("bb", "assign"), &json!({ "assignee": "ada" })).await.unwrap();
    assert!(assigned["work"]["clock"]["responded"].is_string());
    until("a message", async || !hook.came().is_empty()).await;
    // What was told is not told again, neither for a report of its agent nor for a restart.
    rig.report("web1", 2, &[alert("aa", 50, 2)]).await;
    rig.stop().await;
    let rig = serve(folder.path(), &hook).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(types(&hook.came()), ["alert-overdue aa"]);
    assert_eq!(hook.came()[0].json()["why"][0], "nobody has taken it up in time");
    assert_eq!(queue(&rig, "overdue%3E0s").await, ["aa"]);
    assert_eq!(queue(&rig, "due%3E2026-01-01").await, ["aa", "bb"], "what is due first comes first");
    assert_eq!(queue(&rig, "").await, ["aa", "bb", "grave"]);
    let metrics = rig.client.get_text(path::METRICS).await.unwrap();
    assert!(metrics.contains("\ntripoint_alerts_overdue 1\n"), "{metrics}");
    // Of what there is none stands there too, so that sums over it are numbers.
    assert!(metrics.contains("\ntripoint_alerts{status=\"contained\"} 0\n"), "{metrics}");
    let context: Value = rig.client.get(&path::alert_context("bb")).await.unwrap();
    let (respond, resolve) = (&context["timers"][0], &context["timers"][1]);
    assert_eq!((&respond["what"], &resolve["what"]), (&json!("respond"), &json!("resolve")));
    assert!(respond["done"].as_str() <= respond["by"].as_str() && resolve["done"].is_null());
    let closed: Value =
        rig.client.post(&path::alert_work("aa", "resolve"), &json!({ "resolution": "expected" })).await.unwrap();
    assert!(
        closed["work"]["clock"]["resolved"].is_string() || closed["alert"]["work"]["clock"]["resolved"].is_string()
    );
    assert_eq!(queue(&rig, "overdue%3E0s").await, [""; 0]);
    rig.stop().await;
}

#[tokio::test]
async fn an_alert_takes_no_more_comments_than_it_can_carry_and_can_be_closed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    rig.stop().await;
    // As many as a thousand people would leave, put there at once.
    crate::browser::sql(
        folder.path(),
        "UPDATE alerts SET body = json_set(body, '$.work.comments', json((SELECT json_group_array(json_object('at', \
         '2026-11-30T08:00:00Z', 'author', 'ada', 'text', 'so')) FROM (WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL \
         SELECT x + 1 FROM c WHERE x < 1000) SELECT x FROM c))))",
    )
    .await;
    let rig = Rig::start(folder.path()).await;
    let refused = rig.client.post::<Value>(&path::alert_work("aa", "comment"), &json!({ "text": "more" })).await;
    assert!(refused.unwrap_err().to_string().contains("1000 comments already"));
    let with = json!({ "resolution": "expected", "comment": "more" });
    assert!(rig.client.post::<Value>(&path::alert_work("aa", "resolve"), &with).await.is_err());
    let _: Value =
        rig.client.post(&path::alert_work("aa", "resolve"), &json!({ "resolution": "expected" })).await.unwrap();
    let kept: Alert = rig.client.get(&path::alert("aa")).await.unwrap();
    assert_eq!(kept.work.comments.len(), tripoint_api::work::COMMENTS_MAX);
    rig.stop().await;
}

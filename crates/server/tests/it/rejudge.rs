//! Do open alerts follow new images while others are still being judged, and what a host says of its software?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tripoint_api::agent::{Item, OpenAlerts};
use tripoint_api::path;
use tripoint_model::judgement::{PackageNow, Software};
use tripoint_model::{Alert, Edition, Judgement, PackageState, Timestamp};
use tripoint_server::{Editions, Rejudge};

use crate::rig::{Rig, alert};

/// Judges slowly, says in the title with what, and remembers what it was asked.
struct Slow {
    built: Mutex<i64>,
    /// A new image at each look.
    is_restless: bool,
    takes: Duration,
    judged: Mutex<BTreeMap<String, Vec<i64>>>,
}

impl Slow {
    fn new(is_restless: bool, takes: Duration) -> Arc<Self> {
        Arc::new(Self { built: Mutex::new(0), is_restless, takes, judged: Mutex::default() })
    }

    fn count(&self, built: i64) -> usize {
        self.judged.lock().unwrap().values().flatten().filter(|with| **with == built).count()
    }
}

impl Rejudge for Slow {
    fn look(&self) -> Editions {
        let mut built = self.built.lock().unwrap();
        if self.is_restless && *built > 0 {
            *built += 1;
        }
        let edition = (*built > 0).then(|| Edition { built: Timestamp(*built), number: None });
        Editions { intel: edition, vuln: None }
    }

    fn anew(&self, alert: &Alert, _: Timestamp) -> Alert {
        let built = *self.built.lock().unwrap();
        if built == 0 {
            return alert.clone();
        }
        std::thread::sleep(self.takes);
        self.judged.lock().unwrap().entry(alert.id.0.clone()).or_default().push(built);
        let edition = Some(Edition { built: Timestamp(built), number: None });
        let judged = Judgement { intel: edition, ..alert.judged.as_deref().cloned().unwrap_or_default() };
        Alert { title: format!("judged with {built}"), judged: Some(Box::new(judged)), ..alert.clone() }
    }

    fn with_software(&self, alert: &Alert, software: &Software, _: Timestamp) -> Alert {
        let mut out = alert.clone();
        for finding in &mut out.findings {
            let now = software.packages.iter().find(|now| now.purl == finding.purl);
            finding.presence = now.map_or(finding.presence, |now| now.presence);
        }
        out
    }
}

async fn rig(folder: &Path, judge: &Arc<Slow>, alerts: usize) -> Rig {
    let own = Arc::clone(judge);
    let rig = Rig::start_as(folder, move |options| options.judge = Some(own)).await;
    let all: Vec<Alert> = (0..alerts).map(|number| alert(&format!("{number:016x}"), 50, 1)).collect();
    rig.report("web1", 1, &all).await;
    rig
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is().await {
        assert!(Instant::now() < end, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_comes_meanwhile_is_in_force_from_the_next_few_alerts_on() {
    let (folder, judge) = (tempfile::tempdir().unwrap(), Slow::new(false, Duration::from_millis(2)));
    let rig = rig(folder.path(), &judge, 640).await;
    *judge.built.lock().unwrap() = 7;
    until("a beginning", async || judge.count(7) > 10).await;
    *judge.built.lock().unwrap() = 8;
    for number in [639, 320, 0] {
        let is_judged = async || {
            let alert: Alert = rig.client.get(&path::alert(&format!("{number:016x}"))).await.unwrap();
            alert.title == "judged with 8"
        };
        until("the newer one", is_judged).await;
    }
    assert!(judge.count(7) <= 128, "{} of 640 alerts were judged with what was replaced", judge.count(7));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_alert_waits_for_others_however_often_there_are_new_images() {
    let (folder, judge) = (tempfile::tempdir().unwrap(), Slow::new(true, Duration::ZERO));
    let rig = rig(folder.path(), &judge, 400).await;
    *judge.built.lock().unwrap() = 1;
    until("every alert", async || judge.judged.lock().unwrap().len() == 400).await;
    let most = judge.judged.lock().unwrap().values().map(Vec::len).max().unwrap();
    assert!(most <= 2, "one was judged {most} times before another was");
    rig.stop().await;
}

/// An alert that rests on software.
fn vulnerable(id: &str) -> Alert {
    let mut alert = alert(id, 50, 1);
    let finding = r#"{"purl":"pkg:deb/debian/openssl@3.0.1","name":"openssl","version":"3.0.1","id":"D1","cves":[],
        "state":"affected","presence":"loaded","fixed":null}"#;
    alert.findings = vec![serde_json::from_str(finding).unwrap()];
    alert
}

#[tokio::test]
async fn a_host_is_told_its_open_alerts_and_says_what_became_of_their_software() {
    let (folder, judge) = (tempfile::tempdir().unwrap(), Slow::new(false, Duration::ZERO));
    let rig = rig(folder.path(), &judge, 0).await;
    let all = [vulnerable("aa"), vulnerable("bb"), alert("cc", 50, 1)];
    rig.report("web1", 2, &all).await;
    rig.report("web2", 1, &[Alert { host: "web2".into(), ..vulnerable("dd") }]).await;
    let resolve = serde_json::json!({"resolution": "expected"});
    rig.client.post::<serde_json::Value>(&path::alert_work("bb", "resolve"), &resolve).await.unwrap();
    let asked = format!("{}?host=web1", path::AGENT_ALERTS);
    let open: OpenAlerts = rig.client.get(&asked).await.unwrap();
    assert_eq!(open.alerts.len(), 1, "neither closed ones, nor other hosts', nor without software: {open:?}");
    assert_eq!((open.alerts[0].alert.0.as_str(), open.alerts[0].application.as_str()), ("aa", "unit:app.service"));
    assert_eq!(open.alerts[0].packages[0].presence, PackageState::Loaded);
    let stale = Software {
        packages: vec![PackageNow {
            purl: "pkg:deb/debian/openssl@3.0.1".into(),
            presence: PackageState::Stale,
            on_disk: None,
            fixed_on_disk: false,
        }],
        mended: false,
    };
    // What is reported with it stays: it is laid over the newest.
    let seen = Alert { count: 9, ..vulnerable("aa") };
    let said = |id: &str| Item::Software { alert: tripoint_model::AlertId(id.into()), software: stale.clone() };
    let items = vec![Item::Alert { alert: Box::new(seen) }, said("aa"), said("bb"), said("dd"), said("zz")];
    rig.report_items("web1", 3, items).await;
    let presence = async |id: &str| -> (PackageState, u64) {
        let alert: Alert = rig.client.get(&path::alert(id)).await.unwrap();
        (alert.findings[0].presence, alert.count)
    };
    assert_eq!(presence("aa").await, (PackageState::Stale, 9));
    assert_eq!(presence("bb").await.0, PackageState::Loaded, "what is closed stays as it was");
    assert_eq!(presence("dd").await.0, PackageState::Loaded, "a host speaks for itself");
    let aa: Alert = rig.client.get(&path::alert("aa")).await.unwrap();
    let last = &aa.work.history.last().unwrap().what;
    assert!(last.starts_with("judged anew: openssl 3.0.1 was removed or replaced"), "{last}");
    rig.stop().await;
}

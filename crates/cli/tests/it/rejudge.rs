//! Does an alert that nobody on its host knows any more say what lists and advisories say now?
//!
//! The server is the real one with images that the real importers built; the agent reports once and is silent since, as
//! one does that was started anew after the connection was over.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tripoint_api::agent::Item;
use tripoint_api::path;
use tripoint_model::{Alert, Edition, Judgement, PackageState, Timestamp, Trend};

use crate::rig::{Rig, block_on};
use crate::vulns::{EXPLOITED, LOG4SHELL};

const ID: &str = "00000000000000aa";

/// What a host reports of a connection that is over: one list of two, one vulnerability.
fn reported(id: &str) -> Alert {
    let mut alert = *crate::rig::alert(id, 60);
    let connection = json!({"id": {"cookie": 1, "peer": 0}, "protocol": "tcp", "direction": "outbound",
        "local": "198.51.100.10:40000", "remote": "203.0.113.66:443", "state": "closed",
        "opened": "2025-06-01T03:00:00Z", "closed": "2025-06-01T03:00:01Z", "bytes_in": 10, "bytes_out": 20, "netns": 1,
        "process": serde_json::to_value(&alert.process).unwrap()});
    alert.connections = vec![serde_json::from_value(connection).unwrap()];
    (alert.count, alert.still_open) = (1, false);
    for claim in &mut alert.claims {
        claim.feed = "alpha".to_owned();
    }
    let factor = json!({"name": "outbound", "points": 15, "reason": "opened by the application"});
    alert.severity = tripoint_model::Severity::sum(vec![serde_json::from_value(factor).unwrap()]);
    alert.confidence_why = vec![serde_json::from_value(json!({"name": "claim", "points": 90, "reason": ""})).unwrap()];
    alert
}

/// A server with two lists that name the peer and an advisory for what it talked to, and the alert.
struct Stage {
    rig: Rig,
    sequence: u64,
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self { rig: Rig::start("none"), sequence: 0 };
        stage.list("alpha", "203.0.113.66", "c2", 90);
        stage.list("beta", "203.0.113.66", "c2", 80);
        stage.advise(LOG4SHELL);
        stage.server_has("intel.2", "vuln.1");
        stage.report(reported(ID));
        stage
    }

    /// What a list names from now on.
    fn list(&self, name: &str, address: &str, category: &str, confidence: u8) {
        let file = format!("{name}.txt");
        // One that names nobody is refused: it goes on naming somebody else.
        self.rig.bench.write(&file, format!("{address}\n192.0.2.{}\n", name.len()));
        let confidence = confidence.to_string();
        let import = ["intel", "import", &file, "--name", name, "--category", category, "--confidence", &confidence];
        self.rig.bench.run(&import).expect(0);
    }

    fn advise(&self, text: &str) {
        self.rig.bench.write("advisory.json", text);
        self.rig.bench.run(&["vulns", "import", "advisory.json"]).expect(0);
    }

    /// The server looks every second.
    fn server_has(&self, intel: &str, vuln: &str) {
        for image in [intel, vuln] {
            assert!(self.rig.bench.path(&format!("data/images/{image}")).exists(), "{image}");
        }
        std::thread::sleep(Duration::from_millis(2500));
    }

    fn report(&mut self, alert: Alert) {
        self.sequence += 1;
        self.rig.report(self.sequence, vec![Item::Alert { alert: Box::new(alert) }]);
    }

    fn alert(&self) -> Alert {
        block_on(self.rig.client().get(&path::alert(ID))).unwrap()
    }

    /// The alert once its history tells this, and how often it was judged anew until then.
    fn told(&self, words: &str) -> Alert {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let alert = self.alert();
            if lines(&alert).last().is_some_and(|line| line.contains(words)) {
                return alert;
            }
            assert!(Instant::now() < until, "{words:?} is not told: {:#?}", alert.work.history);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn lines(alert: &Alert) -> Vec<String> {
    let words = alert.work.history.iter().map(|change| change.what.clone());
    words.filter(|what| what.starts_with("judged anew")).collect()
}

fn trend(alert: &Alert) -> Trend {
    alert.judged.as_ref().unwrap().trend
}

fn feeds(alert: &Alert) -> Vec<&str> {
    alert.claims.iter().map(|claim| claim.feed.as_str()).collect()
}

/// (a) of the lists.
#[test]
fn lists_that_drop_a_peer_or_name_it_again_change_the_alert() {
    let stage = Stage::new();
    let raised = stage.alert();
    assert_eq!((feeds(&raised), trend(&raised)), (vec!["alpha", "beta"], Trend::Same), "{raised:#?}");
    assert!(lines(&raised).is_empty(), "{:?}", lines(&raised));
    stage.list("beta", "203.0.113.99", "c2", 80);
    let one = stage.told("beta names 203.0.113.66 no longer");
    assert_eq!((feeds(&one), trend(&one)), (vec!["alpha"], Trend::Milder));
    assert!(one.severity.score < raised.severity.score);
    stage.list("alpha", "203.0.113.99", "c2", 90);
    let none = stage.told("no list names 203.0.113.66 any more (alpha did)");
    assert!(lines(&none).last().unwrap().starts_with("judged anew with intel image 4 of 20"), "{:?}", lines(&none));
    assert_eq!((none.claims.len(), none.confidence, lines(&none).len()), (0, 0, 2));
    assert!(none.title.contains("unlisted address 203.0.113.66:443 (ended)"), "{}", none.title);
    assert_eq!(none.work.status, tripoint_model::AlertStatus::Open, "nobody closes it but a person");
    let judged = none.judged.as_deref().unwrap();
    let then = judged.raised.as_ref().unwrap();
    assert_eq!((then.claims.len(), &then.severity), (2, &raised.severity));
    assert_eq!(judged.since, ["no list names 203.0.113.66 any more (alpha, beta did)"]);
    // Seen on the page, in the queue and in the text.
    let bench = &stage.rig.bench;
    let queue = |filter: &str| bench.run(&["alerts", "list", "--filter", filter, "--json"]).expect(0).json();
    assert_eq!(queue("judged:milder").as_array().map(Vec::len), Some(1));
    assert_eq!(queue("judged:worse,same").as_array().map(Vec::len), Some(0));
    let shown = bench.run(&["alerts", "show", ID]).expect(0).out;
    assert!(shown.contains("WHAT CHANGED SINCE IT WAS RAISED\n  no list names 203.0.113.66 any more"), "{shown}");
    // A new image that says the same changes nothing.
    stage.list("gamma", "203.0.113.5", "c2", 90);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(stage.alert(), none);
    stage.list("gamma", "203.0.113.66", "scanner", 40);
    let again = stage.told("gamma names 203.0.113.66 as scanner");
    assert_eq!((feeds(&again), trend(&again)), (vec!["gamma"], Trend::Milder));
    stage.list("gamma", "203.0.113.66", "malware-host", 95);
    let other = stage.told("gamma calls 203.0.113.66 malware-host, before scanner");
    assert!(other.severity.score > again.severity.score);
    let metrics = block_on(stage.rig.client().get_text(path::METRICS)).unwrap();
    assert!(metrics.contains("tripoint_judged_anew_total{result=\"changed\"} 4\n"), "{metrics}");
    assert!(metrics.contains("tripoint_judged_anew_waiting 0\n"), "{metrics}");
}

/// (b) of the advisories.
#[test]
fn advisories_that_come_go_and_get_worse_change_the_alert() {
    let stage = Stage::new();
    let raised = stage.alert();
    assert_eq!(raised.findings.len(), 1);
    assert!(!raised.findings[0].known_exploited, "our own advisories do not say so yet");
    stage.rig.bench.write("kev.json", EXPLOITED);
    stage.rig.bench.run(&["vulns", "import", "kev.json"]).expect(0);
    let exploited = stage.told("CVE-2021-44228 is exploited in the wild now");
    assert_eq!(trend(&exploited), Trend::Worse);
    assert!(exploited.severity.factors.iter().any(|factor| factor.name == "known-exploited"));
    assert!(exploited.title.ends_with("vulnerable to CVE-2021-44228, exploited in the wild"), "{}", exploited.title);
    let second = LOG4SHELL.replace("GHSA-jfh8-c2jp-5v3q", "GHSA-7rjr-3q55-vv33").replace("44228", "45046");
    stage.rig.bench.write("second.json", second);
    stage.rig.bench.run(&["vulns", "import", "second.json", "--source", "more"]).expect(0);
    let more = stage.told("CVE-2021-45046 is known of log4j-core 2.14.1 now");
    assert_eq!(more.findings.len(), 2);
    assert_eq!(more.findings[1].presence, PackageState::Loaded, "what runs, only its host can tell");
    let withdrawal = r#""modified":"2025-06-01T00:00:00Z","withdrawn":"2025-06-01T00:00:00Z""#;
    let withdrawn = LOG4SHELL.replace(r#""modified":"2025-05-09T13:13:16Z""#, withdrawal);
    stage.advise(&withdrawn);
    let one = stage.told("CVE-2021-44228 is said of log4j-core 2.14.1 no longer");
    assert_eq!((one.findings.len(), one.findings[0].cves[0].as_str()), (1, "CVE-2021-45046"));
    let second = withdrawn.replace("GHSA-jfh8-c2jp-5v3q", "GHSA-7rjr-3q55-vv33").replace("44228", "45046");
    stage.rig.bench.write("second.json", second);
    stage.rig.bench.run(&["vulns", "import", "second.json", "--source", "more"]).expect(0);
    let none = stage.told("CVE-2021-45046 is said of log4j-core 2.14.1 no longer");
    assert_eq!((none.findings.len(), trend(&none)), (0, Trend::Milder));
    assert!(none.title.ends_with("no vulnerability of it is known") && none.suppressed_by.is_none(), "{}", none.title);
    assert_eq!(none.rule, raised.rule);
    // It is remembered which package it was.
    stage.advise(&LOG4SHELL.replace("2025-05-09", "2025-07-09"));
    let back = stage.told("CVE-2021-44228 is known of log4j-core 2.14.1 now, exploited in the wild");
    assert_eq!((back.findings.len(), trend(&back)), (1, Trend::Worse));
}

/// (c) what its host says of the software, and (d) that neither fights the other.
#[test]
fn the_host_has_the_word_on_what_runs_and_the_newer_image_on_what_is_said() {
    let mut stage = Stage::new();
    let raised = stage.alert();
    stage.list("alpha", "203.0.113.99", "c2", 90);
    stage.list("beta", "203.0.113.99", "c2", 80);
    stage.told("no list names 203.0.113.66 any more");
    let milder = stage.alert();
    // A host that still judges with former images, and one that does not say with which.
    for (count, old) in [(2, None), (3, raised.judged.as_ref().and_then(|judged| judged.intel))] {
        let mut report = reported(ID);
        report.count = count;
        report.severity = raised.severity.clone();
        let judged = Judgement { intel: old, vuln: old, ..Judgement::default() };
        report.judged = old.map(|_| Box::new(judged));
        stage.report(report);
        let after = stage.alert();
        assert_eq!((after.count, &after.claims, &after.severity), (count, &milder.claims, &milder.severity));
        assert_eq!((&after.title, lines(&after)), (&milder.title, lines(&milder)), "not a word");
    }
    // Upgraded, and not restarted: only its host can tell, with whatever image.
    let stale = |report: &mut Alert| {
        report.findings[0].presence = PackageState::Stale;
        report.findings[0].on_disk = Some("2.17.1".into());
    };
    let mut report = reported(ID);
    stale(&mut report);
    stage.report(report.clone());
    let words = "log4j-core was upgraded 2.14.1 -> 2.17.1, the process still runs the old file";
    let told = stage.told(words);
    assert!(lines(&told).last().unwrap().starts_with(&format!("judged anew: {words}")), "{:?}", lines(&told));
    assert!(told.severity.factors.iter().any(|factor| factor.name == "code-stale"), "{:?}", told.severity);
    stage.report(report.clone());
    assert_eq!(lines(&stage.alert()), lines(&told), "said once");
    // Restarted: the hole is closed.
    let mended = json!({"name": "code-mended", "points": -10, "reason": "log4j-core 2.14.1 no longer runs"});
    report.severity.factors.push(serde_json::from_value(mended).unwrap());
    stage.report(report.clone());
    let told = stage.told("log4j-core 2.14.1 runs no longer: the application was begun anew without it");
    assert_eq!(trend(&told), Trend::Milder);
    // New advisories do not make it run again.
    stage.rig.bench.write("kev.json", EXPLOITED);
    stage.rig.bench.run(&["vulns", "import", "kev.json"]).expect(0);
    let told = stage.told("CVE-2021-44228 is exploited in the wild now");
    assert!(told.severity.factors.iter().any(|factor| factor.name == "code-mended"), "{:?}", told.severity);
    // A host that is ahead of us is believed.
    let ahead = Edition { built: Timestamp::from_seconds(4_000_000_000), number: Some(99) };
    let judged = Judgement { intel: Some(ahead), ..Judgement::default() };
    report.judged = Some(Box::new(judged));
    stage.report(report);
    let told = stage.told("judged anew with intel image 99");
    assert_eq!(feeds(&told), ["alpha"]);
}

/// Of a feed that only the host has, the server cannot tell that it names nobody any more; of one that it had, it can.
#[test]
fn what_only_the_hosts_own_feed_says_is_for_the_host_to_take_back() {
    let mut stage = Stage::new();
    let mut report = reported(ID);
    let mut own = report.claims[0].clone();
    own.feed = "own".to_owned();
    report.claims.push(own);
    stage.report(report.clone());
    assert_eq!(feeds(&stage.alert()), ["alpha", "beta", "own"]);
    stage.list("alpha", "203.0.113.99", "c2", 90);
    stage.told("alpha names 203.0.113.66 no longer");
    stage.list("beta", "203.0.113.99", "c2", 80);
    let left = stage.told("beta names 203.0.113.66 no longer");
    assert_eq!(feeds(&left), ["own"]);
    assert!(!lines(&left).iter().any(|line| line.contains("no list names")), "{:?}", lines(&left));
    // The host says it.
    report.claims.clear();
    let later = Edition { built: Timestamp::from_seconds(4_000_000_000), number: Some(99) };
    report.judged = Some(Box::new(Judgement { intel: Some(later), ..Judgement::default() }));
    stage.report(report);
    let none = stage.told("no list names 203.0.113.66 any more (own did)");
    assert!(feeds(&none).is_empty());
}

/// What a host says of the software of an alert that it has forgotten goes through the same rules and sum.
#[test]
fn what_a_host_says_of_the_software_alone_is_judged() {
    use tripoint_model::judgement::{PackageNow, Software};
    let mut stage = Stage::new();
    let raised = stage.alert();
    let purl = raised.findings[0].purl.clone();
    let say = |stage: &mut Stage, presence, on_disk: Option<&str>, mended| {
        stage.sequence += 1;
        let (purl, on_disk) = (purl.clone(), on_disk.map(str::to_owned));
        let packages = vec![PackageNow { purl, presence, on_disk, fixed_on_disk: false }];
        let software = Software { packages, mended };
        stage.rig.report(stage.sequence, vec![Item::Software { alert: raised.id.clone(), software }]);
    };
    say(&mut stage, PackageState::Stale, Some("2.17.1"), false);
    let stale = stage.told("log4j-core was upgraded 2.14.1 -> 2.17.1, the process still runs the old file");
    assert!(stale.severity.factors.iter().any(|factor| factor.name == "code-stale"), "{:?}", stale.severity);
    say(&mut stage, PackageState::Installed, Some("2.17.1"), true);
    let words = "log4j-core 2.14.1 runs no longer: its application has ended, and 2.17.1 is installed";
    let ended = stage.told(words);
    assert!(ended.severity.factors.iter().any(|factor| factor.name == "code-mended"), "{:?}", ended.severity);
    assert_eq!(trend(&ended), Trend::Milder);
    assert!(ended.suggested.iter().all(|command| command.starts_with("tripoint ")), "{:?}", ended.suggested);
    say(&mut stage, PackageState::Installed, Some("2.17.1"), true);
    assert_eq!(lines(&stage.alert()), lines(&ended), "said once");
    say(&mut stage, PackageState::Loaded, None, false);
    let again = stage.told("vulnerable code runs again");
    assert_eq!((again.severity, &again.title), (raised.severity, &raised.title));
}

/// People's word stands, and what is closed stays closed.
#[test]
fn what_people_said_stands() {
    let stage = Stage::new();
    let bench = &stage.rig.bench;
    let raised = stage.alert();
    bench.run(&["alerts", "resolve", ID, "--as", "expected"]).expect(0);
    stage.list("alpha", "203.0.113.99", "c2", 90);
    stage.list("beta", "203.0.113.99", "c2", 80);
    std::thread::sleep(Duration::from_secs(4));
    let closed = stage.alert();
    assert_eq!((&closed.claims, lines(&closed).len()), (&raised.claims, 0), "what is closed is not rewritten");
    bench.run(&["alerts", "reopen", ID]).expect(0);
    let level = Some(tripoint_model::Level::Critical);
    let set = tripoint_api::work::Work::Severity { level, reason: "it is the till".into() };
    let _: Value = block_on(stage.rig.client().post(&path::alert_work(ID, "work"), &set)).unwrap();
    // It is open again: what it missed is found with the next image, else within a minute.
    stage.list("gamma", "203.0.113.5", "c2", 90);
    stage.told("no list names 203.0.113.66 any more");
    let told = stage.alert();
    assert_eq!(told.work.severity.as_ref().map(|own| own.level), Some(tripoint_model::Level::Critical));
    assert_eq!((lines(&told).len(), told.work.status), (1, tripoint_model::AlertStatus::Open));
}

/// Whoever accepted one vulnerability has not accepted the next.
#[test]
fn what_was_accepted_covers_no_other_vulnerability() {
    let mut stage = Stage::new();
    let add =
        ["exceptions", "add", "--target", "203.0.113.66", "--cve", "CVE-2021-44228", "--reason", "test", "--json"];
    let id = stage.rig.bench.run(&add).json()["id"].as_str().unwrap().to_owned();
    let mut report = reported(ID);
    report.suppressed_by = Some(id.clone());
    stage.report(report);
    stage.rig.bench.write("kev.json", EXPLOITED);
    stage.rig.bench.run(&["vulns", "import", "kev.json"]).expect(0);
    let told = stage.told("CVE-2021-44228 is exploited in the wild now");
    assert_eq!(told.suppressed_by, Some(id), "that it is exploited was accepted too");
    let second = LOG4SHELL.replace("GHSA-jfh8-c2jp-5v3q", "GHSA-7rjr-3q55-vv33").replace("44228", "45046");
    stage.rig.bench.write("second.json", second);
    stage.rig.bench.run(&["vulns", "import", "second.json", "--source", "more"]).expect(0);
    let told = stage.told("CVE-2021-45046 is known of log4j-core 2.14.1 now");
    assert_eq!(told.suppressed_by, None);
}

/// Many alerts do not hold up who asks: `REJUDGED=100000 cargo test … -- --ignored` prints what it takes.
#[test]
#[ignore = "measures time"]
fn many_open_alerts_are_judged_beside_everything_else() {
    let many: usize = std::env::var("REJUDGED").ok().and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let mut stage = Stage::new();
    let all: Vec<Alert> = (0..many).map(|number| reported(&format!("{number:016x}"))).collect();
    let began = Instant::now();
    for part in all.chunks(200) {
        stage.sequence += 1;
        let items = part.iter().map(|alert| Item::Alert { alert: Box::new(alert.clone()) }).collect();
        stage.rig.report(stage.sequence, items);
    }
    println!("{many} alerts reported: {:.0}/s", many as f64 / began.elapsed().as_secs_f64());
    let ask = || {
        let asked = Instant::now();
        let page = format!("{}?limit=50", path::QUEUE);
        let _: Value = block_on(stage.rig.client().get(&page)).unwrap();
        asked.elapsed()
    };
    let mut idle: Vec<Duration> = (0..100).map(|_| ask()).collect();
    let passes = || {
        let metrics = block_on(stage.rig.client().get_text(path::METRICS)).unwrap();
        let line = metrics.lines().find(|line| line.starts_with("tripoint_judged_anew_passes_total ")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    for (what, address) in [("every alert changes", "203.0.113.99"), ("none changes", "203.0.113.98")] {
        let before = passes();
        stage.list("alpha", address, "c2", 90);
        let began = Instant::now();
        let mut busy = Vec::new();
        while passes() == before {
            busy.push(ask());
            assert!(began.elapsed() < Duration::from_secs(1800));
        }
        let rate = many as f64 / began.elapsed().as_secs_f64();
        let worst = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[times.len() * 99 / 100]
        };
        println!("{what}: {rate:.0}/s; queue p99 {:?} idle, {:?} meanwhile", worst(&mut idle), worst(&mut busy));
    }
}

//! Does an alert judged anew say what the correlator would, and is it otherwise what it was?

use std::fs;
use std::path::Path;

use super::*;

/// Lists that say what each alert says, of the peers that it was said of.
struct Unchanged<'a>(&'a Alert);

impl Lists for Unchanged<'_> {
    fn said_of(&self, connection: &Connection) -> (Arc<[Claim]>, Vec<GuardHit>) {
        let of = |claim: &&Claim| match &claim.matched {
            Observable::Domain(name) => connection.names().any(|own| own == name),
            other => other.matches(connection.remote.ip(), connection.remote.port()),
        };
        (self.0.claims.iter().filter(of).cloned().collect(), self.0.guard.clone())
    }

    fn still_said(&self, claim: &Claim) -> Option<Claim> {
        Some(claim.clone())
    }

    fn knows(&self, _: &str) -> bool {
        true
    }
}

impl Advisories for Unchanged<'_> {
    fn of_package(&self, known: &Finding) -> Option<Vec<Finding>> {
        Some(self.0.findings.iter().filter(|finding| finding.purl == known.purl).cloned().collect())
    }
}

/// Lists and advisories that know nothing.
struct Nothing;

impl Lists for Nothing {
    fn said_of(&self, _: &Connection) -> (Arc<[Claim]>, Vec<GuardHit>) {
        (Arc::from([]), Vec::new())
    }

    fn still_said(&self, _: &Claim) -> Option<Claim> {
        None
    }

    fn knows(&self, feed: &str) -> bool {
        feed != "its-own"
    }
}

impl Advisories for Nothing {
    fn of_package(&self, _: &Finding) -> Option<Vec<Finding>> {
        Some(Vec::new())
    }
}

/// The alerts of every story.
fn stories() -> Vec<Alert> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut alerts: Vec<Alert> = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let file = entry.unwrap().path().join("alerts.json");
        if let Ok(text) = fs::read_to_string(file) {
            alerts.extend(serde_json::from_str::<Vec<Alert>>(&text).unwrap());
        }
    }
    assert!(alerts.len() > 15, "{} alerts", alerts.len());
    alerts
}

fn later(alert: &Alert) -> Timestamp {
    Timestamp(alert.last_seen.0 + 86_400_000_000)
}

#[test]
fn where_nothing_changed_the_alert_is_the_same_in_every_word() {
    for alert in stories() {
        let same = Unchanged(&alert);
        let judged = anew(&alert, Some(&same), Some(&same), &Weights::default(), later(&alert));
        assert_eq!(judged, alert, "{}", alert.title);
        let with_neither = anew(&alert, None, None, &Weights::default(), later(&alert));
        assert_eq!(with_neither, alert, "{}", alert.title);
    }
}

#[test]
fn what_nobody_says_any_more_is_milder_stays_an_alert_and_settles() {
    for alert in stories() {
        let weights = Weights::default();
        let judged = anew(&alert, Some(&Nothing), Some(&Nothing), &weights, later(&alert));
        assert!(judged.claims.is_empty() && judged.findings.is_empty(), "{}", judged.title);
        assert!(judged.severity.score <= alert.severity.score, "{}", judged.title);
        let happened = |alert: &Alert| -> Vec<Factor> {
            alert.severity.factors.iter().filter(|factor| !is_judged(&factor.name)).cloned().collect()
        };
        assert_eq!(judged.severity.factors, happened(&alert), "what happened stays");
        assert_eq!((judged.suppressed_by.clone(), &judged.id), (alert.suppressed_by.clone(), &alert.id));
        assert_eq!(anew(&judged, Some(&Nothing), Some(&Nothing), &weights, later(&alert)), judged, "settled");
        assert!(!judged.title.contains("CVE"), "{}", judged.title);
    }
}

/// An advisory that is withdrawn and comes back, a list that drops a peer and names it again: the same alert.
#[test]
fn there_and_back_is_the_same_alert() {
    for mut alert in stories() {
        let raised = tripoint_model::judgement::Raised::of(&alert, alert.last_seen);
        let judgement = tripoint_model::Judgement { raised: Some(Box::new(raised)), ..Default::default() };
        alert.judged = Some(Box::new(judgement));
        let weights = Weights::default();
        let there = anew(&alert, Some(&Nothing), Some(&Nothing), &weights, later(&alert));
        let whole = Unchanged(&alert);
        let mut back = anew(&there, Some(&whole), Some(&whole), &weights, later(&alert));
        // What has to be typed to mend it is made anew.
        for (back, was) in back.findings.iter_mut().zip(&alert.findings) {
            back.fix_command.clone_from(&was.fix_command);
        }
        if alert.findings.iter().all(|finding| finding.paths.is_empty()) && !back.suggested.is_empty() {
            back.suggested.clone_from(&alert.suggested);
        }
        let mended = alert.severity.factors.iter().any(|factor| factor.name == MENDED);
        if !mended && alert.findings.iter().all(|finding| finding.paths.is_empty()) {
            assert_eq!(back, alert, "{}", alert.title);
        }
    }
}

#[test]
fn a_host_that_weighs_otherwise_is_believed() {
    let alert = stories().into_iter().find(|alert| alert.claims.len() > 1 && !alert.findings.is_empty()).unwrap();
    let mut own = alert.clone();
    let loaded = own.severity.factors.iter_mut().find(|factor| factor.name.starts_with("code-")).unwrap();
    loaded.points += 3;
    own.severity = tripoint_model::Severity::sum(own.severity.factors.clone());
    let same = Unchanged(&own);
    assert_eq!(anew(&own, Some(&same), Some(&same), &Weights::default(), later(&own)).severity, own.severity);
}

#[test]
fn every_factor_is_either_judged_or_happened() {
    let happened = [
        "outbound",
        "never-established",
        "data-out",
        "beacon",
        "contacted-before",
        "log-attempted",
        "log-likely-succeeded",
        "called-back",
        "child-process",
    ];
    for weight in WEIGHTS {
        assert_ne!(is_judged(weight.name), happened.contains(&weight.name), "{}", weight.name);
    }
    for name in tripoint_model::judgement::JUDGED {
        assert!(WEIGHTS.iter().any(|weight| weight.name == *name), "{name}");
    }
}

/// Advisories that say very much of every package.
struct Many;

impl Advisories for Many {
    fn of_package(&self, known: &Finding) -> Option<Vec<Finding>> {
        let one =
            |number: u32| Finding { id: format!("M-{number}"), cves: vec![format!("CVE-{number}")], ..known.clone() };
        Some((0..30_000).map(one).collect())
    }
}

#[test]
fn however_much_is_said_of_software_a_bounded_part_is_looked_at() {
    let alert = stories().into_iter().find(|alert| !alert.findings.is_empty()).unwrap();
    let judged = anew(&alert, None, Some(&Many), &Weights::default(), later(&alert));
    assert!(judged.title.contains("vulnerable to 20000 CVEs"), "{}", judged.title);
    assert_eq!(judged.findings.len(), dossier::FINDINGS_MAX);
    assert!(!can_ask_advisories(&judged), "of the rest nothing is known");
    assert_eq!(anew(&judged, None, Some(&Nothing), &Weights::default(), later(&alert)), judged);
}

#[test]
fn what_a_feed_says_that_is_not_known_here_stays() {
    let mut alert = stories().into_iter().find(|alert| !alert.claims.is_empty()).unwrap();
    for claim in &mut alert.claims {
        claim.feed = "its-own".to_owned();
    }
    let judged = anew(&alert, Some(&Nothing), None, &Weights::default(), later(&alert));
    assert_eq!(judged.claims, alert.claims);
}

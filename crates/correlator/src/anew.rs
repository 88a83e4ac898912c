//! How is an alert judged anew when nothing but the alert is left: its dossier forgotten, its connection long over?
//!
//! The alert is laid open as the case that it was written from, with what lists and advisories say now, and goes through
//! the same rules, sum and words. What happened (how often, how regularly, what logs showed) is kept as it was reckoned,
//! and so is what only the host can know: which code runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use tripoint_model::alert::state_in;
use tripoint_model::judgement::{MENDED, Software, is_judged};
use tripoint_model::{
    Alert, Claim, Connection, Factor, Finding, GuardHit, Observable, PackageState, Restart, Timestamp, restart,
};

use crate::alert;
use crate::dossier::{self, Case, Contact, Folded};
use crate::rule::{self, RULES, Rule};
use crate::severity::{WEIGHTS, Weights, with_judged};

/// What is known now of peers.
pub trait Lists {
    /// What is said of a connection's peer, and which guard lists hold it.
    fn said_of(&self, connection: &Connection) -> (Arc<[Claim]>, Vec<GuardHit>);
    /// The same claim as it is made now, of a peer whose connection is not at hand; nothing where it is made no more.
    fn still_said(&self, claim: &Claim) -> Option<Claim>;
    /// Whether they know this feed at all: of one that they do not, they cannot tell that it names nobody any more.
    fn knows(&self, feed: &str) -> bool;
}

/// What is known now of software.
pub trait Advisories {
    /// What the package of a finding is vulnerable to; nothing where that cannot be asked.
    fn of_package(&self, finding: &Finding) -> Option<Vec<Finding>>;
}

/// The alert as it is judged with these lists and advisories at `now`; with neither it is what it was. People's work,
/// exceptions and what happened are left alone. The same alert and images give the same answer, byte for byte, and the
/// answer judged again is itself.
pub fn anew(
    alert: &Alert,
    lists: Option<&dyn Lists>,
    advisories: Option<&dyn Advisories>,
    weights: &Weights,
    now: Timestamp,
) -> Alert {
    let advisories = advisories.filter(|_| can_ask_advisories(alert));
    if lists.is_none() && advisories.is_none() {
        return alert.clone();
    }
    let (claims, guard) = match lists {
        Some(lists) => said(alert, lists, now),
        None => (alert.claims.clone(), alert.guard.clone()),
    };
    let found = match advisories {
        Some(advisories) => found(alert, advisories),
        None => counted(alert.findings.clone()),
    };
    rewritten(alert, (claims, guard), found, weights)
}

/// Whether advisories can judge the alert: of a list that was cut nobody knows what lies behind its end.
pub fn can_ask_advisories(alert: &Alert) -> bool {
    alert.findings.len() < dossier::FINDINGS_MAX
}

/// The alert with what its host found of its software since, judged by what lists and advisories said when it was last
/// judged. Packages that the host does not name stay as they were told.
pub fn with_software(alert: &Alert, software: &Software, weights: &Weights) -> Alert {
    let mut told = alert.clone();
    let restarts: BTreeSet<Restart> = alert.process.iter().map(|process| Restart::of(process)).collect();
    for finding in &mut told.findings {
        let Some(now) = software.packages.iter().find(|now| now.purl == finding.purl) else { continue };
        (finding.presence, finding.on_disk) = (now.presence, now.on_disk.clone());
        if now.fixed_on_disk {
            restart::complete(finding, &restarts, true);
        }
    }
    told.severity.factors.retain(|factor| factor.name != MENDED);
    if software.mended {
        told.severity.factors.push(Factor { name: MENDED.to_owned(), points: 0, reason: String::new() });
    }
    // What is not known of it cannot be judged: then it stays as it is.
    let Some(case) = case_of(&told, (alert.claims.clone(), alert.guard.clone()), counted(told.findings.clone())) else {
        return alert.clone();
    };
    written(alert, case, weights_of(alert, weights))
}

/// The alert as its rules and sum have it of these claims and findings.
fn rewritten(
    alert: &Alert,
    said: (Vec<Claim>, Vec<GuardHit>),
    found: (Vec<Finding>, usize, usize),
    weights: &Weights,
) -> Alert {
    let Some(case) = case_of(alert, said, found) else { return alert.clone() };
    written(alert, case, weights_of(alert, weights))
}

fn written(alert: &Alert, case: Case, weights: Weights) -> Alert {
    let Some(newest) = case.contacts.first() else { return alert.clone() };
    let same = |rule: &&'static dyn Rule| rule.name() == alert.rule;
    let rule = rule::judge(&case, &weights).or_else(|| RULES.iter().copied().find(same));
    let happened: Vec<Factor> =
        alert.severity.factors.iter().filter(|factor| !is_judged(&factor.name)).cloned().collect();
    let mut out = alert.clone();
    out.severity = with_judged(happened, &case, &weights);
    if let Some(rule) = rule {
        rule.name().clone_into(&mut out.rule);
        let state = state_in(&alert.title).map_or("ended", |at| &alert.title[at]);
        out.title = alert::title(&alert.host, &case, newest, (rule.verb(), state));
        out.techniques = rule.techniques(&case).into_iter().map(str::to_owned).collect();
    }
    out.claims = alert::claims(&case);
    out.guard = alert::guard(&case);
    // The reckoning is kept while what it rests on is: a sum may have had added to it what others met.
    if (&out.claims, &out.guard) != (&alert.claims, &alert.guard) {
        let sure = alert::confidence(&case);
        (out.confidence, out.confidence_why) = (sure.total, sure.terms);
    }
    let is_mended = |alert: &Alert| alert.severity.factors.iter().any(|factor| factor.name == MENDED);
    if case.findings != alert.findings || is_mended(&out) != is_mended(alert) {
        out.suggested = alert::suggested(&alert.id, &case, newest);
        out.findings = case.findings;
    }
    out
}

/// What lists say now of every connection at hand, and of what was met by those that are not.
fn said(alert: &Alert, lists: &dyn Lists, now: Timestamp) -> (Vec<Claim>, Vec<GuardHit>) {
    let mut claims: Vec<Claim> = Vec::new();
    let mut guard: BTreeSet<GuardHit> = BTreeSet::new();
    for connection in &alert.connections {
        let (said, hits) = lists.said_of(connection);
        let end = dossier::end_of(connection, alert.last_seen, now).max(connection.opened);
        claims.extend(said.iter().filter(|claim| dossier::holds(claim, connection, end)).cloned());
        guard.extend(hits);
    }
    if alert.count > alert.connections.len() as u64 {
        let met = |claim: &Claim| {
            alert.connections.iter().any(|connection| match &claim.matched {
                Observable::Domain(name) => connection.names().any(|own| own.eq_ignore_ascii_case(name)),
                other => other.matches(connection.remote.ip(), connection.remote.port()),
            })
        };
        let known = |claim: &&Claim| !met(claim) && lists.knows(&claim.feed);
        claims.extend(alert.claims.iter().filter(known).filter_map(|claim| lists.still_said(claim)));
    }
    // A feed that only the host has: what it says, only the host can take back.
    claims.extend(alert.claims.iter().filter(|claim| !lists.knows(&claim.feed)).cloned());
    (claims, guard.into_iter().collect())
}

/// What the alert's packages are vulnerable to now, worst first, with how many findings and vulnerabilities in all.
/// What only the host knows of a package stays: whether its code runs, what lies on disk, what must be restarted.
fn found(alert: &Alert, advisories: &dyn Advisories) -> (Vec<Finding>, usize, usize) {
    let restarts: BTreeSet<Restart> = alert.process.iter().map(|process| Restart::of(process)).collect();
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    let remembered = remembered(alert);
    let mut all: Vec<Finding> = Vec::new();
    for known in alert.findings.iter().chain(&remembered) {
        if !asked.insert(&known.purl) {
            continue;
        }
        let of_package = |finding: &&Finding| finding.purl == known.purl;
        let Some(said) = advisories.of_package(known) else {
            all.extend(alert.findings.iter().filter(of_package).cloned());
            continue;
        };
        let room = dossier::FINDINGS_READ_MAX.saturating_sub(all.len());
        for mut finding in said.into_iter().filter(|finding| finding.state.is_vulnerable()).take(room) {
            finding.purl.clone_from(&known.purl);
            finding.name.clone_from(&known.name);
            finding.version.clone_from(&known.version);
            finding.presence = known.presence;
            finding.on_disk.clone_from(&known.on_disk);
            finding.paths.clone_from(&known.paths);
            let before = alert.findings.iter().filter(of_package).find(|before| before.id == finding.id);
            match before.filter(|before| before.fixed == finding.fixed) {
                Some(before) => finding.fix_command.clone_from(&before.fix_command),
                None => restart::complete(&mut finding, &restarts, is_fixed_on_disk(known)),
            }
            all.push(finding);
        }
    }
    counted(all)
}

/// Packages of an alert of which nothing is said at the moment: those that it was raised for.
fn remembered(alert: &Alert) -> Vec<Finding> {
    let raised = alert.judged.as_ref().and_then(|judged| judged.raised.as_ref());
    let Some(raised) = raised.filter(|_| alert.findings.is_empty()) else { return Vec::new() };
    raised.findings.iter().map(tripoint_model::judgement::RaisedFinding::package).collect()
}

/// What replaced a package on disk is what fixes it, as far as its own host could tell.
fn is_fixed_on_disk(known: &Finding) -> bool {
    let fix = known.fix_command.as_deref().unwrap_or_default();
    known.presence == PackageState::Stale && fix.starts_with("systemctl ")
}

fn counted(mut findings: Vec<Finding>) -> (Vec<Finding>, usize, usize) {
    findings
        .sort_by(|a, b| dossier::rank(b).cmp(&dossier::rank(a)).then_with(|| (&a.id, &a.purl).cmp(&(&b.id, &b.purl))));
    let (total, cves) = (findings.len(), dossier::cves(&findings).count());
    findings.truncate(dossier::FINDINGS_MAX);
    (findings, total, cves)
}

/// The case that the alert was written from, as far as the alert tells it.
fn case_of(
    alert: &Alert,
    (claims, guard): (Vec<Claim>, Vec<GuardHit>),
    (findings, findings_total, cves_total): (Vec<Finding>, usize, usize),
) -> Option<Case> {
    let has = |name: &str| alert.severity.factors.iter().any(|factor| factor.name == name);
    let raised = alert.judged.as_ref().and_then(|judged| judged.raised.as_ref());
    let was_vulnerable = !alert.findings.is_empty() || raised.is_some_and(|raised| !raised.findings.is_empty());
    let mut contacts: Vec<Contact> = alert
        .connections
        .iter()
        .map(|connection| Contact {
            connection: Arc::clone(connection),
            at: alert.last_seen,
            process: connection.process.clone(),
            is_listed: true,
            claims: Vec::new(),
            guard: Vec::new(),
        })
        .collect();
    // Which of them each claim was met by does not matter to what is judged.
    let first = contacts.first_mut()?;
    first.process = alert.process.clone();
    (first.claims, first.guard) = (claims, guard);
    let folded = Folded { count: alert.count.saturating_sub(contacts.len() as u64), ..Folded::default() };
    Some(Case {
        application: Some(alert.application.clone()),
        indicator: alert.indicator.clone(),
        direction: alert.direction,
        was_vulnerable: was_vulnerable || !findings.is_empty(),
        withdrawn: Vec::new(),
        mended: has(MENDED) && !findings.is_empty(),
        findings,
        findings_total,
        cves_total,
        scanned: true,
        contacted_before: has("contacted-before"),
        call_back: alert.call_back.as_deref().cloned(),
        told: None,
        contacts,
        folded,
        now: alert.last_seen,
    })
}

/// A host may weigh otherwise than we do: what its alert shows of its figures counts.
fn weights_of(alert: &Alert, weights: &Weights) -> Weights {
    let shown = |factor: &&Factor| !PARTIAL.contains(&factor.name.as_str());
    let known = |factor: &&Factor| WEIGHTS.iter().any(|weight| weight.name == factor.name);
    let figures = alert.severity.factors.iter().filter(shown).filter(known);
    weights.clone().with(figures.map(|factor| (factor.name.clone(), factor.points)))
}

/// Factors that add a part of their weight.
const PARTIAL: &[&str] = &["claim-confidence", "corroboration"];

#[cfg(test)]
mod tests;

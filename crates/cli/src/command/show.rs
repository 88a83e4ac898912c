//! One alert as a person reads it: what happened, who, where, says who, vulnerable to what, and what now.

use tripoint_intel::networks::Networks;
use tripoint_model::alert::{Change, Comment};
use tripoint_model::confidence::GUARDED_LESS;
use tripoint_model::{Alert, CallBack, Claim, Connection, Factor, Outcome, Process, Refusal};

use crate::page::{line, section};

/// The whole alert, as lines of which none can be forged by what stands in it.
pub fn whole(alert: &Alert, networks: &Networks) -> String {
    let mut out = String::new();
    let o = &mut out;
    line(o, &alert.title);
    let (level, score) = (&alert.severity.level, alert.severity.score);
    line(o, &format!("{} · {level} {score}/100 · rule {} · confidence {}", alert.id, alert.rule, alert.confidence));
    when(o, alert);
    if let Some(process) = &alert.process {
        who(o, alert, process);
    }
    section(o, "WHAT LED TO IT", alert.call_back.iter().flat_map(|call_back| led_by(call_back)));
    section(o, "WHERE", alert.connections.iter().take(5).map(|connection| place(connection)));
    section(o, "WHOSE NETWORK", owners(alert, networks).into_iter());
    section(o, "SAYS WHO", alert.claims.iter().map(claim));
    guards(o, alert);
    findings(o, alert);
    let found = alert.investigation.as_ref().map(|found| super::investigate::logs(&found.logs));
    section(o, "WHAT ITS LOGS SAY", found.into_iter().flatten());
    let why = alert.investigation.as_ref().and_then(|found| found.why.as_ref()).map(super::why::shortly);
    section(o, "WHY IT WAS CONNECTED", why.into_iter().flatten());
    let factor = |factor: &Factor| format!("{:+4}  {}: {}", factor.points, factor.name, factor.reason);
    section(o, "SEVERITY", alert.severity.factors.iter().map(factor));
    judged(o, alert);
    section(o, &format!("CONFIDENCE ({})", alert.confidence), alert.confidence_why.iter().map(factor));
    let techniques = Some(alert.techniques.join(", ")).filter(|techniques| !techniques.is_empty());
    section(o, "ATT&CK", techniques.into_iter());
    section(o, "NOT KNOWN", alert.missing.iter().map(|missing| format!("{}: {}", missing.what, missing.why)));
    response(o, alert);
    work(o, alert);
    out.truncate(out.trim_end().len());
    out
}

/// What changed since it was raised, and what was known then.
fn judged(o: &mut String, alert: &Alert) {
    let Some(judged) = &alert.judged else { return };
    let Some(raised) = judged.raised.as_ref().filter(|_| !judged.since.is_empty()) else { return };
    let (then, now) = (&raised.severity, &alert.severity);
    let mut lines = judged.since.clone();
    lines.push(format!(
        "raised as {} {} at {}, now {} {}: {}",
        then.level,
        then.score,
        raised.at,
        now.level,
        now.score,
        judged.trend.as_str()
    ));
    section(o, "WHAT CHANGED SINCE IT WAS RAISED", lines.into_iter());
}

/// Whose the peers are, each once.
fn owners(alert: &Alert, networks: &Networks) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for address in alert.connections.iter().map(|connection| connection.remote.ip()) {
        let line = networks.find(address).map(|network| format!("{address}: {}", super::intel::owner(&network)));
        lines.extend(line.filter(|line| lines.len() < 5 && !lines.contains(line)));
    }
    lines
}

/// The attack, what it began, and the connection, in their order.
fn led_by(call_back: &CallBack) -> Vec<String> {
    let mut lines: Vec<String> = call_back.reasons.clone();
    for attempt in &call_back.attempts {
        let time = attempt.time.map(|time| format!("{time} ")).unwrap_or_default();
        lines.push(format!("{time}{}:{} {} ({})", attempt.file, attempt.line, attempt.family, attempt.rule));
        lines.extend(attempt.reasons.iter().map(|reason| format!("  {reason}")));
        lines.push(format!("  {}", attempt.raw));
    }
    lines.extend(call_back.visit.iter().map(|visit| place(visit)));
    if let Some(child) = &call_back.child {
        let started = child.started.map(|at| format!("{at} ")).unwrap_or_default();
        lines.push(format!("{started}{} (pid {}): {}", child.exe, child.key.pid, child.argv.join(" ")));
    }
    lines.push(place(&call_back.connection));
    lines
}

fn claim(claim: &Claim) -> String {
    let seen = claim.last_seen.map(|at| format!(", last seen {at}")).unwrap_or_default();
    let until = claim.valid_until.map(|at| format!(", until {at}")).unwrap_or_default();
    let (category, direction) = (claim.category.as_str(), claim.direction.as_str());
    format!(
        "{}: {} is {category} ({direction}), confidence {}{seen}{until}",
        claim.feed, claim.matched, claim.confidence
    )
}

/// Which lists hold the peer, and what that changed.
fn guards(o: &mut String, alert: &Alert) {
    let hits = alert.guard.iter().map(|hit| format!("{} ({})", hit.list, hit.range));
    let shared = alert.guard.iter().any(|hit| hit.kind.is_shared());
    let what = if shared { "shared by many" } else { "a sinkhole of researchers: who calls it is infected" };
    let effect = format!("{what}: confidence lowered by {GUARDED_LESS}, never blocked by policy");
    section(o, "GUARD LISTS", hits.chain((!alert.guard.is_empty()).then_some(effect)));
}

/// What was done and refused, what suppresses it, and what can be done.
fn response(o: &mut String, alert: &Alert) {
    let outcome = |outcome: &Outcome| {
        let verified = if outcome.verified { ", read back from the kernel" } else { "" };
        let until = outcome.expires.map(|at| format!(" until {at}")).unwrap_or_default();
        let what = format!("{} {} {:?}", outcome.action.as_str(), outcome.target, outcome.state);
        let detail = Some(&outcome.detail).filter(|detail| !detail.is_empty());
        let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        format!("{} {what}{until}{verified} (by {}){detail}", outcome.at, outcome.mechanism)
    };
    section(o, "DONE", alert.outcomes.iter().map(outcome));
    let refusal = |r: &Refusal| format!("{} {} by rule {}: {}", r.action.as_str(), r.target, r.rule, r.reason);
    section(o, "REFUSED", alert.refusals.iter().map(refusal));
    section(o, "SUPPRESSED", alert.suppressed_by.iter().map(|exception| format!("by exception {exception}")));
    section(o, "WHAT YOU CAN DO", alert.suggested.iter().cloned());
    section(o, "SO THAT IT DOES NOT COME AGAIN", super::advise::shortly(alert).into_iter());
}

/// What people did with it.
fn work(o: &mut String, alert: &Alert) {
    let change = |change: &Change| format!("{} {}: {}", change.at, change.author, change.what);
    section(o, "WORK", alert.work.history.iter().map(change));
    let comment = |comment: &Comment| format!("{} {}: {}", comment.at, comment.author, comment.text);
    section(o, "COMMENTS", alert.work.comments.iter().map(comment));
}

fn when(out: &mut String, alert: &Alert) {
    let open = if alert.still_open { "still open" } else { "ended" };
    let beacon = alert.beacon_score.map(|score| format!(", regularity {score}/100")).unwrap_or_default();
    let latency = alert.latency_ms.map(|ms| format!(", alert after {ms:.2} ms")).unwrap_or_default();
    let line = format!(
        "{} to {}, {} connection(s), {open}, {} bytes in, {} bytes out{beacon}{latency}",
        alert.first_seen, alert.last_seen, alert.count, alert.bytes_in, alert.bytes_out
    );
    section(out, "WHEN", std::iter::once(line));
}

fn who(out: &mut String, alert: &Alert, process: &Process) {
    let mut lines =
        vec![format!("application {} ({}) on {}", alert.application.name, alert.application.key(), alert.host)];
    let started = process.started.map(|at| format!(" started {at}")).unwrap_or_default();
    lines.push(format!(
        "process {}{started}, user {}{}",
        process.key.pid,
        process.uid,
        process.login_uid.map(|u| format!(" (logged in as {u})")).unwrap_or_default()
    ));
    lines.push(format!(
        "executable {} (inode {}){}",
        if process.exe.is_empty() { "unknown" } else { &process.exe },
        process.exe_inode,
        process.exe_sha256.as_ref().map(|h| format!(" sha256 {h}")).unwrap_or_default()
    ));
    lines.push(format!("command line {}", process.argv.join(" ")));
    if let Some(cwd) = &process.cwd {
        lines.push(format!("working directory {cwd}"));
    }
    if let Some(unit) = &process.unit {
        lines.push(format!("unit {unit}"));
    }
    if let Some(container) = &process.container {
        let part = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(", {name} {value}")).unwrap_or_default()
        };
        lines.push(format!(
            "container {} ({}{}{}{})",
            container.id,
            container.runtime,
            part("name", &container.name),
            part("image", &container.image),
            part("pod", &container.pod)
        ));
    }
    for ancestor in &process.ancestry {
        lines.push(format!(
            "started by {} {}",
            ancestor.pid,
            if ancestor.argv.is_empty() { ancestor.exe.clone() } else { ancestor.argv.join(" ") }
        ));
    }
    section(out, "WHO", lines.into_iter());
}

fn place(connection: &Connection) -> String {
    let arrow = match connection.direction {
        tripoint_model::Direction::Outbound => "→",
        tripoint_model::Direction::Inbound => "←",
    };
    let name = connection.names_in_words();
    let translated =
        connection.translated.map(|t| format!(", translated {} → {}", t.local, t.remote)).unwrap_or_default();
    format!(
        "{} {:?} {} {arrow} {}{name}, {:?}, namespace {}{translated}",
        connection.opened, connection.protocol, connection.local, connection.remote, connection.state, connection.netns
    )
}

fn findings(out: &mut String, alert: &Alert) {
    let affected: Vec<_> = alert.findings.iter().filter(|finding| finding.state.is_vulnerable()).collect();
    let lines = |finding: &&tripoint_model::Finding| {
        let score = finding.cvss_tenths.map(|t| format!(" CVSS {}.{}", t / 10, t % 10)).unwrap_or_default();
        let exploited = if finding.known_exploited { ", exploited in the wild" } else { "" };
        let epss = finding.epss_bp.map(|bp| format!(", EPSS {:.2} %", f64::from(bp) / 100.0)).unwrap_or_default();
        let fixed = finding
            .fixed
            .as_ref()
            .map(|fixed| format!(", fixed in {fixed}"))
            .unwrap_or_else(|| ", no fix known".into());
        let command = finding.fix_command.as_ref().map(|command| format!("    fix: {command}"));
        let line = format!(
            "{}{score}{exploited}{epss}: {} {} ({:?}){fixed} [{}]",
            finding.cves.first().unwrap_or(&finding.id),
            finding.name,
            finding.version,
            finding.presence,
            finding.id
        );
        std::iter::once(line).chain(command)
    };
    let more = affected.len().saturating_sub(10);
    section(out, &format!("VULNERABLE TO ({})", affected.len()), affected.iter().take(10).flat_map(lines));
    if more > 0 {
        line(out, &format!("  and {more} more: `tripoint alerts show {} --json`", alert.id));
    }
}

#[cfg(test)]
mod tests;

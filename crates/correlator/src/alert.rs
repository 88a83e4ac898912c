//! How is a case written down so that a person can decide on it?

use std::collections::BTreeSet;

use tripoint_model::alert::{CAUSE, CONNECTIONS_MAX, LOG_EVIDENCE, Missing, SCHEMA, Work};
use tripoint_model::text::visible;
use tripoint_model::{
    Alert, AlertId, Application, ApplicationKind, Category, Claim, Confidence, Direction, GuardHit, Meeting,
    Observable, PackageState, Timestamp, confidence,
};

use crate::beacon;
use crate::dossier::{Case, Contact, DossierKey, UNKNOWN_APPLICATION};
use crate::known::Known;
use crate::rule::Rule;
use crate::severity::{Weights, label, severity};
use crate::suppress::suppressed_by;

/// The deterministic id of a dossier's alert.
pub(crate) fn id_of(host: &str, key: &DossierKey) -> AlertId {
    AlertId::of(host, &key.application, &key.indicator, key.direction)
}

/// Writes the alert of a case. A case has at least one contact.
pub(crate) fn write(
    host: &str,
    key: &DossierKey,
    case: &Case,
    rule: &dyn Rule,
    weights: &Weights,
    known: &Known,
) -> Option<Alert> {
    let newest = case.contacts.first()?;
    let sure = confidence(case);
    let id = id_of(host, key);
    let sums =
        |bytes: fn(&Contact) -> u64, folded: u64| case.contacts.iter().map(bytes).fold(folded, u64::saturating_add);
    let opened: Vec<Timestamp> = case.contacts.iter().map(|contact| contact.connection.opened).collect();
    let first = opened.iter().copied().chain(case.folded.first).min()?;
    let last = case.contacts.iter().map(|contact| contact.at.max(contact.connection.opened)).max()?;
    Some(Alert {
        schema: SCHEMA,
        rule: rule.name().to_owned(),
        title: title(host, case, newest, (rule.verb(), &state(case))),
        host: host.to_owned(),
        application: case.application.clone().unwrap_or_else(unknown_application),
        indicator: case.indicator.clone(),
        direction: case.direction,
        severity: severity(case, weights),
        confidence: sure.total,
        confidence_why: sure.terms,
        first_seen: first,
        last_seen: last,
        count: case.contacts.len() as u64 + case.folded.count,
        bytes_in: sums(|contact| contact.connection.bytes_in, case.folded.bytes_in),
        bytes_out: sums(|contact| contact.connection.bytes_out, case.folded.bytes_out),
        still_open: case.contacts.iter().any(|contact| contact.connection.state.is_open()),
        beacon_score: beacon::score(&opened),
        process: newest.process.clone(),
        connections: case.contacts.iter().take(CONNECTIONS_MAX).map(|contact| contact.connection.clone()).collect(),
        claims: claims(case),
        guard: guard(case),
        findings: case.findings.clone(),
        techniques: rule.techniques(case).into_iter().map(str::to_owned).collect(),
        outcomes: known.outcomes(&id),
        refusals: Vec::new(),
        investigation: None,
        call_back: case.call_back.clone().map(Box::new),
        suggested: suggested(&id, case, newest),
        suppressed_by: suppressed_by(host, case, rule.name(), known),
        missing: missing(case, newest),
        latency_ms: None,
        judged: None,
        work: Work::default(),
        id,
    })
}

fn unknown_application() -> Application {
    Application { kind: ApplicationKind::Executable, id: UNKNOWN_APPLICATION.into(), name: UNKNOWN_APPLICATION.into() }
}

/// `nginx@web1 connected to command-and-control server 203.0.113.66:443 (open); vulnerable to 2 CVEs, worst CVE-…, exploited in the wild`.
pub(crate) fn title(host: &str, case: &Case, newest: &Contact, (verb, state): (&str, &str)) -> String {
    let application = case.application.as_ref().map_or(UNKNOWN_APPLICATION, |application| application.name.as_str());
    let connection = &newest.connection;
    let remote = connection.remote;
    // A client's own port says nothing; the port it came to does.
    let peer = match case.direction {
        Direction::Outbound => {
            format!("{}{}", Observable::AddressPort(remote.ip(), remote.port()), connection.names_in_words())
        }
        Direction::Inbound => format!("{} on port {}", remote.ip(), connection.local.port()),
    };
    let kind = kind_of_peer(case);
    visible(&format!("{application}@{host} {verb} {kind} {peer} ({state}){}", vulnerable(case))).into_owned()
}

/// How many connections there were, and how many of them are open.
fn state(case: &Case) -> String {
    let open = case.contacts.iter().filter(|contact| contact.connection.state.is_open()).count();
    let total = case.contacts.len() as u64 + case.folded.count;
    match (open, total) {
        (0, 1) => "ended".to_owned(),
        (0, _) => format!("{total} connections, all ended"),
        (_, 1) => "still open".to_owned(),
        _ => format!("{total} connections, {open} still open"),
    }
}

fn vulnerable(case: &Case) -> String {
    let Some(worst) = case.findings.first() else {
        return "; no vulnerability of it is known".into();
    };
    let wild = if worst.known_exploited { ", exploited in the wild" } else { "" };
    match case.cves_total {
        1 => format!("; vulnerable to {}{wild}", label(worst)),
        count => format!("; vulnerable to {count} CVEs, worst {}{wild}", label(worst)),
    }
}

fn kind_of_peer(case: &Case) -> &'static str {
    let mut claims = case.contacts.iter().flat_map(|contact| &contact.claims).peekable();
    if claims.peek().is_none() {
        return "unlisted address";
    }
    let surest = claims.max_by_key(|claim| (claim.confidence, std::cmp::Reverse((&claim.feed, claim.category))));
    match surest.map_or(Category::Malicious, |claim| claim.category) {
        Category::C2 => "command-and-control server",
        Category::MalwareHost => "malware host",
        Category::Phishing => "phishing site",
        Category::Exploit => "exploiting host",
        Category::Scanner => "scanner",
        Category::BruteForce => "password guesser",
        Category::Botnet => "botnet member",
        Category::Mining => "mining pool",
        Category::Tor => "Tor node",
        Category::Proxy => "anonymising proxy",
        Category::Spam => "spam source",
        Category::Sinkhole => "sinkhole",
        Category::Hijacked => "criminal network",
        Category::Malicious => "malicious address",
    }
}

/// What all claims of the case are worth together. Ages count from the newest connection, so that an alert does not
/// change only because time passes.
pub(crate) fn confidence(case: &Case) -> Confidence {
    let newest = case.contacts.first().map(|contact| &contact.connection);
    let claims: Vec<&Claim> = case.contacts.iter().flat_map(|contact| &contact.claims).collect();
    if let Some(call_back) = case.call_back.as_ref().filter(|_| claims.is_empty()) {
        let terms = crate::call_back::confidence(call_back);
        let total = terms.iter().map(|term| term.points).sum::<i16>().clamp(0, 100);
        return Confidence { total: u8::try_from(total).unwrap_or(0), terms };
    }
    let opened = || case.contacts.iter().map(|contact| contact.connection.opened);
    let ends = case.contacts.iter().map(|contact| contact.end(case.now));
    let at = opened().max().unwrap_or_default();
    confidence::confidence(
        &claims,
        &Meeting {
            at,
            // Each claim held for its own connection; which it was does not matter here.
            span: (opened().min().unwrap_or(at), ends.max().unwrap_or(at).max(at)),
            direction: Some(case.direction),
            // A client's own port says nothing.
            port: newest.filter(|_| case.direction == Direction::Outbound).map(|connection| connection.remote.port()),
            guard: &guard(case),
            sightings: 0,
        },
    )
}

pub(crate) fn claims(case: &Case) -> Vec<Claim> {
    let mut claims: Vec<Claim> = case.contacts.iter().flat_map(|contact| contact.claims.iter().cloned()).collect();
    claims.sort_by(|a, b| {
        (&a.feed, &a.matched, a.category, a.direction, a.last_seen, a.valid_until).cmp(&(
            &b.feed,
            &b.matched,
            b.category,
            b.direction,
            b.last_seen,
            b.valid_until,
        ))
    });
    claims.dedup();
    claims.truncate(CLAIMS_MAX);
    claims
}

/// Claims kept in one alert.
const CLAIMS_MAX: usize = 200;

pub(crate) fn guard(case: &Case) -> Vec<GuardHit> {
    let hits: BTreeSet<GuardHit> = case.contacts.iter().flat_map(|contact| contact.guard.iter().cloned()).collect();
    hits.into_iter().take(CLAIMS_MAX).collect()
}

/// Commands a person can run, the quickest containment first.
pub(crate) fn suggested(id: &AlertId, case: &Case, newest: &Contact) -> Vec<String> {
    let peer = newest.connection.remote.ip();
    let mut commands = Vec::new();
    if case.contacts.iter().any(|contact| contact.connection.state.is_open()) {
        commands.push(format!("tripoint disconnect {peer} --reason 'alert {id}'"));
    }
    commands.push(format!("tripoint block {peer} --for 24h --reason 'alert {id}'"));
    commands.push(format!("tripoint allow {peer} --for 24h --reason 'alert {id}: expected'"));
    // What is closed already needs no fix.
    if case.mended {
        return commands;
    }
    let mut fixes: Vec<&String> = Vec::new();
    for fix in case.findings.iter().filter_map(|finding| finding.fix_command.as_ref()) {
        if !fixes.contains(&fix) && fixes.len() < FIXES_MAX {
            fixes.push(fix);
        }
    }
    commands.extend(fixes.into_iter().map(|fix| visible(fix).into_owned()));
    let stale = case.findings.iter().any(|finding| finding.presence == PackageState::Stale);
    let unit = newest.process.as_ref().and_then(|process| process.unit.as_deref());
    if let Some(unit) = unit.filter(|unit| stale && is_plain(unit)) {
        let restart = format!("systemctl restart {unit}");
        if !commands.iter().any(|command| command.contains(&restart)) {
            commands.push(restart);
        }
    }
    commands
}

/// Fixes suggested in one alert.
const FIXES_MAX: usize = 5;

/// Only what needs no quoting is put into a command.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@' | b':'))
        && !text.starts_with('-')
}

/// What is not known, and why. An alert that hides its gaps would be believed too much.
fn missing(case: &Case, newest: &Contact) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut add = |what: &str, why: &str| missing.push(Missing { what: what.into(), why: why.into() });
    let process = newest.process.as_deref();
    if process.is_none() {
        add("process", "the owner of the connection could not be named");
    }
    if !case.scanned {
        add("vulnerabilities", "the software of a process concerned has not been looked at yet");
    }
    if case.findings_total > case.findings.len() {
        add("vulnerabilities", &format!("the worst {} of {} are listed", case.findings.len(), case.findings_total));
    }
    if process.is_some_and(|process| process.argv.is_empty()) {
        add("command line", "it was not readable before the process ended");
    }
    if process.is_some_and(|process| process.exe_sha256.is_none()) {
        add("executable hash", "the executable was not readable or not hashed yet");
    }
    if newest.connection.predates_sensor {
        add("beginning of the connection", "it was open before the sensor started");
    }
    if case.direction == Direction::Outbound && newest.connection.names().next().is_none() {
        add("name", "no answer of a name server with this address was seen");
    }
    if !case.findings.is_empty() && case.findings.iter().all(|finding| finding.cvss_tenths.is_none()) {
        add("CVSS", "no source gives a vector for these vulnerabilities");
    }
    add(LOG_EVIDENCE, "the host has not looked into the application's logs yet");
    add(CAUSE, "the host has not looked yet what explains the connection");
    add("network owner and country", "no source of network ownership is configured");
    missing
}

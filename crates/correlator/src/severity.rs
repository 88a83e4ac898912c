//! How bad is a case, and what does each piece of evidence add?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tripoint_model::confidence::independent;
use tripoint_model::{Category, Direction, Factor, PackageState, Severity, Timestamp, Verdict};

use crate::dossier::Case;

/// One row of the table.
pub struct Weight {
    /// The factor's name in alerts and configuration.
    pub name: &'static str,
    /// What it adds or takes away; for `claim-confidence` and `corroboration` the most it can add.
    pub points: i16,
    /// Why it weighs so much.
    pub because: &'static str,
}

const fn row(name: &'static str, points: i16, because: &'static str) -> Weight {
    Weight { name, points, because }
}

/// Every factor, in the order in which alerts print them.
pub const WEIGHTS: &[Weight] = &[
    row("claim-confidence", 15, "a claim is worth as much as its source believes in it"),
    row("category-c2", 15, "traffic with a control server means the host is likely controlled"),
    row("category-malware-host", 12, "what is fetched there is run next"),
    row("category-exploit", 12, "the peer is known to exploit, and the application can be exploited"),
    row("category-botnet", 10, "a member of a botnet attacks whatever it finds"),
    row("category-mining", 10, "nobody mines by mistake; somebody else's program runs here"),
    row("category-sinkhole", 8, "the server is harmless now, but what asks for it is not"),
    row("category-phishing", 6, "bad, but aimed at people rather than at servers"),
    row("category-hijacked", 6, "a whole network run by criminals: a broad claim"),
    row("category-malicious", 6, "bad without saying how"),
    row("category-brute-force", 4, "guessing passwords hits everybody"),
    row("category-scanner", 2, "scanning hits everybody"),
    row("category-tor", 2, "anonymity is not an attack"),
    row("category-proxy", 1, "anonymity is not an attack"),
    row("category-spam", 1, "says little about anything but mail"),
    row(
        "corroboration",
        8,
        "a second source rarely copies the first one's mistakes; four for each further feed that is no copy",
    ),
    row("claim-old", -5, "addresses change hands: nobody has seen it for 30 days"),
    row("claim-very-old", -10, "addresses change hands: nobody has seen it for 180 days"),
    row("guard-listed", -20, "shared infrastructure: the bad one is probably its neighbour"),
    row("outbound", 15, "the application itself chose to talk to the bad server"),
    row("never-established", -15, "no data can have passed"),
    row("data-out", 5, "more than a mebibyte left the host towards a bad server"),
    row("beacon", 8, "people do not come like clockwork"),
    row("contacted-before", 15, "a bad client came first, the application called out afterwards"),
    row("log-attempted", 8, "the application's own logs show that the peer, or who had it called, tried to exploit it"),
    row("log-likely-succeeded", 15, "they show that it, or what followed, most likely worked"),
    row("called-back", 20, "an attack came first, and something ties the connection to it"),
    row("child-process", 10, "what connected was begun below the attacked server: its code runs already"),
    row("targeted-cve", 10, "the source says that this peer exploits what the application has"),
    row("known-exploited", 15, "attackers use this vulnerability now"),
    row("epss-high", 8, "more likely than one in ten to be exploited within a month"),
    row("cvss-critical", 12, "a base score of 9.0 or more: usually code execution without a password"),
    row("cvss-high", 8, "a base score of 7.0 or more"),
    row("cvss-medium", 4, "a base score of 4.0 or more"),
    row("code-loaded", 5, "the vulnerable code is in the running process"),
    row("code-stale", 5, "the old code still runs although the fix is on disk: everybody believes it is fixed"),
    row("code-mended", -10, "the application was begun anew without it: what happened stays, the hole is closed"),
    row("code-not-loaded", -10, "the vulnerable code is on disk only"),
];

/// What each factor weighs here: the table with the user's own figures laid over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    overrides: BTreeMap<String, i16>,
    /// Whether a bad peer of an application that is not known to be vulnerable is an alert too.
    pub alert_bad_peer: bool,
}

/// A factor that the table does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no severity factor {0:?}")]
pub struct UnknownFactor(pub String);

impl Weights {
    /// The table with these figures laid over it.
    pub fn new(overrides: BTreeMap<String, i16>) -> Result<Self, UnknownFactor> {
        match overrides.keys().find(|name| WEIGHTS.iter().all(|weight| weight.name != name.as_str())) {
            Some(unknown) => Err(UnknownFactor(unknown.clone())),
            None => Ok(Self { overrides, alert_bad_peer: false }),
        }
    }

    /// The same with these figures laid over it, of factors that the table has.
    pub(crate) fn with(mut self, figures: impl Iterator<Item = (String, i16)>) -> Self {
        self.overrides.extend(figures);
        self
    }

    /// What a factor weighs; 0 for one that does not exist.
    pub fn points(&self, name: &str) -> i16 {
        let own = self.overrides.get(name).copied();
        own.or_else(|| WEIGHTS.iter().find(|weight| weight.name == name).map(|weight| weight.points)).unwrap_or(0)
    }
}

/// Adds the case up. The same case gives the same arithmetic, byte for byte.
pub(crate) fn severity(case: &Case, weights: &Weights) -> Severity {
    let mut happened = Vec::new();
    connections(case, weights, &mut happened);
    logs(case, weights, &mut happened);
    with_judged(happened, case, weights)
}

/// The sum of what happened, as it was reckoned, and of what lists, advisories and software say of the case.
pub(crate) fn with_judged(happened: Vec<Factor>, case: &Case, weights: &Weights) -> Severity {
    let mut factors = happened;
    claims(case, weights, &mut factors);
    vulnerabilities(case, weights, &mut factors);
    let place = |factor: &Factor| WEIGHTS.iter().position(|weight| weight.name == factor.name);
    factors.sort_by_key(place);
    factors.retain(|factor| factor.points != 0);
    Severity::sum(factors)
}

fn add(factors: &mut Vec<Factor>, weights: &Weights, name: &str, reason: String) {
    factors.push(Factor { name: name.to_owned(), points: weights.points(name), reason });
}

fn claims(case: &Case, weights: &Weights, factors: &mut Vec<Factor>) {
    let claims = || case.contacts.iter().flat_map(|contact| &contact.claims);
    if let Some(surest) = claims().max_by_key(|claim| (claim.confidence, std::cmp::Reverse(&claim.feed))) {
        let points = i32::from(weights.points("claim-confidence")) * i32::from(surest.confidence.min(100)) / 100;
        factors.push(Factor {
            name: "claim-confidence".into(),
            points: i16::try_from(points).unwrap_or(0),
            reason: format!("{} is sure to {} of 100", surest.feed, surest.confidence),
        });
    }
    let categories: BTreeSet<Category> = claims().map(|claim| claim.category).collect();
    let weightiest = categories.iter().max_by_key(|category| {
        (weights.points(&format!("category-{}", category.as_str())), std::cmp::Reverse(category.as_str()))
    });
    if let Some(category) = weightiest {
        add(factors, weights, &format!("category-{}", category.as_str()), format!("called {}", category.as_str()));
    }
    let lists = independent(&claims().collect::<Vec<_>>());
    if lists > 1 {
        let further = i32::try_from(lists - 1).unwrap_or(i32::MAX).min(2);
        factors.push(Factor {
            name: "corroboration".into(),
            points: i16::try_from(i32::from(weights.points("corroboration")) * further / 2).unwrap_or(0),
            reason: format!("{lists} feeds say so"),
        });
    }
    let last = last_opened(case);
    if let Some(seen) = claims().filter_map(|claim| claim.last_seen).max() {
        let age = last.since(seen);
        let days = age.as_secs() / 86_400;
        if age >= OLD * 6 {
            add(factors, weights, "claim-very-old", format!("last seen by any source {days} days before"));
        } else if age >= OLD {
            add(factors, weights, "claim-old", format!("last seen by any source {days} days before"));
        }
    }
    if let Some(hit) = case.contacts.iter().flat_map(|contact| &contact.guard).filter(|hit| hit.kind.is_shared()).min()
    {
        add(factors, weights, "guard-listed", format!("on {} ({})", hit.list, hit.range));
    }
}

fn connections(case: &Case, weights: &Weights, factors: &mut Vec<Factor>) {
    if case.direction == Direction::Outbound {
        add(factors, weights, "outbound", "opened by the application".into());
    }
    if case.contacts.iter().all(|contact| !passed_data(contact)) && case.folded.bytes_in + case.folded.bytes_out == 0 {
        add(factors, weights, "never-established", "no connection was established".into());
    }
    let out: u64 = case
        .contacts
        .iter()
        .map(|contact| contact.connection.bytes_out)
        .fold(case.folded.bytes_out, u64::saturating_add);
    if case.direction == Direction::Outbound && out > MEBIBYTE {
        add(factors, weights, "data-out", format!("{out} bytes sent"));
    }
    let opened: Vec<Timestamp> = case.contacts.iter().map(|contact| contact.connection.opened).collect();
    if let Some(score) = crate::beacon::score(&opened).filter(|score| *score >= 80) {
        add(factors, weights, "beacon", format!("regular to {score} of 100"));
    }
    if case.contacted_before {
        add(
            factors,
            weights,
            "contacted-before",
            "a bad client contacted the application within the hour before".into(),
        );
    }
}

/// What the application's own logs add; nothing that they say, or do not say, takes away.
fn logs(case: &Case, weights: &Weights, factors: &mut Vec<Factor>) {
    let tried = case.call_back.iter().flat_map(|call_back| &call_back.attempts).chain(&case.told);
    if let Some(gravest) = tried.max_by_key(|one| (one.verdict, one.time, &one.file, one.offset, &one.rule)) {
        let name = match gravest.verdict {
            Verdict::Probed => None,
            Verdict::Attempted => Some("log-attempted"),
            Verdict::LikelySucceeded => Some("log-likely-succeeded"),
        };
        if let Some(name) = name {
            let points = weights.points(name).max(0);
            let reason = format!("{} by {}:{}", gravest.family, gravest.file, gravest.line);
            factors.push(Factor { name: name.into(), points, reason });
        }
    }
    let Some(call_back) = &case.call_back else { return };
    add(factors, weights, "called-back", call_back.reasons.first().cloned().unwrap_or_default());
    if let Some(child) = &call_back.child {
        let reason = format!("{} (pid {})", crate::call_back::name(child), child.key.pid);
        add(factors, weights, "child-process", reason);
    }
}

fn passed_data(contact: &crate::dossier::Contact) -> bool {
    use tripoint_model::ConnectionState::{Established, Failed, Opening, Refused};
    let connection = &contact.connection;
    match connection.state {
        Established => true,
        Refused | Failed | Opening => connection.bytes_in + connection.bytes_out > 0,
        tripoint_model::ConnectionState::Closed => true,
    }
}

fn vulnerabilities(case: &Case, weights: &Weights, factors: &mut Vec<Factor>) {
    let Some(worst) = case.findings.first() else { return };
    let said: BTreeSet<&str> = case
        .contacts
        .iter()
        .flat_map(|contact| &contact.claims)
        .flat_map(|claim| &claim.cves)
        .map(String::as_str)
        .collect();
    let targeted = case.findings.iter().flat_map(|finding| &finding.cves).find(|cve| said.contains(cve.as_str()));
    if let Some(cve) = targeted {
        add(factors, weights, "targeted-cve", format!("said to exploit {cve}"));
    }
    if let Some(exploited) = case.findings.iter().find(|finding| finding.known_exploited) {
        add(factors, weights, "known-exploited", format!("{} is exploited in the wild", label(exploited)));
    }
    let likeliest = case.findings.iter().filter_map(|finding| finding.epss_bp.map(|epss| (epss, finding)));
    if let Some((epss, finding)) = likeliest.max_by_key(|(epss, finding)| (*epss, std::cmp::Reverse(&finding.id)))
        && epss >= EPSS_HIGH_BP
    {
        add(factors, weights, "epss-high", format!("{}: {}.{:02} %", label(finding), epss / 100, epss % 100));
    }
    let highest = case.findings.iter().filter_map(|finding| finding.cvss_tenths.map(|cvss| (cvss, finding)));
    if let Some((cvss, finding)) = highest.max_by_key(|(cvss, finding)| (*cvss, std::cmp::Reverse(&finding.id))) {
        let name = match cvss {
            90.. => Some("cvss-critical"),
            70.. => Some("cvss-high"),
            40.. => Some("cvss-medium"),
            _ => None,
        };
        if let Some(name) = name {
            add(factors, weights, name, format!("{}: {}.{}", label(finding), cvss / 10, cvss % 10));
        }
    }
    if case.mended {
        return add(factors, weights, "code-mended", format!("{} no longer runs", package(worst)));
    }
    let presence = |state| case.findings.iter().find(|finding| finding.presence == state);
    if let Some(loaded) = presence(PackageState::Loaded) {
        add(factors, weights, "code-loaded", format!("{} runs", package(loaded)));
    } else if let Some(stale) = presence(PackageState::Stale) {
        add(factors, weights, "code-stale", format!("{} still runs", package(stale)));
    } else {
        add(factors, weights, "code-not-loaded", format!("{} is installed, not loaded", package(worst)));
    }
}

/// How an advisory is called by people: its first CVE, else its own id.
pub(crate) fn label(finding: &tripoint_model::Finding) -> &str {
    finding.cves.first().map_or(finding.id.as_str(), String::as_str)
}

fn package(finding: &tripoint_model::Finding) -> String {
    if finding.name.is_empty() { finding.purl.clone() } else { format!("{} {}", finding.name, finding.version) }
}

fn last_opened(case: &Case) -> Timestamp {
    case.contacts.iter().map(|contact| contact.connection.opened).max().unwrap_or_default()
}

const OLD: Duration = Duration::from_secs(30 * 86_400);
const MEBIBYTE: u64 = 1 << 20;
/// One in ten, in parts per 10,000.
const EPSS_HIGH_BP: u16 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_name_once_and_a_row_for_each_category() {
        let names: BTreeSet<&str> = WEIGHTS.iter().map(|weight| weight.name).collect();
        assert_eq!(names.len(), WEIGHTS.len());
        for (_, category) in Category::ALL {
            assert!(names.contains(format!("category-{category}").as_str()), "{category}");
        }
        assert!(WEIGHTS.iter().all(|weight| weight.points != 0 && !weight.because.is_empty()));
    }

    #[test]
    fn overrides_must_name_a_factor() {
        let weights = Weights::new([("outbound".to_owned(), 30)].into()).unwrap();
        assert_eq!((weights.points("outbound"), weights.points("beacon")), (30, 8));
        assert_eq!(Weights::new([("outbuond".to_owned(), 30)].into()), Err(UnknownFactor("outbuond".into())));
    }
}

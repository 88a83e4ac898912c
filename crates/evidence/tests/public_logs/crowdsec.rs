//! Is every attacker of CrowdSec's test cases found?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{data, files, found_in};

/// What kind of thing a scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    BruteForce,
    Probing,
    /// What one line shows, by a rule.
    Exploit,
    /// Neither: denial of service, fraud, travel, what happens inside after a break-in.
    Other,
}

fn kind(scenario: &str) -> Kind {
    let name = scenario.rsplit('/').next().unwrap();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["impossible-travel", "dos-", "magento", "k8s", "cloudtrail-postexploit", "nwo", "auditd", "mailscanner"])
        || has(&["suricata", "palo-alto", "CVE-2023-4911", "(no alert)", "openappsec-request-rate", "sshesame-cmd"])
    {
        return Kind::Other;
    }
    if has(&["-bf", "_bf", "user-enum", "user_enum", "enumeration", "honeypot-users", "dovecot-spam", "postfix-spam"]) {
        return Kind::BruteForce;
    }
    if has(&["http-probing", "crawl", "scan-multi_ports", "bind9-refused", "relay-denied"]) {
        return Kind::Probing;
    }
    Kind::Exploit
}

/// Families that count for a kind.
fn is_family(kind: Kind, family: &str) -> bool {
    match kind {
        Kind::BruteForce => family == "brute-force",
        Kind::Probing => family == "probing",
        Kind::Exploit => family != "brute-force",
        Kind::Other => false,
    }
}

/// Cases of brute force and probing that are missed, and why.
const KNOWN: &[(&str, &str)] = &[(
    "gitlab-bf",
    "one of its three attackers sends forms to the call-back of an LDAP log-in, which no path tells from that of a success",
)];

/// Cases of exploits that are found at least.
const EXPLOITS_MIN: usize = 33;

#[test]
fn every_expected_attacker_is_reported_by_the_right_family() {
    let (Some(archive), Some(expected)) = (data("crowdsec-hub/tests.tar.gz"), data("crowdsec-hub/expected-alerts.tsv"))
    else {
        return;
    };
    let logs: BTreeMap<String, Vec<u8>> =
        files(&archive).into_iter().filter(|(name, _)| name.ends_with(".log")).collect();
    let mut wanted: BTreeMap<(String, Kind), BTreeSet<IpAddr>> = BTreeMap::new();
    for row in std::fs::read_to_string(expected).unwrap().lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let addresses =
            columns[2].split(',').filter_map(|address| Some(address.parse::<IpAddr>().ok()?.to_canonical()));
        wanted.entry((columns[0].to_owned(), kind(columns[3]))).or_default().extend(addresses);
    }
    let mut missed = Vec::new();
    let mut counts: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    for ((case, kind), addresses) in &wanted {
        let log = logs.iter().find(|(name, _)| name.trim_start_matches("./").split('/').next() == Some(case));
        let (Some((_, bytes)), false) = (log, addresses.is_empty()) else { continue };
        let (_, hits) = found_in(bytes, case);
        let of_family = hits.iter().filter(|hit| is_family(*kind, &hit.family));
        let seen: BTreeSet<IpAddr> =
            of_family.flat_map(|hit| hit.remote.into_iter().chain(hit.claimed_remote)).collect();
        let lacking: Vec<&IpAddr> = addresses.difference(&seen).collect();
        let (found, all) = counts.entry(*kind).or_default();
        *all += 1;
        *found += usize::from(lacking.is_empty());
        println!("{} {kind:?} {case} {lacking:?}", if lacking.is_empty() { "hit " } else { "miss" });
        if matches!(kind, Kind::BruteForce | Kind::Probing) && !lacking.is_empty() {
            missed.push(case.as_str());
        }
    }
    for (kind, (found, all)) in &counts {
        println!("{kind:?}: {found} of {all} cases");
    }
    let known: Vec<&str> = KNOWN.iter().map(|(case, _)| *case).collect();
    assert_eq!(missed, known);
    let (found, all) = [Kind::BruteForce, Kind::Probing]
        .iter()
        .fold((0, 0), |(found, all), kind| (found + counts[kind].0, all + counts[kind].1));
    assert!(found * 100 >= all * 95, "{found} of {all}");
    assert!(counts[&Kind::Exploit].0 >= EXPLOITS_MIN, "{:?}", counts[&Kind::Exploit]);
}

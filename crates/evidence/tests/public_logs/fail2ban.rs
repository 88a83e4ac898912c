//! Do lines that fail2ban's authors labelled mean the same here?

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use tripoint_model::Attempt;
use tripoint_model::attempt::ShownBy;

use super::{data, files, found_in};

#[derive(Deserialize)]
struct Label {
    #[serde(rename = "match")]
    is_failure: bool,
    #[serde(default)]
    host: Option<String>,
}

/// Services that are promised; the rest is counted and printed.
const PROMISED: &[&str] = &[
    "sshd-journal",
    "selinux-ssh",
    "pam-generic",
    "exim",
    "proftpd",
    "mysqld-auth",
    "nginx-http-auth",
    "xrdp",
    "courier-auth",
    "dropbear",
    "cyrus-imap",
    "mssql-auth",
    "perdition",
    "solid-pop3d",
    "webmin-auth",
    "sogo-auth",
    "vaultwarden",
    "gitlab",
    "froxlor-auth",
    "groupoffice",
    "phpmyadmin-syslog",
    "routeros-auth",
    "znc-adminlog",
    "tine20",
    "freeswitch",
    "directadmin",
    "dante",
    "domino-smtp",
    "oracleims",
    "courier-smtp",
    "named-refused",
    "xinetd-fail",
    "nagios",
    "counter-strike",
    "stunnel",
    "cowrie",
    "ejabberd-auth",
];

/// Labels of promised services that are not met: service, line from 1, and why.
const KNOWN: &[(&str, u64, &str)] = &[
    ("exim", 122, "ordinary mail servers have no name either"),
    ("exim", 124, NO_NAME),
    ("exim", 126, NO_NAME),
    ("pam-generic", 12, "it is a refused log-in: its form is only not known there"),
    ("sshd-journal", 145, "as OpenSSH writes it, the name holds everything up to the last address"),
    ("sshd-journal", 173, "closed before any log-in: counted as probing"),
    ("sshd-journal", 242, "sshd tells of the log-in itself"),
    ("sshd-journal", 244, ACCEPTED),
    ("sshd-journal", 254, ACCEPTED),
    ("sshd-journal", 263, "closed in the midst of a log-in: counted"),
    ("sshd-journal", 277, PATCHED),
    ("sshd-journal", 283, PATCHED),
    ("sshd-journal", 289, PATCHED),
];

const ACCEPTED: &str = "a log-in that succeeded; what failed before it was told by PAM";
const PATCHED: &str = "the peer stands in an earlier line, written by a patch of sshd that its authors never took";
const NO_NAME: &str = "a name without an address is a fault of the peer's name servers as often";

/// Lines that are read before one of sshd.
const BEFORE: usize = 8;

#[test]
fn labels_of_the_promised_services_are_met_both_ways() {
    let Some(archive) = data("fail2ban/logs.tar.gz") else { return };
    let mut counts: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut missed = Vec::new();
    for (name, bytes) in files(&archive) {
        let service = name.rsplit('/').next().unwrap().to_owned();
        let text = String::from_utf8_lossy(&bytes);
        let mut label: Option<Label> = None;
        let mut before: Vec<&str> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            if let Some(json) = line.strip_prefix("# failJSON:") {
                label = serde_json::from_str(json.trim()).ok();
                continue;
            }
            // A process of sshd names its client once.
            before.push(line);
            let from = if service == "sshd-journal" { before.len().saturating_sub(BEFORE) } else { before.len() - 1 };
            let Some(wanted) = label.take() else { continue };
            let met = is_met(&wanted, &before[from..]);
            let [positives, true_positives, negatives, true_negatives] = counts.entry(service.clone()).or_default();
            let (all, met_of) =
                if wanted.is_failure { (positives, true_positives) } else { (negatives, true_negatives) };
            *all += 1;
            *met_of += usize::from(met);
            if !met {
                println!("{service}:{number} {} {:?} {line}", wanted.is_failure, wanted.host);
                if PROMISED.contains(&service.as_str()) {
                    missed.push((service.clone(), number));
                }
            }
        }
    }
    let mut total = [0; 4];
    for (service, of) in &counts {
        println!("{service}: failures {} of {}, others {} of {}", of[1], of[0], of[3], of[2]);
        if PROMISED.contains(&service.as_str()) {
            total.iter_mut().zip(of).for_each(|(sum, count)| *sum += count);
        }
    }
    println!("promised: failures {} of {}, others {} of {}", total[1], total[0], total[3], total[2]);
    let known: Vec<(String, u64)> = KNOWN.iter().map(|(service, line, _)| ((*service).to_owned(), *line)).collect();
    missed.sort();
    assert_eq!(missed, known);
    assert!(total[1] * 100 >= total[0] * 95, "{total:?}");
    assert!(total[3] * 100 >= total[2] * 95, "{total:?}");
}

/// A failure is reported with its peer, where it is an address; what is none is not reported.
fn is_met(wanted: &Label, lines: &[&str]) -> bool {
    let (_, hits) = found_in(lines.join("\n").as_bytes(), "line");
    // What several lines show together was not labelled.
    let is_meant = |hit: &&Attempt| hit.line == lines.len() as u64 && hit.kind == ShownBy::Line;
    let mut of_line = hits.iter().filter(is_meant);
    let Some(hit) = of_line.find(|hit| matches!(hit.family.as_str(), "brute-force" | "probing")) else {
        return !wanted.is_failure;
    };
    let host = wanted.host.as_deref().map(str::parse::<IpAddr>);
    wanted.is_failure
        && match host {
            Some(Ok(address)) => hit.remote == Some(address.to_canonical()),
            Some(Err(_)) => hit.remote.is_none(),
            None => true,
        }
}

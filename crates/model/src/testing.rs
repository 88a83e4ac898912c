//! With what do tests begin, before they change what they are about? Addresses and names are made up.

use std::collections::BTreeMap;

use crate::action::{ActionKind, Outcome, OutcomeState, Scope};
use crate::confidence::Source;
use crate::connection::{Connection, ConnectionId, ConnectionState, Direction, Protocol};
use crate::exception::Exception;
use crate::finding::{Finding, FindingState};
use crate::indicator::{AppliesTo, Category, Claim};
use crate::package::PackageState;
use crate::time::Timestamp;

/// An open TCP connection of nobody to `remote` (`address:port`), begun at second 1; no bytes were said.
pub fn connection(cookie: u64, remote: &str) -> Connection {
    Connection {
        id: ConnectionId { cookie, peer: 0 },
        protocol: Protocol::Tcp,
        direction: Direction::Outbound,
        local: "198.51.100.10:4000".parse().expect("an address"),
        remote: remote.parse().unwrap_or_else(|error| panic!("{remote}: {error}")),
        translated: None,
        state: ConnectionState::Established,
        opened: Timestamp::from_seconds(1),
        closed: None,
        bytes_in: 0,
        bytes_out: 0,
        netns: 1,
        predates_sensor: false,
        remote_name: None,
        named: None,
        process: None,
    }
}

/// The list `c2` calls `matched` a command-and-control server, sure to 80, for whoever talks to whom; without dates.
pub fn claim(matched: &str) -> Claim {
    Claim {
        feed: "c2".into(),
        matched: matched.parse().unwrap_or_else(|error| panic!("{matched}: {error}")),
        category: Category::C2,
        direction: AppliesTo::Both,
        port: None,
        confidence: 80,
        first_seen: None,
        last_seen: None,
        valid_from: None,
        valid_until: None,
        labels: Vec::new(),
        cves: Vec::new(),
        system: None,
        source: Source::default(),
    }
}

/// The package `app` 1 of Debian, loaded, is affected by CVE-2026-10001 (9.8), called EXAMPLE-1 there.
pub fn finding() -> Finding {
    Finding {
        purl: "pkg:deb/debian/app@1".into(),
        name: "app".into(),
        version: "1".into(),
        id: "EXAMPLE-1".into(),
        cves: vec!["CVE-2026-10001".into()],
        state: FindingState::Affected,
        presence: PackageState::Loaded,
        on_disk: None,
        fixed: None,
        severity: BTreeMap::new(),
        cvss_tenths: Some(98),
        known_exploited: false,
        epss_bp: None,
        fix_command: None,
        source: "debian".into(),
        paths: Vec::new(),
        installed: None,
    }
}

/// What the kernel, read back, says of 203.0.113.66 on the whole host at `at`, microseconds; without an end.
pub fn outcome(id: &str, action: ActionKind, state: OutcomeState, at: i64) -> Outcome {
    Outcome {
        id: id.into(),
        action,
        target: "203.0.113.66".parse().expect("an address"),
        scope: Scope::Host,
        mechanism: "bpf".into(),
        state,
        verified: true,
        detail: String::new(),
        at: Timestamp(at),
        expires: None,
    }
}

/// `ada` excepts `target`, a partner, everywhere, from the beginning of time to `expires`.
pub fn exception(id: &str, target: &str, expires: Timestamp) -> Exception {
    Exception {
        id: id.into(),
        target: Some(target.parse().unwrap_or_else(|error| panic!("{target}: {error}"))),
        networks: Vec::new(),
        application: None,
        hosts: None,
        direction: None,
        rule: None,
        indicator: None,
        cves: Vec::new(),
        reason: "partner".into(),
        ticket: None,
        owner: "ada".into(),
        created: Timestamp(0),
        expires,
    }
}

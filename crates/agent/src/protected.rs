//! What must never be cut off on this host, computed now?

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;

use tripoint_linux::route;
use tripoint_linux::sock_diag::SockDiag;
use tripoint_model::address::parse_address;
use tripoint_responder::{Guard, Limits, Protected};
use tripoint_sensor::namespaces::{Namespaces, sockets_of};
use tripoint_sensor::procfs;

use crate::config::Config;

/// Files that name resolvers.
const RESOLVER_FILES: &[&str] =
    &["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/resolv.conf"];
/// Files that name time servers; only literal addresses count, names are what resolvers are for.
const TIME_FILES: &[&str] = &[
    "/etc/systemd/timesyncd.conf",
    "/etc/chrony/chrony.conf",
    "/etc/chrony.conf",
    "/etc/ntp.conf",
    "/etc/ntpsec/ntp.conf",
];
/// Programs whose established peers are administrators.
const ADMIN_PROGRAMS: &[&str] = &["sshd", "sshd-session", "dropbear", "cockpit-ws", "teleport"];
/// Programs without which a host or its administration stands still.
const VITAL_PROGRAMS: &[&str] = &[
    "systemd",
    "init",
    "systemd-journal",
    "systemd-logind",
    "systemd-udevd",
    "systemd-network",
    "systemd-resolve",
    "systemd-timesyn",
    "dbus-daemon",
    "dbus-broker",
    "NetworkManager",
    "dhclient",
    "dhcpcd",
    "chronyd",
    "ntpd",
    "agetty",
    "login",
    "containerd",
    "dockerd",
];
const SSH_PORT: u16 = 22;
const TCP_ESTABLISHED: u8 = 1;

/// The guard as it is configured, still without what it protects, exceptions and lists.
pub fn guard(config: &Config) -> Guard {
    let limits = Limits {
        active_max: config.response.active_max,
        automatic_per_minute: config.response.automatic_per_minute,
        ..Limits::default()
    };
    let (permit_ranges, admit) = (config.intel.permit_ranges.clone(), config.response.admit.clone());
    Guard { permit_ranges, admit, limits, ..Guard::default() }
}

/// Everything that the guard protects; `None` when the host's own addresses cannot be told, in
/// which case nothing new may be blocked.
pub fn compute(servers: &[IpAddr]) -> Option<Protected> {
    let own = route::surroundings().inspect_err(|error| tracing::warn!(%error, "own addresses cannot be read")).ok()?;
    let mut protected = Protected {
        own_addresses: own.addresses.into_iter().collect(),
        own_networks: own.networks.into_iter().collect(),
        gateways: own.gateways.into_iter().collect(),
        resolvers: addresses_in(RESOLVER_FILES),
        time_servers: addresses_in(TIME_FILES),
        servers: servers.to_vec(),
        admin_peers: admin_peers(),
        applications: vital_applications(),
    };
    // A container without its gateway is as cut off as a host without one.
    for (_, namespace) in Namespaces::find().all() {
        if let Ok(Ok(inner)) = namespace.run(route::surroundings) {
            protected.gateways.extend(inner.gateways);
        }
    }
    protected.gateways.sort_unstable();
    protected.gateways.dedup();
    Some(protected)
}

fn addresses_in(files: &[&str]) -> Vec<IpAddr> {
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
            let words = line.split(|c: char| c.is_whitespace() || c == '=' || c == ',');
            found.extend(words.filter_map(|word| parse_address(word).ok()));
        }
    }
    found.into_iter().collect()
}

/// Peers of established sessions with an administrative service.
fn admin_peers() -> Vec<IpAddr> {
    let Ok(sockets) = SockDiag::open().and_then(|mut diag| diag.all()) else { return Vec::new() };
    let inodes = admin_inodes();
    let is_admin = |s: &&tripoint_linux::sock_diag::Socket| {
        s.protocol == 6 && s.state == TCP_ESTABLISHED && (s.local.port() == SSH_PORT || inodes.contains(&s.inode))
    };
    let peers: BTreeSet<IpAddr> = sockets.iter().filter(is_admin).map(|s| s.remote.ip()).collect();
    peers.into_iter().collect()
}

/// Keys of what must never be halted: ourselves and whoever started us, administration, what every host stands on.
fn vital_applications() -> Vec<String> {
    let ours = with_ancestors(std::process::id());
    let mut keys = BTreeSet::new();
    for pid in procfs::pids() {
        let Some(process) = procfs::read(pid, None) else { continue };
        let name = process.command.as_str();
        let vital = pid == 1 || VITAL_PROGRAMS.contains(&name) || ADMIN_PROGRAMS.contains(&name);
        if vital || name.starts_with("tripoint") || ours.contains(&pid) {
            keys.insert(process.application().key());
        }
    }
    keys.into_iter().collect()
}

fn with_ancestors(pid: u32) -> BTreeSet<u32> {
    let mut line = BTreeSet::new();
    let mut next = pid;
    while next > 0 && line.insert(next) {
        next = procfs::read(next, None).map_or(0, |process| process.parent);
    }
    line
}

/// Sockets that administrative programs hold.
fn admin_inodes() -> BTreeSet<u32> {
    let mut inodes = BTreeSet::new();
    for pid in procfs::pids() {
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if !ADMIN_PROGRAMS.contains(&command.trim()) {
            continue;
        }
        inodes.extend(sockets_of(pid));
    }
    inodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_resolvers_are_protected() {
        let protected = compute(&[]).unwrap();
        let own = procfs::read(std::process::id(), None).unwrap().application().key();
        assert!(protected.applications.contains(&own), "{own}");
        assert!(protected.own_addresses.contains(&"127.0.0.1".parse().unwrap()));
        let resolv = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let named = resolv.lines().filter_map(|l| l.strip_prefix("nameserver ")).filter_map(|a| parse_address(a).ok());
        for address in named {
            assert!(protected.resolvers.contains(&address), "{address}");
        }
    }
}

//! By which network device does a peer come?
//!
//! By the one that leads back to it, where the routes name only one: hosts with several ways to the same place may be
//! reached by any of them. The main table is read as the process has it [proc_pid_net(5)]; rules that choose other
//! tables are not.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tripoint_model::address::canonical;

/// Routes that are read.
const ROUTES_MAX: usize = 1 << 20;
/// A route that is up; one that only refuses. [linux/route.h]
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// The device by which `peer` reaches `local`; nothing where it could be another. The unspecified address stands for
/// the internet.
pub(super) fn device(proc: &Path, peer: IpAddr, local: Option<IpAddr>) -> Option<String> {
    let peer = canonical(peer);
    if peer.is_loopback() || local.map(canonical) == Some(peer) {
        return Some("lo".to_owned());
    }
    let table = if peer.is_ipv4() { "net/route" } else { "net/ipv6_route" };
    let read = if peer.is_ipv4() { four } else { six };
    let text = std::fs::read_to_string(proc.join(table)).ok()?;
    let routes = text.lines().take(ROUTES_MAX).filter_map(read).filter(|(net, _)| net.contains(&peer));
    let mut best: (u8, BTreeSet<&str>) = (0, BTreeSet::new());
    for (net, name) in routes {
        if net.prefix_len() > best.0 {
            best = (net.prefix_len(), BTreeSet::new());
        }
        if net.prefix_len() == best.0 {
            best.1.insert(name);
        }
    }
    match best.1.pop_first() {
        Some(only) => best.1.is_empty().then(|| only.to_owned()),
        None => only_one(proc),
    }
}

/// No route leads there: the only device that is not the loopback, where there is one.
fn only_one(proc: &Path) -> Option<String> {
    let text = std::fs::read_to_string(proc.join("net/dev")).ok()?;
    let names = text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim()));
    let mut others = names.filter(|name| *name != "lo");
    others.next().filter(|_| others.next().is_none()).map(str::to_owned)
}

/// `eth0 000200C0 00000000 0001 0 0 0 00FFFFFF …`: device, target, gateway, flags, …, mask.
fn four(line: &str) -> Option<(IpNet, &str)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = |at: usize| Some(Ipv4Addr::from(u32::from_str_radix(fields.get(at)?, 16).ok()?.to_ne_bytes()));
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    let net = Ipv4Net::with_netmask(address(1)?, address(7)?).ok()?;
    (flags & UP != 0 && flags & REJECT == 0).then_some((IpNet::V4(net), fields[0]))
}

/// `target length source length gateway metric references uses flags device`.
fn six(line: &str) -> Option<(IpNet, &str)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let target = Ipv6Addr::from(u128::from_str_radix(fields.first()?, 16).ok()?);
    let length = u8::from_str_radix(fields.get(1)?, 16).ok()?;
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    let name = *fields.get(9)?;
    let net = Ipv6Net::new(target, length).ok()?;
    (flags & UP != 0 && flags & REJECT == 0).then_some((IpNet::V6(net), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(address: &str) -> String {
        format!("{:08X}", u32::from_ne_bytes(address.parse::<Ipv4Addr>().unwrap().octets()))
    }

    fn route(name: &str, target: &str, mask: &str, flags: &str, metric: u32) -> String {
        format!("{name}\t{}\t00000000\t{flags}\t0\t0\t{metric}\t{}\t0\t0\t0\n", word(target), word(mask))
    }

    #[test]
    fn the_narrowest_route_names_the_device_unless_two_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("net")).unwrap();
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n".to_owned();
        let four = head
            + &route("eth0", "0.0.0.0", "0.0.0.0", "0003", 0)
            + &route("eth1", "192.0.2.0", "255.255.255.0", "0001", 0)
            + &route("down", "192.0.2.128", "255.255.255.128", "0000", 0)
            + &route("eth2", "198.51.100.0", "255.255.255.0", "0001", 100)
            + &route("eth3", "198.51.100.0", "255.255.255.0", "0001", 200);
        std::fs::write(folder.path().join("net/route"), four).unwrap();
        let zero = "0".repeat(32);
        let six = format!(
            "20010db8000000010000000000000000 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth1\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
             {zero} 00 {zero} 00 {zero} 00000400 00000001 00000000 00000003     eth0\n"
        );
        std::fs::write(folder.path().join("net/ipv6_route"), six).unwrap();
        let of = |peer: &str| device(folder.path(), peer.parse().unwrap(), "192.0.2.7".parse().ok());
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(of("203.0.113.9"), named("eth0"));
        assert_eq!((of("192.0.2.200"), of("::ffff:192.0.2.8")), (named("eth1"), named("eth1")));
        assert_eq!(of("198.51.100.9"), None, "by two devices");
        assert_eq!((of("192.0.2.7"), of("127.0.0.9"), of("::1")), (named("lo"), named("lo"), named("lo")));
        assert_eq!((of("0.0.0.0"), of("::")), (named("eth0"), named("eth0")), "the internet");
        assert_eq!((of("2001:db8:0:1::9"), of("2001:db8:0:2::9")), (named("eth1"), named("eth0")));
        assert_eq!(device(&folder.path().join("none"), "203.0.113.9".parse().unwrap(), None), None);
    }
}

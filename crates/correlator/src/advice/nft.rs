//! Which table of nftables keeps the peers of an alert away for as long as a person wants?

use std::net::IpAddr;

use tripoint_model::{Alert, Direction};

use super::{Advice, Around, Kind, id, joined, peers, verb};

/// A table of its own: adding and deleting it touches nobody else's rules.
pub(super) struct Nft;

impl Kind for Nft {
    fn name(&self) -> &'static str {
        "nft"
    }

    fn advise(&self, alert: &Alert, _: &Around) -> Result<Advice, String> {
        let (id, peers) = (id(alert)?, peers(alert)?);
        let (end, hook) = match alert.direction {
            Direction::Outbound => ("daddr", "output"),
            Direction::Inbound => ("saddr", "input"),
        };
        let mut rules = String::new();
        for (family, is_of) in [("ip", IpAddr::is_ipv4 as fn(&IpAddr) -> bool), ("ip6", IpAddr::is_ipv6)] {
            let own: Vec<IpAddr> = peers.iter().copied().filter(is_of).collect();
            if !own.is_empty() {
                rules.push_str(&format!("{family} {end} {{ {} }} counter drop; ", joined(&own, ", ")));
            }
        }
        let chain = |hook: &str| format!("chain {hook} {{ type filter hook {hook} priority 0; {rules}}};");
        let table = format!("tripoint_advice_{id}");
        // Containers and guests are forwarded, not local.
        let text = format!("table inet {table} {{ {} {} }}", chain(hook), chain("forward"));
        Ok(Advice {
            kind: self.name(),
            what: format!(
                "nothing of this host or of its containers gets {} {}",
                verb(alert.direction),
                joined(&peers, ", ")
            ),
            commands: vec![format!("nft '{text}'")],
            undo: vec![format!("nft delete table inet {table}")],
            notes: vec![
                "it has no end and is gone after a restart; `tripoint block` ends by itself and is read back"
                    .to_owned(),
                "a guard does not look at it: see that the peer is nobody whom you need".to_owned(),
            ],
        })
    }
}

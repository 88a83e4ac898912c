//! Which rule of Suricata tells when somebody else meets the same indicator?

use tripoint_model::{Alert, Direction, Observable, Protocol};

use super::{Advice, Around, Kind, category, id, joined, peers, write_file};

/// Rules (Suricata 6 and later, "Rules Format").
pub(super) struct Suricata;

impl Kind for Suricata {
    fn name(&self) -> &'static str {
        "suricata"
    }

    fn advise(&self, alert: &Alert, _: &Around) -> Result<Advice, String> {
        let id = id(alert)?;
        let sid = sid(id);
        // Both are words of ours; the msg of a rule has an escape for each of three characters otherwise.
        let about = format!("msg:\"Tripoint {id} {}\"; classtype:misc-attack;", category(alert).as_str());
        let one = |head: &str, options: &str, number: u32| {
            let gap = if options.is_empty() { "" } else { " " };
            format!("alert {head} ({about}{gap}{options} sid:{number}; rev:1;)")
        };
        let rules = match &alert.indicator {
            Observable::Domain(name) => {
                let content = format!("content:\"{name}\"; nocase; endswith;");
                vec![
                    one("dns $HOME_NET any -> any any", &format!("dns.query; {content}"), sid),
                    one("tls $HOME_NET any -> any any", &format!("tls.sni; {content}"), sid + 1),
                ]
            }
            Observable::AddressPort(address, port) => {
                let udp = alert.connections.iter().any(|c| c.protocol == Protocol::Udp);
                let protocol = if udp { "udp" } else { "tcp" };
                vec![one(&format!("{protocol} {}", ends(alert, &address.to_string(), Some(*port))), "", sid)]
            }
            Observable::Address(address) => {
                vec![one(&format!("ip {}", ends(alert, &address.to_string(), None)), "", sid)]
            }
            Observable::Network(net) => vec![one(&format!("ip {}", ends(alert, &net.to_string(), None)), "", sid)],
            Observable::System(_) => {
                vec![one(&format!("ip {}", ends(alert, &joined(&peers(alert)?, ","), None)), "", sid)]
            }
        };
        let file = format!("/etc/suricata/rules/tripoint-{id}.rules");
        Ok(Advice {
            kind: self.name(),
            what: format!("Suricata tells of everybody who meets {}", alert.indicator),
            commands: vec![
                write_file(&file, &rules),
                "suricata -T -c /etc/suricata/suricata.yaml".to_owned(),
                "suricatasc -c reload-rules".to_owned(),
            ],
            undo: vec![format!("rm {file}"), "suricatasc -c reload-rules".to_owned()],
            notes: vec![
                format!("name tripoint-{id}.rules under rule-files: in suricata.yaml"),
                "the numbers (sid) are of the range for local rules; two alerts may share one by chance".to_owned(),
            ],
        })
    }
}

fn ends(alert: &Alert, peer: &str, port: Option<u16>) -> String {
    let port = port.map_or_else(|| "any".to_owned(), |port| port.to_string());
    match alert.direction {
        Direction::Outbound => format!("$HOME_NET any -> [{peer}] {port}"),
        // A client's own port says nothing.
        Direction::Inbound => format!("[{peer}] any -> $HOME_NET any"),
    }
}

/// Of the range for local rules, 1,000,000 to 1,999,999; even, so that a second one fits behind it.
fn sid(id: &str) -> u32 {
    let digits: String = id.chars().take(7).collect();
    1_000_000 + u32::from_str_radix(&digits, 16).unwrap_or(0) % 500_000 * 2
}

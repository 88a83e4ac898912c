//! Which open door did the peer come through, and must it be open to everybody?

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tripoint_model::address::canonical;
use tripoint_model::{Alert, Direction, Protocol};

use super::{Advice, Around, Kind};

/// A hint, because only the application's configuration can do it.
pub(super) struct Listener;

impl Kind for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn advise(&self, alert: &Alert, _: &Around) -> Result<Advice, String> {
        if alert.direction == Direction::Outbound {
            return Err("the application called and was not called: see egress".to_owned());
        }
        let doors: BTreeSet<(Protocol, SocketAddr)> = alert
            .connections
            .iter()
            .map(|c| (c.protocol, SocketAddr::new(canonical(c.local.ip()), c.local.port())))
            .collect();
        let ports: BTreeSet<(Protocol, u16)> = doors.iter().map(|(protocol, door)| (*protocol, door.port())).collect();
        if ports.is_empty() {
            return Err("the alert carries no connection".to_owned());
        }
        let look = |(protocol, port): &(Protocol, u16)| {
            let flag = if *protocol == Protocol::Udp { 'u' } else { 't' };
            format!("ss -H -ln{flag}p 'sport = :{port}'")
        };
        let reached: Vec<String> = doors.iter().take(DOORS_MAX).map(|(_, door)| door.to_string()).collect();
        Ok(Advice {
            kind: self.name(),
            what: format!("let it listen where its clients are only; it was reached at {}", reached.join(", ")),
            commands: ports.iter().take(DOORS_MAX).map(look).collect(),
            undo: Vec::new(),
            notes: vec![
                "the commands only show who listens, and at which address".to_owned(),
                "which file sets that address is not known in this version: configuration is not searched".to_owned(),
                "a server behind a proxy of the same host needs no other address than 127.0.0.1 or ::1".to_owned(),
            ],
        })
    }
}

/// Doors named in one piece of advice.
const DOORS_MAX: usize = 8;

//! Which tuple does the network see for a connection of ours, after address translation?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tripoint_model::connection::Translated;

use crate::netlink::{Message, Netlink, attributes};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET`.
const GET: u16 = 1 << 8 | 1;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;

/// A door to the connection tracker in the namespace of the thread that opened it.
pub struct Conntrack {
    netlink: Netlink,
}

impl Conntrack {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open(libc::NETLINK_NETFILTER)? })
    }

    /// The translated tuple of an outbound connection; `None` when it is not translated or not
    /// tracked. One question by tuple: the table is never dumped.
    pub fn translated(
        &mut self,
        protocol: u8,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> io::Result<Option<Translated>> {
        let family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 } as u8;
        let message = Message::new(GET, 0, &[family, 0, 0, 0]).nested(TUPLE_ORIGINAL, |m| {
            let m = m.nested(1, |m| match (local.ip(), remote.ip()) {
                (IpAddr::V4(from), IpAddr::V4(to)) => m.attribute(1, &from.octets()).attribute(2, &to.octets()),
                (IpAddr::V6(from), IpAddr::V6(to)) => m.attribute(3, &from.octets()).attribute(4, &to.octets()),
                _ => m,
            });
            m.nested(2, |m| {
                m.attribute(1, &[protocol])
                    .attribute(2, &local.port().to_be_bytes())
                    .attribute(3, &remote.port().to_be_bytes())
            })
        });
        let mut reply = None;
        let answer = self.netlink.ask_once(message, &mut |payload| {
            let attributes_at = payload.get(4..).unwrap_or(&[]);
            reply =
                attributes(attributes_at).find(|(kind, _)| *kind == TUPLE_REPLY).and_then(|(_, value)| tuple(value));
        });
        match answer {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        }
        // The reply runs from the peer that really answers to our end as the network sees it.
        let translated = reply.map(|(from, to)| Translated { local: to, remote: from });
        Ok(translated.filter(|t| t.local != local || t.remote != remote))
    }
}

/// Source and destination of a `CTA_TUPLE_*` attribute.
fn tuple(value: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let mut addresses = [None, None];
    let mut ports = [0u16; 2];
    for (kind, part) in attributes(value) {
        for (inner, bytes) in attributes(part) {
            match (kind, inner) {
                (1, 1 | 3) => addresses[0] = address(bytes),
                (1, 2 | 4) => addresses[1] = address(bytes),
                (2, 2 | 3) => ports[usize::from(inner) - 2] = u16::from_be_bytes(bytes.try_into().ok()?),
                _ => {}
            }
        }
    }
    Some((SocketAddr::new(addresses[0]?, ports[0]), SocketAddr::new(addresses[1]?, ports[1])))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untracked_connection_has_no_translation() {
        let mut conntrack = Conntrack::open().unwrap();
        let answer = conntrack.translated(6, "127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        match answer {
            Ok(found) => assert!(found.is_none()),
            Err(error) => println!("skipped: the connection tracker cannot be asked: {error}"),
        }
    }
}

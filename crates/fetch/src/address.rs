//! May a fetch connect to this address?

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

use tripoint_model::address::{canonical, special_range};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Whether the address belongs to the public internet. Forms that carry another address (6to4
/// `2002::/16`, Teredo `2001::/32`) do not: they reach whatever they carry.
pub fn is_public(address: IpAddr) -> bool {
    let address = canonical(address);
    let tunnel = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            segments[0] >> 13 != 1 || segments[0] == 0x2002 || segments[..2] == [0x2001, 0]
        }
    };
    !tunnel && special_range(&address.into()).is_none()
}

/// Resolves a name once and lets only permitted addresses through; the connection is made to these.
#[derive(Debug)]
pub(crate) struct CheckedResolver {
    /// Whether the target may be private.
    pub permit_private: bool,
    /// The proxy's host, which the settings name and which may therefore be private.
    pub proxy_host: Option<String>,
    /// Asks the system, once for each connection.
    pub look_up: LookUp,
}

/// All addresses of a host, with the port, within a time.
pub(crate) type LookUp = fn(&str, u16, Duration) -> Result<Vec<SocketAddr>, ureq::Error>;

/// How the resolver tells its caller which address was refused.
#[derive(Debug, thiserror::Error)]
#[error("{host} leads to {address}, which is not public")]
pub(crate) struct NotPublic {
    pub host: String,
    pub address: IpAddr,
}

impl Resolver for CheckedResolver {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let found = (self.look_up)(host, port, *timeout.after)?;
        let free = self.permit_private || self.proxy_host.as_deref() == Some(host);
        let mut resolved = self.empty();
        for address in found {
            // One private address among public ones is how a rebinding name looks: refuse all.
            if !free && !is_public(address.ip()) {
                let refused = NotPublic { host: host.to_owned(), address: address.ip() };
                return Err(ureq::Error::Other(Box::new(refused)));
            }
            if resolved.len() < ADDRESSES_MAX {
                resolved.push(address);
            }
        }
        if resolved.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(resolved) }
    }
}

/// Addresses tried per name: the room that `ResolvedSocketAddrs` has.
const ADDRESSES_MAX: usize = 16;

/// The system's resolver has no time limit of its own: a thread that is left behind when it hangs.
pub(crate) fn look_up(host: &str, port: u16, within: Duration) -> Result<Vec<SocketAddr>, ureq::Error> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = bare.to_owned();
    std::thread::spawn(move || sender.send((name.as_str(), port).to_socket_addrs().map(Vec::from_iter)));
    match receiver.recv_timeout(within) {
        Ok(found) => Ok(found?),
        Err(_) => Err(ureq::Error::Timeout(ureq::Timeout::Resolve)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public() {
        for text in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.168.1.1",
            "224.0.0.1",
            "203.0.113.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    /// What the next look-up finds, and how many there were.
    static REBINDING: std::sync::Mutex<(Vec<Vec<&str>>, usize)> = std::sync::Mutex::new((Vec::new(), 0));

    fn rebinding(_: &str, port: u16, _: Duration) -> Result<Vec<SocketAddr>, ureq::Error> {
        let mut script = REBINDING.lock().unwrap();
        script.1 += 1;
        let found = script.0.remove(0);
        Ok(found.into_iter().map(|text| SocketAddr::new(text.parse().unwrap(), port)).collect())
    }

    /// Promise S8, DNS rebinding: a name is looked up once for a connection, what is connected to is what was judged,
    /// and the same name is judged anew each time.
    #[test]
    fn s8_a_name_that_changes_its_mind_is_judged_each_time() {
        let resolver = CheckedResolver { permit_private: false, proxy_host: None, look_up: rebinding };
        let uri: Uri = "http://feeds.example:8080/list".parse().unwrap();
        let timeout = || NextTimeout { after: Duration::from_secs(1).into(), ..NextTimeout::default() };
        *REBINDING.lock().unwrap() = (
            vec![
                vec!["8.8.8.8", "2606:4700::1111"],
                vec!["127.0.0.1"],
                vec!["8.8.8.8", "10.0.0.1"],
                vec!["::ffff:169.254.169.254"],
                vec!["64:ff9b::a00:1", "8.8.8.8"],
                vec!["8.8.4.4"],
            ],
            0,
        );
        let answers: Vec<Result<Vec<String>, String>> = (0..6)
            .map(|_| match resolver.resolve(&uri, &Config::default(), timeout()) {
                Ok(found) => Ok(found.iter().map(ToString::to_string).collect()),
                Err(error) => Err(error.to_string()),
            })
            .collect();
        assert_eq!(answers[0], Ok(vec!["8.8.8.8:8080".to_owned(), "[2606:4700::1111]:8080".to_owned()]));
        for (answer, address) in answers[1..5].iter().zip(["127.0.0.1", "10.0.0.1", "169.254.169.254", "10.0.0.1"]) {
            let said = answer.as_ref().unwrap_err();
            assert!(said.contains("feeds.example leads to") && said.contains("is not public"), "{address}: {said}");
        }
        assert_eq!(answers[5], Ok(vec!["8.8.4.4:8080".to_owned()]));
        assert_eq!(REBINDING.lock().unwrap().1, 6, "one look-up a connection");
    }
}

//! Which name did a client give its peer in its first words?

mod http_host;
mod sni;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use tripoint_model::Named;

/// What first words say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A name.
    Name(Named),
    /// They end before they could name one.
    Cut,
    /// They name nobody, or are not what they began like.
    Nothing,
}

/// Reads a TLS ClientHello or a request of HTTP/1; anything may stand in it.
pub fn read(words: &[u8]) -> Said {
    if words.first() == Some(&sni::HANDSHAKE) { sni::read(words) } else { http_host::read(words) }
}

/// A host name in lower case without the final dot, bytes that none has as `?`; `None` for an address
/// and for what cannot be a name at all.
fn host_name(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    if bytes.is_empty() || bytes.len() > 253 {
        return None;
    }
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let name: String =
        bytes.iter().map(|byte| if fine(byte) { char::from(byte.to_ascii_lowercase()) } else { '?' }).collect();
    name.parse::<IpAddr>().is_err().then_some(name)
}

/// How many connections keep their name until they end; the oldest go first.
const GIVEN_MAX: usize = 16_384;
/// How many first words wait for their rest, which follows at once or never.
const PARTS_MAX: usize = 64;

/// Which connections named their peer, and how.
#[derive(Default)]
pub struct Given {
    by_cookie: HashMap<u64, (u64, Named)>,
    order: BTreeMap<u64, u64>,
    next: u64,
    parts: VecDeque<(u64, Vec<u8>)>,
}

impl Given {
    /// Takes the first words of a connection, or their rest; true when they name the peer.
    pub fn take(&mut self, cookie: u64, words: &[u8], is_rest: bool) -> bool {
        let waiting = self.parts.iter().position(|(known, _)| *known == cookie).and_then(|at| self.parts.remove(at));
        let said = match (is_rest, waiting) {
            (true, Some((_, begun))) => read(&[&begun, words].concat()),
            (true, None) => Said::Nothing,
            (false, _) => read(words),
        };
        match said {
            Said::Name(named) => {
                self.keep(cookie, named);
                return true;
            }
            Said::Cut if !is_rest => {
                self.parts.push_back((cookie, words.to_vec()));
                if self.parts.len() > PARTS_MAX {
                    self.parts.pop_front();
                }
            }
            Said::Cut | Said::Nothing => {}
        }
        false
    }

    fn keep(&mut self, cookie: u64, named: Named) {
        self.forget(cookie);
        self.by_cookie.insert(cookie, (self.next, named));
        self.order.insert(self.next, cookie);
        self.next += 1;
        while self.order.len() > GIVEN_MAX {
            if let Some((_, oldest)) = self.order.pop_first() {
                self.by_cookie.remove(&oldest);
            }
        }
    }

    /// The name that a connection gave its peer.
    pub fn name(&self, cookie: u64) -> Option<&Named> {
        self.by_cookie.get(&cookie).map(|(_, named)| named)
    }

    /// The connection ended.
    pub fn forget(&mut self, cookie: u64) {
        if let Some((at, _)) = self.by_cookie.remove(&cookie) {
            self.order.remove(&at);
        }
    }
}

#[cfg(test)]
mod tests;

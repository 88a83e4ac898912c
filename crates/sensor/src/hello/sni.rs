//! Which server name does a TLS ClientHello ask for? (RFC 8446 4.1.2, RFC 6066 3)

use tripoint_model::{Named, NamedBy};

use super::{Said, host_name};

/// First byte of a record of the handshake.
pub const HANDSHAKE: u8 = 0x16;

const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// Encrypted ClientHello (RFC 9849): the name in clear is that of the front.
const ENCRYPTED_HELLO: u16 = 0xfe0d;
/// No record is longer (RFC 8446 5.1).
const RECORD_MAX: usize = 1 << 14;
/// A version and random bytes stand before the first field with a length.
const FIXED: usize = 2 + 32;

/// Reads the records that hold a ClientHello.
pub fn read(words: &[u8]) -> Said {
    let message = message(words);
    match message.split_first_chunk::<4>() {
        _ if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) => Said::Nothing,
        Some((head, body)) => {
            let length = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
            match names(&body[..body.len().min(length)]) {
                Ok(Some(named)) => Said::Name(named),
                _ if body.len() < length => Said::Cut,
                Ok(None) | Err(Short) => Said::Nothing,
            }
        }
        None => Said::Cut,
    }
}

/// The bytes end before the field does.
struct Short;

/// What is there of the message, without the heads of its records.
fn message(words: &[u8]) -> Vec<u8> {
    let (mut rest, mut message) = (words, Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        if head[0] != HANDSHAKE || head[1] != 3 || length == 0 || length > RECORD_MAX {
            break;
        }
        let (fragment, next) = after.split_at(after.len().min(length));
        message.extend_from_slice(fragment);
        rest = next;
    }
    message
}

/// The name among the extensions. One that stands before the cut is told without its rest.
fn names(message: &[u8]) -> Result<Option<Named>, Short> {
    let rest = message.get(FIXED..).ok_or(Short)?;
    let (_session, rest) = field::<1>(rest)?;
    let (_ciphers, rest) = field::<2>(rest)?;
    let (_compressions, rest) = field::<1>(rest)?;
    // Older versions need no extensions.
    let Some((_, mut rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
    let (mut name, mut outer) = (None, false);
    while let Some((kind, after)) = rest.split_first_chunk::<2>() {
        let (data, next) = match field::<2>(after) {
            Ok(found) => found,
            Err(Short) if name.is_some() => break,
            Err(Short) => return Err(Short),
        };
        match u16::from_be_bytes(*kind) {
            SERVER_NAME if name.is_none() => name = host(data),
            ENCRYPTED_HELLO => outer = true,
            _ => {}
        }
        rest = next;
    }
    Ok(name.map(|name| Named { name, by: NamedBy::Sni, outer }))
}

/// The first host name of a list of server names.
fn host(data: &[u8]) -> Option<String> {
    let (mut list, _) = field::<2>(data).ok()?;
    while let Some((kind, after)) = list.split_first() {
        let (name, next) = field::<2>(after).ok()?;
        if *kind == HOST_NAME {
            return host_name(name);
        }
        list = next;
    }
    None
}

/// A field after its length of `N` bytes, and what follows it.
fn field<const N: usize>(bytes: &[u8]) -> Result<(&[u8], &[u8]), Short> {
    let (length, rest) = bytes.split_first_chunk::<N>().ok_or(Short)?;
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(length).ok_or(Short)
}

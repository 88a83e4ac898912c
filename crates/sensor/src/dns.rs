//! Which name was asked for, and with which addresses was it answered? (RFC 1035, RFC 3596)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tripoint_model::address::canonical;

/// One answered question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name asked for, lower case, without the final dot.
    pub name: String,
    /// The names that it is another name of (CNAME), as far as the answer leads from one to the next.
    pub aliases: Vec<String>,
    /// The addresses, canonical.
    pub addresses: Vec<IpAddr>,
    /// The smallest time to live among them, seconds.
    pub ttl_s: u32,
}

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const TYPE_CNAME: u16 = 5;
/// More records than any honest answer carries; the rest is not read.
const RECORDS_MAX: u16 = 64;
/// Each jump must go back, so this bounds hostile chains of pointers.
const JUMPS_MAX: usize = 16;

/// Reads an answer; `None` for questions, errors, anything without addresses, anything malformed.
pub fn parse(message: &[u8]) -> Option<Answer> {
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let flags = word(2)?;
    let is_answer = flags & 0x8000 != 0 && flags & 0x000f == 0;
    if !is_answer || word(4)? != 1 {
        return None;
    }
    let (name, mut at) = read_name(message, 12)?;
    at += 4;
    let mut answer = Answer { name, aliases: Vec::new(), addresses: Vec::new(), ttl_s: u32::MAX };
    for _ in 0..word(6)?.min(RECORDS_MAX) {
        let (owner, after) = read_name(message, at)?;
        let kind = word(after)?;
        let ttl = u32::from(word(after + 4)?) << 16 | u32::from(word(after + 6)?);
        let length = usize::from(word(after + 8)?);
        let data = message.get(after + 10..after + 10 + length)?;
        if let Some(address) = address(kind, data) {
            answer.addresses.push(address);
            answer.ttl_s = answer.ttl_s.min(ttl);
        }
        // What leads on from nowhere says nothing about the name that was asked for.
        if kind == TYPE_CNAME && (owner == answer.name || answer.aliases.contains(&owner)) {
            let (alias, _) = read_name(message, after + 10)?;
            answer.aliases.extend(Some(alias).filter(|alias| !alias.is_empty()));
        }
        at = after + 10 + length;
    }
    (!answer.addresses.is_empty() && !answer.name.is_empty()).then_some(answer)
}

/// The messages of a TCP segment, each after its length; servers and network cards put several
/// answers into one. The last may be cut.
pub fn messages(segment: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (message, next) = after.split_at(after.len().min(u16::from_be_bytes(*length).into()));
        rest = next;
        Some(message)
    })
}

fn address(kind: u16, data: &[u8]) -> Option<IpAddr> {
    match kind {
        TYPE_A => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?))),
        TYPE_AAAA => Some(canonical(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)))),
        _ => None,
    }
}

/// A name and the offset after it, pointers followed.
fn read_name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut at, mut after, mut jumps) = (start, None, 0);
    let mut name = String::new();
    loop {
        let length = usize::from(*message.get(at)?);
        match length >> 6 {
            0 if length == 0 => return Some((name, after.unwrap_or(at + 1))),
            0 => {
                if !name.is_empty() {
                    name.push('.');
                }
                push_label(&mut name, message.get(at + 1..at + 1 + length)?);
                if name.len() > 253 {
                    return None;
                }
                at += 1 + length;
            }
            3 => {
                let target = (length & 63) << 8 | usize::from(*message.get(at + 1)?);
                after.get_or_insert(at + 2);
                jumps += 1;
                if target >= at || jumps > JUMPS_MAX {
                    return None;
                }
                at = target;
            }
            _ => return None,
        }
    }
}

/// A label in lower case; bytes that no host name has become `?`.
fn push_label(name: &mut String, label: &[u8]) {
    for byte in label {
        let byte = byte.to_ascii_lowercase();
        let fine = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        name.push(if fine { char::from(byte) } else { '?' });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer_to(name: &[&str], records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0];
        for label in name {
            message.push(label.len() as u8);
            message.extend_from_slice(label.as_bytes());
        }
        message.extend_from_slice(&[0, 0, 1, 0, 1]);
        for (kind, data) in records {
            message.extend_from_slice(&[0xc0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
            message.extend_from_slice(data);
        }
        message
    }

    #[test]
    fn reads_addresses_of_both_families() {
        let message = answer_to(
            &["C2", "Bad", "example"],
            &[(5, &[0]), (1, &[203, 0, 113, 66]), (28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x66])],
        );
        let answer = parse(&message).unwrap();
        assert_eq!(answer.name, "c2.bad.example");
        assert_eq!(answer.addresses, ["203.0.113.66".parse::<IpAddr>().unwrap(), "2001:db8::66".parse().unwrap()]);
        assert_eq!(answer.ttl_s, 60);
    }

    #[test]
    fn a_chain_of_aliases_is_followed_and_nothing_beside_it() {
        let cname = |owner: &[u8], target: &[u8]| {
            [owner, &[0, 5, 0, 1, 0, 0, 0, 60, 0, u8::try_from(target.len()).unwrap()], target].concat()
        };
        let mut message = answer_to(&["www", "shop", "example"], &[]);
        message[7] = 4;
        message.extend(cname(&[0xc0, 12], b"\x03cdn\x03bad\x07example\0"));
        message.extend(cname(b"\x03cdn\x03bad\x07example\0", b"\x01e\x03bad\x07example\0"));
        message.extend(cname(b"\x05other\x07example\0", b"\x06victim\x07example\0"));
        message.extend([&b"\x01e\x03bad\x07example\0"[..], &[0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 203, 0, 113, 66]].concat());
        let answer = parse(&message).unwrap();
        assert_eq!(answer.name, "www.shop.example");
        assert_eq!(answer.aliases, ["cdn.bad.example", "e.bad.example"]);
        assert_eq!((answer.addresses.len(), answer.ttl_s), (1, 9));
    }

    #[test]
    fn a_segment_may_carry_several_messages() {
        let one = answer_to(&["a", "example"], &[(TYPE_A, &[203, 0, 113, 1])]);
        let two = answer_to(&["b", "example"], &[(TYPE_A, &[203, 0, 113, 2])]);
        let framed = |message: &[u8]| [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat();
        let segment = [framed(&one), framed(&two), framed(&one)[..20].to_vec()].concat();
        let names: Vec<String> = messages(&segment).filter_map(parse).map(|answer| answer.name).collect();
        assert_eq!(names, ["a.example", "b.example"]);
        assert_eq!(messages(&segment).count(), 3);
        assert_eq!(messages(&[0]).count() + messages(&[]).count(), 0);
    }

    #[test]
    fn pointer_loops_and_questions_are_refused() {
        let mut looped = answer_to(&["a"], &[(1, &[1, 2, 3, 4])]);
        let at = looped.len() - 16;
        looped[at] = 0xc0;
        looped[at + 1] = at as u8;
        assert!(parse(&looped).is_none());
        let mut question = answer_to(&["a"], &[(1, &[1, 2, 3, 4])]);
        question[2] = 1;
        assert!(parse(&question).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
        }
    }
}

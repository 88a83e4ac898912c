//! Is the name read wherever it stands, and nothing else taken for one?

use proptest::prelude::*;
use tripoint_model::NamedBy;

use super::*;

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    extension(0, &[&length(name.len() + 3)[..], &[0], &length(name.len()), name].concat())
}

/// The message of a handshake with these extensions; none at all for `None`.
fn message(extensions: Option<&[Vec<u8>]>) -> Vec<u8> {
    let mut body = [&[3, 3][..], &[7; 32], &[32], &[9; 32], &[0, 4, 0x0a, 0x0a, 0x13, 0x01], &[1, 0]].concat();
    if let Some(extensions) = extensions {
        let all = extensions.concat();
        body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
        body.extend(all);
    }
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1], &length[1..], &body].concat()
}

/// The message in records of at most `most` bytes.
fn records(message: &[u8], most: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[0x16, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat();
    message.chunks(most).flat_map(record).collect()
}

fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    records(&message(Some(extensions)), 1 << 14)
}

/// What a browser sends: an extension that means nothing, keys, a ticket of a session, padding.
fn browser(name: &[u8]) -> Vec<u8> {
    hello(&[
        extension(0x3a3a, &[]),
        extension(51, &[5; 1216]),
        extension(35, &[6; 192]),
        server_name(name),
        extension(43, &[2, 3, 4]),
        extension(21, &[0; 200]),
    ])
}

fn name(words: &[u8]) -> Option<(String, NamedBy)> {
    match read(words) {
        Said::Name(named) => Some((named.name, named.by)),
        Said::Cut | Said::Nothing => None,
    }
}

fn sni(name: &str) -> Option<(String, NamedBy)> {
    Some((name.to_owned(), NamedBy::Sni))
}

#[test]
fn the_server_name_is_found_among_other_extensions() {
    assert_eq!(name(&browser(b"C2.Bad.Example")), sni("c2.bad.example"));
    assert_eq!(name(&hello(&[server_name(b"a.example.")])), sni("a.example"));
    let data_behind = [hello(&[server_name(b"a.example")]), vec![0x17, 3, 3, 0, 9, 1, 2]].concat();
    assert_eq!(name(&data_behind), sni("a.example"));
}

#[test]
fn records_may_split_the_message_anywhere() {
    let message = message(Some(&[extension(51, &[5; 40]), server_name(b"a.example"), extension(21, &[0; 40])]));
    for most in 1..message.len() {
        assert_eq!(name(&records(&message, most)), sni("a.example"), "{most}");
    }
}

#[test]
fn a_cut_hello_is_never_taken_for_a_nameless_one() {
    let whole = browser(b"a.example");
    let at_name = whole.windows(9).position(|bytes| bytes == b"a.example").unwrap();
    for cut in 1..whole.len() {
        let expected = if cut < at_name + 9 { None } else { sni("a.example") };
        assert_eq!(name(&whole[..cut]), expected, "{cut}");
        let mut given = Given::default();
        let parts = (given.take(7, &whole[..cut], false), given.take(7, &whole[cut..], true));
        assert_eq!(given.name(7).map(|named| named.name.as_str()), Some("a.example"), "{cut}");
        assert_eq!(parts, (expected.is_some(), expected.is_none()), "{cut}: told once");
    }
}

#[test]
fn without_a_name_there_is_none() {
    assert_eq!(read(&records(&message(None), 1 << 14)), Said::Nothing);
    assert_eq!(read(&hello(&[])), Said::Nothing);
    assert_eq!(read(&hello(&[extension(35, &[6; 192]), extension(21, &[0; 99])])), Said::Nothing);
    for hostile in [&b""[..], b"203.0.113.66", b"2001:db8::66"] {
        assert!(!matches!(read(&hello(&[server_name(hostile)])), Said::Name(named) if named.name.contains("113")));
    }
    // A list that ends inside an entry, an unknown kind of name, a name longer than any.
    for list in [&[0, 9, 0, 0, 9, b'a'][..], &[0, 4, 1, 0, 1, b'a'], &[0]] {
        assert_eq!(read(&hello(&[extension(0, list)])), Said::Nothing);
    }
    assert_eq!(read(&hello(&[server_name(&[b'a'; 254])])), Said::Nothing);
    // A server's hello, and a length that goes beyond the message.
    let mut other = browser(b"a.example");
    other[5] = 2;
    assert_eq!(read(&other), Said::Nothing);
    let mut lying = hello(&[server_name(b"a.example")]);
    lying[5 + 4 + 34] = 255;
    assert_eq!(read(&lying), Said::Nothing);
}

#[test]
fn the_outer_name_of_an_encrypted_hello_is_marked() {
    let Said::Name(named) = read(&hello(&[server_name(b"front.example"), extension(0xfe0d, &[0; 60])])) else {
        panic!("no name")
    };
    assert!(named.outer && named.name == "front.example");
    let Said::Name(named) = read(&browser(b"a.example")) else { panic!("no name") };
    assert!(!named.outer);
}

#[test]
fn bytes_that_no_name_has_are_shown_as_such() {
    assert_eq!(name(&hello(&[server_name(b"a\x1b[2J\n.example")])), sni("a??2j?.example"));
}

#[test]
fn the_host_of_a_request_is_found() {
    for (request, host) in [
        ("GET / HTTP/1.1\r\nHost: A.example\r\n\r\n", "a.example"),
        ("GET / HTTP/1.1\r\nAccept: */*\r\nhOsT:\ta.example:8080 \r\n\r\n", "a.example"),
        ("POST /x HTTP/1.0\nHost: a.example\n\n", "a.example"),
        ("GET http://a.example:80/b?u=http://c.example HTTP/1.1\r\nHost: b.example\r\n\r\n", "a.example"),
        ("GET http://me:secret@a.example/ HTTP/1.1\r\n\r\n", "a.example"),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: proxy.example\r\n\r\n", "a.example"),
        ("GET /to?u=http://c.example/ HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "a.example"),
        // The rest of the headers did not fit.
        ("GET / HTTP/1.1\r\nHost: a.example\r\nCookie: cut", "a.example"),
    ] {
        assert_eq!(name(request.as_bytes()), Some((host.to_owned(), NamedBy::HttpHost)), "{request}");
    }
}

#[test]
fn what_is_no_request_and_what_follows_it_names_nobody() {
    for request in [
        "GET / HTTP/1.1\r\n\r\nHost: body.example\r\n",
        "GET / HTTP/1.1\r\nHost: cut.exam",
        "GET / HTTP/1.1\r\nHost: 203.0.113.66:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [2001:db8::66]:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nX-Host: a.example\r\n\r\n",
        "GET / nothing HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /\r\nHost: a.example\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "get / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ] {
        assert_eq!(read(request.as_bytes()), Said::Nothing, "{request}");
    }
}

#[test]
fn memory_is_bounded_and_the_oldest_go_first() {
    let (mut given, whole) = (Given::default(), hello(&[server_name(b"a.example")]));
    for cookie in 0..2 * GIVEN_MAX as u64 {
        assert!(given.take(cookie, &whole, false));
        given.take(cookie | 1 << 40, &whole[..20], false);
    }
    assert!(given.by_cookie.len() == GIVEN_MAX && given.order.len() == GIVEN_MAX && given.parts.len() == PARTS_MAX);
    assert!(given.name(0).is_none() && given.name(2 * GIVEN_MAX as u64 - 1).is_some());
    let last = 2 * GIVEN_MAX as u64 - 1;
    given.forget(last);
    assert!(given.name(last).is_none() && given.order.len() == GIVEN_MAX - 1);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), tls in any::<bool>()) {
        let mut words = if tls { vec![0x16, 3, 1, 2, 0, 1, 0, 1, 252] } else { b"GET / HTTP/1.1\r\nHost:".to_vec() };
        words.extend(bytes);
        let _ = read(&words);
    }

    #[test]
    fn changed_bytes_give_no_name_that_cannot_be_shown(at in 0usize..600, byte in any::<u8>()) {
        let mut words = browser(b"a.example");
        let at = at * 3 % words.len();
        words[at] = byte;
        if let Said::Name(named) = read(&words) {
            prop_assert!(named.name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

//! Which host does a request of HTTP/1 ask for? (RFC 9112 3.2)

use tripoint_model::{Named, NamedBy};

use super::{Said, host_name};

/// Reads a request line and headers. A target that names the host itself outranks the header, as it
/// does for the server.
pub fn read(words: &[u8]) -> Said {
    let mut lines = words.split_inclusive(|byte| *byte == b'\n').map_while(|line| line.strip_suffix(b"\n"));
    let Some(target) = lines.next().and_then(target) else { return Said::Nothing };
    let authority = of_target(target).or_else(|| {
        // An empty line ends the headers.
        lines.map(<[u8]>::trim_ascii_end).take_while(|line| !line.is_empty()).find_map(of_header)
    });
    let name = authority.and_then(of_authority);
    name.map_or(Said::Nothing, |name| Said::Name(Named { name, by: NamedBy::HttpHost, outer: false }))
}

/// `METHOD target HTTP/1.x`, and whether the target is an authority alone.
fn target(line: &[u8]) -> Option<(&[u8], bool)> {
    let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    let ok = is_method && version.starts_with(b"HTTP/1.") && words.next().is_none();
    ok.then_some((target, method == b"CONNECT"))
}

fn of_target((target, is_authority): (&[u8], bool)) -> Option<&[u8]> {
    if is_authority {
        return Some(target);
    }
    let scheme = target.windows(3).position(|bytes| bytes == b"://")?;
    let is_scheme = scheme > 0 && target[..scheme].iter().all(u8::is_ascii_alphanumeric);
    let rest = &target[scheme + 3..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    is_scheme.then_some(&rest[..end])
}

fn of_header(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    line[..colon].eq_ignore_ascii_case(b"host").then(|| line[colon + 1..].trim_ascii())
}

/// The host of `user@host:port`.
fn of_authority(authority: &[u8]) -> Option<String> {
    let host = authority.rsplit(|byte| *byte == b'@').next()?;
    // An address in brackets.
    if host.starts_with(b"[") {
        return None;
    }
    host_name(host.split(|byte| *byte == b':').next()?)
}

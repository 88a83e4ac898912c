//! Is this URL usable, and where does a redirect from it lead?

use std::net::IpAddr;

use ureq::http::Uri;

use crate::error::FetchError;

/// Reads a URL: http or https, with a host, without credentials.
pub(crate) fn parse(text: &str) -> Result<Uri, FetchError> {
    let bad = |reason| FetchError::Url { url: tripoint_model::text::visible(text).into_owned(), reason };
    let url: Uri = text.parse().map_err(|_| bad("it is not a URL"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(bad("it begins with neither https:// nor http://"));
    }
    let authority = url.authority().ok_or_else(|| bad("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(bad("it holds credentials; put them into key_file"));
    }
    if authority.host().is_empty() {
        return Err(bad("it names no host"));
    }
    Ok(url)
}

/// Whether the URL itself says that it means a private place: a literal address or localhost.
pub(crate) fn names_address(url: &Uri) -> bool {
    let host = url.host().unwrap_or("");
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Whether what is said there can be read and changed on the way: plain HTTP that does not stay on this host, as the
/// URL itself says.
pub fn is_clear(text: &str) -> bool {
    let Ok(url) = parse(text) else { return false };
    let host = url.host().unwrap_or("");
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let is_here = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    url.scheme_str() == Some("http") && !is_here
}

/// The TCP port that a URL leads to; none where it cannot be fetched.
pub fn port_of(text: &str) -> Option<u16> {
    let url = parse(text).ok()?;
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    Some(url.port_u16().unwrap_or(default))
}

/// The TCP port of a proxy as the settings name it; none where it is no proxy.
pub fn port_of_proxy(text: &str) -> Option<u16> {
    ureq::Proxy::new(text).ok().map(|proxy| proxy.port())
}

/// Whether both URLs speak to the same server in the same way.
pub(crate) fn same_server(a: &Uri, b: &Uri) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_u16() == b.port_u16()
}

/// Whether both URLs lead to the same server in the same way; no where one of them is none.
pub fn is_same_server(a: &str, b: &str) -> bool {
    matches!((parse(a), parse(b)), (Ok(a), Ok(b)) if same_server(&a, &b))
}

/// Where a reference in what came from `from` leads.
pub fn resolve(from: &str, reference: &str) -> Result<String, FetchError> {
    follow(&parse(from)?, reference).map(|url| url.to_string())
}

/// Where a `Location` leads from `from` (RFC 3986, section 5.2, without dot segments).
pub(crate) fn follow(from: &Uri, location: &str) -> Result<Uri, FetchError> {
    let location = location.split('#').next().unwrap_or("").trim();
    let scheme = from.scheme_str().unwrap_or("https");
    let server = from.authority().map_or("", |authority| authority.as_str());
    let has_scheme = location.split(['/', '?']).next().is_some_and(|start| start.contains(':'));
    let text = if has_scheme {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{server}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{server}{}{location}", from.path())
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{server}{folder}/{location}")
    };
    let to = parse(&text)?;
    if scheme == "https" && to.scheme_str() == Some("http") {
        return Err(FetchError::Redirect { url: from.to_string(), reason: "from https to http" });
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() {
        let from = parse("https://feeds.example/a/b?c").unwrap();
        for (location, expected) in [
            ("https://other.example/x", "https://other.example/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y#z", "https://feeds.example/x?y"),
            ("x", "https://feeds.example/a/x"),
            ("?q", "https://feeds.example/a/b?q"),
        ] {
            assert_eq!(follow(&from, location).unwrap().to_string(), expected, "{location}");
        }
        for location in ["http://feeds.example/", "file:///etc/passwd", "https://u:p@x.example/", "https://"] {
            assert!(follow(&from, location).is_err(), "{location}");
        }
    }

    #[test]
    fn plain_http_is_clear_unless_it_stays_here() {
        for (text, expected) in [
            ("https://feeds.example/", false),
            ("http://127.0.0.1:1/", false),
            ("http://127.9.9.9/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://LOCALHOST/", false),
            ("HTTP://feeds.example/", true),
            ("http://192.0.2.1/", true),
            ("http://[2001:db8::1]/", true),
            ("http://2130706433/", true),
            ("http://localhost.example/", true),
        ] {
            assert_eq!(is_clear(text), expected, "{text}");
        }
    }

    #[test]
    fn a_url_and_a_proxy_lead_to_a_port() {
        for (text, expected) in [
            ("https://feeds.example/", Some(443)),
            ("HTTP://feeds.example", Some(80)),
            ("https://[2001:db8::1]:8443/x", Some(8443)),
            ("https://192.0.2.1:443/", Some(443)),
            ("ftp://feeds.example/", None),
            ("https://u:p@feeds.example/", None),
            ("feeds.example:443", None),
        ] {
            assert_eq!(port_of(text), expected, "{text}");
        }
        for (text, expected) in
            [("http://proxy.example:3128", Some(3128)), ("http://u:p@proxy.example", Some(80)), ("", None)]
        {
            assert_eq!(port_of_proxy(text), expected, "{text}");
        }
    }

    #[test]
    fn only_dotted_literals_name_an_address() {
        for (text, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]/", true),
            ("http://LOCALHOST/", true),
            ("http://2130706433/", false),
            ("http://0x7f.1/", false),
            ("http://feeds.example/", false),
        ] {
            assert_eq!(names_address(&parse(text).unwrap()), expected, "{text}");
        }
    }
}

//! Does a change that a browser asks for come from a page of ours?

use std::net::{Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, header};

/// Where our own pages come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// Of a server that listens there, is known by these names and, through a proxy, by this URL. Plain HTTP is spoken
    /// on this host alone.
    pub(crate) fn of(address: Option<SocketAddr>, names: &[String], public: Option<&str>) -> Self {
        let mut own: Vec<String> = public.map(|url| url.to_ascii_lowercase()).into_iter().collect();
        let Some(address) = address else { return Self(own) };
        let port = address.port();
        let of = |scheme: &str, usual: u16, name: &str| {
            let bare = if name.parse::<Ipv6Addr>().is_ok() { format!("[{name}]") } else { name.to_owned() };
            // Browsers leave the usual port out.
            if port == usual { format!("{scheme}://{bare}") } else { format!("{scheme}://{bare}:{port}") }
        };
        own.extend(names.iter().map(|name| of("https", 443, name)));
        if is_this_host(address) {
            let address = address.ip().to_string();
            own.extend(["127.0.0.1", "localhost", "::1", &address].map(|name| of("http", 80, name)));
        }
        Self(own)
    }

    /// Whether a browser says that a page of ours asks. Another page can set neither header.
    pub(crate) fn asks(&self, headers: &HeaderMap) -> bool {
        match (text(headers, header::ORIGIN.as_str()), text(headers, "sec-fetch-site")) {
            (Some(origin), site) => self.0.iter().any(|own| *own == origin) && site.is_none_or(|s| s == "same-origin"),
            (None, site) => site == Some("same-origin"),
        }
    }

    /// Whether a browser says that a page of somebody else's asks.
    pub(crate) fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let says = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
        says && !self.asks(headers)
    }
}

/// Whether only this host reaches an address.
pub(crate) fn is_this_host(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whether the body is said to be JSON: what a form of another page cannot say without being asked about it first.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// A header that is there once; twice is as good as wrong.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => None,
        (Some(only), None) => Some(only.to_str().unwrap_or("?")),
        _ => Some("?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_ask() {
        let own = Origins::of(Some("127.0.0.1:8470".parse().unwrap()), &["127.0.0.1".into()], None);
        let asks = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            (own.asks(&headers), own.is_foreign(&headers))
        };
        let same = "https://127.0.0.1:8470";
        for good in ["http://127.0.0.1:8470", "http://localhost:8470", "http://[::1]:8470", same] {
            assert_eq!(asks(&[("origin", good)]), (true, false), "{good}");
            assert_eq!(asks(&[("origin", good), ("sec-fetch-site", "same-origin")]), (true, false));
            assert_eq!(asks(&[("origin", good), ("sec-fetch-site", "cross-site")]), (false, true));
        }
        assert_eq!(asks(&[("sec-fetch-site", "same-origin")]), (true, false));
        assert_eq!(asks(&[]), (false, false), "no browser");
        for bad in [
            "null",
            "",
            "http://127.0.0.1",
            "https://127.0.0.1",
            "https://localhost:8470",
            "http://127.0.0.1:8471",
            "http://example.org",
            "http://127.0.0.1:8470.example.org",
            "http://127.0.0.1:8470/",
        ] {
            assert_eq!(asks(&[("origin", bad)]), (false, true), "{bad}");
            assert_eq!(asks(&[("origin", bad), ("sec-fetch-site", "same-origin")]), (false, true), "{bad}");
        }
        for bad in ["same-site", "cross-site", "none"] {
            assert_eq!(asks(&[("sec-fetch-site", bad)]), (false, true), "{bad}");
        }
        let twice = [("origin", "http://127.0.0.1:8470"), ("origin", "http://example.org")];
        assert_eq!(asks(&twice), (false, true));
        assert!(!Origins::of(None, &[], None).asks(&HeaderMap::new()));
    }

    #[test]
    fn other_hosts_ask_by_https_alone_and_by_names_that_are_ours() {
        let names = ["192.0.2.7", "2001:db8::7", "tripoint.example"].map(str::to_owned);
        for (address, url, good) in [
            ("192.0.2.7:8470", None, "https://tripoint.example:8470"),
            ("192.0.2.7:8470", None, "https://[2001:db8::7]:8470"),
            ("192.0.2.7:443", None, "https://tripoint.example"),
            ("127.0.0.1:8470", Some("https://proxy.example"), "https://proxy.example"),
        ] {
            let own = Origins::of(Some(address.parse().unwrap()), &names, url);
            let asks = |origin: &str| own.asks(&[(header::ORIGIN, origin.parse().unwrap())].into_iter().collect());
            assert!(asks(good), "{good}");
            for bad in [good.replacen("https", "http", 1), format!("{good}0"), good.replace("example", "example.org")] {
                assert!(bad == good || !asks(&bad), "{bad}");
            }
        }
    }

    #[test]
    fn json_is_json_with_whatever_parameters() {
        let says = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_json(&headers)
        };
        assert!(says("application/json") && says("Application/JSON; charset=utf-8"));
        assert!(!says("text/plain") && !says("text/plain; application/json") && !says("application/jsonp"));
        assert!(!is_json(&HeaderMap::new()));
    }
}

//! Do configured formats read what their servers write?

use super::*;
use crate::log::access::Access;

fn clock() -> Clock {
    Clock::at("2026-06-15T12:00:00Z".parse().unwrap())
}

fn shown(pattern: &Pattern, line: &str) -> String {
    let Some(entry) = pattern.read(line, &clock()) else { return "-".into() };
    let head = format!("{:?} {:?}", entry.time.map(|time| time.0 / 1_000_000), entry.remote.map(|at| at.to_string()));
    match entry.said {
        Said::Request(r) => format!(
            "{head} {}|{}|{:?}|{:?}|{}|{}|{}|{:?}|{:?}",
            r.method, r.target, r.status, r.bytes, r.host, r.agent, r.user, r.headers, entry.claimed
        ),
        Said::LogIn(log_in) => format!("{head} {}", log_in.user),
        Said::Text(text) => format!("{head} {text}"),
    }
}

const LINE: &str = r#"203.0.113.9 - eve [10/Oct/2025:13:55:36 +0000] "GET /a?\"b HTTP/1.1" 404 12 "-" "x \"y""#;

#[test]
fn the_combined_format_is_read_as_by_its_own_reader() {
    let nginx = compile(
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    )
    .unwrap();
    let apache = compile(r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""#).unwrap();
    for pattern in [nginx, apache, compile("combined").unwrap()] {
        assert_eq!(pattern.read(LINE, &clock()), Access.read(LINE, &clock()), "{pattern:?}");
    }
}

#[test]
fn other_orders_and_fields_are_read() {
    let nginx = compile(
        r#"$msec|$host|$http_x_forwarded_for|$remote_addr|$request_method $uri?$args|$http_x_key|$upstream_addr|"#,
    );
    assert_eq!(
        shown(&nginx.unwrap(), "1700000000.5|h|198.51.100.7|203.0.113.9|GET /a?b=c|k|192.0.2.1:80|"),
        r#"Some(1700000000) Some("203.0.113.9") GET|/a?b=c|None|None|h|||"x-key: k\n"|[198.51.100.7]"#
    );
    let apache = compile(r#"%{X-Forwarded-For}i %a %v %m %U%q %400,501{Cookie}i %D"#).unwrap();
    assert_eq!(
        shown(&apache, "198.51.100.7 203.0.113.9 www POST /x a=b 12"),
        r#"None Some("203.0.113.9") POST|/x|None|None|www|||"Cookie: a=b\n"|[198.51.100.7]"#
    );
    let custom = grok(r"\[%{DATA:time}\] %{IP:remote} was refused as %{DATA:failed_user};").unwrap();
    assert_eq!(
        shown(&custom, "[2026-01-02 03:04:05] 203.0.113.9 was refused as eve;"),
        r#"Some(1767323045) Some("203.0.113.9") eve"#
    );
    assert_eq!(shown(&custom, "something else"), "-");
}

#[test]
fn what_is_no_pattern_is_refused() {
    for (pattern, error) in [
        ("${host", PatternError::Open("${host".into())),
        ("$upstream_addr", PatternError::Nothing),
        ("%{Referer", PatternError::Open("%{Referer".into())),
        ("%", PatternError::Open("%".into())),
        ("%?", PatternError::Unknown("%?".into())),
        ("plain", PatternError::Nothing),
    ] {
        assert_eq!(compile(pattern), Err(error), "{pattern}");
    }
    assert_eq!(compile(&"$host ".repeat(4000)), Err(PatternError::TooLong));
    assert_eq!(grok("%{IP:remote"), Err(PatternError::Open("%{IP:remote".into())));
    assert!(grok("%{:x}").is_err());
}

proptest::proptest! {
    #[test]
    fn nothing_panics(pattern in ".{0,40}", field in "[%$]\\{?[a-zA-Z_]{0,12}\\}?[a-z]?", text in ".{0,80}") {
        for pattern in [pattern.clone(), format!("{pattern}{field} {field}\"")] {
            for made in [compile(&pattern), grok(&pattern)].into_iter().flatten() {
                let _ = made.read(&text, &clock());
            }
        }
    }
}

//! Is the answer of all rules at once that of each rule alone?

use super::*;
use crate::attempt;
use crate::log::FORMATS;
use crate::stamp::Clock;
use tripoint_model::Timestamp;

#[test]
fn a_pattern_without_a_telling_text_is_refused() {
    let rule = |pattern: &str| serde_json::from_value(serde_json::json!({"id": "x", "pattern": pattern})).unwrap();
    for pattern in ["a+", "(", ".*", "ab|cd"] {
        assert!(Pack::new([rule(pattern)]).is_err(), "{pattern}");
    }
    assert!(matches!(Pack::new([rule("abc"), rule("abd")]), Err(PackError::Twice(_))));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 256, ..Default::default() })]
    #[test]
    fn together_is_as_alone(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "../", "%2e%2e%2f", "etc/passwd", "union", "+select+", "%20", "/**/", "${jndi:ldap://", "<script>",
            "%3cscript%3e", "wp-login.php", "cat", "'", "or 1=1", ";id", "|", ".env", "a", "b=", "&#60;", "\\x24",
        ]), 0..8),
        behind in proptest::collection::vec(proptest::sample::select(vec![
            "?", "/*", "*/", "x=", "%253Cscript%253E", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg", " ", "\\u003c", "union/*",
        ]), 0..5),
        referer in proptest::sample::select(vec!["-", "http://a.example/?q=%3Cscript%3E", "*/ select", "()%20{%20:;};"]),
        agent in proptest::sample::select(vec!["sqlmap/1.7", "curl/8", "-", "Mozilla/5.0", "${jndi:ldap://x}", "a+b"]),
    ) {
        let pack = attempt::pack();
        let line = format!(
            "203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET /{} HTTP/1.1\" 200 12 \"{referer}\" \"{agent}\"",
            parts.concat() + &behind.concat()
        );
        let clock = Clock::at(Timestamp(0));
        let entry = FORMATS[0].read(&line, &clock).unwrap();
        let ids = |rules: Vec<&Rule>| rules.into_iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
        let alone = ids(pack.matching_one_by_one(&entry));
        proptest::prop_assert_eq!(&ids(pack.matching(&entry)), &alone);
        proptest::prop_assert!(alone.is_empty() || pack.may_match(&entry, &mut String::new()));
    }
}

/// Words of which ordinary requests are full are no reason to look closer.
#[test]
fn ordinary_lines_are_passed_over() {
    let clock = Clock::at(Timestamp(0));
    let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.4.0",
    ];
    let targets = [
        "/",
        "/images/logo.png",
        "/api/v1/orders?page=2&limit=50&sort=-created",
        "/search?q=garden+chairs&lang=en",
        "/help/reset-your-password",
        "/user/profile?next=%2Fsettings",
        "/files/2024/report-final.pdf",
        "/wiki/O%27Brien",
        "/assets/app.3f9a1c.js?v=1.2.3",
        "/blog/select-a-union-for-your-pipe",
    ];
    let mut looked_at = Vec::new();
    for (target, agent) in targets.iter().flat_map(|target| agents.map(|agent| (target, agent))) {
        let referer = "https://www.example.com/search?q=a+b&sort=price";
        let line = format!(
            "203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET {target} HTTP/1.1\" 200 12 \"{referer}\" \"{agent}\""
        );
        let entry = FORMATS[0].read(&line, &clock).unwrap();
        if attempt::pack().may_match(&entry, &mut String::new()) {
            looked_at.push(line);
        }
    }
    assert!(looked_at.len() <= 9, "of 30: {looked_at:#?}");
}

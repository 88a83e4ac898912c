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
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]
    #[test]
    fn together_is_as_alone(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "../", "%2e%2e%2f", "etc/passwd", "union", "+select+", "%20", "/**/", "${jndi:ldap://", "<script>",
            "%3cscript%3e", "wp-login.php", "cat", "'", "or 1=1", ";id", "|", ".env", "a", "b=", "&#60;", "\\x24",
        ]), 0..8),
        agent in proptest::sample::select(vec!["sqlmap/1.7", "curl/8", "-", "Mozilla/5.0"]),
    ) {
        let pack = attempt::pack();
        let line = format!(
            "203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET /{} HTTP/1.1\" 200 12 \"-\" \"{agent}\"",
            parts.concat()
        );
        let clock = Clock::at(Timestamp(0));
        let entry = FORMATS[0].read(&line, &clock).unwrap();
        let ids = |rules: Vec<&Rule>| rules.into_iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
        let alone = ids(pack.matching_one_by_one(&entry));
        proptest::prop_assert_eq!(&ids(pack.matching(&entry)), &alone);
        proptest::prop_assert!(alone.is_empty() || pack.may_match(&entry, &mut String::new()));
    }
}

//! Is each sentence of the language read as it is meant, and each fault pointed at?

use proptest::prelude::*;

use super::super::{Subject, Value};
use super::*;

const FIELDS: &[Field] = &[
    Field::new("host", Kind::Text, "where").also(&["h"]),
    Field::new("status", Kind::Word(&["open", "resolved"]), "how it stands"),
    Field::new("severity", Kind::Level(&["low", "medium", "high"]), "how bad"),
    Field::new("score", Kind::Number, "how bad"),
    Field::new("seen", Kind::Time, "when"),
    Field::new("age", Kind::Age, "how old"),
    Field::new("address", Kind::Address, "who"),
    Field::new("kev", Kind::Flag, "exploited"),
    Field::new("feed", Kind::Text, "who says so"),
];

const NOW: Timestamp = Timestamp(1_000_000 * 1_000_000);

struct Thing;

impl Subject for Thing {
    fn values(&self, field: &str, with: &mut dyn FnMut(Value<'_>) -> bool) {
        match field {
            "host" => drop(with(Value::Text("Web-12"))),
            "status" => drop(with(Value::Text("open"))),
            "severity" => drop(with(Value::Number(1))),
            "score" => drop(with(Value::Number(57))),
            "seen" | "age" => drop(with(Value::Number(NOW.minus(std::time::Duration::from_secs(7200)).0))),
            "address" => drop(with(Value::Address("203.0.113.66".parse().unwrap()))),
            "kev" => drop(with(Value::Flag(true))),
            "feed" => drop(with(Value::Text("lab list")) || with(Value::Text("drop*"))),
            _ => {}
        }
    }

    fn text(&self) -> &str {
        "nginx@web-12 called 203.0.113.66 cve-2021-44228"
    }
}

#[test]
fn sentences_mean_what_they_say() {
    let cases = [
        ("", true),
        ("host:web-*", true),
        ("h=WEB-12", true),
        ("host:web", false),
        ("host:*b*1*", true),
        ("host:*2*1", false),
        ("host:web-12*12", false),
        ("host~EB-1", true),
        ("host!=web-12", false),
        ("host!=a,b", true),
        ("host:a,web-12", true),
        ("status:Resolved", false),
        ("severity>=medium", true),
        ("severity>medium", false),
        ("severity:low,medium", true),
        ("severity:medium..high", true),
        ("severity=low..low", false),
        ("score>56 score<58", true),
        ("score:50..57", true),
        ("score!=57", false),
        ("seen>-3h", true),
        ("seen>-1h", false),
        ("seen<1970-01-13", true),
        ("seen<+1h", true),
        ("seen>+1h", false),
        ("age<3h", true),
        ("age>=2h", true),
        ("age>2h", false),
        ("address:203.0.113.0/24", true),
        ("address:203.0.113.6", false),
        ("kev:yes", true),
        ("not kev:true", false),
        ("-kev:no", true),
        ("feed:\"lab list\"", true),
        ("feed:\"drop*\"", true),
        ("feed:\"lab*\"", false),
        ("nginx CVE-2021-44228", true),
        ("nginx -called", false),
        ("-\"called it\"", true),
        ("\"called 203\"", true),
        ("host:x or kev:yes and score:57", true),
        ("(host:x or kev:yes) and score:58", false),
        ("-(host:x or kev:no)", true),
        ("or", false),
    ];
    for (text, expected) in cases {
        match parse(text, FIELDS, NOW) {
            Ok(filter) => assert_eq!(filter.matches(&Thing), expected, "{text:?}: {filter:?}"),
            Err(error) => assert_eq!(text, "or", "{}", error.pointed(text)),
        }
    }
}

#[test]
fn faults_are_pointed_at() {
    let cases = [
        ("hots:web", 0, 4, "is host meant"),
        ("host:web frob:1", 9, 13, "there are host, status"),
        ("status:closed", 7, 13, "one of open, resolved"),
        ("score>many", 6, 10, "no whole number"),
        ("host>web", 5, 8, "it takes : and ~"),
        ("severity:", 9, 9, "value for severity"),
        ("(host:a", 0, 1, "never closed"),
        ("host:a)", 6, 7, "nothing is open"),
        ("address:203.0.113", 8, 17, "not an address"),
        ("kev:maybe", 4, 9, "yes or no"),
        ("seen:-1h", 5, 8, "write seen>"),
        ("seen>soon", 5, 9, "no time"),
        ("seen<1h", 5, 7, "-24h (24 hours ago) or +1h"),
        ("severity:low..bad", 9, 17, "\"bad\" is no severity"),
        ("\"open", 0, 5, "never closed"),
        (":a", 0, 1, "name of a field"),
        ("a or", 4, 4, "missing here"),
        ("not", 3, 3, "missing here"),
    ];
    for (text, at, end, why) in cases {
        let error = parse(text, FIELDS, NOW).expect_err(text);
        assert_eq!((error.at, error.end), (at, end), "{text:?}: {error}");
        assert!(error.why.contains(why), "{text:?}: {error}");
    }
    let deep = "(".repeat(40);
    assert!(parse(&deep, FIELDS, NOW).unwrap_err().why.contains("brackets"));
    let pointed = parse("kev:yes hots:a", FIELDS, NOW).unwrap_err().pointed("kev:yes hots:a").to_string();
    assert_eq!(pointed.lines().nth(1).map(|line| line.find('^')), Some(Some(8)));
    let steering = "a\u{1b}[2J hots:a\n";
    let pointed = parse(steering, FIELDS, NOW).unwrap_err().pointed(steering).to_string();
    assert!(pointed.starts_with("a\\u{1b}[2J hots:a\\u{a}\n           ^^^^ "), "{pointed:?}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z(),:!=<>~\"\\\\ .*0-9äß-]{0,60}") {
        if let Err(error) = parse(&text, FIELDS, NOW) {
            prop_assert!(error.at <= error.end && error.end <= text.len());
            prop_assert!(text.get(error.at..error.end).is_some());
            prop_assert_eq!(error.pointed(&text).to_string().lines().count(), 2);
        }
    }

    #[test]
    fn not_is_the_opposite(text in "(host:[a-w-]{1,3}[*]?|score>[0-9]{1,2}|kev:yes|nginx)( (or )?(-?)(host~web|score<[0-9]{2}))?") {
        if let (Ok(filter), Ok(opposite)) = (parse(&text, FIELDS, NOW), parse(&format!("not ({text})"), FIELDS, NOW)) {
            prop_assert_ne!(filter.matches(&Thing), opposite.matches(&Thing));
        }
    }
}

#[test]
fn a_filter_asks_for_so_much_and_no_more() {
    let many = |count: usize, between: &str| vec!["a"; count].join(between);
    for between in [" ", " or "] {
        assert!(parse(&many(TESTS_MAX, between), FIELDS, NOW).is_ok());
        let wrong = parse(&many(TESTS_MAX + 1, between), FIELDS, NOW).unwrap_err();
        assert_eq!((wrong.at, wrong.end), (TESTS_MAX * (1 + between.len()), TESTS_MAX * (1 + between.len()) + 1));
        assert!(wrong.why.contains("64"), "{}", wrong.why);
    }
    assert!(parse(&format!("host:{}", many(TESTS_MAX + 1, ",")), FIELDS, NOW).is_err());
}

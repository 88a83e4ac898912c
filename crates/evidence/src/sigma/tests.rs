//! Is the answer of all Sigma rules at once that of each alone, and what do correlations forget?

use tripoint_model::{Level, Timestamp, Verdict};

use super::bounds;
use super::correlate::Run;
use super::engine::{Room, Sigma};
use super::event::Event;
use super::rule::{About, Correlation, How, Kind, Member, SigmaRule, Test};
use super::source::{Sort, Source};
use crate::log::FORMATS;
use crate::stamp::Clock;

fn about(id: &str) -> About {
    About {
        id: id.into(),
        title: id.into(),
        level: Level::High,
        family: "sigma".into(),
        attack: Vec::new(),
        cves: Vec::new(),
        verdict: Verdict::Attempted,
    }
}

fn rule(id: &str, when: Test) -> SigmaRule {
    let source = Source { kinds: Sort::ALL.to_vec(), ..Source::default() };
    SigmaRule { about: about(id), source, when, told: true }
}

fn holds(place: Option<&str>, how: How, text: &str, cased: bool) -> Test {
    Test::Text { place: place.map(str::to_owned), how, text: text.into(), cased }
}

/// Rules whose tests are gated by long texts, short ones, none, and negations of each.
fn rules() -> Vec<SigmaRule> {
    let query = Some("cs-uri-query");
    let long = || holds(query, How::Contains, "etc/passwd", false);
    let short = || holds(query, How::Contains, "'", false);
    let pattern = |text: &str| Test::Pattern { place: query.map(str::to_owned), pattern: text.into() };
    let not = |test: Test| Test::Not(Box::new(test));
    vec![
        rule("long", long()),
        rule("short", short()),
        rule("neither", Test::All(vec![not(long()), not(short())])),
        rule("long-without", Test::All(vec![long(), not(holds(None, How::Contains, "curl", false))])),
        rule("cased", holds(query, How::Contains, "UNION", true)),
        rule("start", holds(Some("cs-uri-stem"), How::Starts, "/a/../", false)),
        rule("pattern", pattern(r"union\s+select")),
        rule("any-case", pattern(r"(?i)union\s+SELECT")),
        rule("two", Test::AtLeast(2, vec![long(), short(), holds(None, How::Contains, "<script>", false)])),
        rule("host", holds(Some("c-uri"), How::Contains, "www.example/a", false)),
        rule("peer", holds(Some("c-ip"), How::Equals, "203.0.113.9", false)),
        rule("referer", Test::Not(Box::new(Test::Has("cs-referer".into())))),
        rule("message", holds(Some("message"), How::Contains, "union select", false)),
        rule("argument", holds(Some("a1"), How::Equals, "cat x", false)),
    ]
}

fn compared(sigma: &Sigma, line: &str) -> Result<Vec<u32>, proptest::test_runner::TestCaseError> {
    let clock = Clock::at(Timestamp(0));
    let format = FORMATS.iter().find(|format| format.read(line, &clock).is_some()).unwrap();
    let entry = format.read(line, &clock).unwrap();
    let event = Event::new(&entry, format.name(), line);
    let found = sigma.matching(&event, &mut Room::default());
    proptest::prop_assert_eq!(&found, &sigma.matching_one_by_one(&event), "{}", line);
    Ok(found)
}

proptest::proptest! {
    #[test]
    fn together_is_as_alone(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "../", "%2e%2e%2f", "etc/passwd", "etc%2fpasswd", "union", "UNION", "%55NION", "+select", "%20SELECT", "/**/", "'", "%27",
            "<script>", "%3cscript%3e", "?", "a/", "=", "&", "curl", "&#60;", "\\x27", "a1=636174207800", "Y2F0IC9ldGMvcGFzc3dk",
        ]), 0..8),
        frame in 0..4usize,
    ) {
        let sigma = Sigma::new(rules(), Vec::new()).unwrap();
        let text = parts.concat();
        let line = match frame {
            0 => format!("203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET /{text} HTTP/1.1\" 200 12 \"-\" \"curl/8\""),
            1 => format!("www.example 203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET /a/{text} HTTP/1.1\" 200 12 \"{text}\" \"-\""),
            2 => format!("Jan  2 03:04:05 host app[7]: {text}"),
            _ => format!("type=EXECVE msg=audit(1700000000.123:7): argc=2 a0=\"{text}\" a1=6361742078"),
        };
        compared(&sigma, &line)?;
    }
}

#[test]
fn every_rule_finds_its_line() {
    let sigma = Sigma::new(rules(), Vec::new()).unwrap();
    let found = |line: &str| {
        let found = compared(&sigma, line).unwrap();
        found.iter().map(|number| rules()[*number as usize].about.id.clone()).collect::<Vec<_>>().join(" ")
    };
    let request = |target: &str| {
        found(&format!("203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET {target} HTTP/1.1\" 200 12 \"-\" \"x\""))
    };
    assert_eq!(request("/?f=..%2fetc%2Fpasswd"), "long long-without peer referer");
    assert_eq!(request("/%61/../x?%27"), "short start peer referer");
    assert_eq!(request("/?q=UNION%20select"), "neither cased any-case peer referer");
    assert_eq!(request("/?q=union+select%27%3cscript%3e"), "short pattern any-case two peer referer");
    let audit = "type=EXECVE msg=audit(1700000000.123:7): argc=2 a0=\"x\" a1=6361742078";
    assert_eq!(found(audit), "neither referer argument");
}

fn counting(at_least: u64) -> Sigma {
    let of = vec![Member { rule: 0, by: vec!["c-ip".into()] }];
    let count = Correlation {
        about: about("count"),
        kind: Kind::EventCount,
        of,
        span_s: 60,
        at_least,
        at_most: None,
        differ: Vec::new(),
    };
    let all = SigmaRule { told: false, ..rule("all", holds(Some("cs-method"), How::Equals, "get", false)) };
    Sigma::new(vec![all], vec![count]).unwrap()
}

fn line(peer: u32) -> String {
    let peer = std::net::Ipv4Addr::from(0xcb00_7100 + peer);
    format!("{peer} - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200 12")
}

#[test]
fn any_order_of_lines_is_told_once() {
    let sigma = counting(3);
    for times in [[10, 20, 30, 40], [40, 30, 20, 10], [20, 40, 10, 30]] {
        let mut run = Run::new(&sigma);
        let mut told = Vec::new();
        for (number, time) in (1..).zip(times) {
            let (line, clock) = (line(9), Clock::at(Timestamp(0)));
            let entry = FORMATS[0].read(&line, &clock).unwrap();
            told.extend(run.see(&entry, "access", &line, Timestamp::from_seconds(time), number));
        }
        assert_eq!(told.len(), 1, "{times:?}");
        assert_eq!(told[0].lines.as_deref(), Some(&[1, 2, 3][..]));
        assert!(told[0].reason.contains("3 matches within 60 seconds"), "{}", told[0].reason);
    }
}

#[test]
fn what_finds_no_room_is_counted() {
    let sigma = counting(1000);
    let mut run = Run::new(&sigma);
    let clock = Clock::at(Timestamp(0));
    let mut see = |peer: u32, number: u64| {
        let line = line(peer);
        let entry = FORMATS[0].read(&line, &clock).unwrap();
        run.see(&entry, "access", &line, Timestamp(0), number).len()
    };
    let told: usize = (0..50_100).map(|peer| see(peer, u64::from(peer))).sum();
    assert_eq!(told, 0);
    let told: usize = (0..3000).map(|number| see(60_000, 100_000 + number)).sum();
    assert_eq!(told, 1, "one peer's matches are enough");
    // A hundred peers too many, one more for the last, and what one peer did beyond what any correlation counts.
    assert_eq!(run.forgotten(), 101 + 3000 - 1024);
}

#[test]
fn a_text_with_gaps_that_would_never_end_is_refused() {
    let like = |text: &str| -> Test {
        let parts = serde_json::json!(["many", {"text": text}, {"text": "a"}]);
        serde_json::from_value(serde_json::json!({"like": {"place": "cs-method", "parts": parts}})).unwrap()
    };
    assert!(Sigma::new(vec![rule("good", like("x"))], Vec::new()).is_ok());
    assert!(Sigma::new(vec![rule("endless", like(""))], Vec::new()).is_err());
}

fn refused(rules: Vec<SigmaRule>, correlations: Vec<Correlation>) -> String {
    Sigma::new(rules, correlations).map(drop).unwrap_err().to_string()
}

fn pattern(text: &str) -> Test {
    Test::Pattern { place: Some("cs-uri-query".into()), pattern: text.into() }
}

#[test]
fn a_pattern_that_is_too_large_is_refused_by_its_rule() {
    let refused = refused(vec![rule("small", pattern("a{9}")), rule("large", pattern(r"\w{900}x{900}"))], Vec::new());
    assert!(refused.starts_with("Sigma rule large:") && refused.contains("when it is compiled"), "{refused}");
}

#[test]
fn all_rules_together_have_bounds_too() {
    let each = |count: usize, test: &dyn Fn(usize) -> Test| -> Vec<SigmaRule> {
        (0..count).map(|number| rule(&number.to_string(), test(number))).collect()
    };
    let fits = |rules: &[SigmaRule]| Sigma::new(rules.to_vec(), Vec::new()).is_ok();
    let is = |number: usize| holds(Some("cs-method"), How::Equals, &format!("m{number}"), false);

    // One rule of each is well within its own bound.
    let many = |test: Test| each(7, &|_| Test::Any(vec![test.clone(); bounds::TESTS_MAX - 1]));
    let said = refused(many(Test::Truth(None, true)), Vec::new());
    assert_eq!(said, "Sigma rule 5: with it all rules together have more than 6291456 bytes");
    let said = refused(many(Test::All(Vec::new())), Vec::new());
    assert_eq!(said, "Sigma rule 6: with it all rules together have more than 300000 tests");

    let fields = each(bounds::ALL_FIELDS_MAX + 1, &|number| Test::Has(format!("f{number}")));
    assert!(fits(&fields[..bounds::ALL_FIELDS_MAX]));
    assert!(refused(fields, Vec::new()).contains("more than 1024 fields"));

    let patterns = each(bounds::ALL_PATTERNS_MAX + 1, &|number| pattern(&format!("x{number}")));
    assert!(fits(&patterns[..100]));
    assert!(refused(patterns, Vec::new()).contains("more than 1000 regular expressions"));

    let large = each(70, &|number| pattern(&format!("{number}[a-z0-9]{{8000}}")));
    assert!(fits(&large[..2]));
    assert!(refused(large, Vec::new()).contains("bytes of compiled regular expressions"));

    let texts = each(40, &|number| {
        let text = |at: usize| holds(None, How::Contains, &format!("{number:07}{at:07}{}", "x".repeat(60)), false);
        Test::Any((0..1000).map(text).collect())
    });
    assert!(fits(&texts[..2]));
    assert!(refused(texts, Vec::new()).contains("more than 2097152 bytes of texts"));

    let member = || Member { rule: 0, by: Vec::new() };
    let count = |number: usize, of: usize, by: usize| Correlation {
        about: about(&format!("c{number}")),
        kind: Kind::EventCount,
        of: (0..of).map(|_| Member { by: vec!["x".into(); by], ..member() }).collect(),
        span_s: 60,
        at_least: 3,
        at_most: None,
        differ: Vec::new(),
    };
    let many = (0..bounds::ALL_MEMBERS_MAX / bounds::MEMBERS_MAX + 1).map(|number| count(number, 64, 0)).collect();
    assert!(refused(vec![rule("a", is(0))], many).contains("more than 50000 rules that correlations count"));
    assert!(refused(vec![rule("a", is(0))], vec![count(0, 1, 65)]).contains("more than 64 fields"));
    assert!(refused(vec![rule("a", is(0))], vec![count(0, 65, 0)]).contains("65 rules"));

    let mut wide = rule("wide", is(0));
    wide.source.programs = vec!["x".into(); 65];
    assert!(refused(vec![wide], Vec::new()).contains("more than 64 programs"));
}

/// Of a long text only the beginning is searched for; the answer is still that of the whole.
#[test]
fn a_long_text_is_found_whole() {
    let text = "long/".repeat(40);
    let sigma = Sigma::new(vec![rule("long", holds(None, How::Contains, &text, false))], Vec::new()).unwrap();
    let request = |target: &str| {
        let line =
            format!("203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET /{target} HTTP/1.1\" 200 12 \"-\" \"x\"");
        compared(&sigma, &line).unwrap().len()
    };
    assert_eq!((request(&text), request(&text[..100])), (1, 0));
}

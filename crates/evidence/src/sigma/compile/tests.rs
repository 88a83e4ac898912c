//! What do rules mean, and what is said of those that mean nothing?

use super::*;
use crate::sigma::rule::Kind;

fn read_all(text: &str) -> Read {
    read_text("rules.yml", text, &mut BTreeSet::new())
}

/// A rule by its detection; the parts are indented here.
fn rule(logsource: &str, detection: &str) -> String {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    format!("title: a rule\nid: a\nlogsource:\n{}detection:\n{}", indented(logsource), indented(detection))
}

/// `ok`, or why not, with the line.
fn said(text: &str) -> String {
    let read = read_all(text);
    if let Some(fault) = read.faults.first() {
        return format!("{}: {}", fault.line, fault.reason);
    }
    match read.listed.first() {
        Some(listed) if listed.state == State::Skipped => format!("skipped: {}", listed.reason),
        Some(_) => "ok".into(),
        None => "nothing".into(),
    }
}

fn web(detection: &str) -> String {
    said(&rule("category: webserver", detection))
}

#[test]
fn each_fault_is_told_with_its_line() {
    for (detection, expected) in [
        ("a:\n  cs-method: GET\ncondition: a", "ok"),
        ("a:\n  cs-method: GET\ncondition: b", "8: the condition names \"b\""),
        ("a:\n  cs-method: GET\ncondition: 1 of b*", "8: \"1 of b*\" means no selection"),
        ("a:\n  cs-method: GET\ncondition: a and", "8: Condition parse error"),
        ("a:\n  cs-method: GET\ncondition: a | count() > 5", "8: Condition parse error"),
        ("a:\n  cs-method|sounds: GET\ncondition: a", "7: Unknown modifier 'sounds'"),
        ("a:\n  cs-method|expand: '%x%'\ncondition: a", "7: cs-method: placeholders"),
        ("a:\n  cs-method|contains|startswith: x\ncondition: a", "7: cs-method: its modifiers contradict"),
        ("a:\n  cs-uri-query|re: '(?=x)'\ncondition: a", "7: cs-uri-query: regex parse error"),
        ("a:\n  cs-uri-query|re|contains: x\ncondition: a", "7: cs-uri-query: its modifiers contradict"),
        ("a:\n  c-ip|cidr: 300.0.0.0/8\ncondition: a", "7: c-ip: \"300.0.0.0/8\" is no network"),
        ("a:\n  sc-status|gt: many\ncondition: a", "7: sc-status: many is no number"),
        ("a:\n  cs-uri-query|windash: '-a-b-c-d-e'\ncondition: a", "7: cs-uri-query: `windash` takes"),
        ("a:\n  cs-uri-query|utf16: x\ncondition: a", "7: cs-uri-query: this is no text in UTF-16"),
        ("a:\n  dst_ip: 192.0.2.1\ncondition: a", "skipped: lines of this source do not hold dst_ip"),
        ("a:\n  cs-method: GET\nb:\n  dst_ip: 192.0.2.1\ncondition: a or b", "ok"),
        ("a:\n  cs-method: GET\nb:\n  dst_ip: 192.0.2.1\ncondition: a and b", "skipped: lines of this source"),
        ("a:\n  dst_ip: 192.0.2.1\ncondition: not a", "8: it matches every line"),
        ("a: []\ncondition: a", "6: the selection \"a\" is empty"),
        ("a:\n  cs-method: [[GET]]\ncondition: a", "7: a list stands in a list"),
        ("a: &x\n  cs-method: GET\nb: *x\ncondition: a", "8: YAML aliases are not read"),
        ("a:\n  cs-method: GET\ntimeframe: 5m\ncondition: a", "8: a timeframe means nothing"),
        ("a:\n  cs-method: GET", "1: Missing required field 'condition'"),
        ("a:\n  cs-method: GET\n  cs-method: PUT\ncondition: a", "duplicate"),
    ] {
        let said = web(detection);
        assert!(said.contains(expected), "{detection}\n  {said}\n  {expected}");
    }
    let nested = web(&format!("a:\n  cs-method: GET\ncondition: {}a{}", "(".repeat(5000), ")".repeat(5000)));
    assert!(nested.starts_with("8: "), "{nested}");
    let deep = said(&format!("a: {}{}", "[{b: ".repeat(40), "}]".repeat(40)));
    assert!(deep.contains("deep in one another"), "{deep}");
    assert!(said(&"[".repeat(100_000)).starts_with("1: "));
    assert!(said("title: x\n\tlogsource: y\n").contains("not YAML"));
    assert!(said("just words").contains("not a YAML mapping"));
    assert_eq!(said(""), "nothing");
}

#[test]
fn a_source_that_is_not_read_is_passed_over_and_named() {
    let of = |logsource: &str| said(&rule(logsource, "a:\n  - word\ncondition: a"));
    for logsource in [
        "category: webserver",
        "category: proxy\nproduct: bluecoat",
        "category: database",
        "category: application\nproduct: jvm",
        "product: linux",
        "product: linux\nservice: auditd",
        "product: linux\nservice: vsftpd",
        "service: nginx",
        "product: apache",
    ] {
        assert_eq!(of(logsource), "ok", "{logsource}");
    }
    assert_eq!(
        of("category: process_creation\nproduct: windows"),
        "skipped: no log of this source is read here (category process_creation, product windows)"
    );
    assert!(of("product: okta\nservice: okta").starts_with("skipped: no log of this source"));
    let old = rule("category: webserver", "a:\n  - word\ncondition: a") + "status: deprecated\n";
    assert_eq!(said(&old), "skipped: its status is deprecated");
}

#[test]
fn several_documents_are_several_rules_and_each_has_its_line() {
    let one = |id: &str, method: &str| {
        rule("category: webserver", &format!("a:\n  {method}: GET\ncondition: a"))
            .replace("id: a", &format!("id: {id}"))
    };
    let text = [one("one", "cs-method"), one("two", "cs-method|x"), one("three", "cs-method"), one("one", "cs-method")];
    let read = read_all(&text.join("---\n"));
    assert_eq!(
        read.listed.iter().map(|rule| (rule.about.id.as_str(), rule.line)).collect::<Vec<_>>(),
        [("one", 1), ("three", 19)]
    );
    let faults: Vec<(usize, &str)> = read.faults.iter().map(|fault| (fault.line, fault.reason.as_str())).collect();
    assert_eq!(faults, [(16, "Unknown modifier 'x'"), (29, "rule one is there twice")]);
}

#[test]
fn any_end_of_a_line_is_one() {
    let text = rule("category: webserver", "a:\n  cs-method|x: GET\ncondition: a");
    for end in ["\r\n", "\r"] {
        assert!(said(&text.replace('\n', end)).starts_with("7: Unknown modifier"), "{end:?}");
    }
}

#[test]
fn a_collection_shares_what_is_global() {
    let text = "action: global\ntitle: shared\nlogsource:\n  category: webserver\nlevel: high\n---\nid: one\ndetection:\n  \
                a:\n    cs-method: GET\n  condition: a\n---\nid: two\ndetection:\n  a:\n    cs-method|x: PUT\n  condition: \
                a\n---\naction: reset\n---\nid: three\ndetection:\n  a:\n    - x\n  condition: a\n";
    let read = read_all(text);
    assert_eq!(read.rules.iter().map(|rule| rule.about.title.as_str()).collect::<Vec<_>>(), ["shared"]);
    let faults: Vec<(usize, &str)> = read.faults.iter().map(|fault| (fault.line, fault.reason.as_str())).collect();
    assert_eq!(faults, [(13, "Unknown modifier 'x'"), (21, "Missing required field 'title'")]);
}

const BASE: &str = "title: base\nid: base\nname: tries\nlogsource:\n  category: webserver\ndetection:\n  a:\n    cs-method: \
                    POST\n  condition: a\n";

#[test]
fn correlations_find_their_rules_and_silence_them() {
    let of = |lines: &str| format!("{BASE}---\ntitle: many\nid: many\ncorrelation:\n{lines}");
    let text =
        of("  type: event_count\n  rules: tries\n  group-by: [peer]\n  aliases:\n    peer:\n      tries: c-ip\n  \
                   timespan: 5m\n  condition:\n    gt: 9\n");
    let read = read_all(&text);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let made = &read.correlations[0];
    assert_eq!((made.kind, made.span_s, made.at_least, made.at_most), (Kind::EventCount, 300, 10, None));
    assert_eq!((made.of[0].rule, made.of[0].by.as_slice()), (0, &["c-ip".to_owned()][..]));
    assert!(!read.rules[0].told && read_all(BASE).rules[0].told);
    assert!(read_all(&(text + "generate: true\n")).rules[0].told);
    for (lines, expected) in [
        (
            "  type: event_count\n  rules: other\n  timespan: 5m\n  condition:\n    gte: 2\n",
            "15: it counts the rule \"other\"",
        ),
        (
            "  type: value_sum\n  rules: tries\n  timespan: 5m\n  condition:\n    gte: 2\n    field: x\n",
            "14: correlations of type value_sum",
        ),
        ("  type: value_count\n  rules: tries\n  timespan: 5m\n  condition:\n    gte: 2\n", "17: value_count needs"),
        ("  type: event_count\n  rules: tries\n  timespan: 5m\n  condition:\n    lt: 2\n", "17: it asks for few"),
        ("  type: event_count\n  rules: tries\n  timespan: 5m\n  condition:\n    gte: 5000\n", "17: it counts to 5000"),
        ("  type: event_count\n  rules: tries\n  timespan: 9y\n  condition:\n    gte: 2\n", "16: a timespan of"),
        ("  type: event_count\n  rules: tries\n  timespan: soon\n  condition:\n    gte: 2\n", "Invalid timespan"),
        ("  type: temporal\n  rules: tries\n  timespan: 5m\n  condition: tries and tries\n", "17: conditions of"),
    ] {
        let read = read_all(&of(lines));
        let said = read.faults.first().map_or_else(String::new, |fault| format!("{}: {}", fault.line, fault.reason));
        assert!(said.contains(expected), "{lines}\n  {said}\n  {expected}");
    }
    let unread = text_of_unread();
    let listed = read_all(&unread).listed;
    assert_eq!(listed[1].state, State::Skipped);
    assert!(listed[1].reason.contains("\"tries\": no log of this source"), "{}", listed[1].reason);
}

fn text_of_unread() -> String {
    let lines = "  type: event_count\n  rules: tries\n  timespan: 5m\n  condition:\n    gte: 2\n";
    format!("{BASE}---\ntitle: many\nid: many\ncorrelation:\n{lines}").replace("category: webserver", "category: dns")
}

#[test]
fn a_filter_narrows_the_rules_that_it_names() {
    let filter = |rules: &str| {
        format!(
            "{BASE}---\ntitle: not ours\nlogsource:\n  category: webserver\nfilter:\n  rules: {rules}\n  ours:\n    c-ip: \
             192.0.2.1\n  condition: not ours\n"
        )
    };
    for (rules, narrowed) in [("[tries]", true), ("[base]", true), ("any", true)] {
        let read = read_all(&filter(rules));
        assert!(read.faults.is_empty(), "{:?}", read.faults);
        let when = format!("{:?}", read.rules[0].when);
        assert_eq!(when.contains("192.0.2.1"), narrowed, "{when}");
    }
    let read = read_all(&filter("[nobody]"));
    assert_eq!(read.faults[0].reason, "the filter names the rule \"nobody\", which is not there");
    assert_eq!(read.faults[0].line, 11);
    let elsewhere = filter("any").replacen(
        "---\ntitle: not ours\nlogsource:\n  category: webserver",
        "---\ntitle: not ours\nlogsource:\n  category: proxy",
        1,
    );
    assert!(!format!("{:?}", read_all(&elsewhere).rules[0].when).contains("192.0.2.1"));
}

#[test]
fn examples_are_judged() {
    let text = format!(
        "{BASE}attacks:\n  - POST /x\n  - GET /x\ninnocents:\n  - 192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"POST / HTTP/1.1\" 200 1\n  - GET /y\n"
    );
    let wrong = misjudged(&read_all(&text)).unwrap();
    let wrong: Vec<(bool, &str)> = wrong.iter().map(|(_, is_attack, text)| (*is_attack, &text[..5])).collect();
    assert_eq!(wrong, [(true, "GET /"), (false, "192.0")]);
}

#[test]
fn folders_are_read_to_their_ends_and_links_in_circles_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("web/more");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::create_dir(folder.path().join(".hidden")).unwrap();
    std::fs::write(deep.join("one.yml"), BASE).unwrap();
    std::fs::write(deep.join("two.yaml"), "title: [").unwrap();
    std::fs::write(folder.path().join("large.yml"), "#".repeat(2 << 20)).unwrap();
    std::fs::write(folder.path().join(".hidden/x.yml"), BASE).unwrap();
    std::fs::write(folder.path().join("readme.md"), "none").unwrap();
    std::os::unix::fs::symlink(folder.path(), deep.join("circle")).unwrap();
    let read = read(folder.path(), &mut BTreeSet::new()).unwrap();
    assert_eq!((read.files, read.rules.len()), (2, 1));
    let mut faults: Vec<&str> = read.faults.iter().map(|fault| fault.file.rsplit('/').next().unwrap()).collect();
    faults.sort_unstable();
    assert_eq!(faults, ["large.yml", "two.yaml"]);
}

#[test]
fn what_is_too_much_is_refused_alone() {
    // Small to write, large to ask: a value with four dashes is 625, and a condition names a selection again and again.
    let dashes = (0..90).map(|number| format!("\n    - '{number}-a-b-c-d'")).collect::<String>();
    assert_eq!(
        web(&format!("a:\n  cs-uri-query|windash:{dashes}\ncondition: a")),
        "7: cs-uri-query: there are more than 50000 tests"
    );
    let (again, values) = (["a"; 60].join(" or "), ["x"; 1000].join(", "));
    let again = web(&format!("a:\n  cs-method: [{values}]\ncondition: {again}"));
    assert!(again.contains("more than 50000 tests"), "{again}");
    let large = web("a:\n  cs-uri-query|re: '\\w{900}x{900}'\ncondition: a");
    assert!(large.starts_with("7: cs-uri-query: a regular expression takes more than 1048576 bytes"), "{large}");

    // The rule that goes beyond what all may have is refused; those before and behind it stay.
    let one = |number: usize, field: usize| {
        format!(
            "title: t\nid: r{number}\nlogsource:\n  service: auditd\n  product: linux\ndetection:\n  a:\n    f{field}: x\n  condition: a\n---\n"
        )
    };
    let texts =
        [(0..1000).map(|n| one(n, n)).collect::<String>(), (1000..1030).map(|n| one(n, n)).collect(), one(1030, 3)];
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ["a.yml", "b.yml", "c.yml"].iter().zip(texts) {
        std::fs::write(folder.path().join(name), text.trim_end_matches("---\n")).unwrap();
    }
    let read = read(folder.path(), &mut BTreeSet::new()).unwrap();
    assert_eq!((read.rules.len(), read.faults.len()), (1025, 6), "{:?}", read.faults.first());
    assert!(read.faults[0].reason.contains("more than 1024 fields"), "{}", read.faults[0].reason);
    assert!(read.sigma().is_ok());
}

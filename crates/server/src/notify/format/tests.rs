//! Are other people's forms as their publishers define them?
//!
//! The definitions are read from the folder that `TRIPOINT_TEST_DATA` names; without it the test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::notify::news::News;

fn schemas(which: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return None;
    };
    Some(Path::new(&data).join("schemas").join(which))
}

fn messages() -> Vec<(String, News)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/notify/message");
    let read = |path: PathBuf| (path.display().to_string(), News::read(&fs::read_to_string(path).unwrap()).unwrap());
    fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

/// A field of the published table: its type, and whether it has several values.
type Fields = BTreeMap<String, (String, bool)>;

/// `ECS_Version,Indexed,Field_Set,Field,Type,Level,Normalization,…`; what is read stands before the first quote.
fn ecs_fields(path: &Path) -> Fields {
    let text = fs::read_to_string(path.join("fields.csv")).unwrap();
    let row = |line: &str| {
        let parts: Vec<&str> = line.split(',').collect();
        let is_row = parts.len() > 6 && ["true", "false"].contains(&parts[1]);
        is_row.then(|| (parts[3].to_owned(), (parts[4].to_owned(), parts[6] == "array")))
    };
    text.lines().filter_map(row).collect()
}

fn check_ecs(fields: &Fields, name: &str, value: &Value, wrong: &mut Vec<String>) {
    let Some((kind, is_list)) = fields.get(name) else {
        match value {
            Value::Object(inner) => {
                for (key, value) in inner {
                    check_ecs(
                        fields,
                        &if name.is_empty() { key.clone() } else { format!("{name}.{key}") },
                        value,
                        wrong,
                    );
                }
            }
            _ => wrong.push(format!("{name} is no field")),
        }
        return;
    };
    if value.is_array() != *is_list && name != "vulnerability.id" {
        wrong.push(format!("{name}: one or several"));
    }
    for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
        let fits = match kind.as_str() {
            "ip" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
            "long" => value.is_i64() || value.is_u64(),
            "float" => value.is_number(),
            "date" => value.as_str().is_some_and(|text| text.parse::<tripoint_model::Timestamp>().is_ok()),
            _ => value.is_string(),
        };
        if !fits {
            wrong.push(format!("{name}: {value} is no {kind}"));
        }
    }
}

#[test]
fn documents_have_fields_of_the_elastic_common_schema_alone() {
    let Some(path) = schemas("ecs") else { return };
    let fields = ecs_fields(&path);
    assert!(fields.len() > 500, "{}", fields.len());
    for (name, news) in messages() {
        let mut wrong = Vec::new();
        check_ecs(&fields, "", &ecs::document(&news, "a text"), &mut wrong);
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
    let mut wrong = Vec::new();
    let bad =
        serde_json::json!({ "event": { "kind": "alert", "nonsense": 1 }, "process": { "pid": "x" }, "tags": "x" });
    check_ecs(&fields, "", &bad, &mut wrong);
    assert_eq!(wrong.len(), 3, "the check itself finds what is wrong: {wrong:?}");
}

/// The definitions of OCSF are no JSON Schema: attributes by name, their types in one dictionary.
struct Ocsf {
    folder: PathBuf,
    dictionary: Value,
}

impl Ocsf {
    fn read(&self, path: &str) -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(self.folder.join(path)).ok()?).ok()
    }

    /// Attributes of an object with those that it extends.
    fn attributes(&self, object: &str) -> BTreeMap<String, Value> {
        let Some(definition) = self.read(&format!("objects/{object}.json")) else { return BTreeMap::new() };
        let mut all = match definition["extends"].as_str() {
            Some(parent) => self.attributes(parent),
            None => BTreeMap::new(),
        };
        all.extend(self.own(&definition));
        all
    }

    fn own(&self, definition: &Value) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        for (name, value) in definition["attributes"].as_object().into_iter().flatten() {
            if name != "$include" {
                all.insert(name.clone(), value.clone());
                continue;
            }
            for include in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                let profile = self.read(include).unwrap_or_default();
                all.extend(profile["attributes"].as_object().cloned().into_iter().flatten());
            }
        }
        all
    }

    fn check(&self, at: &str, attributes: &BTreeMap<String, Value>, value: &Value, wrong: &mut Vec<String>) {
        let fields = value.as_object().unwrap();
        for (name, attribute) in attributes {
            if attribute["requirement"] == "required" && !fields.contains_key(name) {
                wrong.push(format!("{at}.{name} is required"));
            }
        }
        for (name, value) in fields {
            let (at, known) = (format!("{at}.{name}"), &self.dictionary[name]);
            let Some(attribute) = attributes.get(name) else {
                wrong.push(format!("{at} is no attribute"));
                continue;
            };
            if value.is_array() != (known["is_array"] == true) {
                wrong.push(format!("{at}: one or several"));
            }
            for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                self.check_one(&at, (attribute, known), value, wrong);
            }
        }
    }

    fn check_one(&self, at: &str, (attribute, known): (&Value, &Value), value: &Value, wrong: &mut Vec<String>) {
        let kind = known["type"].as_str().unwrap_or_default();
        let fits = match kind {
            "integer_t" | "long_t" | "timestamp_t" | "port_t" => value.is_i64() || value.is_u64(),
            "boolean_t" => value.is_boolean(),
            "ip_t" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
            "json_t" => true,
            text if text.ends_with("_t") => value.is_string(),
            object => {
                if value.is_object() {
                    self.check(at, &self.attributes(object), value, wrong);
                }
                value.is_object()
            }
        };
        if !fits {
            wrong.push(format!("{at}: {value} is no {kind}"));
        }
        let words: BTreeSet<&String> =
            [attribute, known].iter().filter_map(|of| of["enum"].as_object()).flat_map(|words| words.keys()).collect();
        if !words.is_empty() && value.is_number() && !words.contains(&value.to_string()) {
            wrong.push(format!("{at}: {value} is none of {words:?}"));
        }
    }
}

#[test]
fn findings_are_detection_findings_of_ocsf() {
    let Some(folder) = schemas("ocsf") else { return };
    let mut ocsf = Ocsf { folder, dictionary: Value::Null };
    ocsf.dictionary = ocsf.read("dictionary.json").unwrap()["attributes"].clone();
    let mut class = ocsf.own(&ocsf.read("events/findings/finding.json").unwrap());
    class.extend(ocsf.own(&ocsf.read("events/findings/detection_finding.json").unwrap()));
    // Those of every event, whose own definition is not among the files.
    let base = ["category_uid", "class_uid", "type_uid", "severity", "severity_id", "message", "metadata", "count"];
    class.extend(base.map(|name| (name.to_owned(), serde_json::json!({ "requirement": "required" }))));
    let mut checked = 0;
    for (name, news) in messages() {
        let Some(finding) = ocsf::finding(&news) else { continue };
        let mut wrong = Vec::new();
        ocsf.check("finding", &class, &finding, &mut wrong);
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        let mut broken = finding;
        broken["finding_info"].as_object_mut().unwrap().remove("uid");
        broken["severity_id"] = 17.into();
        broken["nonsense"] = 1.into();
        ocsf.check("finding", &class, &broken, &mut wrong);
        assert_eq!(wrong.len(), 3, "the check itself finds what is wrong: {wrong:?}");
        checked += 1;
    }
    assert!(checked >= 4, "{checked}");
}

/// Every line of CEF can be taken apart again, whatever was put in.
#[test]
fn a_line_of_cef_has_eight_parts_and_pairs() {
    for (name, news) in messages() {
        let line = cef::line(&news);
        let mut parts = vec![String::new()];
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if parts.len() < 8 => parts.last_mut().unwrap().extend(letters.next()),
                '|' if parts.len() < 8 => parts.push(String::new()),
                other => parts.last_mut().unwrap().push(other),
            }
        }
        assert_eq!(parts.len(), 8, "{name}: {line}");
        assert_eq!((parts[0].as_str(), parts[1].as_str()), ("CEF:0", "Tripoint"));
        assert!(parts[6].parse::<u8>().unwrap() <= 10);
        // A bare equals sign begins a pair; there are as many as ours.
        let bare = parts[7].replace("\\\\", "").replace("\\=", "").matches('=').count();
        let keys = parts[7]
            .split(' ')
            .filter(|word| {
                word.split_once('=')
                    .is_some_and(|(key, _)| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric()))
            })
            .count();
        assert_eq!(bare, keys, "{name}: {line}");
    }
}

//! Is what the server answers described by the published contract, to the last field?

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::sync::LazyLock;

use boon::{Compiler, Draft, Format, SchemaIndex, Schemas};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use crate::browser::Heard;

/// The checked-in contract; every answer that tests hear through a `Browser` is held to it.
pub static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);

pub struct Contract {
    pub document: Value,
    compiled: Schemas,
    named: HashMap<String, SchemaIndex>,
    answers: BTreeMap<Asked, BTreeMap<Status, Kinds>>,
}

/// Method and route.
type Asked = (String, String);
/// A status, or `default` for all others.
type Status = String;
/// By media type, the name of the schema where it is JSON.
type Kinds = BTreeMap<String, Option<String>>;

impl Contract {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/tripoint.json");
        let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut schemas = document["components"]["schemas"].as_object().unwrap().clone();
        let mut answers: BTreeMap<Asked, BTreeMap<Status, Kinds>> = BTreeMap::new();
        for (route, methods) in object(&document["paths"]) {
            for (method, operation) in object(methods) {
                for (status, answer) in object(&operation["responses"]) {
                    let kinds = answer.get("content").map(object).into_iter().flatten();
                    let kinds = kinds.map(|(kind, content)| {
                        if let Some(mut events) = named(&document, &content["x-events"]) {
                            // One at a time.
                            events.remove("required");
                            schemas.insert(events_of(route), events.into());
                        }
                        let name = kind.ends_with("json").then(|| format!("{method} {route} {status}"));
                        name.iter().for_each(|name| drop(schemas.insert(name.clone(), content["schema"].clone())));
                        (kind.clone(), name)
                    });
                    let of_route = answers.entry((method.clone(), route.clone())).or_default();
                    of_route.insert(status.clone(), kinds.collect());
                }
            }
        }
        let (compiled, named) = compile(schemas);
        Self { document, compiled, named, answers }
    }

    /// Why a value is not what the schema of this name describes, or has a field that it does not describe.
    pub fn fits(&self, name: &str, value: &Value) -> Result<(), String> {
        let index = *self.named.get(name).unwrap_or_else(|| panic!("the contract has no {name}"));
        self.compiled.validate(value, index).map_err(|error| format!("{name}: {error:#}\n{value:#}"))
    }

    /// Every request that the contract names: method and route.
    pub fn requests(&self) -> impl Iterator<Item = &Asked> {
        self.answers.keys()
    }

    /// Why an event of a stream is not what the contract says of it.
    pub fn fits_event(&self, route: &str, event: &str, data: &str) -> Result<(), String> {
        // An id stands there as it is.
        let data = serde_json::from_str(data).unwrap_or_else(|_| Value::from(data));
        self.fits(&events_of(route), &json!({ event: data }))
    }

    /// Fails where an answer is not described, or says more than is described. What is not in the contract, such as
    /// the pages of the console, is not looked at.
    pub fn hold(&self, method: &str, path: &str, heard: &Heard) {
        let (method, path) = (method.to_lowercase(), path.split('?').next().unwrap_or_default());
        let written = (method.clone(), path.to_owned());
        let fits = |(known, route): &&Asked| *known == method && is_at(route, path);
        let known = self.answers.get(&written);
        let Some(answers) = known.or_else(|| self.answers.keys().find(fits).map(|key| &self.answers[key])) else {
            return;
        };
        let said = || format!("{method} {path}: {} {}\n{}", heard.status, heard.head, heard.body);
        let kinds = answers.get(&heard.status.to_string()).or_else(|| answers.get("default"));
        let kinds = kinds.unwrap_or_else(|| panic!("no such status in the contract: {}", said()));
        let kind = heard.header("content-type").map(|kind| kind.split(';').next().unwrap_or_default().trim());
        match kind.map(|kind| kinds.get(kind)) {
            Some(Some(Some(name))) => {
                let value = serde_json::from_str(&heard.body).unwrap_or_else(|error| panic!("{error}: {}", said()));
                self.fits(name, &value).unwrap_or_else(|why| panic!("{}\n{why}", said()));
            }
            Some(Some(None)) => {}
            Some(None) => panic!("no such kind in the contract: {}", said()),
            None => assert!(heard.body.is_empty(), "of no kind: {}", said()),
        }
    }
}

fn events_of(route: &str) -> String {
    format!("an event of {route}")
}

/// What a reference means.
fn named(document: &Value, reference: &Value) -> Option<Map<String, Value>> {
    let place = reference["$ref"].as_str()?.trim_start_matches('#');
    document.pointer(place)?.as_object().cloned()
}

/// Whether a path is one of a route.
fn is_at(route: &str, path: &str) -> bool {
    let (mut parts, mut own) = (route.split('/'), path.split('/'));
    loop {
        match (parts.next(), own.next()) {
            (None, None) => return true,
            (Some(part), Some(own)) if part == own || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn compile(schemas: Map<String, Value>) -> (Schemas, HashMap<String, SchemaIndex>) {
    let names: Vec<String> = schemas.keys().cloned().collect();
    // In places whose names need no escapes.
    let place = |name: &str| names.iter().position(|own| own == name).unwrap();
    let mut defs: Map<String, Value> = Map::new();
    for (name, mut schema) in schemas {
        close(&mut schema, false);
        refer(&mut schema, &|name| format!("#/$defs/{}", place(name)));
        defs.insert(place(&name).to_string(), schema);
    }
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.enable_format_assertions();
    for (name, func) in FORMATS {
        compiler.register_format(Format { name, func });
    }
    compiler.add_resource("mem:///contract", json!({ "$defs": defs })).unwrap();
    let mut compiled = Schemas::new();
    let mut of = |name: &String| {
        let made = compiler.compile(&format!("mem:///contract#/$defs/{}", place(name)), &mut compiled);
        (name.clone(), made.unwrap_or_else(|error| panic!("{name}: {error:#}")))
    };
    let named = names.iter().map(&mut of).collect();
    (compiled, named)
}

type Check = fn(&Value) -> Result<(), Box<dyn Error>>;

/// What is no format of JSON Schema itself.
const FORMATS: [(&str, Check); 3] = [("ip", is::<IpAddr>), ("ip-port", is::<SocketAddr>), ("cidr", is::<IpNet>)];

fn is<T: FromStr<Err: Error + 'static>>(value: &Value) -> Result<(), Box<dyn Error>> {
    value.as_str().map_or(Ok(()), |text| text.parse::<T>().map(drop).map_err(Into::into))
}

/// Lets no field pass that is not described. What is a part of a whole is closed with the whole.
fn close(schema: &mut Value, is_part: bool) {
    let Some(fields) = schema.as_object_mut() else { return };
    let is_object = fields.contains_key("properties") || fields.get("type").is_some_and(|kind| kind == "object");
    for (key, value) in fields.iter_mut() {
        match (key.as_str(), value) {
            ("oneOf" | "anyOf" | "allOf", Value::Array(ways)) => {
                ways.iter_mut().for_each(|way| close(way, is_part || is_object));
            }
            ("properties", Value::Object(own)) => own.values_mut().for_each(|one| close(one, false)),
            ("items" | "additionalProperties", one) => close(one, false),
            _ => {}
        }
    }
    if is_object && !is_part {
        fields.insert("unevaluatedProperties".into(), false.into());
    }
}

/// Makes references lead elsewhere.
fn refer(schema: &mut Value, to: &dyn Fn(&str) -> String) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "$ref" => *text = to(text.rsplit('/').next().unwrap_or_default()),
                    other => refer(other, to),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, to)),
        _ => {}
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

#[test]
fn every_alert_of_the_stories_is_described_to_the_last_field() {
    let stories = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")).unwrap();
    let files = stories.map(|entry| entry.unwrap().path().join("alerts.json")).filter(|path| path.exists());
    let mut count = 0;
    for file in files {
        let alerts: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for alert in &alerts {
            CONTRACT.fits("Alert", alert).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        }
        count += alerts.len();
    }
    assert!(count >= 30, "only {count} alerts");
}

#[test]
fn what_is_not_described_does_not_fit() {
    let mut alert = serde_json::to_value(crate::rig::alert("aa", 50, 1)).unwrap();
    CONTRACT.fits("Alert", &alert).unwrap();
    for (place, value) in [("", json!(1)), ("/work", json!(1)), ("/severity", json!([])), ("/application", json!({}))] {
        let mut more = alert.clone();
        more.pointer_mut(place).unwrap()["more"] = value;
        assert!(CONTRACT.fits("Alert", &more).is_err(), "a field more at {place:?}");
    }
    alert["direction"] = json!("sideways");
    assert!(CONTRACT.fits("Alert", &alert).is_err(), "a word that is none");
    let heard = |status, kind: &str, body: &str| Heard {
        status,
        head: format!("HTTP/1.1 {status} X\ncontent-type: {kind}\n"),
        body: body.to_owned(),
    };
    CONTRACT.hold("GET", "/v1/views?x=1", &heard(200, "application/json", r#"{"views":[]}"#));
    for (status, kind, body) in [
        (200, "application/json", r#"{"views":[],"more":1}"#),
        (200, "text/plain", "views"),
        (500, "application/problem+json", r#"{"type":"x"}"#),
    ] {
        let held = std::panic::catch_unwind(|| CONTRACT.hold("GET", "/v1/views", &heard(status, kind, body)));
        assert!(held.is_err(), "{status} {kind} {body}");
    }
}

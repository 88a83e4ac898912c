//! Does the contract name only what the types read and write, each word and each field?
//!
//! A value is made of each schema alone, once for every word it knows; read and written again by the type it must be
//! the same. What real answers say is held to the contract by `contract`: together neither can go on alone.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use tripoint_api::channel::{ChannelList, ChannelPreview, DeadLetters};
use tripoint_api::context::AlertContext;
use tripoint_api::people::StandingList;
use tripoint_api::queue::{Facets, QueuePage};
use tripoint_api::{ActionAnswer, AgentStatus, ConnectionList, ExceptionList, ExceptionPreview};
use tripoint_model::alert::{SCHEMA, Work};
use tripoint_model::{Alert, AlertId};

use crate::contract::CONTRACT;
use crate::rig::alert;

/// An alert with every field that there is.
pub fn whole_alert(id: &str, score: i16) -> Alert {
    let made = witness(&CONTRACT.document["components"]["schemas"]["Alert"], 1);
    let whole: Alert = serde_json::from_value(made).unwrap();
    let Alert { application, indicator, direction, severity, host, first_seen, last_seen, .. } = alert(id, score, 1);
    let (id, schema) = (AlertId(id.to_owned()), SCHEMA);
    Alert {
        id,
        schema,
        application,
        indicator,
        direction,
        severity,
        host,
        first_seen,
        last_seen,
        work: Work::default(),
        ..whole
    }
}

/// A value of the schema with every field; where one of several is meant, the one at `turn`.
pub fn witness(schema: &Value, turn: usize) -> Value {
    if let Some(place) = schema["$ref"].as_str() {
        let name = place.rsplit('/').next().unwrap_or_default();
        return witness(&CONTRACT.document["components"]["schemas"][name], turn);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(ways) = schema[several].as_array() {
            let ways: Vec<&Value> = ways.iter().filter(|way| way["type"] != "null").collect();
            let mut one = witness(ways[turn % ways.len()], turn);
            if let (Some(one), Value::Object(more)) = (one.as_object_mut(), fields(schema, turn)) {
                one.extend(more);
            }
            return one;
        }
    }
    if let Some(word) = schema.get("const") {
        return word.clone();
    }
    if let Some(words) = schema["enum"].as_array() {
        return words[turn % words.len()].clone();
    }
    let kinds = schema["type"].as_array().map_or_else(|| vec![&schema["type"]], |kinds| kinds.iter().collect());
    match (kinds.first().and_then(|kind| kind.as_str()), schema["format"].as_str()) {
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            json!({ "key": witness(&schema["additionalProperties"], turn) })
        }
        (Some("object"), _) => fields(schema, turn),
        (Some("array"), _) => json!([witness(&schema["items"], turn)]),
        (Some("string"), Some("date-time")) => json!("2026-11-20T03:00:00Z"),
        (Some("string"), Some("ip")) => json!("203.0.113.66"),
        (Some("string"), Some("cidr")) => json!("203.0.113.0/24"),
        // An address with a port is also what is seen, a target, and any other text.
        (Some("string"), _) => json!("203.0.113.66:443"),
        (Some("integer"), _) => json!(7),
        (Some("number"), _) => json!(1.5),
        (Some("boolean"), _) => json!(true),
        _ => panic!("a schema that says nothing: {schema}"),
    }
}

fn fields(schema: &Value, turn: usize) -> Value {
    let own = schema["properties"].as_object().into_iter().flatten();
    own.map(|(name, one)| (name.clone(), witness(one, turn))).collect::<Map<_, _>>().into()
}

/// Every place of a value, and what stands there where it is a word or a number.
fn places(value: &Value, at: &str, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, one)| {
            seen.insert(format!("{at}.{name}"));
            places(one, &format!("{at}.{name}"), seen);
        }),
        Value::Array(items) => items.iter().for_each(|one| places(one, at, seen)),
        other => drop(seen.insert(format!("{at}={other}"))),
    }
}

/// What the schema names is read and written by the type, at least once each: what is a default is left out.
fn holds<T: Serialize + DeserializeOwned>(name: &str) {
    let (mut named, mut written) = (BTreeSet::new(), BTreeSet::new());
    for turn in 0..TURNS {
        let made = witness(&CONTRACT.document["components"]["schemas"][name], turn);
        CONTRACT.fits(name, &made).unwrap();
        let read: T = serde_json::from_value(made.clone()).unwrap_or_else(|error| panic!("{name}: {error}\n{made:#}"));
        let again = serde_json::to_value(read).unwrap();
        CONTRACT.fits(name, &again).unwrap();
        places(&made, name, &mut named);
        places(&again, name, &mut written);
    }
    let lost: Vec<&String> = named.difference(&written).filter(|place| !is_default(place)).collect();
    assert!(lost.is_empty(), "named, and never written: {lost:#?}");
    let more: Vec<&String> = written.difference(&named).collect();
    assert!(more.is_empty(), "written otherwise than named: {more:#?}");
}

/// More than any schema knows words: of 8 and 3 that are chosen together each is met with each.
const TURNS: usize = 24;

/// Words that are meant where nothing is said.
fn is_default(place: &str) -> bool {
    [".guard.kind=\"shared\"", ".outcomes.scope=\"host\""].iter().any(|word| place.ends_with(word))
}

#[test]
fn every_word_and_field_of_the_contract_is_read_and_written() {
    holds::<Alert>("Alert");
    holds::<QueuePage>("QueuePage");
    holds::<Facets>("Facets");
    holds::<AlertContext>("AlertContext");
    holds::<ConnectionList>("ConnectionList");
    holds::<ExceptionList>("ExceptionList");
    holds::<ExceptionPreview>("ExceptionPreview");
    holds::<StandingList>("StandingList");
    holds::<ActionAnswer>("ActionAnswer");
    holds::<AgentStatus>("AgentStatus");
    holds::<ChannelList>("ChannelList");
    holds::<ChannelPreview>("ChannelPreview");
    holds::<DeadLetters>("DeadLetters");
}

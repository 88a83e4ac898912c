//! How do types become the schemas of requests and answers?

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// Where schemas are described and referred to.
const PLACE: &str = "#/components/schemas/";

/// Makes the schema of a type.
pub type Make = fn(&mut SchemaGenerator) -> Schema;

pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Makes schemas of what is sent and of what is answered: the same type may take less than it always gives.
pub(super) struct Shapes {
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

/// All schemas, and which of them are called otherwise in requests.
pub(super) struct Described {
    pub(super) schemas: Map<String, Value>,
    renamed: BTreeSet<String>,
}

impl Shapes {
    pub(super) fn new() -> Self {
        let generator = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = PLACE.trim_start_matches('#').trim_end_matches('/').into();
            settings.contract = contract;
            settings.into_generator()
        };
        Self { asked: generator(Contract::Deserialize), answered: generator(Contract::Serialize) }
    }

    pub(super) fn asked(&mut self, make: Make) -> Value {
        make(&mut self.asked).to_value()
    }

    pub(super) fn answered(&mut self, make: Make) -> Value {
        make(&mut self.answered).to_value()
    }

    pub(super) fn described(mut self) -> Described {
        let mut schemas = self.answered.take_definitions(true);
        schemas.values_mut().for_each(never_null);
        let asked = self.asked.take_definitions(true);
        let renamed = differing(&asked, &schemas);
        let mut described = Described { schemas, renamed };
        for (name, mut schema) in asked {
            described.as_asked(&mut schema);
            described.schemas.insert(described.name_asked(&name), schema);
        }
        described
    }
}

impl Described {
    /// Whether a body must be there: an empty one is read as an object without fields.
    pub(super) fn needs(&self, body: &Value) -> bool {
        let name = body["$ref"].as_str().and_then(|place| place.strip_prefix(PLACE));
        let schema = name.and_then(|name| self.schemas.get(name)).unwrap_or(body);
        schema["properties"].is_null() || !schema["required"].is_null()
    }

    fn name_asked(&self, name: &str) -> String {
        if self.renamed.contains(name) { format!("{name}Input") } else { name.to_owned() }
    }

    /// Lets what is asked refer to what it means.
    pub(super) fn as_asked(&self, schema: &mut Value) {
        references(schema, &mut |name| *name = self.name_asked(name));
    }
}

/// Names that mean one thing in requests and another in answers, also by what they refer to.
fn differing(asked: &Map<String, Value>, answered: &Map<String, Value>) -> BTreeSet<String> {
    let mut refers: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (name, schema) in asked {
        let own = refers.entry(name).or_default();
        references(&mut schema.clone(), &mut |used| {
            own.insert(used.clone());
        });
    }
    let differs = |name: &&String| answered.get(*name).is_some_and(|other| *other != asked[*name]);
    let mut found: BTreeSet<String> = asked.keys().filter(differs).cloned().collect();
    loop {
        let more = refers.iter().filter(|(name, used)| answered.contains_key(**name) && !used.is_disjoint(&found));
        let more: Vec<String> = more.map(|(name, _)| (*name).clone()).filter(|name| !found.contains(name)).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// What is left out where there is nothing is never null.
fn never_null(schema: &mut Value) {
    let required: BTreeSet<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.iter_mut().filter(|(name, _)| !required.contains(*name)).for_each(|(_, one)| without_null(one));
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        schema.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten().for_each(never_null);
    }
}

fn without_null(schema: &mut Value) {
    let is_null = |kind: &Value| kind == "null" || kind["type"] == "null";
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| !is_null(kind));
        if let [only] = kinds.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(ways) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        ways.retain(|way| !is_null(way));
        if let [Value::Object(only)] = ways.as_slice() {
            let only = only.clone();
            if let Some(own) = schema.as_object_mut() {
                own.remove("anyOf");
                own.extend(only);
            }
        }
    }
}

/// Shows each reference's name.
fn references(schema: &mut Value, see: &mut impl FnMut(&mut String)) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "$ref" => {
                        let mut name = text.strip_prefix(PLACE).unwrap_or_default().to_owned();
                        see(&mut name);
                        *text = format!("{PLACE}{name}");
                    }
                    other => references(other, see),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| references(item, see)),
        _ => {}
    }
}

//! How is a row of the table of schemas written as JSON Schema?

use serde_json::{Map, Value, json};

pub(super) fn schema(about: &str, fields: &[&str]) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for field in fields {
        let (name, kind) = field.split_once(' ').unwrap_or((field, "any"));
        let bare = name.trim_end_matches('!');
        if bare != name {
            required.push(bare.into());
        }
        properties.insert(bare.to_owned(), kind_of(kind));
    }
    json!({ "type": "object", "description": about, "properties": properties, "required": required })
}

pub(super) fn kind_of(kind: &str) -> Value {
    match kind {
        "string" | "integer" | "number" | "boolean" | "object" => json!({ "type": kind }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "any" => json!({}),
        "{}" => json!({ "type": "object", "additionalProperties": true }),
        list if list.starts_with("[]") => json!({ "type": "array", "items": kind_of(&list[2..]) }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

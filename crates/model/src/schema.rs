//! What do values that are written as text look like to programs that are not ours?

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::package::Ecosystem;
use crate::{Observable, Target, Timestamp};

/// A type that is written as text: its name, what it is, and more that JSON Schema can say of it.
#[macro_export]
macro_rules! text_schema {
    ($type:ty, $name:literal, $about:literal $(, $key:literal : $value:expr)*) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $about $(, $key: $value)* })
            }
        }
    };
}

text_schema!(
    Observable,
    "Observable",
    "An address, a network, an address with a port, a domain, or `AS` and a number, in its canonical writing.",
    "minLength": 1
);
text_schema!(
    Target,
    "Target",
    "Whom an action is about: an address, network, address with port or domain; a connection or a listener by its cookie; \
     an application by its key.",
    "minLength": 1
);
text_schema!(Ecosystem, "Ecosystem", "A package's ecosystem, as purl types name it.");

/// An address with a port: `192.0.2.1:443`, `[2001:db8::1]:443`.
pub(crate) fn address_port(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "ip-port" })
}

/// Networks: `192.0.2.0/24`, `2001:db8::/32`.
pub(crate) fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "cidr" } })
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

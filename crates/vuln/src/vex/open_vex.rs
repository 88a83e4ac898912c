//! How is an OpenVEX document read?

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use tripoint_model::{FindingState, Timestamp};

use super::kept::{Pair, Purls, Texts, pay};
use super::read::{reject, reject_empty};
use super::{Vex, VexStatement};
use crate::advisory::listed::{Few, Items, Required, record};

#[derive(Deserialize)]
struct OpenVex<'d> {
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    timestamp: String,
    #[serde(borrow)]
    statements: Required<'d>,
}

#[derive(Deserialize)]
struct Statement<'d> {
    vulnerability: TextOr<Named>,
    #[serde(borrow, default)]
    products: Items<'d>,
    /// Of version 0.0.1.
    #[serde(borrow, default)]
    subcomponents: Items<'d>,
    status: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    impact_statement: String,
    #[serde(default)]
    action_statement: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    last_updated: String,
}

enum TextOr<T> {
    Text(String),
    Object(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrVisitor(PhantomData))
    }
}

struct TextOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<T> {
    type Value = TextOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or an object")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOr::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Object)
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    aliases: Few<String, 1000>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Product<'d> {
    #[serde(rename = "@id")]
    id: String,
    identifiers: Identifiers,
    #[serde(borrow)]
    subcomponents: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identifiers {
    purl: Option<String>,
}

impl Purls<'_> {
    /// Of each product its purl, or those of its parts where parts are named.
    fn walk(&mut self, products: Items<'_>, within: &str, depth: usize) -> Result<(), String> {
        let mut done = Ok(());
        let walked = products.each(|_, product: TextOr<Product<'_>>| {
            if done.is_ok() {
                done = match product {
                    TextOr::Text(text) => self.push(&text, within),
                    TextOr::Object(product) => self.take(&product, within, depth),
                };
            }
        });
        walked.map_err(|error| format!("products: {error}"))?;
        done
    }

    fn take(&mut self, product: &Product<'_>, within: &str, depth: usize) -> Result<(), String> {
        let name = product.name();
        if product.subcomponents.is_empty() || depth > PARTS_DEPTH_MAX {
            return self.push(name, within);
        }
        self.walk(product.subcomponents, if within.is_empty() { name } else { within }, depth + 1)
    }
}

impl Product<'_> {
    fn name(&self) -> &str {
        self.identifiers.purl.as_ref().unwrap_or(&self.id)
    }
}

impl TextOr<Product<'_>> {
    fn name(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Object(product) => product.name(),
        }
    }
}

pub(super) fn open_vex(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let document: OpenVex<'_> = record(bytes).map_err(|error| format!("not an OpenVEX document: {error}"))?;
    (out.id, out.author) = (document.id, document.author);
    let said = document.timestamp.parse().ok();
    let mut texts = Texts::of_document(bytes);
    let walked = document.statements.0.statements(|at, raw| {
        let read = record::<Statement<'_>>(raw.get().as_bytes()).map_err(|error| error.to_string());
        match read.and_then(|raw| statement(raw, said, &mut texts)) {
            Ok(statement) => out.statements.push(statement),
            Err(reason) => reject(out, at, format!("statements[{at}]: {reason}")),
        }
    });
    reject_empty(out, "statements", walked.map_err(|error| format!("statements: {error}"))?);
    Ok(())
}

fn statement(raw: Statement<'_>, document: Option<Timestamp>, texts: &mut Texts) -> Result<VexStatement, String> {
    let status = match raw.status.as_str() {
        "not_affected" => FindingState::NotAffected,
        "affected" => FindingState::Affected,
        "fixed" => FindingState::Fixed,
        "under_investigation" => FindingState::UnderInvestigation,
        other => return Err(format!("unknown status {other:.32}")),
    };
    let (id, aliases) = match raw.vulnerability {
        TextOr::Text(id) => (id, Vec::new()),
        TextOr::Object(named) if named.name.is_empty() => (named.id, named.aliases.0),
        TextOr::Object(named) => (named.name, named.aliases.0),
    };
    if id.trim().is_empty() || id.len() > 200 {
        return Err("it names no vulnerability".to_owned());
    }
    let (products, within) = named(raw.products, raw.subcomponents, texts)?.into_iter().unzip();
    let at = [&raw.last_updated, &raw.timestamp].iter().find_map(|text| text.parse().ok()).or(document);
    let note = if raw.impact_statement.is_empty() { raw.action_statement } else { raw.impact_statement };
    let statement = VexStatement { id, aliases, products, within, at, status, justification: raw.justification, note };
    pay(statement, &mut texts.room)
}

/// Purls of products, or of parts that version 0.0.1 names once for all products.
fn named(products: Items<'_>, parts: Items<'_>, texts: &mut Texts) -> Result<Vec<Pair>, String> {
    let mut out = Purls { of: Vec::new(), texts };
    if parts.is_empty() {
        out.walk(products, "", 0)?;
        return Ok(out.of);
    }
    // What is a part of a part stands for itself there.
    let mut own = Purls { of: Vec::new(), texts: &mut *out.texts };
    let mut done = Ok(());
    let walked = parts.each(|_, part: TextOr<Product<'_>>| {
        if done.is_ok() {
            done = own.push(part.name(), "");
        }
    });
    walked.map_err(|error| format!("subcomponents: {error}"))?;
    done?;
    let parts = own.of;
    let mut done = Ok(());
    let walked = products.each(|_, product: TextOr<Product<'_>>| {
        for (part, _) in &parts {
            if done.is_ok() {
                done = out.push(part, product.name());
            }
        }
    });
    walked.map_err(|error| format!("products: {error}"))?;
    done.map(|()| out.of)
}

/// How deep parts stand in parts; below that a part stands for itself.
const PARTS_DEPTH_MAX: usize = 8;

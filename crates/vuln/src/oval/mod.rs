//! What does an OVAL file say: definitions, criteria and the tests they stand on?
//!
//! `read` takes a file in, `Oval::evaluate` answers each definition for a list of packages. What
//! can be put as "this package below that version" also becomes an advisory (`advisory::oval`).

pub(crate) mod architecture;
mod evaluate;
mod pattern;
mod platform;

use std::cell::Cell;
use std::collections::HashMap;
use std::io::BufRead;

use crate::advisory::xml::{Elements, Node};

pub use evaluate::{RpmPackage, Truth};
pub(crate) use platform::distribution;

/// A file of definitions.
#[derive(Clone, Debug, Default)]
pub struct Oval {
    /// In the order of the file.
    pub definitions: Vec<Definition>,
    pub(crate) tests: HashMap<String, Test>,
    /// Object id → the package's name, or the id of the variable that names packages.
    pub(crate) objects: HashMap<String, String>,
    pub(crate) states: HashMap<String, State>,
    /// Variable id → its values.
    pub(crate) variables: HashMap<String, Vec<String>>,
}

/// One definition.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// Its id.
    pub id: String,
    /// `patch`, `vulnerability`, `inventory`.
    pub class: String,
    /// Its title.
    pub title: String,
    pub(crate) line: u64,
    pub(crate) platforms: Vec<String>,
    /// Ids of what it refers to.
    pub(crate) references: Vec<String>,
    pub(crate) severity: String,
    pub(crate) vectors: Vec<String>,
    pub(crate) criteria: Option<Criteria>,
}

/// Tests joined by AND or OR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Criteria {
    All(Vec<Criteria>, bool),
    Any(Vec<Criteria>, bool),
    /// Another definition.
    Other(String, bool),
    /// A test, what it says for people, and whether it is negated.
    Test {
        id: String,
        comment: String,
        negate: bool,
    },
}

/// A test of packages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Test {
    /// `rpminfo_test`.
    pub(crate) kind: String,
    pub(crate) comment: String,
    pub(crate) check: String,
    pub(crate) existence: String,
    pub(crate) object: String,
    pub(crate) states: Vec<String>,
}

/// Bounds on a package: field, operation, value.
#[derive(Clone, Debug, Default)]
pub(crate) struct State(pub(crate) Vec<(String, String, String)>);

impl State {
    /// The operation and value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<(&str, &str)> {
        self.0.iter().find(|(field, _, _)| field == name).map(|(_, operation, value)| (&**operation, &**value))
    }
}

/// Reads a file; what breaks off is told to `refuse` with its line, the rest is kept.
pub fn read(input: &mut dyn BufRead, refuse: &mut dyn FnMut(u64, String)) -> Oval {
    let left = Cell::new(0);
    let mut elements = Elements::new(input, &left);
    let mut out = Oval::default();
    let wanted = |name: &str| {
        matches!(name, "definition" | "constant_variable")
            || name.ends_with("_test")
            || name.ends_with("_object")
            || name.ends_with("_state")
    };
    while let Some(found) = elements.next(wanted) {
        let line = elements.line();
        let node = match found {
            Ok(node) => node,
            Err(reason) => {
                refuse(line, reason);
                break;
            }
        };
        if out.definitions.len() + out.tests.len() + out.objects.len() + out.states.len() >= ELEMENTS_MAX {
            refuse(line, "the file has more than four million elements".to_owned());
            break;
        }
        out.take(line, &node);
    }
    out
}

impl Oval {
    fn take(&mut self, line: u64, node: &Node) {
        let id = node.attribute("id").to_owned();
        match node.name.as_str() {
            "definition" => self.definitions.push(definition(line, id, node)),
            "constant_variable" => {
                let values = node.all("value").map(|value| value.text.trim().to_owned());
                self.variables.insert(id, values.collect());
            }
            name if name.ends_with("_test") => {
                self.tests.insert(id, test(node));
            }
            name if name.ends_with("_object") => {
                let named = node.child("name").or(node.child("pattern"));
                let named = named.map_or("", |name| match name.attribute("var_ref") {
                    "" => name.text.trim(),
                    variable => variable,
                });
                self.objects.insert(id, named.to_owned());
            }
            _ => {
                self.states.insert(id, state(node));
            }
        }
    }
}

fn definition(line: u64, id: String, node: &Node) -> Definition {
    let empty = Node::default();
    let metadata = node.child("metadata").unwrap_or(&empty);
    let advisory = metadata.child("advisory").unwrap_or(&empty);
    let cves = advisory.all("cve").chain(metadata.all("cve"));
    let mut references: Vec<String> =
        metadata.all("reference").map(|reference| reference.attribute("ref_id").to_owned()).collect();
    let mut vectors = Vec::new();
    for cve in cves {
        references.push(cve.text.trim().to_owned());
        for key in ["cvss4", "cvss3", "cvss2"] {
            let value = cve.attribute(key);
            // `7.5/CVSS:3.1/AV:N/…`
            vectors.extend(value.find("CVSS:").and_then(|at| value.get(at..)).map(str::to_owned));
        }
    }
    let severity = [metadata.text_of("severity"), advisory.text_of("severity")];
    Definition {
        id,
        class: node.attribute("class").to_owned(),
        title: metadata.text_of("title").to_owned(),
        line,
        platforms: metadata.all("affected").flat_map(platforms).collect(),
        references,
        severity: severity.into_iter().find(|word| !word.is_empty()).unwrap_or_default().to_owned(),
        vectors,
        criteria: node.child("criteria").map(criteria),
    }
}

fn platforms(affected: &Node) -> Vec<String> {
    affected.all("platform").map(|platform| platform.text.trim().to_owned()).collect()
}

/// The reader bounds the depth.
fn criteria(node: &Node) -> Criteria {
    let negate = node.attribute("negate") == "true";
    match node.name.as_str() {
        "criteria" => {
            let parts = node
                .children
                .iter()
                .filter(|child| matches!(child.name.as_str(), "criteria" | "criterion" | "extend_definition"));
            let parts = parts.map(criteria).collect();
            if node.attribute("operator") == "OR" { Criteria::Any(parts, negate) } else { Criteria::All(parts, negate) }
        }
        "extend_definition" => Criteria::Other(node.attribute("definition_ref").to_owned(), negate),
        _ => Criteria::Test {
            id: node.attribute("test_ref").to_owned(),
            comment: node.attribute("comment").to_owned(),
            negate,
        },
    }
}

fn test(node: &Node) -> Test {
    Test {
        kind: node.name.clone(),
        comment: node.attribute("comment").to_owned(),
        check: node.attribute("check").to_owned(),
        existence: node.attribute("check_existence").to_owned(),
        object: node.child("object").map_or("", |object| object.attribute("object_ref")).to_owned(),
        states: node.all("state").map(|state| state.attribute("state_ref").to_owned()).collect(),
    }
}

fn state(node: &Node) -> State {
    let fields = node.children.iter().map(|field| {
        let operation = if field.attribute("operation").is_empty() { "equals" } else { field.attribute("operation") };
        (field.name.clone(), operation.to_owned(), field.text.trim().to_owned())
    });
    State(fields.collect())
}

/// The largest public files have some hundred thousand.
const ELEMENTS_MAX: usize = 4_000_000;

#[cfg(test)]
mod tests;

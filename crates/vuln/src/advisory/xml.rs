//! How are the records of a large XML file taken out one by one, with nothing of it unbounded?

use std::cell::Cell;
use std::io::{BufRead, BufReader};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::document::Metered;

/// An element and what is in it; names are without prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// Its own text, cut.
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
}

impl Node {
    /// The value of an attribute; empty when it is missing.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The children of that name.
    pub(crate) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of that name.
    pub(crate) fn child<'n>(&'n self, name: &'n str) -> Option<&'n Node> {
        self.all(name).next()
    }

    /// The text of the first child of that name.
    pub(crate) fn text_of(&self, name: &str) -> &str {
        self.children.iter().find(|child| child.name == name).map_or("", |child| child.text.trim())
    }
}

/// Walks a file.
pub(crate) struct Elements<'x> {
    reader: Reader<BufReader<Metered<'x>>>,
    left: &'x Cell<usize>,
    buffer: Vec<u8>,
    line: u64,
    /// How many elements are open; the parser keeps the name of each.
    depth: usize,
}

impl<'x> Elements<'x> {
    pub(crate) fn new(input: &'x mut dyn BufRead, left: &'x Cell<usize>) -> Self {
        left.set(RECORD_BYTES_MAX);
        let reader = Reader::from_reader(BufReader::new(Metered::new(input, left)));
        Self { reader, left, buffer: Vec::new(), line: 1, depth: 0 }
    }

    /// The line on which the last element ended.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The next element that `wanted` takes by its name, whole; `None` at the end.
    pub(crate) fn next(&mut self, wanted: impl Fn(&str) -> bool) -> Option<Result<Node, String>> {
        loop {
            self.left.set(RECORD_BYTES_MAX);
            let event = match self.event() {
                Ok(event) => event,
                Err(reason) => return Some(Err(reason)),
            };
            match event {
                Piece::End(true) => return None,
                Piece::Start(node, is_empty) if wanted(&node.name) => {
                    return Some(if is_empty { Ok(node) } else { self.fill(node) });
                }
                _ => {}
            }
        }
    }

    fn fill(&mut self, root: Node) -> Result<Node, String> {
        let mut open = vec![root];
        let mut nodes = 0_usize;
        while let Some(mut top) = open.pop() {
            match self.event()? {
                Piece::Start(node, is_empty) => {
                    nodes += 1;
                    if nodes > NODES_MAX {
                        return Err("an element has too many parts".to_owned());
                    }
                    if is_empty {
                        top.children.push(node);
                        open.push(top);
                    } else {
                        open.push(top);
                        open.push(node);
                    }
                }
                Piece::Text(text) => {
                    let room = TEXT_BYTES_MAX.saturating_sub(top.text.len());
                    top.text.push_str(tripoint_model::text::truncate(&text, room).0);
                    open.push(top);
                }
                Piece::End(true) => return Err("the file ends in the middle of an element".to_owned()),
                Piece::End(false) => match open.last_mut() {
                    Some(parent) => parent.children.push(top),
                    None => return Ok(top),
                },
                Piece::Other => open.push(top),
            }
        }
        Err("an element without a beginning".to_owned())
    }

    fn event(&mut self) -> Result<Piece, String> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| format!("not XML: {error}"))?;
        self.line += event.bytes().filter(|byte| *byte == b'\n').count() as u64;
        match event {
            Event::Start(_) if self.depth == DEPTH_MAX => {
                return Err("elements stand too deep in each other".to_owned());
            }
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Ok(match event {
            Event::Start(start) => Piece::Start(node(&start), false),
            Event::Empty(start) => Piece::Start(node(&start), true),
            Event::End(_) => Piece::End(false),
            Event::Eof => Piece::End(true),
            Event::Text(text) => Piece::Text(text.to_string()),
            Event::CData(text) => Piece::Text(text.to_string()),
            Event::GeneralRef(name) => Piece::Text(reference(&name)),
            // Entities of the document's own are how small files become huge.
            Event::DocType(text) if text.contains('[') => {
                return Err("it declares entities of its own, which are not read".to_owned());
            }
            _ => Piece::Other,
        })
    }
}

enum Piece {
    Start(Node, bool),
    Text(String),
    /// Of an element, or of the file.
    End(bool),
    Other,
}

fn node(start: &BytesStart<'_>) -> Node {
    let attributes = start.attributes().flatten().take(ATTRIBUTES_MAX).map(|attribute| {
        let value = quick_xml::escape::unescape(&attribute.value).map(|value| value.into_owned());
        (attribute.key.local_name().as_ref().to_owned(), value.unwrap_or_else(|_| attribute.value.to_string()))
    });
    Node { name: start.local_name().as_ref().to_owned(), attributes: attributes.collect(), ..Node::default() }
}

/// The five entities that XML itself has, and characters by number.
fn reference(name: &BytesRef<'_>) -> String {
    match name.resolve_char_ref() {
        Ok(Some(c)) => c.to_string(),
        _ => quick_xml::escape::resolve_predefined_entity(name).unwrap_or_default().to_owned(),
    }
}

/// An update of a whole desktop names some ten thousand files.
const RECORD_BYTES_MAX: usize = 64 << 20;
const NODES_MAX: usize = 500_000;
const DEPTH_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 64 << 10;
const ATTRIBUTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Node, String>> {
        let mut input = text.as_bytes();
        let left = Cell::new(0);
        let mut elements = Elements::new(&mut input, &left);
        let mut out = Vec::new();
        while let Some(found) = elements.next(|name| name == "u") {
            let failed = found.is_err();
            out.push(found);
            if failed {
                break;
            }
        }
        out
    }

    #[test]
    fn elements_are_taken_out() {
        let found = read("<a><x:u k='1 &amp; 2'>t&lt;<b>y</b><c/></x:u><v/><u/></a>");
        let first = found[0].as_ref().expect("element");
        assert_eq!((first.attribute("k"), first.text.as_str(), first.text_of("b")), ("1 & 2", "t<", "y"));
        assert_eq!((found.len(), first.children.len()), (2, 2));
        assert!(read("<!DOCTYPE a [<!ENTITY b 'c'>]><a><u>&b;</u></a>")[0].is_err());
        assert!(read("<a><u><b>")[0].is_err());
        assert!(read(&format!("<u>{}", "<b>".repeat(100_000)))[0].is_err());
    }
}

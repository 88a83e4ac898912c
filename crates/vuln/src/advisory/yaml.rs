//! How is a publisher's YAML turned into the JSON that the readers know, without holding it as values?

use std::cell::Cell;
use std::io::{self, Write};
use std::str::Chars;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// The document as JSON; or why not, with its line.
pub(super) fn to_json(bytes: &[u8]) -> Result<Vec<u8>, (u64, String)> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| (line_of(bytes, error.valid_up_to()), "not UTF-8".to_owned()))?;
    if let Some(at) = text.lines().position(|line| line.starts_with("%TAG")) {
        return Err((1 + at as u64, "YAML tags of a document's own are not read".to_owned()));
    }
    let mut writer = Writer::for_text(text);
    let waiting = Cell::new(0);
    for event in Parser::new_from_iter(Patient { text: text.chars(), waiting: &waiting }) {
        let is_full = waiting.replace(0) > WAITING_MAX;
        let (event, span) = event.map_err(|error| {
            let why = if is_full { FULL.to_owned() } else { format!("not YAML: {error}") };
            (error.marker().line() as u64, why)
        })?;
        if is_full {
            return Err((span.start.line() as u64, FULL.to_owned()));
        }
        writer.take(event).map_err(|why| (span.start.line() as u64, why.to_owned()))?;
    }
    Ok(writer.finish())
}

fn line_of(bytes: &[u8], end: usize) -> u64 {
    1 + bytes.iter().take(end).filter(|byte| **byte == b'\n').count() as u64
}

/// The text, as long as the parser comes to a result now and then. What may be the key of an object is looked at to
/// its end first, however long it is, and each of its parts held.
struct Patient<'t> {
    text: Chars<'t>,
    /// Marks of structure since the last event.
    waiting: &'t Cell<usize>,
}

impl Iterator for Patient<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let next = self.text.next()?;
        if MARKS.contains(&next) {
            self.waiting.set(self.waiting.get() + 1);
        }
        (self.waiting.get() <= WAITING_MAX).then_some(next)
    }
}

/// Writes events as JSON, as far as they fit.
struct Writer {
    json: Bounded,
    /// What is open, innermost last.
    open: Vec<Open>,
    documents: usize,
    anchors: usize,
}

#[derive(Clone, Copy)]
struct Open {
    kind: Kind,
    first: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    List,
    /// An object whose next event is a key.
    Key,
    /// An object whose next event is the value of a key.
    Value,
}

impl Writer {
    fn for_text(text: &str) -> Self {
        let room = Vec::with_capacity(text.len() + text.len() / 2 + ROOM_FREE);
        Self { json: Bounded(room), open: Vec::new(), documents: 0, anchors: 0 }
    }

    fn finish(self) -> Vec<u8> {
        if self.json.0.is_empty() { b"null".to_vec() } else { self.json.0 }
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(),
            Event::Alias(_) => Err("YAML aliases are not read: they make small files huge"),
            Event::Scalar(text, style, anchor, tag) => {
                self.anchor(anchor)?;
                self.scalar(&text, style, tag.as_deref())
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, Kind::List, b"["),
            Event::MappingStart(anchor, _) => self.begin(anchor, Kind::Key, b"{"),
            Event::SequenceEnd => self.end(b"]"),
            Event::MappingEnd => self.end(b"}"),
        }
    }

    fn document(&mut self) -> Result<(), &'static str> {
        self.documents += 1;
        if self.documents > 1 { Err("a second YAML document in one file") } else { Ok(()) }
    }

    /// The parser keeps the name of each.
    fn anchor(&mut self, anchor: usize) -> Result<(), &'static str> {
        self.anchors += usize::from(anchor > 0);
        if self.anchors > ANCHORS_MAX { Err("a YAML document of too many anchors") } else { Ok(()) }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<(), &'static str> {
        let key = self.open.last().is_some_and(|open| open.kind == Kind::Key);
        self.separate()?;
        let plain = style == ScalarStyle::Plain && tag.is_none() && !key;
        match text {
            "" | "~" | "null" | "Null" | "NULL" if plain => self.write(b"null")?,
            "true" | "True" | "TRUE" if plain => self.write(b"true")?,
            "false" | "False" | "FALSE" if plain => self.write(b"false")?,
            number if plain && is_number(number) => self.write(number.as_bytes())?,
            text => self.text(text)?,
        }
        self.complete();
        Ok(())
    }

    fn begin(&mut self, anchor: usize, kind: Kind, mark: &[u8]) -> Result<(), &'static str> {
        self.anchor(anchor)?;
        if self.open.last().is_some_and(|open| open.kind == Kind::Key) {
            return Err("a YAML key that is no text");
        }
        if self.open.len() == DEPTH_MAX {
            return Err("lists and objects stand too deep in each other");
        }
        self.separate()?;
        self.write(mark)?;
        self.open.push(Open { kind, first: true });
        Ok(())
    }

    fn end(&mut self, mark: &[u8]) -> Result<(), &'static str> {
        self.open.pop();
        self.write(mark)?;
        self.complete();
        Ok(())
    }

    /// What stands before a value or key.
    fn separate(&mut self) -> Result<(), &'static str> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let (before, first) = (open.kind, open.first);
        open.first = false;
        match before {
            Kind::Value => self.write(b":"),
            _ if first => Ok(()),
            _ => self.write(b","),
        }
    }

    /// After a key comes its value, after that the next key.
    fn complete(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.kind = match open.kind {
                Kind::List => Kind::List,
                Kind::Key => Kind::Value,
                Kind::Value => Kind::Key,
            };
        }
    }

    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        serde_json::to_writer(&mut self.json, text).map_err(|_| FULL)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.json.write_all(bytes).map_err(|_| FULL)
    }
}

/// Takes no more bytes than there was room for at its beginning.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0.capacity() - self.0.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Of the forms of YAML's core schema those that JSON writes in the same way; others stay text.
fn is_number(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_digit()) && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

const MARKS: &[char] = &[',', ':', '[', ']', '{', '}', '\n'];
/// A hundred pages of prose have as many.
const WAITING_MAX: usize = 1 << 14;
/// Documents nest ten deep.
const DEPTH_MAX: usize = 100;
/// Publishers of advisories use none.
const ANCHORS_MAX: usize = 1000;
const ROOM_FREE: usize = 64 << 10;
const FULL: &str = "a YAML document of more marks than words";

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        String::from_utf8(to_json(text.as_bytes()).expect("yaml")).expect("UTF-8")
    }

    fn refused(text: &str) -> (u64, String) {
        to_json(text.as_bytes()).expect_err("no document")
    }

    #[test]
    fn documents_become_json() {
        assert_eq!(json("a: 1\nb: [x, 2.0]\nc: {d: null}\n"), r#"{"a":1,"b":["x",2.0],"c":{"d":null}}"#);
        assert_eq!(
            json("- ~\n- '~'\n- !!str 5\n- 007\n- 1e3\n- .5\n- 2024-01-01\n"),
            r#"[null,"~","5","007",1e3,".5","2024-01-01"]"#
        );
        assert_eq!(json("1.2: [true, \"true\"]\nnull:\n- - a\n  - {}\n"), r#"{"1.2":[true,"true"],"null":[["a",{}]]}"#);
        assert_eq!(
            json("a: |\n  one\n  \"two\"\nb: >-\n  three\n  four\n"),
            r#"{"a":"one\n\"two\"\n","b":"three four"}"#
        );
        assert_eq!(json("a: x & y * z\n"), r#"{"a":"x & y * z"}"#);
        assert_eq!(json(""), "null");
        assert_eq!(json("---\na: &name b\n...\n"), r#"{"a":"b"}"#);
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_line() {
        assert_eq!(refused("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n").0, 2);
        assert_eq!(refused("a: b\n---\nc: d\n").0, 2);
        assert_eq!(refused("a: b\n? [c]\n: d\n").0, 2);
        assert_eq!(to_json(b"a: b\nc: \xff\n").expect_err("no text").0, 2);
        assert!(to_json(b"a: [").is_err());
        assert_eq!(refused(&"[ a, ".repeat(DEPTH_MAX + 1)).1, "lists and objects stand too deep in each other");
        assert_eq!(refused(&format!("- [{}]", "a,".repeat(100_000))).1, FULL);
        assert_eq!(refused(&format!("x: [[{}]]", "a,".repeat(100_000))).1, FULL);
        assert_eq!(json(&format!("x: [{}]", "a,".repeat(10_000))).len(), 7 + 10_000 * 4);
        assert!(json(&format!("x: |\n{}", "  Some words, and more.\n".repeat(5_000))).len() > 100_000);
        assert_eq!(refused(&"[".repeat(100_000)).0, 1);
        assert_eq!(refused(&format!("[{}]", "a: ,".repeat(100_000))).1, FULL);
    }
}

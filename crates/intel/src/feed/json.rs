//! Which addresses do records in JSON name: one a line, in a list, or in lists below an object?
//!
//! A record is an object with a field for the address, found by the usual names or by the paths of `columns`
//! (`data.ip` is `ip` in `data`). One record at a time is in memory.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tripoint_unpack::bounded_strings;

use super::columns::{self, Columns, Field, NAMES};
use super::lenient::{STRING_MAX, Text};
use super::{FeedFormat, Reading, each_line};
use crate::guardlist::Kind;

/// Records of any publisher.
pub struct Json;

impl FeedFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn detect(&self, head: &str) -> bool {
        let head = head.trim_start_matches('\u{feff}').trim_start();
        let names = NAMES.first().map_or(&[][..], |(_, names)| *names);
        let is_guard_list = head.contains("\"list\"") && head.starts_with('{');
        is_guard_list || head.starts_with(['{', '[']) && names.iter().any(|name| head.contains(&format!("\"{name}\"")))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        let mut input = BufReader::with_capacity(64 << 10, input);
        let is_lines = input.fill_buf().is_ok_and(begins_with_a_whole_record);
        if is_lines { lines(&mut input, reading) } else { document(&mut input, reading) }
    }
}

/// Whether the first line is an object of its own.
fn begins_with_a_whole_record(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    first.starts_with(b"{") && lines.next().is_some() && serde_json::from_slice::<IgnoredAny>(first).is_ok()
}

/// One record a line: a line that is none does not end the file.
fn lines(input: &mut dyn Read, reading: &mut Reading<'_>) {
    each_line(input, RECORD_LINE_MAX, reading, |number, line, reading| {
        let mut found = Flat::default();
        let mut json = serde_json::Deserializer::from_str(line);
        let outcome = Below { flat: &mut found, path: "" }.deserialize(&mut json).and_then(|()| json.end());
        match outcome {
            Ok(()) => found.enter(number, reading),
            Err(error) => reading.refuse(number, format!("not a record: {error}")),
        }
    });
}

fn document(input: &mut dyn Read, reading: &mut Reading<'_>) {
    let mut count = 0;
    let input = BufReader::with_capacity(64 << 10, bounded_strings(input, STRING_MAX));
    let mut json = serde_json::Deserializer::from_reader(input);
    let before = reading.parsed.mark();
    let mut is_guard_list = false;
    let walk = Walk { reading: &mut *reading, count: &mut count, depth: 0, is_guard_list: &mut is_guard_list };
    // A fault ends the document; what came before it stands.
    if let Err(error) = walk.deserialize(&mut json).and_then(|()| json.end()) {
        let reason = format!("the document breaks off here: {error}");
        reading.refuse(count + 1, reason.clone());
        reading.broken = Some(reason);
    } else if is_guard_list {
        reading.parsed.take_back(before);
        reading.guard_lists += 1;
        reading.refuse(1, "this is a guard list of MISP's, of what is not bad: `tripoint intel guard import` takes it");
    }
}

/// Looks for lists of records; an object that has an address itself is one.
struct Walk<'w, 'a> {
    reading: &'w mut Reading<'a>,
    /// Records so far: the line of a refusal.
    count: &'w mut u64,
    depth: usize,
    /// Set when the document turns out to be one of MISP's warning lists, whose type stands at its end.
    is_guard_list: &'w mut bool,
}

/// A member of an object that may hold records, or be one.
struct Member<'w, 'a> {
    walk: Walk<'w, 'a>,
    /// The plain fields of the object.
    own: &'w mut Flat,
    key: &'w str,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let mut own = Flat::default();
        from.deserialize_any(Member { walk: self, own: &mut own, key: "" })
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Walk { reading, count, .. } = self.walk;
        loop {
            let mut found = Flat::default();
            if list.next_element_seed(Below { flat: &mut found, path: "" })?.is_none() {
                return Ok(());
            }
            *count += 1;
            found.enter(*count, reading);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Walk { reading, count, depth, is_guard_list } = self.walk;
        let mut own = Flat::default();
        let mut has_list = false;
        while let Some(key) = map.next_key::<Text>()? {
            let key = key.as_str();
            has_list |= key == "list";
            if depth >= WRAPPERS_MAX {
                map.next_value_seed(Below { flat: &mut own, path: key })?;
            } else {
                let is_guard_list = &mut *is_guard_list;
                let walk = Walk { reading: &mut *reading, count: &mut *count, depth: depth + 1, is_guard_list };
                map.next_value_seed(Member { walk, own: &mut own, key })?;
            }
        }
        *is_guard_list |= depth == 0 && has_list && own.is_of_a_guard_list();
        if own.address(&reading.defaults.columns).is_some() {
            *count += 1;
            own.enter(*count, reading);
        }
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.own.put(self.key, text);
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.own.put(self.key, &number.to_string());
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.own.put(self.key, &number.to_string());
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.own.put(self.key, &number.to_string());
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The fields of a record by their paths, as texts; what is beyond the bounds is left out.
#[derive(Default)]
struct Flat(Vec<(String, String)>);

impl Flat {
    fn put(&mut self, path: &str, text: &str) {
        let text = tripoint_model::text::truncate(text.trim(), FIELD_BYTES_MAX).0;
        if text.is_empty() || path.len() > FIELD_BYTES_MAX {
            return;
        }
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| known == path) {
            // Of a list.
            if known.len() + text.len() < FIELD_BYTES_MAX {
                known.push(',');
                known.push_str(text);
            }
        } else if self.0.len() < FIELDS_MAX {
            self.0.push((path.to_owned(), text.to_owned()));
        }
    }

    /// Whether the members are those that MISP's schema asks of every warning list.
    fn is_of_a_guard_list(&self) -> bool {
        let text = |name: &str| self.0.iter().find(|(path, _)| path == name).map(|(_, text)| text.as_str());
        let named = text("name").is_some() && text("version").is_some();
        named && text("type").is_some_and(|kind| Kind::parse(kind).is_some())
    }

    /// By the path that the descriptor names, else by the usual names, the outermost first.
    fn cell(&self, field: Field, columns: &Columns) -> Option<&str> {
        let by_path = |path: &str| self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(path));
        let by_name = |name: &str| {
            let is_it = |path: &&(String, String)| {
                path.0.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
            };
            self.0.iter().filter(is_it).min_by_key(|(path, _)| path.matches('.').count())
        };
        let found = match columns.named(field) {
            Some(path) => by_path(path),
            // Whose network something was in; meant only where the descriptor says so.
            None if field == Field::Asn => None,
            None => {
                let (_, names) = NAMES.iter().find(|(known, _)| *known == field)?;
                names.iter().find_map(|name| by_name(name))
            }
        };
        found.map(|(_, text)| text.as_str())
    }

    /// The address; of a list of texts, the text.
    fn address(&self, columns: &Columns) -> Option<&str> {
        self.cell(Field::Asn, columns).or_else(|| self.cell(Field::Address, columns)).or_else(|| {
            match self.0.as_slice() {
                [(path, text)] if path.is_empty() => Some(text),
                _ => None,
            }
        })
    }

    fn enter(&self, number: u64, reading: &mut Reading<'_>) {
        let columns = reading.defaults.columns.clone();
        if self.address(&columns).is_none() {
            // Spamhaus ends its lists with a record about the list.
            if self.0.iter().any(|(path, text)| path == "type" && text == "metadata") {
                reading.passed_over += 1;
                return;
            }
            return reading.refuse(number, "no field holds an address; name one in columns.address");
        }
        let cell = |field| match field {
            Field::Address => self.address(&columns),
            other => self.cell(other, &columns),
        };
        columns::record(cell, number, reading);
    }
}

/// Any value of a record: objects add to the path, lists of texts are joined.
struct Below<'f> {
    flat: &'f mut Flat,
    path: &'f str,
}

impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Below { flat: &mut *self.flat, path: self.path })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text>()? {
            let path =
                if self.path.is_empty() { key.as_str().to_owned() } else { format!("{}.{}", self.path, key.as_str()) };
            map.next_value_seed(Below { flat: &mut *self.flat, path: &path })?;
        }
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.flat.put(self.path, text);
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

const RECORD_LINE_MAX: usize = 1 << 20;
/// How deep lists of records stand in objects.
const WRAPPERS_MAX: usize = 4;
const FIELDS_MAX: usize = 128;
const FIELD_BYTES_MAX: usize = 512;

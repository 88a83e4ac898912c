//! What does a file of MISP's warning lists, or a plain list, hold?
//!
//! MISP's type stands behind its entries more often than before them, so texts are collected first, in one string,
//! and judged when the type is known. A document that breaks off is refused whole: half a guard guards half.

use std::fmt;
use std::io::{BufReader, Cursor, Read};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tripoint_model::Parsed;
use tripoint_model::text::truncate;
use tripoint_unpack::{LINE_MAX, bounded_lines, bounded_strings};

use super::{Kind, pattern};
use crate::feed::lenient::{STRING_MAX, Text, Texts};

/// One list as it was read.
#[derive(Debug)]
pub struct GuardList {
    /// Its own title.
    pub title: String,
    /// Its version, as it writes it.
    pub version: String,
    /// How its entries are compared.
    pub kind: Kind,
    /// MISP's word for what being on it means: nothing, `false_positive` or `known`.
    pub category: String,
    /// The types of MISP's attributes that it is about.
    pub matching: Vec<String>,
    /// Entries in the form in which they are kept, sorted, each once; and the refusals.
    pub parsed: Parsed<String>,
}

/// Reads one list, JSON or text; or says why the file holds none.
pub fn read(input: &mut dyn Read, file: &str) -> Result<GuardList, String> {
    let mut head = Vec::new();
    let early = input.take(HEAD_BYTES).read_to_end(&mut head);
    early.map_err(|error| error.to_string())?;
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err("the text is UTF-16; save it as UTF-8".into());
    }
    let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let first = head[bom..].iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    let mut input = Cursor::new(&head[bom..]).chain(input);
    match first {
        None => Err("the file is empty".into()),
        Some(b'<') => Err("this is a web page, not a list".into()),
        Some(b'{') => document(&mut input, file),
        Some(b'[') => Err("a list of MISP's is one JSON object with `type` and `list`".into()),
        Some(_) => lines(&mut input, file),
    }
}

fn document(input: &mut dyn Read, file: &str) -> Result<GuardList, String> {
    let mut raw = Raw::default();
    let input = BufReader::with_capacity(64 << 10, bounded_strings(input, STRING_MAX));
    let mut json = serde_json::Deserializer::from_reader(input);
    let outcome = Document(&mut raw).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = outcome {
        return Err(format!("the document breaks off after {} entries: {error}", raw.count));
    }
    if !raw.has_list {
        return Err("no guard list: it has no `list`".into());
    }
    let Some(kind) = Kind::parse(&raw.kind) else {
        let found = if raw.kind.is_empty() { "it has no `type`".to_owned() } else { format!("type {:?}", raw.kind) };
        return Err(format!("{found}; known are cidr, hostname, string, substring, regex"));
    };
    Ok(raw.judge(kind, file))
}

/// Text: one entry a line; what follows `#` or `;` is a remark.
fn lines(input: &mut dyn Read, file: &str) -> Result<GuardList, String> {
    let mut raw = Raw::default();
    let mut lines = bounded_lines(input, LINE_MAX);
    while let Some((number, line)) = lines.next_line() {
        match line {
            Ok(line) => {
                let text = line.split(['#', ';']).next().unwrap_or("").trim();
                if !text.is_empty() {
                    raw.push(number, text);
                }
            }
            Err(error) => raw.refuse(number, error.to_string()),
        }
    }
    Ok(raw.judge(Kind::Plain, file))
}

/// What was read before the type is known.
#[derive(Default)]
struct Raw {
    title: String,
    version: String,
    kind: String,
    category: String,
    matching: Vec<String>,
    has_list: bool,
    /// All texts in one.
    text: String,
    /// By text: its line or element, and its end in `text`.
    ends: Vec<(u32, u32)>,
    /// Elements so far.
    count: u64,
    refused: Parsed<String>,
}

impl Raw {
    fn push(&mut self, number: u64, text: &str) {
        if text.is_empty() {
            return self.refuse(number, "an entry without text");
        }
        if self.ends.len() >= ENTRIES_MAX {
            return self.refuse(number, format!("a list may hold at most {ENTRIES_MAX} entries"));
        }
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            return self.refuse(number, format!("a list may hold at most {TEXT_BYTES_MAX} bytes"));
        }
        self.text.push_str(text);
        // TEXT_BYTES_MAX fits; a file of four thousand million lines is longer than any that is read.
        self.ends.push((u32::try_from(number).unwrap_or(u32::MAX), self.text.len() as u32));
    }

    fn refuse(&mut self, number: u64, reason: impl Into<String>) {
        self.refused.refuse("", number, reason);
    }

    fn judge(mut self, kind: Kind, file: &str) -> GuardList {
        let mut parsed = std::mem::take(&mut self.refused);
        parsed.rejected.iter_mut().for_each(|rejected| file.clone_into(&mut rejected.file));
        let mut start = 0;
        for (number, end) in &self.ends {
            let (number, end) = (u64::from(*number), *end as usize);
            let text = self.text.get(start..end).unwrap_or_default();
            start = end;
            if kind == Kind::Regex && parsed.accepted.len() >= pattern::PATTERNS_MAX {
                parsed.refuse(file, number, format!("a list may hold at most {} patterns", pattern::PATTERNS_MAX));
                continue;
            }
            match kind.kept(text) {
                Ok(kept) => parsed.accept(kept),
                Err(reason) => parsed.refuse(file, number, reason),
            }
        }
        parsed.rejected.sort_by_key(|rejected| rejected.line);
        parsed.accepted.sort_unstable();
        parsed.accepted.dedup();
        let Self { title, version, category, matching, .. } = self;
        GuardList { title, version, kind, category, matching, parsed }
    }
}

struct Document<'r>(&'r mut Raw);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of MISP's")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let short = |text: Text| truncate(text.as_str(), WORDS_BYTES_MAX).0.to_owned();
        while let Some(key) = map.next_key::<Text>()? {
            match key.as_str() {
                "name" => self.0.title = short(map.next_value()?),
                "type" => self.0.kind = short(map.next_value()?).trim().to_ascii_lowercase(),
                "category" => self.0.category = short(map.next_value()?),
                "version" => self.0.version = map.next_value::<Version>()?.0,
                "matching_attributes" => self.0.matching = map.next_value::<Texts>()?.0,
                "list" => map.next_value_seed(Entries(&mut *self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Entries<'r>(&'r mut Raw);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.has_list = true;
        while let Some(Text(text)) = list.next_element()? {
            self.0.count += 1;
            let number = self.0.count;
            match text {
                Some(text) => self.0.push(number, &text),
                None => self.0.refuse(number, "not a text of at most 64 KiB"),
            }
        }
        Ok(())
    }
}

/// A version is a number in the schema and a text in some lists.
struct Version(String);

impl<'de> de::Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(VersionVisitor)
    }
}

struct VersionVisitor;

impl<'de> Visitor<'de> for VersionVisitor {
    type Value = Version;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Version, E> {
        Ok(Version(number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Version, E> {
        Ok(Version(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Version, E> {
        Ok(Version(number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Version, E> {
        Ok(Version(truncate(text, 64).0.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Version, E> {
        Ok(Version(String::new()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Version, E> {
        Ok(Version(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Version, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Version(String::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Version, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Version(String::new()))
    }
}

const HEAD_BYTES: u64 = 512;
/// Title, type and category, cut.
const WORDS_BYTES_MAX: usize = 256;
/// Entries of one list; the longest of MISP's has a hundred thousand.
pub(super) const ENTRIES_MAX: usize = 1_000_000;
/// Bytes of one list's entries.
const TEXT_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;

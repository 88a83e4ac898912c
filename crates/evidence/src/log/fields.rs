//! Which named values does a line hold, whatever names and nests them?
//!
//! JSON objects and `name=value` lines become one flat list, bounded; names of nested values are joined by dots, members
//! of lists by their number. Names are compared without regard to case.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Named values, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields<'l>(Vec<(String, Cow<'l, str>)>);

/// Values of one line.
const FIELDS_MAX: usize = 512;
const DEPTH_MAX: usize = 12;

impl<'l> Fields<'l> {
    /// Those of one JSON object; nothing where the text is none.
    pub(crate) fn json(text: &'l str) -> Option<Self> {
        let text = text.trim();
        if !text.starts_with('{') || !text.ends_with('}') {
            return None;
        }
        let mut fields = Self::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = Value { fields: &mut fields, name: String::new(), depth: 0 };
        deserializer.deserialize_map(value).ok()?;
        Some(fields)
    }

    /// Those of `name=value name="quoted \" value"`; words without a name are passed over.
    pub(crate) fn pairs(text: &'l str) -> Self {
        let mut fields = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() && fields.0.len() < FIELDS_MAX {
            let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let Some(value) = after.strip_prefix('=') else {
                rest = after.trim_start();
                continue;
            };
            let (value, after) = match value.as_bytes().first() {
                Some(quote @ (b'"' | b'\'')) => quoted(value, *quote),
                _ => {
                    let end = value.find(char::is_whitespace).unwrap_or(value.len());
                    (Cow::Borrowed(&value[..end]), &value[end..])
                }
            };
            fields.0.push((name.to_owned(), value));
            rest = after.trim_start();
        }
        fields
    }

    /// The value called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Every value called `name`.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The first of several names that has a value.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().filter_map(|name| self.get(name)).find(|value| !value.is_empty() && *value != "-")
    }

    /// Every value whose name begins with `prefix`, with the rest of its name.
    pub(crate) fn under<'f>(&'f self, prefix: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.0.iter().filter_map(move |(name, value)| {
            let start = name.get(..prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then(|| (&name[prefix.len()..], &**value))
        })
    }

    pub(crate) fn push(&mut self, name: &str, value: &'l str) {
        if self.0.len() < FIELDS_MAX {
            self.0.push((name.to_owned(), Cow::Borrowed(value)));
        }
    }

    /// Takes those of another text too.
    pub(crate) fn append(&mut self, mut more: Self) {
        more.0.truncate(FIELDS_MAX - self.0.len());
        self.0.append(&mut more.0);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A value in quotes, its escapes undone; and what follows.
fn quoted(text: &str, quote: u8) -> (Cow<'_, str>, &str) {
    let inner = &text[1..];
    let mut unescaped: Option<String> = None;
    let (mut start, mut from) = (0, 0);
    while let Some(at) = memchr::memchr2(quote, b'\\', &inner.as_bytes()[from..]).map(|at| from + at) {
        if inner.as_bytes()[at] == quote {
            let value = match unescaped {
                Some(text) => Cow::Owned(text + &inner[start..at]),
                None => Cow::Borrowed(&inner[..at]),
            };
            return (value, &inner[at + 1..]);
        }
        let Some(c) = inner[at + 1..].chars().next() else { break };
        let text = unescaped.get_or_insert_default();
        text.push_str(&inner[start..at]);
        text.push(match c {
            'n' => '\n',
            't' => '\t',
            other => other,
        });
        start = at + 1 + c.len_utf8();
        from = start;
    }
    // A quote that never ends holds the rest.
    (unescaped.map_or(Cow::Borrowed(inner), |text| Cow::Owned(text + &inner[start..])), "")
}

/// One value of a JSON document on its way into the list.
struct Value<'f, 'l> {
    fields: &'f mut Fields<'l>,
    name: String,
    depth: usize,
}

impl<'l> Value<'_, 'l> {
    fn keep(self, value: Cow<'l, str>) {
        if self.fields.0.len() < FIELDS_MAX {
            self.fields.0.push((self.name, value));
        }
    }

    fn is_full(&self) -> bool {
        self.depth >= DEPTH_MAX || self.fields.0.len() >= FIELDS_MAX
    }

    fn inner(&mut self, name: &str) -> Value<'_, 'l> {
        let name = if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) };
        Value { fields: self.fields, name, depth: self.depth + 1 }
    }
}

impl<'de: 'l, 'l> DeserializeSeed<'de> for Value<'_, 'l> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'l, 'l> Visitor<'de> for Value<'_, 'l> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        self.keep(Cow::Borrowed(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.keep(Cow::Owned(value.to_owned()));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(Cow::Borrowed(if value { "true" } else { "false" }));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(Cow::Owned(value.to_string()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.keep(Cow::Owned(value.to_string()));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(Cow::Owned(value.to_string()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if self.is_full() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(self.inner(&name))?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for at in 0.. {
            let more = if self.is_full() {
                list.next_element::<IgnoredAny>()?.is_some()
            } else {
                list.next_element_seed(self.inner(&at.to_string()))?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_become_one_list() {
        let fields = Fields::json(r#"{"a":{"B":["x",2]},"c":true,"d":null,"e":"q\"\u0041"}"#).unwrap();
        let shown: Vec<String> = fields.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["a.B.0=x", "a.B.1=2", "c=true", "e=q\"A"]);
        assert_eq!(fields.get("A.b.0"), Some("x"));
        assert!(Fields::json("{\"a\":").is_none() && Fields::json("[1]").is_none());
        let fields = Fields::pairs(r#"time=7 stray msg="a \"b\" c" last='x y' cut="z"#);
        let shown: Vec<String> = fields.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["time=7", "msg=a \"b\" c", "last=x y", "cut=z"]);
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
        assert_eq!(Fields::json(&deep).unwrap().len(), 0);
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(10_000));
        assert_eq!(Fields::json(&many).unwrap().len(), FIELDS_MAX);
        assert_eq!(Fields::pairs(&"a=b ".repeat(10_000)).len(), FIELDS_MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = (Fields::json(&text), Fields::pairs(&text));
            let _ = Fields::pairs(&format!("a=\"{text}"));
        }
    }
}

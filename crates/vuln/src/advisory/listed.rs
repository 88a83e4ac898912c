//! How are the parts of a record looked at one after the other, without holding them?
//!
//! An item of three bytes becomes a structure of a hundred: whoever collects them pays thirty times a file's size. So
//! a list stays text until it is walked, and what is kept of it is paid for out of a room that grows with the text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Parses a record. A text in its place would stand in the error whole, so it is refused before.
pub(crate) fn record<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, serde_json::Error> {
    match bytes.trim_ascii_start().first() {
        Some(b'"') => Err(serde_json::Error::custom("a text in place of a record")),
        _ => serde_json::from_slice(bytes),
    }
}

/// A list as it is written. None and `null` have no items.
#[derive(Clone, Copy, Default)]
pub(crate) struct Items<'d>(Option<&'d RawValue>);

/// A list that must be there.
#[derive(Clone, Copy)]
pub(crate) struct Required<'d>(pub(crate) Items<'d>);

/// An object as it is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Members<'d>(Option<&'d RawValue>);

/// A text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'d>(#[serde(borrow)] pub(crate) Cow<'d, str>);

impl<'d> From<&'d RawValue> for Items<'d> {
    fn from(list: &'d RawValue) -> Self {
        Self(Some(list))
    }
}

impl<'d> From<&'d RawValue> for Members<'d> {
    fn from(object: &'d RawValue) -> Self {
        Self(Some(object))
    }
}

impl<'d> Items<'d> {
    /// Whether nothing stands in it.
    pub(crate) fn is_empty(self) -> bool {
        let inside = |text: &'d str| text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        self.0.is_none_or(|list| list.get() == "null" || inside(list.get()).is_some_and(|text| text.trim().is_empty()))
    }

    /// Shows each item with its place; an error where this is no list, or one of other items.
    pub(crate) fn each<T: Deserialize<'d>>(self, mut show: impl FnMut(usize, T)) -> Result<(), serde_json::Error> {
        let Some(list) = self.0.filter(|list| list.get() != "null") else { return Ok(()) };
        if !list.get().starts_with('[') {
            return Err(serde_json::Error::custom("no list"));
        }
        let mut at = 0;
        let visitor = Each { show: |item| (show(at, item), at += 1).0, of: PhantomData };
        serde_json::Deserializer::from_str(list.get()).deserialize_seq(visitor)
    }

    /// Shows the items that are long enough to say anything; tells how many are not.
    pub(crate) fn statements(self, mut show: impl FnMut(usize, &'d RawValue)) -> Result<usize, serde_json::Error> {
        let mut empty = 0;
        self.each(|at, item: &'d RawValue| match item.get().len() {
            0..STATEMENT_BYTES_MIN => empty += 1,
            _ => show(at, item),
        })?;
        Ok(empty)
    }

    /// Shows each item that can be used, with its place, and notes what cannot: where a whole record hangs on one item
    /// `each` is right, where each says something of its own this is.
    pub(crate) fn usable<T: Deserialize<'d>>(self, what: &str, unread: &mut Unread, mut show: impl FnMut(usize, T)) {
        let walked = self.each(|at, item: &'d RawValue| match serde_json::from_str(item.get()) {
            Ok(item) => show(at, item),
            Err(error) => unread.note(what, error),
        });
        if let Err(error) = walked {
            unread.note(what, error);
        }
    }
}

impl<'d> Members<'d> {
    /// Shows each member; an error where this is no object, or one of other values.
    pub(crate) fn each<T: Deserialize<'d>>(self, show: impl FnMut(Cow<'d, str>, T)) -> Result<(), serde_json::Error> {
        let Some(object) = self.0.filter(|object| object.get() != "null") else { return Ok(()) };
        if !object.get().starts_with('{') {
            return Err(serde_json::Error::custom("no object"));
        }
        serde_json::Deserializer::from_str(object.get()).deserialize_map(EachMember { show, of: PhantomData })
    }
}

/// What of a record could not be read while the rest was.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    count: usize,
    first: String,
}

impl Unread {
    /// Notes one thing, and what is wrong with it.
    pub(crate) fn note(&mut self, what: &str, why: impl fmt::Display) {
        if self.count == 0 {
            self.first = format!("{what}: {why}");
        }
        self.count += 1;
    }

    /// Notes what another noted.
    pub(crate) fn add(&mut self, other: Self) {
        if self.count == 0 {
            self.first = other.first;
        }
        self.count += other.count;
    }

    /// The first of it and how much there is, if anything is.
    pub(crate) fn reason(self) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(self.first),
            count => Some(format!("{} ({count} such parts)", self.first)),
        }
    }
}

struct Each<F, T> {
    show: F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            (self.show)(item);
        }
        Ok(())
    }
}

struct EachMember<F, T> {
    show: F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(Cow<'de, str>, T)> Visitor<'de> for EachMember<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(key), value)) = map.next_entry()? {
            (self.show)(key, value);
        }
        Ok(())
    }
}

impl<'de: 'd, 'd> Deserialize<'de> for Items<'d> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(from).map(Self)
    }
}

impl<'de: 'd, 'd> Deserialize<'de> for Required<'d> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list: &RawValue = Deserialize::deserialize(from)?;
        if list.get().starts_with('[') { Ok(Self(Items(Some(list)))) } else { Err(D::Error::custom("no list")) }
    }
}

impl<'de: 'd, 'd> Deserialize<'de> for Members<'d> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(from).map(Self)
    }
}

/// A list of at most `MAX` items; a longer one is an error.
#[derive(Debug)]
pub(crate) struct Few<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T, const MAX: usize> Default for Few<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Few<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut out = Vec::new();
        let mut over = false;
        let show = |item| if out.len() < MAX { out.push(item) } else { over = true };
        from.deserialize_seq(Each { show, of: PhantomData })?;
        if over { Err(D::Error::custom(format!("a list of more than {MAX} items"))) } else { Ok(Self(out)) }
    }
}

/// What may still be kept of a record: not much more than its own length.
pub(crate) struct Room(usize);

impl Room {
    /// For a record of so many bytes.
    pub(crate) fn of(len: usize) -> Self {
        Self(2 * len + ROOM_FREE)
    }

    /// For what is kept of a document that somebody else holds.
    pub(crate) fn beyond(len: usize) -> Self {
        Self(3 * len + ROOM_FREE)
    }

    /// Pays for something that will be kept; an error when there is no more.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.0 = self.0.checked_sub(bytes).ok_or("more small parts than the record's length allows")?;
        Ok(())
    }
}

/// One field with the least that it can hold; whoever says something says more.
const STATEMENT_BYTES_MIN: usize = 12;
const ROOM_FREE: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_walked_and_bounded() {
        let list: Items<'_> = serde_json::from_str(r#"["a", "\u0062"]"#).expect("a value");
        let mut found = Vec::new();
        let mut unread = Unread::default();
        list.usable("letters", &mut unread, |_, Text(text)| found.push(text.into_owned()));
        assert_eq!((found, unread.reason()), (vec!["a".to_owned(), "b".to_owned()], None));
        let list: Items<'_> = serde_json::from_str(r#"["a", 7, [], "b"]"#).expect("a value");
        let (mut found, mut unread) = (String::new(), Unread::default());
        list.usable("letters", &mut unread, |at, Text(text)| found += &format!("{at}{text}"));
        assert_eq!(found, "0a3b");
        let reason = unread.reason().expect("a reason");
        assert!(reason.starts_with("letters: ") && reason.ends_with("(2 such parts)"), "{reason}");
        let list: Items<'_> = serde_json::from_str(r#"[{}, {"id":"CVE-1"}]"#).expect("a value");
        let mut places = Vec::new();
        assert_eq!(list.statements(|at, _| places.push(at)).expect("a list"), 1);
        assert_eq!(places, [1]);
        for (text, fine) in [("null", true), ("[]", true), ("7", false), ("[7", false)] {
            let list = serde_json::from_str::<Items<'_>>(text).and_then(|list| list.each(|_, _: Text<'_>| {}));
            assert_eq!(list.is_ok(), fine, "{text}");
        }
        for (text, empty) in [("null", true), ("[ \n]", true), ("[]", true), ("[0]", false), ("{}", false)] {
            assert_eq!(serde_json::from_str::<Items<'_>>(text).expect("a value").is_empty(), empty, "{text}");
        }
        assert!(serde_json::from_str::<Required<'_>>(" [] ").is_ok());
        assert!(serde_json::from_str::<Required<'_>>("null").is_err());
        assert!(serde_json::from_str::<Few<u8, 2>>("[1,2]").is_ok());
        assert!(serde_json::from_str::<Few<u8, 2>>("[1,2,3]").is_err());
    }
}

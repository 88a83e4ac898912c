//! What of an entry do tests look at?
//!
//! The values of each field that some rule asks for, each with what its encodings hide, made when first asked for.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::field::{self, Name};
use super::source::Sort;
use crate::entry::Entry;
use crate::log::fields::Fields;
use crate::views::{forms, may_be_encoded};

/// One entry, ready to be asked.
pub struct Event<'e> {
    entry: &'e Entry<'e>,
    /// Its kind.
    pub sort: Sort,
    /// The format of its line.
    pub format: &'e str,
    /// The line, or the lines that belong together.
    pub line: &'e str,
    named: OnceCell<Fields<'e>>,
}

impl<'e> Event<'e> {
    /// An entry that a format called `format` made of `line`.
    pub fn new(entry: &'e Entry<'e>, format: &'e str, line: &'e str) -> Self {
        Self { entry, sort: Sort::of(entry, format, line), format, line, named: OnceCell::new() }
    }

    /// The values of a field as they stand; `name` in small letters. Without a name: the line, and each part of it that
    /// the peer chose.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.values_of(&Name::of(name)).into_iter().map(Cow::into_owned).collect()
    }

    fn values_of<'s>(&'s self, name: &'s Name) -> Vec<Cow<'s, str>> {
        if name.text.is_empty() {
            let parts = field::parts(self.entry).into_iter().filter(|part| !part.is_empty());
            return std::iter::once(Cow::Borrowed(self.line)).chain(parts.map(|part| Cow::Borrowed(&**part))).collect();
        }
        field::values(self.entry, self.sort, &self.named, self.line, name)
    }

    /// Everything that a test on this field looks at: its values, and what their encodings hide. The line's own quotes
    /// hide nothing: of the line only the parts that the peer chose are decoded.
    pub fn forms(&self, name: &str) -> Vec<String> {
        let values = self.values(name);
        let decoded = values.iter().enumerate().flat_map(|(number, value)| {
            if name.is_empty() && number == 0 { vec![value.to_string()] } else { forms(value) }
        });
        decoded.collect()
    }

    /// Whether all that tests look at stands in the line as it is. Never wrong when it says yes.
    pub(super) fn is_plain(&self) -> bool {
        let is_plain = || !field::parts(self.entry).iter().any(|part| may_be_encoded(part));
        match self.sort {
            Sort::Request | Sort::Forwarded => self.stands() && is_plain() && !field::is_composed(self.entry),
            Sort::Message => self.stands() && !may_be_encoded(self.line) && is_plain(),
            Sort::Audit => false,
        }
    }

    /// Whether all parts that the peer chose were taken out of the line as they are.
    fn stands(&self) -> bool {
        field::parts(self.entry).iter().all(|part| matches!(part, Cow::Borrowed(_)))
    }
}

/// One form of a value.
pub(super) struct Form {
    /// As it was written.
    pub cased: String,
    small: OnceCell<String>,
}

impl Form {
    fn of(cased: String) -> Self {
        Self { cased, small: OnceCell::new() }
    }

    /// In small letters.
    pub(super) fn small(&self) -> &str {
        self.small.get_or_init(|| self.cased.to_ascii_lowercase())
    }
}

/// A value and what it hides.
struct Value {
    forms: Vec<Form>,
    /// Whether its first form stands in the line as it is.
    stands: bool,
}

/// The forms of an event's fields, by their number in a group.
pub(super) struct Slots<'s, 'e> {
    event: &'s Event<'e>,
    names: &'s [Name],
    slots: Vec<OnceCell<Vec<Rc<Value>>>>,
    /// Fields share values: each is decoded once.
    known: RefCell<HashMap<String, Rc<Value>, foldhash::fast::RandomState>>,
}

/// The slot of the whole line, whose name is empty.
pub(super) const LINE: usize = 0;

impl<'s, 'e> Slots<'s, 'e> {
    pub(super) fn new(event: &'s Event<'e>, names: &'s [Name]) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(names.len(), OnceCell::new);
        Self { event, names, slots, known: RefCell::default() }
    }

    /// The forms of a field's values.
    pub(super) fn forms(&self, slot: usize) -> impl Iterator<Item = &Form> {
        self.values(slot).iter().flat_map(|value| value.forms.iter())
    }

    /// Whether a field has a value at all.
    pub(super) fn has(&self, slot: usize) -> bool {
        !self.values(slot).is_empty()
    }

    /// Every form of every field once, but for what stands in the line as it is.
    pub(super) fn each(&self, look: &mut dyn FnMut(&str)) {
        let stands = self.event.sort.is_request() && self.event.stands();
        for slot in 0..self.slots.len() {
            let values = self.event.values_of(&self.names[slot]);
            for value in values.iter().skip(usize::from(slot == LINE)).take(VALUES_MAX) {
                let stands = stands && matches!(value, Cow::Borrowed(_));
                if !stands || may_be_encoded(value) {
                    self.value(value, stands);
                }
            }
        }
        for value in self.known.borrow().values() {
            value.forms.iter().skip(usize::from(value.stands)).for_each(|form| look(&form.cased));
        }
    }

    fn values(&self, slot: usize) -> &[Rc<Value>] {
        self.slots[slot].get_or_init(|| {
            let values = self.event.values_of(&self.names[slot]);
            let mut values = values.iter();
            let line = if slot == LINE { values.next() } else { None };
            let line = line.map(|line| Rc::new(Value { forms: vec![Form::of(line.to_string())], stands: true }));
            line.into_iter().chain(values.take(VALUES_MAX).map(|value| self.value(value, false))).collect()
        })
    }

    fn value(&self, text: &str, stands: bool) -> Rc<Value> {
        let mut known = self.known.borrow_mut();
        if let Some(same) = known.get(text) {
            return Rc::clone(same);
        }
        let value = Rc::new(Value { forms: forms(text).into_iter().map(Form::of).collect(), stands });
        known.insert(text.to_owned(), Rc::clone(&value));
        value
    }
}

/// Values of one field.
const VALUES_MAX: usize = 64;

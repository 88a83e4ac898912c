//! Which fields can be asked about, and what values do they take?

/// A field that a filter may name.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// How it is called.
    pub name: &'static str,
    /// How it is called too.
    pub also: &'static [&'static str],
    /// Its values.
    pub kind: Kind,
    /// What it is, in words.
    pub about: &'static str,
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, the least first.
    Level(&'static [&'static str]),
    /// A whole number.
    Number,
    /// A moment; in filters also how long ago.
    Time,
    /// How long ago something was.
    Age,
    /// An address or a network.
    Address,
    /// Yes or no.
    Flag,
}

impl Field {
    /// A field with no other name.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, also: &[], kind, about }
    }

    /// The same with other names too.
    #[must_use]
    pub const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// Whether it is called so.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.also.iter().any(|also| also.eq_ignore_ascii_case(name))
    }
}

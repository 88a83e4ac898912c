//! Which techniques of attack are known, and how does each show in a log?
//!
//! A technique is one file and one line in `TECHNIQUES`; its attacks and look-alikes lie in
//! `fixtures/attempt/<family>/{attack,innocent}*.in`, a request or message a line.

mod path_traversal;
mod scanner;
mod sign;
mod sql_injection;

use std::sync::OnceLock;

use crate::pack::Pack;
use crate::pack::rule::Rule;

pub use sign::Sign;

/// Every technique, the most telling first: of several that match one entry all are reported, in this order.
pub const TECHNIQUES: &[Technique] = &[path_traversal::TECHNIQUE, sql_injection::TECHNIQUE, scanner::TECHNIQUE];

/// One technique.
#[derive(Clone, Copy)]
pub struct Technique {
    /// Its name, kebab-case: `family` in reports, and of its fixture folder.
    pub family: &'static str,
    /// ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// How it shows.
    pub signs: &'static [Sign],
}

impl Technique {
    /// Its rules.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + use<> {
        let (family, attack) = (self.family, self.attack);
        self.signs.iter().map(move |sign| sign.rule(family, attack))
    }
}

/// The rules that come with Tripoint, compiled once.
pub fn pack() -> &'static Pack {
    static PACK: OnceLock<Pack> = OnceLock::new();
    PACK.get_or_init(|| {
        let rules = TECHNIQUES.iter().flat_map(Technique::rules);
        Pack::new(rules).unwrap_or_else(|error| panic!("the pack that comes with Tripoint: {error}"))
    })
}

#[cfg(test)]
mod tests;

//! Is a definition true of these packages?

use std::collections::{HashMap, HashSet};

use super::pattern::matches;
use super::{Criteria, Oval, State, Test};
use crate::version::Scheme;

/// An installed rpm package, as OVAL asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpmPackage {
    /// Its name.
    pub name: String,
    /// Its epoch; `0` when it has none.
    pub epoch: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its architecture.
    pub arch: String,
    /// The last sixteen digits of the key that signed it; empty when unknown.
    pub signature_keyid: String,
}

/// The answer of a test or definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It asks for what is not known here.
    Unknown,
}

impl Truth {
    fn of(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }

    fn negated(self, negate: bool) -> Self {
        match self {
            Self::True if negate => Self::False,
            Self::False if negate => Self::True,
            same => same,
        }
    }
}

impl Oval {
    /// Each definition's id and whether it is true of the packages.
    pub fn evaluate(&self, packages: &[RpmPackage]) -> Vec<(&str, Truth)> {
        let mut by_name: HashMap<&str, Vec<&RpmPackage>> = HashMap::new();
        for package in packages {
            by_name.entry(&package.name).or_default().push(package);
        }
        let ids = self.definitions.iter().map(|one| (one.id.as_str(), one.criteria.as_ref())).collect();
        let mut host = Host { oval: self, by_name, ids, asked: HashMap::new() };
        let mut out = Vec::with_capacity(self.definitions.len());
        for definition in &self.definitions {
            let criteria = definition.criteria.as_ref();
            let truth = criteria.map_or(Truth::Unknown, |criteria| host.criteria(criteria, &mut HashSet::new()));
            out.push((definition.id.as_str(), truth));
        }
        out
    }
}

struct Host<'h> {
    oval: &'h Oval,
    by_name: HashMap<&'h str, Vec<&'h RpmPackage>>,
    ids: HashMap<&'h str, Option<&'h Criteria>>,
    /// Tests are asked by many definitions.
    asked: HashMap<&'h str, Truth>,
}

impl<'h> Host<'h> {
    fn criteria(&mut self, criteria: &'h Criteria, within: &mut HashSet<&'h str>) -> Truth {
        match criteria {
            Criteria::All(parts, negate) => {
                let mut out = Truth::True;
                for part in parts {
                    match self.criteria(part, within) {
                        Truth::False => return Truth::False.negated(*negate),
                        Truth::Unknown => out = Truth::Unknown,
                        Truth::True => {}
                    }
                }
                out.negated(*negate)
            }
            Criteria::Any(parts, negate) => {
                let mut out = Truth::False;
                for part in parts {
                    match self.criteria(part, within) {
                        Truth::True => return Truth::True.negated(*negate),
                        Truth::Unknown => out = Truth::Unknown,
                        Truth::False => {}
                    }
                }
                out.negated(*negate)
            }
            Criteria::Other(id, negate) => {
                // A definition that asks for itself has no answer; long chains are none's.
                let found = self.ids.get(id.as_str()).copied().flatten();
                let Some(found) = found.filter(|_| within.len() < CHAIN_MAX && within.insert(id)) else {
                    return Truth::Unknown;
                };
                let out = self.criteria(found, within).negated(*negate);
                within.remove(id.as_str());
                out
            }
            Criteria::Test { id, negate, .. } => self.test(id).negated(*negate),
        }
    }

    fn test(&mut self, id: &'h str) -> Truth {
        if let Some(known) = self.asked.get(id) {
            return *known;
        }
        let out = self.oval.tests.get(id).map_or(Truth::Unknown, |test| self.ask(test));
        self.asked.insert(id, out);
        out
    }

    fn ask(&self, test: &Test) -> Truth {
        if test.kind != "rpminfo_test" {
            return Truth::Unknown;
        }
        let Some(name) =
            self.oval.objects.get(&test.object).filter(|name| !name.is_empty() && !name.starts_with("oval:"))
        else {
            return Truth::Unknown;
        };
        let found = self.by_name.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        match test.existence.as_str() {
            "none_exist" => return Truth::of(found.is_empty()),
            "any_exist" => {}
            _ if found.is_empty() => return Truth::False,
            _ => {}
        }
        let mut all = true;
        let mut any = test.states.is_empty();
        for package in found {
            let mut holds = true;
            for state in &test.states {
                match self.oval.states.get(state).map_or(Truth::Unknown, |state| holds_for(state, package)) {
                    Truth::True => {}
                    Truth::False => holds = false,
                    Truth::Unknown => return Truth::Unknown,
                }
            }
            all &= holds;
            any |= holds;
        }
        Truth::of(match test.check.as_str() {
            "all" => all,
            "none satisfy" | "none exist" => !any,
            _ => any,
        })
    }
}

fn holds_for(state: &State, package: &RpmPackage) -> Truth {
    let evr = format!("{}:{}-{}", package.epoch, package.version, package.release);
    for (field, operation, wanted) in &state.0 {
        let own = match field.as_str() {
            "name" => &package.name,
            "arch" => &package.arch,
            "epoch" => &package.epoch,
            "version" => &package.version,
            "release" => &package.release,
            "evr" => &evr,
            "signature_keyid" if package.signature_keyid.is_empty() => return Truth::Unknown,
            "signature_keyid" => &package.signature_keyid,
            _ => return Truth::Unknown,
        };
        match compare(field, operation, own, wanted) {
            Truth::True => {}
            other => return other,
        }
    }
    Truth::True
}

fn compare(field: &str, operation: &str, own: &str, wanted: &str) -> Truth {
    let order = || if field == "evr" { Scheme::Rpm.order(own, wanted) } else { number(own).cmp(&number(wanted)) };
    Truth::of(match operation {
        "equals" if field == "evr" => order().is_eq(),
        "equals" => own == wanted,
        "not equal" => own != wanted,
        "case insensitive equals" => own.eq_ignore_ascii_case(wanted),
        "less than" => order().is_lt(),
        "less than or equal" => order().is_le(),
        "greater than" => order().is_gt(),
        "greater than or equal" => order().is_ge(),
        "pattern match" => match matches(wanted, own) {
            Some(found) => found,
            None => return Truth::Unknown,
        },
        _ => return Truth::Unknown,
    })
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

const CHAIN_MAX: usize = 16;

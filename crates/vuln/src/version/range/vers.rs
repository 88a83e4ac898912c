//! What does a `vers:` range say: its constraints, its canonical form, and is a version in it?

use std::cmp::Ordering;
use std::fmt;

use super::super::{Scheme, sort};
use super::Constraint;

/// A range in the notation that is the same for every scheme: `vers:npm/>=1.0.0|<2.0.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vers {
    /// Whose order counts.
    pub scheme: Scheme,
    /// The scheme by the name that the range uses (`pypi`, not `pep440`).
    pub name: String,
    constraints: Vec<Constraint>,
}

/// How a version stands to the one that a constraint names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Written without a sign.
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Below,
    /// `<=`
    UpTo,
    /// `>`
    Above,
    /// `>=`
    From,
}

impl Operator {
    /// As it is written; nothing for equal.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::Unequal => "!=",
            Self::Below => "<",
            Self::UpTo => "<=",
            Self::Above => ">",
            Self::From => ">=",
        }
    }

    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Below => order.is_lt(),
            Self::UpTo => order.is_le(),
            Self::Above => order.is_gt(),
            Self::From => order.is_ge(),
        }
    }

    fn is_upper(self) -> bool {
        matches!(self, Self::Below | Self::UpTo)
    }

    fn is_lower(self) -> bool {
        matches!(self, Self::Above | Self::From)
    }
}

impl Vers {
    /// Reads a range as people write them: in any order, with pipes too many.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let (name, scheme, constraints) = head(text)?;
        let mut out = Self { scheme, name, constraints: Vec::new() };
        if constraints == "*" {
            return Ok(out);
        }
        for constraint in constraints.split('|').filter(|constraint| !constraint.is_empty()) {
            if constraint.chars().any(char::is_whitespace) {
                return Err("a constraint of the vers range has a space");
            }
            let (operator, version) = operator(constraint)?;
            let version = percent_decode(version)?;
            if version.is_empty() {
                return Err("a constraint of the vers range has no version");
            }
            out.constraints.push(Constraint { operator, version, whole: false });
        }
        if out.constraints.is_empty() {
            return Err("a vers range needs a constraint, or * for every version");
        }
        Ok(out.sorted())
    }

    /// Reads a range that is already in its one canonical spelling, and refuses every other.
    pub(crate) fn read_canonical(text: &str) -> Result<Self, &'static str> {
        let (name, scheme, constraints) = head(text)?;
        if text.chars().any(char::is_whitespace) {
            return Err("non-canonical VERS: whitespace is not permitted");
        }
        if constraints.starts_with('|') {
            return Err("non-canonical VERS: leading pipe is not permitted");
        }
        if constraints.ends_with('|') {
            return Err("non-canonical VERS: trailing pipe is not permitted");
        }
        if constraints.contains("||") {
            return Err("non-canonical VERS: consecutive pipes are not permitted");
        }
        for constraint in constraints.split('|') {
            canonical_version(scheme, operator(constraint)?.1)?;
        }
        let mut as_written = Self { scheme, name, constraints: Vec::new() };
        for constraint in constraints.split('|').filter(|_| constraints != "*") {
            let (operator, version) = operator(constraint)?;
            as_written.constraints.push(Constraint { operator, version: percent_decode(version)?, whole: false });
        }
        if as_written.clone().sorted() != as_written {
            return Err("non-canonical VERS: constraints are not sorted by version");
        }
        Ok(as_written)
    }

    /// From constraints of which each pair is an interval of its own.
    pub(crate) fn of(scheme: Scheme, name: &str, constraints: Vec<Constraint>) -> Self {
        Self { scheme, name: name.to_ascii_lowercase(), constraints }.sorted()
    }

    /// The signs and versions, by version.
    pub fn constraints(&self) -> impl Iterator<Item = (Operator, &str)> {
        self.constraints.iter().map(|constraint| (constraint.operator, constraint.version.as_str()))
    }

    /// Whether the version lies in the range. Constraints that say the same twice are as one.
    pub fn contains(&self, version: &str) -> bool {
        // The next bounds below and above, and a bound at the version itself that leaves it out.
        let (mut below, mut above, mut at) = (None, None, None);
        let mut only_exclusions = true;
        let mut hit = self.constraints.is_empty();
        for constraint in &self.constraints {
            let order = self.scheme.order(version, &constraint.version);
            let operator = constraint.operator;
            match (operator, order) {
                (Operator::Unequal, Ordering::Equal) => return false,
                (Operator::Unequal, _) => continue,
                (Operator::Equal | Operator::UpTo | Operator::From, Ordering::Equal) => hit = true,
                (Operator::Equal, _) => {}
                (_, Ordering::Greater) => below = Some(operator),
                (_, Ordering::Less) => above = above.or(Some(operator)),
                (_, Ordering::Equal) => at = Some(operator),
            }
            only_exclusions = false;
        }
        let after_lower = below.is_some_and(Operator::is_lower);
        let before_upper = above.is_some_and(Operator::is_upper);
        hit || (only_exclusions && !self.constraints.is_empty())
            || match at {
                Some(Operator::Below) => before_upper,
                Some(_) => after_lower,
                None => after_lower || before_upper,
            }
    }

    fn sorted(mut self) -> Self {
        let scheme = self.scheme;
        // At one version the end of an interval stands before the beginning of the next.
        let begins = |constraint: &Constraint| constraint.operator.is_lower();
        let order = |a: &Constraint, b: &Constraint| scheme.order(&a.version, &b.version);
        sort(&mut self.constraints, &|a, b| order(a, b).then_with(|| begins(a).cmp(&begins(b))));
        self
    }
}

impl fmt::Display for Vers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vers:{}/", self.name)?;
        if self.constraints.is_empty() {
            return f.write_str("*");
        }
        for (at, constraint) in self.constraints.iter().enumerate() {
            let pipe = if at == 0 { "" } else { "|" };
            write!(f, "{pipe}{}", constraint.operator.sign())?;
            for c in constraint.version.chars() {
                // What would read as something else: signs of the notation, spaces, controls.
                if "%|<>=!*,/".contains(c) || c.is_whitespace() || c.is_control() {
                    c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
                } else {
                    write!(f, "{c}")?;
                }
            }
        }
        Ok(())
    }
}

fn head(text: &str) -> Result<(String, Scheme, &str), &'static str> {
    let (name, constraints) = text
        .strip_prefix("vers:")
        .and_then(|vers| vers.split_once('/'))
        .ok_or("a vers range is vers:SCHEME/CONSTRAINTS")?;
    let scheme = Scheme::from_name(name).ok_or("the vers range names a scheme that is not known")?;
    Ok((name.to_ascii_lowercase(), scheme, constraints))
}

fn operator(constraint: &str) -> Result<(Operator, &str), &'static str> {
    let split = constraint.find(|c: char| !"<>=~^!".contains(c)).unwrap_or(constraint.len());
    let (sign, version) = constraint.split_at(split);
    let operator = match sign {
        "" | "=" => Operator::Equal,
        "!=" => Operator::Unequal,
        "<" => Operator::Below,
        "<=" => Operator::UpTo,
        ">" => Operator::Above,
        ">=" => Operator::From,
        _ => return Err("an operator that vers does not have"),
    };
    Ok((operator, version))
}

fn canonical_version(scheme: Scheme, version: &str) -> Result<(), &'static str> {
    const NOT_CANONICAL: &str = "non-canonical VERS: percent-encoding in version is not canonical";
    let decoded = percent_decode(version).map_err(|_| "non-canonical VERS: invalid percent-encoding in version")?;
    let escapes = || version.split('%').skip(1).filter_map(|after| after.get(..2));
    if escapes().any(|hex| hex.bytes().any(|byte| byte.is_ascii_lowercase())) {
        return Err(NOT_CANONICAL);
    }
    if scheme == Scheme::DateTime {
        if escapes().any(|hex| hex == "3A") {
            return Err("non-canonical VERS: datetime time colons must be unencoded");
        }
        if decoded.contains(['t', 'z']) {
            return Err("non-canonical VERS: datetime must use uppercase T and Z");
        }
    }
    let plain = |hex: &str| {
        u8::from_str_radix(hex, 16).is_ok_and(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    if escapes().any(plain) { Err(NOT_CANONICAL) } else { Ok(()) }
}

fn percent_decode(text: &str) -> Result<String, &'static str> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("a broken % escape in the range");
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
    }
    String::from_utf8(bytes).map_err(|_| "a % escape in the range is not UTF-8")
}

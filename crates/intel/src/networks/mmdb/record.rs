//! What does a record of such a file say, whoever made the file?

use super::super::csv::{country, owner};

/// What is asked of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub owner: Option<(u32, String)>,
    pub country: Option<String>,
}

/// What is asked of the metadata.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub node_count: u32,
    pub record_size: u64,
    pub ip_version: u64,
}

/// A section whose pointers count from its beginning.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'b> {
    pub bytes: &'b [u8],
}

/// A value; of maps and lists only how many elements follow.
enum Value<'b> {
    Text(&'b str),
    Number(u64),
    Map(usize),
    List(usize),
    Other,
}

/// Maps within maps; the published layouts need three.
const DEPTH_MAX: u8 = 16;
/// Values of one record: pointers can make a small file say a lot.
const VALUES_MAX: u64 = 4096;

impl<'b> Decoder<'b> {
    pub fn metadata(self) -> Option<Metadata> {
        let mut metadata = Metadata::default();
        self.fields(0, &mut { VALUES_MAX }, &mut |path, value| match (path, value) {
            ("node_count", Value::Number(number)) => metadata.node_count = u32::try_from(*number).unwrap_or(u32::MAX),
            ("record_size", Value::Number(number)) => metadata.record_size = *number,
            ("ip_version", Value::Number(number)) => metadata.ip_version = *number,
            _ => {}
        })?;
        Some(metadata)
    }

    /// GeoLite2 and DB-IP write numbers and nested countries, IPinfo texts side by side.
    /// Takes what it reads from `budget`, which is shared by the records of a file.
    pub fn record(self, at: usize, budget: &mut u64) -> Result<Record, String> {
        let (mut number, mut name, mut code) = (None, "", "");
        let mut fallback = "";
        let mut left = VALUES_MAX.min(*budget);
        let before = left;
        let read = self.fields(at, &mut left, &mut |path, value| match (path, value) {
            ("autonomous_system_number", Value::Number(value)) => number = Some(value.to_string()),
            ("asn", Value::Text(value)) => number = Some((*value).to_owned()),
            ("asn", Value::Number(value)) => number = Some(value.to_string()),
            ("autonomous_system_organization" | "as_name" | "name", Value::Text(value)) => name = value,
            ("country.iso_code" | "country_code", Value::Text(value)) => code = value,
            ("registered_country.iso_code" | "country", Value::Text(value)) => fallback = value,
            _ => {}
        });
        *budget -= before - left;
        read.ok_or("its record is damaged, or says more than a record does")?;
        let owner = match number.as_deref().filter(|number| !number.is_empty()) {
            Some(number) => owner(number, name)?,
            None => None,
        };
        Ok(Record { owner, country: country(if code.is_empty() { fallback } else { code }) })
    }

    /// Shows each value of the map at `at` with its path, two names deep. `None`: no map, or damaged.
    fn fields(self, at: usize, left: &mut u64, show: &mut dyn FnMut(&str, &Value<'b>)) -> Option<()> {
        let (value, after) = self.value(at)?;
        let Value::Map(count) = value else { return None };
        self.map(after, count, "", 0, left, show)?;
        Some(())
    }

    fn map(
        self,
        mut at: usize,
        count: usize,
        prefix: &str,
        depth: u8,
        left: &mut u64,
        show: &mut dyn FnMut(&str, &Value<'b>),
    ) -> Option<usize> {
        for _ in 0..count {
            let (Value::Text(name), after) = self.value(at)? else { return None };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            at = self.walk(after, &path, depth + 1, left, show)?;
        }
        Some(at)
    }

    /// Passes over one value; gives where the next begins.
    fn walk(
        self,
        at: usize,
        path: &str,
        depth: u8,
        left: &mut u64,
        show: &mut dyn FnMut(&str, &Value<'b>),
    ) -> Option<usize> {
        *left = left.checked_sub(1)?;
        if depth > DEPTH_MAX {
            return None;
        }
        let (value, body) = self.value(at)?;
        show(path, &value);
        let end = match value {
            Value::Map(count) => {
                // Below the second name nothing is asked for.
                let prefix = if depth < 2 { path } else { "-" };
                self.map(body, count, prefix, depth, left, show)?
            }
            Value::List(count) => {
                let mut next = body;
                for _ in 0..count {
                    next = self.walk(next, "-", depth + 1, left, show)?;
                }
                next
            }
            _ => body,
        };
        // After a pointer the next value stands behind the pointer, not behind what it led to.
        Some(self.behind_pointer(at)?.unwrap_or(end))
    }

    fn behind_pointer(self, at: usize) -> Option<Option<usize>> {
        let control = *self.bytes.get(at)?;
        Some((control >> 5 == 1).then(|| at + 2 + usize::from(control >> 3 & 3)))
    }

    /// The value at `at`, through one pointer, and where its body (of maps and lists) or the next value begins.
    fn value(self, at: usize) -> Option<(Value<'b>, usize)> {
        match self.behind_pointer(at)? {
            None => self.plain(at),
            Some(end) => {
                let number = |from: usize| self.number(from, end.checked_sub(from)?);
                let control = u64::from(*self.bytes.get(at)?);
                let target = match control >> 3 & 3 {
                    0 => (control & 7) << 8 | number(at + 1)?,
                    1 => ((control & 7) << 16 | number(at + 1)?) + 2048,
                    2 => ((control & 7) << 24 | number(at + 1)?) + 526_336,
                    _ => number(at + 1)?,
                };
                let target = usize::try_from(target).ok()?;
                // A pointer to a pointer is against the format, and a way around in circles.
                if self.behind_pointer(target)?.is_some() {
                    return None;
                }
                let (value, body) = self.plain(target)?;
                Some(match value {
                    Value::Map(_) | Value::List(_) => (value, body),
                    value => (value, end),
                })
            }
        }
    }

    fn plain(self, at: usize) -> Option<(Value<'b>, usize)> {
        let control = *self.bytes.get(at)?;
        let mut next = at + 1;
        let mut kind = control >> 5;
        if kind == 0 {
            kind = self.bytes.get(next)?.checked_add(7)?;
            next += 1;
        }
        let size = match control & 31 {
            small @ 0..=28 => u64::from(small),
            29 => 29 + self.number(next, 1)?,
            30 => 285 + self.number(next, 2)?,
            _ => 65_821 + self.number(next, 3)?,
        };
        next += usize::from((control & 31).saturating_sub(28));
        let size = usize::try_from(size).ok()?;
        let end = next.checked_add(size)?;
        Some(match kind {
            2 => (Value::Text(std::str::from_utf8(self.bytes.get(next..end)?).ok()?), end),
            5 | 6 | 9 => (Value::Number(self.number(next, size)?), end),
            7 => (Value::Map(size), next),
            11 => (Value::List(size), next),
            // The size of a truth value is the value.
            14 => (Value::Other, next),
            3 | 4 | 8 | 10 | 15 => (Value::Other, self.bytes.get(next..end).map(|_| end)?),
            _ => return None,
        })
    }

    fn number(self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?).filter(|bytes| bytes.len() <= 8)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

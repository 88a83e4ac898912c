//! Which bill of materials lies in an in-toto statement, or in the envelope that signs one?

use serde::de::MapAccess;

use super::fields::{Fields, Object, read_one, skip};
use super::{Format, Found, cyclonedx, document, spdx, spdx3};

/// in-toto statements and DSSE envelopes; signatures are not judged here.
pub(super) const FORMAT: Format =
    Format { name: "in-toto attestation", fits: |head| !head.attestation.is_empty(), read: open };

fn open(content: &[u8], found: &mut Found) -> Result<(), String> {
    if found.nested >= NESTED_MAX {
        return Err("attestations within attestations".to_owned());
    }
    // Envelopes are opened when the borrow of what was found has ended.
    let mut payloads = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let mut outer = Outer { found, payload: None, statement: false };
        rest = read_one(rest, &mut outer)?;
        match (outer.statement, outer.payload) {
            (true, _) => {}
            (false, None) => return Err("it has neither a predicate nor a payload".to_owned()),
            (false, Some(payload)) => payloads.push(payload),
        }
        if payloads.len() > STATEMENTS_MAX {
            return Err(format!("more than {STATEMENTS_MAX} envelopes"));
        }
    }
    found.nested += 1;
    for payload in payloads {
        let inner = base64(&payload).ok_or("its payload is no base64")?;
        document(&inner, found)?;
    }
    found.nested -= 1;
    Ok(())
}

struct Outer<'a> {
    found: &'a mut Found,
    payload: Option<String>,
    statement: bool,
}

impl Fields for Outer<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "predicate" => {
                self.statement = true;
                map.next_value_seed(Object(&mut Predicate(self.found)))
            }
            "payload" => {
                self.payload = map.next_value()?;
                Ok(())
            }
            _ => skip(map),
        }
    }
}

/// The document itself, or as older tools wrap it, below `Data`.
struct Predicate<'a>(&'a mut Found);

impl Fields for Predicate<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Data" => map.next_value_seed(Object(self)),
            "components" | "metadata" => cyclonedx::Document { found: self.0 }.field(key, map),
            "packages" => spdx::Document(self.0).field(key, map),
            "@graph" => spdx3::Document(self.0).field(key, map),
            _ => skip(map),
        }
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    Some(out)
}

/// An envelope holds a statement, which holds the document.
const NESTED_MAX: u32 = 3;
/// An image has a handful.
const STATEMENTS_MAX: usize = 1000;

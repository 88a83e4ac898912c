//! What does a field with modifiers ask?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsigma_parser::{DetectionItem, Modifier, SigmaString, SigmaValue, SpecialChar, StringPart};

use super::super::bounds::{TESTS_MAX, too_many_tests};
use super::super::node;
use super::super::rule::{Compare, How, Part, Place, Test, Unit};
use super::super::source::Source;
use super::Unused;

/// Values of one field.
const VALUES_MAX: usize = 10_000;
/// Dashes of one value that `windash` replaces: each makes five of it.
const DASHES_MAX: usize = 4;

/// What the modifiers of a field say together.
#[derive(Default)]
struct Asked {
    how: Option<How>,
    /// What is asked instead of how a text stands.
    other: Option<Modifier>,
    encodings: Vec<Modifier>,
    flags: String,
    all: bool,
    cased: bool,
    negated: bool,
    same: bool,
    dashes: bool,
}

impl Asked {
    fn of(modifiers: &[Modifier]) -> Result<Self, String> {
        let mut asked = Self::default();
        for modifier in modifiers {
            let conflict = match modifier {
                Modifier::Contains => asked.how.replace(How::Contains).is_some(),
                Modifier::StartsWith => asked.how.replace(How::Starts).is_some(),
                Modifier::EndsWith => asked.how.replace(How::Ends).is_some(),
                Modifier::All => std::mem::replace(&mut asked.all, true),
                Modifier::Cased => std::mem::replace(&mut asked.cased, true),
                Modifier::Neq => std::mem::replace(&mut asked.negated, true),
                Modifier::FieldRef => std::mem::replace(&mut asked.same, true) || asked.how.is_some(),
                Modifier::WindAsh => std::mem::replace(&mut asked.dashes, true),
                Modifier::Expand => return Err("placeholders (`expand`) are filled in by nobody here".into()),
                Modifier::IgnoreCase | Modifier::Multiline | Modifier::DotAll => {
                    let flag = match modifier {
                        Modifier::IgnoreCase => 'i',
                        Modifier::Multiline => 'm',
                        _ => 's',
                    };
                    asked.flags.push(flag);
                    false
                }
                Modifier::Base64 | Modifier::Base64Offset | Modifier::Wide | Modifier::Utf16 | Modifier::Utf16be => {
                    asked.encodings.push(*modifier);
                    false
                }
                other => asked.other.replace(*other).is_some(),
            };
            if conflict {
                return Err("its modifiers contradict each other".into());
            }
        }
        let is_other = asked.other.is_some() || asked.same;
        let is_coded = !asked.encodings.is_empty() || asked.dashes;
        let contradicts = (asked.other.is_some() && (asked.how.is_some() || asked.same)) || (is_other && is_coded);
        if contradicts || (!asked.flags.is_empty() && asked.other != Some(Modifier::Re)) {
            return Err("its modifiers contradict each other".into());
        }
        Ok(asked)
    }
}

/// The test of one field.
pub(super) fn test(item: &DetectionItem, source: &Source) -> Result<Test, Unused> {
    let name = item.field.name.as_deref().map(|name| name.replace("\\[", "[").replace("\\]", "]"));
    let shown = name.clone().unwrap_or_else(|| "keywords".into());
    let refuse = |reason: String| Unused::Wrong(format!("{shown}: {reason}"), shown.clone());
    let asked = Asked::of(&item.field.modifiers).map_err(refuse)?;
    let place: Place = name.map(|name| name.to_ascii_lowercase());
    if item.values.is_empty() || item.values.len() > VALUES_MAX {
        return Err(refuse(format!("{} values, from 1 to {VALUES_MAX}", item.values.len())));
    }
    let (mut tests, mut count) = (Vec::new(), 0);
    for value in &item.values {
        tests.push(one(&place, value, &asked, source).map_err(refuse)?);
        count += tests.last().map_or(0, Test::count);
        if count > TESTS_MAX {
            return Err(refuse(too_many_tests()));
        }
    }
    let test = match (tests.len(), asked.all) {
        (1, _) => tests.remove(0),
        (_, true) => Test::All(tests),
        (_, false) => Test::Any(tests),
    };
    Ok(if asked.negated { Test::Not(Box::new(test)) } else { test })
}

/// Words that may stand anywhere in the line.
pub(super) fn keywords(values: &[SigmaValue]) -> Result<Test, Unused> {
    let refuse = |reason: String| Unused::Wrong(format!("keywords: {reason}"), "keywords".into());
    if values.len() > VALUES_MAX {
        return Err(refuse(format!("{} values, from 1 to {VALUES_MAX}", values.len())));
    }
    let asked = Asked { how: Some(How::Contains), ..Asked::default() };
    let tests = values.iter().map(|value| one(&None, value, &asked, &Source::default()).map_err(refuse));
    let mut tests = tests.collect::<Result<Vec<Test>, _>>()?;
    Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
}

fn one(place: &Place, value: &SigmaValue, asked: &Asked, source: &Source) -> Result<Test, String> {
    let named = || place.clone().ok_or_else(|| "this is asked of a field, and there is none".to_owned());
    if asked.same {
        let (field, other) = (named()?, plain(value)?.to_ascii_lowercase());
        return Ok(Test::Same { field, other, how: asked.how.unwrap_or(How::Equals), cased: asked.cased });
    }
    if let Some(other) = asked.other {
        return special(place, value, asked, other);
    }
    // Words without a field may stand anywhere in the line.
    let how = asked.how.unwrap_or(if place.is_none() { How::Contains } else { How::Equals });
    let number = |number: String, than: f64| {
        if asked.how.is_some() || place.is_none() {
            return Ok(text(place, how, number, asked.cased));
        }
        Ok(Test::Number { place: place.clone(), is: Compare::Eq, than })
    };
    match value {
        SigmaValue::Integer(value) => number(value.to_string(), *value as f64),
        SigmaValue::Float(value) => number(value.to_string(), *value),
        SigmaValue::Bool(truth) => Ok(Test::Truth(place.clone(), *truth)),
        SigmaValue::Null => Ok(Test::Not(Box::new(Test::Has(named()?)))),
        SigmaValue::String(value) => of_text(place, how, value, asked, source),
    }
}

/// What is asked instead of how a text stands.
fn special(place: &Place, value: &SigmaValue, asked: &Asked, other: Modifier) -> Result<Test, String> {
    let named = || place.clone().ok_or_else(|| "this is asked of a field, and there is none".to_owned());
    let compared = |is: Compare| {
        let than = plain(value)?.parse().map_err(|_| format!("{value} is no number"))?;
        Ok(Test::Number { place: place.clone(), is, than })
    };
    let moment = |unit: Unit| {
        let number = plain(value)?.parse().map_err(|_| format!("{value} is no whole number"))?;
        Ok(Test::Moment(named()?, unit, number))
    };
    match other {
        Modifier::Re => {
            let SigmaValue::String(value) = value else { return Err(format!("{value} is no regular expression")) };
            let flags = &asked.flags;
            let pattern =
                if flags.is_empty() { value.original.clone() } else { format!("(?{flags}){}", value.original) };
            node::weight(&pattern)?;
            Ok(Test::Pattern { place: place.clone(), pattern })
        }
        Modifier::Cidr => {
            let text = plain(value)?;
            let address = text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
            let net = text.parse().or(address).map_err(|_| format!("{text:?} is no network"))?;
            Ok(Test::Within(named()?, net))
        }
        Modifier::Exists => {
            let there = match value {
                SigmaValue::Bool(there) => *there,
                other => match plain(other)?.to_ascii_lowercase().as_str() {
                    "true" | "yes" => true,
                    "false" | "no" => false,
                    _ => return Err(format!("`exists` is true or false, not {other}")),
                },
            };
            let has = Test::Has(named()?);
            Ok(if there { has } else { Test::Not(Box::new(has)) })
        }
        Modifier::Gt => compared(Compare::Gt),
        Modifier::Gte => compared(Compare::Gte),
        Modifier::Lt => compared(Compare::Lt),
        Modifier::Lte => compared(Compare::Lte),
        Modifier::Minute => moment(Unit::Minute),
        Modifier::Hour => moment(Unit::Hour),
        Modifier::Day => moment(Unit::Day),
        Modifier::Week => moment(Unit::Week),
        Modifier::Month => moment(Unit::Month),
        Modifier::Year => moment(Unit::Year),
        other => Err(format!("the modifier {other:?} is not known here")),
    }
}

fn of_text(place: &Place, how: How, value: &SigmaString, asked: &Asked, source: &Source) -> Result<Test, String> {
    if !asked.encodings.is_empty() {
        return encoded(place, how, value, asked);
    }
    if asked.dashes {
        let plain = value.as_plain().ok_or("`windash` and wildcards do not go together")?;
        let tests = dashed(&plain)?.into_iter().map(|value| text(place, how, value, asked.cased)).collect();
        return Ok(Test::Any(tests));
    }
    let Some(plain) = value.as_plain() else { return Ok(like(place, how, &value.parts, asked.cased)) };
    let is_missing = how == How::Equals && matches!(plain.as_str(), "" | "-") && source.is_of_requests();
    let test = text(place, how, plain, asked.cased);
    Ok(match place {
        // Access logs write `-` for what is not there.
        Some(name) if is_missing => Test::Any(vec![test, Test::Not(Box::new(Test::Has(name.clone())))]),
        _ => test,
    })
}

fn text(place: &Place, how: How, text: String, cased: bool) -> Test {
    let text = if cased { text } else { text.to_ascii_lowercase() };
    Test::Text { place: place.clone(), how, text, cased }
}

/// A text with gaps; what may stand around it is a gap too.
fn like(place: &Place, how: How, written: &[StringPart], cased: bool) -> Test {
    let mut parts: Vec<Part> = Vec::new();
    let mut push = |part: Part| {
        if part != Part::Many || parts.last() != Some(&Part::Many) {
            parts.push(part);
        }
    };
    if matches!(how, How::Contains | How::Ends) {
        push(Part::Many);
    }
    for part in written {
        push(match part {
            StringPart::Plain(text) if cased => Part::Text(text.clone()),
            StringPart::Plain(text) => Part::Text(text.to_ascii_lowercase()),
            StringPart::Special(SpecialChar::WildcardMulti) => Part::Many,
            StringPart::Special(SpecialChar::WildcardSingle) => Part::One,
        });
    }
    if matches!(how, How::Contains | How::Starts) {
        push(Part::Many);
    }
    Test::Like { place: place.clone(), parts, cased }
}

/// The texts that a value becomes in UTF-16 and base64.
fn encoded(place: &Place, how: How, value: &SigmaString, asked: &Asked) -> Result<Test, String> {
    let plain = value.as_plain().ok_or("encodings and wildcards do not go together")?;
    let units = |to: fn(u16) -> [u8; 2]| plain.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    let mut bytes = plain.clone().into_bytes();
    let (mut wide, mut packed) = (false, None);
    for modifier in &asked.encodings {
        let is_wide = !matches!(modifier, Modifier::Base64 | Modifier::Base64Offset);
        if packed.is_some() || (is_wide && std::mem::replace(&mut wide, true)) {
            return Err("its modifiers contradict each other".into());
        }
        match modifier {
            Modifier::Wide => bytes = units(u16::to_le_bytes),
            Modifier::Utf16be => bytes = units(u16::to_be_bytes),
            Modifier::Utf16 => bytes = [vec![0xff, 0xfe], units(u16::to_le_bytes)].concat(),
            _ => packed = Some(*modifier),
        }
    }
    match packed {
        Some(Modifier::Base64Offset) => {
            let texts = offsets(&bytes).into_iter().map(|part| text(place, How::Contains, part, asked.cased));
            Ok(Test::Any(texts.collect()))
        }
        Some(_) => Ok(text(place, how, STANDARD.encode(&bytes), asked.cased)),
        None => {
            let value = String::from_utf8(bytes).map_err(|_| "this is no text in UTF-16 without base64")?;
            Ok(text(place, how, value, asked.cased))
        }
    }
}

/// What of a text stands in base64 whatever comes before and behind it, at each of three places.
fn offsets(bytes: &[u8]) -> Vec<String> {
    let at = |offset: usize| {
        let packed = STANDARD.encode([&[0; 2][..offset], bytes].concat());
        let start = [0, 2, 3][offset];
        // The last letter holds bits of what follows, unless the text ends with a whole group.
        let end = packed.len() - [0, 3, 2][(bytes.len() + offset) % 3];
        packed.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(at).filter(|text| !text.is_empty()).collect()
}

/// A value with each dash as each character that Windows takes for one.
fn dashed(value: &str) -> Result<Vec<String>, String> {
    let count = value.matches('-').count();
    if count > DASHES_MAX {
        return Err(format!("`windash` takes values with up to {DASHES_MAX} dashes, this one has {count}"));
    }
    let mut all = vec![String::new()];
    for c in value.chars() {
        let choices: &[char] = if c == '-' { &['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'] } else { &[c] };
        all = all.iter().flat_map(|head| choices.iter().map(move |c| format!("{head}{c}"))).collect();
    }
    Ok(all)
}

fn plain(value: &SigmaValue) -> Result<String, String> {
    match value {
        SigmaValue::String(text) => text.as_plain().ok_or_else(|| format!("{text} has wildcards")),
        SigmaValue::Null => Err("there is no value".into()),
        other => Ok(other.to_string()),
    }
}

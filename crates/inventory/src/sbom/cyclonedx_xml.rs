//! CycloneDX as XML: which components does it name?

use std::borrow::Cow;

use super::entry::Entry;
use super::{Format, Found};

/// CycloneDX XML. Entities are not expanded, so none can swell; other namespaces are passed over.
pub(super) const FORMAT: Format = Format {
    name: "CycloneDX XML",
    fits: |head| head.begins.starts_with('<') && head.begins.contains("cyclonedx.org/schema/bom"),
    read,
};

fn read(content: &[u8], found: &mut Found) -> Result<(), String> {
    let content = std::str::from_utf8(content).map_err(|_| "it is not UTF-8")?;
    let mut open: Vec<&str> = Vec::new();
    // Components that are open, innermost last, each with its group.
    let mut components: Vec<(usize, Entry, String)> = Vec::new();
    let mut text = Cow::Borrowed("");
    let mut rest = content;
    while let Some(event) = next(&mut rest)? {
        match event {
            Event::Text(found) => text = found,
            Event::Start(name, attributes, closed) => {
                text = Cow::Borrowed("");
                if closed {
                    continue;
                }
                if open.len() >= DEPTH_MAX {
                    return Err(format!("elements are nested deeper than {DEPTH_MAX}"));
                }
                open.push(name);
                if name == "component" {
                    let kind = attribute(attributes, "type").to_owned();
                    let subject = open.contains(&"metadata");
                    components.push((open.len(), Entry { kind, subject, ..Entry::default() }, String::new()));
                }
            }
            Event::End(name) => {
                if open.last() != Some(&name) {
                    return Err(format!("</{}> closes what is not open", name.chars().take(40).collect::<String>()));
                }
                end(name, &open, &text, &mut components, found);
                open.pop();
                text = Cow::Borrowed("");
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err("it ends too early".to_owned()) }
}

fn end(name: &str, open: &[&str], text: &str, components: &mut Vec<(usize, Entry, String)>, found: &mut Found) {
    if name == "component" {
        let Some((_, mut entry, group)) = components.pop() else { return };
        if !group.is_empty() {
            entry.name = format!("{group}/{}", entry.name);
        }
        if entry.kind == "operating-system" {
            found.system.get_or_insert((entry.name.to_lowercase(), entry.version));
        } else {
            found.add(entry);
        }
        return;
    }
    // Only what stands directly in the component is its own.
    let Some((_, entry, group)) = components.last_mut().filter(|(depth, _, _)| open.len() == depth + 1) else { return };
    let text = tripoint_model::text::truncate(text.trim(), TEXT_BYTES_MAX).0;
    match name {
        "name" => text.clone_into(&mut entry.name),
        "group" => text.clone_into(group),
        "version" => text.clone_into(&mut entry.version),
        "purl" => text.clone_into(&mut entry.purl),
        "cpe" => text.clone_into(&mut entry.cpe),
        _ => {}
    }
}

enum Event<'a> {
    /// Name without prefix, its attributes, and whether it is closed at once.
    Start(&'a str, &'a str, bool),
    End(&'a str),
    Text(Cow<'a, str>),
}

fn next<'a>(rest: &mut &'a str) -> Result<Option<Event<'a>>, String> {
    loop {
        if rest.is_empty() {
            return Ok(None);
        }
        let Some(tag) = rest.strip_prefix('<') else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            *rest = after;
            return Ok(Some(Event::Text(unescape(text))));
        };
        if let Some(inner) = tag.strip_prefix("![CDATA[") {
            let (text, after) = inner.split_once("]]>").ok_or("a CDATA section is not closed")?;
            *rest = after;
            return Ok(Some(Event::Text(Cow::Borrowed(text))));
        }
        let end = match tag.as_bytes().first() {
            Some(b'!') if tag.starts_with("!--") => "-->",
            Some(b'?') => "?>",
            Some(b'!') => return Err("a document type is declared; none is read here".to_owned()),
            _ => ">",
        };
        let (inner, after) = tag.split_once(end).ok_or("a tag is not closed")?;
        *rest = after;
        if end != ">" {
            continue;
        }
        let local = |name: &'a str| name.rsplit(':').next().unwrap_or(name);
        if let Some(name) = inner.strip_prefix('/') {
            return Ok(Some(Event::End(local(name.trim()))));
        }
        let closed = inner.ends_with('/');
        let inner = inner.trim_end_matches('/');
        let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        return Ok(Some(Event::Start(local(name), attributes, closed)));
    }
}

fn attribute<'a>(attributes: &'a str, wanted: &str) -> &'a str {
    let mut rest = attributes;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let Some(quote) = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { break };
        let Some((value, next)) = after[1..].split_once(quote) else { break };
        if name.trim() == wanted {
            return value;
        }
        rest = next;
    }
    ""
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#43;", "+"), ("&amp;", "&")];
    Cow::Owned(plain.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign)))
}

/// Real documents nest components a few deep.
const DEPTH_MAX: usize = 200;
/// Longer than any name, version or package URL.
const TEXT_BYTES_MAX: usize = 8 << 10;

//! Where are the objects of the collection that the user named?

use serde::Deserialize;
use tripoint_fetch::{is_same_server, resolve};
use tripoint_model::text::{truncate, visible};

use super::ask::{Ask, encoded};
use crate::feed::lenient::{Flag, Text};

/// A discovery, or an API root, which has no `api_roots`.
#[derive(Deserialize)]
struct Top {
    api_roots: Option<Vec<Text>>,
    #[serde(default)]
    default: Text,
}

#[derive(Deserialize)]
struct Collections {
    #[serde(default)]
    collections: Vec<Collection>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Collection {
    id: Text,
    alias: Text,
    title: Text,
    can_read: Flag,
}

impl Collection {
    fn is_named(&self, wanted: &str) -> bool {
        [&self.alias, &self.title].into_iter().any(|name| name.as_str() == wanted)
    }

    fn shown(&self) -> String {
        let name = format!("{} ({})", truncate(self.title.as_str(), 100).0, truncate(self.id.as_str(), 64).0);
        visible(&name).into_owned()
    }
}

/// Looks through the API roots below `url`, the default one first.
pub(super) fn objects_url(ask: &Ask<'_>, url: &str, wanted: &str) -> Result<String, String> {
    let url = folder(url);
    let top: Top = ask.json(&url)?;
    let (roots, mut troubles) = match &top.api_roots {
        None => (vec![url], Vec::new()),
        Some(named) => roots(&url, &top.default, named),
    };
    let mut readable = Vec::new();
    for root in &roots {
        let list: Collections = match ask.json(&format!("{root}collections/")) {
            Ok(list) => list,
            Err(reason) => {
                troubles.push(reason);
                continue;
            }
        };
        if let Some(found) = pick(&list.collections, wanted)? {
            return Ok(format!("{root}collections/{}/objects/", encoded(found.id.as_str())));
        }
        readable.extend(list.collections.iter().filter(|one| one.can_read.0).map(Collection::shown));
    }
    let known = if readable.is_empty() { "none".to_owned() } else { cut_list(&readable) };
    let troubles = if troubles.is_empty() { String::new() } else { format!("; {}", cut_list(&troubles)) };
    Err(format!("there is no collection {wanted:?}; readable are: {known}{troubles}"))
}

fn pick<'c>(list: &'c [Collection], wanted: &str) -> Result<Option<&'c Collection>, String> {
    let by_id = list.iter().find(|one| one.id.as_str() == wanted);
    let mut by_name = list.iter().filter(|one| one.is_named(wanted));
    let found = by_id.or_else(|| by_name.next());
    if by_id.is_none() && by_name.next().is_some() {
        return Err(format!("several collections are called {wanted:?}; name one by its id"));
    }
    match found {
        Some(found) if found.id.as_str().is_empty() => Err(format!("collection {wanted:?} has no id")),
        Some(found) if !found.can_read.0 => Err(format!("collection {} may not be read", found.shown())),
        found => Ok(found),
    }
}

/// API roots on this server, and why others are left out.
fn roots(url: &str, default: &Text, named: &[Text]) -> (Vec<String>, Vec<String>) {
    let (mut roots, mut troubles): (Vec<String>, Vec<String>) = Default::default();
    let all = std::iter::once(default).chain(named).map(Text::as_str).filter(|text| !text.is_empty());
    for text in all.take(ROOTS_MAX) {
        match resolve(url, text) {
            Ok(root) if !is_same_server(url, &root) => {
                troubles.push(format!("API root {root} is on another server: name it as url"));
            }
            Ok(root) if roots.contains(&folder(&root)) => {}
            Ok(root) => roots.push(folder(&root)),
            Err(error) => troubles.push(error.to_string()),
        }
    }
    (roots, troubles)
}

fn folder(url: &str) -> String {
    if url.ends_with('/') { url.to_owned() } else { format!("{url}/") }
}

fn cut_list(texts: &[String]) -> String {
    let mut out = texts.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("; ");
    if texts.len() > SHOWN_MAX {
        out.push_str(&format!("; and {} more", texts.len() - SHOWN_MAX));
    }
    out
}

/// API roots looked through: each is a request.
const ROOTS_MAX: usize = 16;
const SHOWN_MAX: usize = 20;

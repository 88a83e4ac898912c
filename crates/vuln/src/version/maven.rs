//! Which of two Maven versions is newer (Maven's ComparableVersion)?

use std::cmp::Ordering;

use super::digits;

/// Lists within lists: `-` and each change between letters and digits open a deeper list.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let a = Item::List(parse(&a.to_lowercase()));
    let b = Item::List(parse(&b.to_lowercase()));
    item(Some(&a), Some(&b))
}

#[derive(Debug)]
enum Item {
    Number(String),
    Word(String),
    List(Vec<Item>),
}

impl Item {
    fn is_null(&self) -> bool {
        match self {
            Self::Number(number) => digits::is_zero(number),
            Self::Word(word) => word.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }
}

/// The token runs of a version, each with how deep it stands.
fn parse(version: &str) -> Vec<Item> {
    // The lists are nested only through their last element: a stack of open lists, closed at the end.
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut start = 0;
    let mut numeric = false;
    for (at, c) in version.char_indices() {
        let token = &version[start..at];
        if c == '.' || c == '-' {
            let item = if token.is_empty() { Item::Number("0".into()) } else { atom(numeric, token, false) };
            push(&mut open, item);
            start = at + 1;
            if c == '-' {
                deepen(&mut open);
            }
        } else if c.is_ascii_digit() {
            if !numeric && !token.is_empty() {
                deepen_if_used(&mut open);
                push(&mut open, atom(false, token, true));
                start = at;
                deepen(&mut open);
            }
            numeric = true;
        } else {
            if numeric && !token.is_empty() {
                push(&mut open, atom(true, token, false));
                start = at;
                deepen(&mut open);
            }
            numeric = false;
        }
    }
    if start < version.len() {
        if !numeric {
            deepen_if_used(&mut open);
        }
        push(&mut open, atom(numeric, &version[start..], false));
    }
    close(open)
}

fn push(open: &mut [Vec<Item>], item: Item) {
    if let Some(list) = open.last_mut() {
        list.push(item);
    }
}

fn deepen(open: &mut Vec<Vec<Item>>) {
    if open.len() < DEPTH_MAX {
        open.push(Vec::new());
    }
}

fn deepen_if_used(open: &mut Vec<Vec<Item>>) {
    if open.last().is_some_and(|list| !list.is_empty()) {
        deepen(open);
    }
}

fn close(mut open: Vec<Vec<Item>>) -> Vec<Item> {
    let mut inner = None;
    while let Some(mut list) = open.pop() {
        if let Some(inner) = inner.take() {
            list.push(Item::List(inner));
        }
        normalize(&mut list);
        inner = Some(list);
    }
    inner.unwrap_or_default()
}

/// Drops what means nothing (`0`, `ga`, empty lists) from the end, and before a list.
fn normalize(list: &mut Vec<Item>) {
    for at in (0..list.len()).rev() {
        if list[at].is_null() {
            list.remove(at);
        } else if !matches!(list[at], Item::List(_)) {
            break;
        }
    }
}

fn atom(numeric: bool, token: &str, digit_follows: bool) -> Item {
    if numeric {
        return Item::Number(token.trim_start_matches('0').to_owned());
    }
    let word = match token {
        "a" if digit_follows => "alpha",
        "b" if digit_follows => "beta",
        "m" if digit_follows => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        other => other,
    };
    Item::Word(word.to_owned())
}

fn item(a: Option<&Item>, b: Option<&Item>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => item(b, None).reverse(),
        (Some(Item::Number(number)), None) => {
            if digits::is_zero(number) {
                Ordering::Equal
            } else {
                Ordering::Greater
            }
        }
        (Some(Item::Word(word)), None) => rank(word).cmp(&rank("")),
        (Some(Item::List(items)), None) => {
            items.iter().map(|entry| item(Some(entry), None)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        }
        (Some(Item::Number(x)), Some(Item::Number(y))) => digits::order(x, y),
        (Some(Item::Number(_)), Some(_)) => Ordering::Greater,
        (Some(_), Some(Item::Number(_))) => Ordering::Less,
        (Some(Item::Word(x)), Some(Item::Word(y))) => rank(x).cmp(&rank(y)),
        (Some(Item::Word(_)), Some(Item::List(_))) => Ordering::Less,
        (Some(Item::List(_)), Some(Item::Word(_))) => Ordering::Greater,
        (Some(Item::List(x)), Some(Item::List(y))) => (0..x.len().max(y.len()))
            .map(|at| item(x.get(at), y.get(at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal),
    }
}

/// Known qualifiers in their order; unknown ones after them, by text.
fn rank(word: &str) -> (usize, &str) {
    match QUALIFIERS.iter().position(|known| *known == word) {
        Some(at) => (at, ""),
        None => (QUALIFIERS.len(), word),
    }
}

const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

/// Deeper lists are read as one: no real version comes near, and recursion stays bounded.
const DEPTH_MAX: usize = 64;

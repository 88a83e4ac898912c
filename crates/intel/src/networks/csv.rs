//! Whose range does a line of a table give?
//!
//! `first,last,…` or `network,…`, then `asn,name`, `country`, or `asn,country,name`; with a header
//! the columns may stand in any order.

use tripoint_model::address::{parse_address, parse_net};

use super::key;
use crate::feed::{separator, split};

/// What one entry says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub family: u8,
    pub first: u128,
    pub last: u128,
    pub owner: Option<(u32, String)>,
    pub country: Option<String>,
}

/// The columns that a header names.
#[derive(Debug, Default)]
pub(super) struct Columns {
    first: usize,
    last: Option<usize>,
    asn: Option<usize>,
    name: Option<usize>,
    country: Option<usize>,
}

/// Reads a header; nothing when the line is data.
pub(super) fn header(line: &str) -> Option<Columns> {
    let cells: Vec<String> = split(line.trim_start_matches('#'), separator(line))
        .iter()
        .map(|cell| cell.trim().to_ascii_lowercase().replace([' ', '-'], "_"))
        .collect();
    let find = |names: &[&str]| names.iter().find_map(|name| cells.iter().position(|cell| cell == name));
    Some(Columns {
        first: find(&["network", "cidr", "prefix", "start_ip", "first", "range_start", "ip_range_start", "start"])?,
        last: find(&["end_ip", "last", "range_end", "ip_range_end", "end"]),
        asn: find(&["asn", "autonomous_system_number", "as_number"]),
        name: find(&["as_name", "autonomous_system_organization", "as_description", "org", "organization", "name"]),
        country: find(&["country_code", "country_iso_code", "cc", "country"]),
    })
}

/// Reads a line of data.
pub(super) fn entry(line: &str, columns: Option<&Columns>) -> Result<Entry, String> {
    let cells = split(line, separator(line));
    let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
    // A network where the header promises two ends: such a line is read by its own order.
    let columns = columns.filter(|columns| columns.last.is_none() || !cell(columns.first).contains('/'));
    let ((family, first, last), used) = match columns {
        Some(columns) => (range(cell(columns.first), columns.last.map(cell))?, 0),
        None if cell(0).contains('/') => (range(cell(0), None)?, 1),
        None => (range(cell(0), Some(cell(1)))?, 2),
    };
    let mut entry = Entry { family, first, last, ..Entry::default() };
    let (number, name, code) = match columns {
        Some(columns) => {
            let named = |at: Option<usize>| at.map_or("", cell);
            (named(columns.asn), named(columns.name), named(columns.country))
        }
        None => match cells.len().saturating_sub(used) {
            0 => return Err("it says nothing of its range".to_owned()),
            1 if is_country(cell(used)) => ("", "", cell(used)),
            1 | 2 => (cell(used), cell(used + 1), ""),
            _ => (cell(used), cell(used + 2), cell(used + 1)),
        },
    };
    if !number.is_empty() {
        entry.owner = owner(number, name)?;
    }
    entry.country = country(code);
    if entry.owner.is_none() && entry.country.is_none() {
        return Err("it names no owner and no country".to_owned());
    }
    Ok(entry)
}

/// An autonomous system; number 0 stands for nobody.
pub(super) fn owner(number: &str, name: &str) -> Result<Option<(u32, String)>, String> {
    let digits = number.strip_prefix("AS").or_else(|| number.strip_prefix("as")).unwrap_or(number);
    let shown = || number.chars().take(32).collect::<String>();
    let parsed: u32 = digits.parse().map_err(|_| format!("{:?} is no number of an autonomous system", shown()))?;
    Ok((parsed != 0).then(|| (parsed, name.to_owned())))
}

/// A country; `None` for the marks that tables use for "nowhere".
pub(super) fn country(code: &str) -> Option<String> {
    (is_country(code) && !code.eq_ignore_ascii_case("ZZ")).then(|| code.to_ascii_uppercase())
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn range(first: &str, last: Option<&str>) -> Result<(u8, u128, u128), String> {
    if first.contains('/') {
        let net = parse_net(first).map_err(|error| error.to_string())?;
        let ((family, first), (_, last)) = (key(net.network()), key(net.broadcast()));
        return Ok((family, first, last));
    }
    let (family, from) = key(parse_address(first).map_err(|error| error.to_string())?);
    let Some(last) = last else { return Ok((family, from, from)) };
    let (other, to) = key(parse_address(last).map_err(|error| error.to_string())?);
    if family != other {
        return Err("its ends are of two families".to_owned());
    }
    if from > to {
        return Err("it ends before it begins".to_owned());
    }
    Ok((family, from, to))
}

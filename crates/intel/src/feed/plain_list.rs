//! Which addresses does a plain text list name, one a line?
//!
//! Read are addresses, networks, ranges (`a-b`), `address:port` and domain names at the beginning
//! of a line, and URLs, of which the host counts; comments after `#` or `;` and further columns are passed over. A hosts file line
//! (`0.0.0.0 name`) means the name.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use tripoint_model::Observable;
use tripoint_model::address::parse_address;
use tripoint_unpack::LINE_MAX;

use super::columns::{Named, observable};
use super::{FeedFormat, Reading, each_line};

/// The format.
pub struct PlainList;

impl FeedFormat for PlainList {
    fn name(&self) -> &'static str {
        "plain-list"
    }

    fn detect(&self, head: &str) -> bool {
        head.lines()
            .map(content)
            .filter(|line| !line.is_empty())
            .take(50)
            .any(|line| matches!(url(line), Some(Ok(_))) || matches!(entry(line), Ok(list) if !list.is_empty()))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            let line = content(line);
            if line.is_empty() {
                return;
            }
            // Nearly every line of nearly every list.
            if let Ok(address) = line.parse::<Ipv4Addr>() {
                return reading.accept(number, reading.indicator(Observable::Address(address.into())));
            }
            if let Some(found) = url(line) {
                match found {
                    Ok(named) => {
                        let mut indicator = named.indicator(reading);
                        named.doubt(&mut indicator);
                        reading.accept(number, indicator);
                    }
                    Err(reason) => reading.refuse(number, reason),
                }
                return;
            }
            match entry(line) {
                Ok(list) if list.len() == 1 => {
                    for observable in list {
                        reading.accept(number, reading.indicator(observable));
                    }
                }
                Ok(list) => {
                    let indicators = list.into_iter().map(|observable| reading.indicator(observable)).collect();
                    reading.accept_all(number, indicators);
                }
                Err(reason) => reading.refuse(number, reason),
            }
        });
    }
}

/// The line without its comment.
fn content(line: &str) -> &str {
    line.split(['#', ';']).next().unwrap_or("").trim()
}

/// The host of the URL that a line begins with, if it does.
fn url(line: &str) -> Option<Result<Named, String>> {
    let first = line.split([' ', '\t', '"']).find(|word| !word.is_empty())?;
    first.contains("://").then(|| observable(first))
}

/// What the beginning of a line names.
fn entry(line: &str) -> Result<Vec<Observable>, String> {
    let mut words = line.split([' ', '\t', ',', '|', '"']).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return Ok(Vec::new()) };
    let second = words.next();
    if let Some((from, to)) = first.split_once('-')
        && let Ok(from) = parse_address(from)
    {
        return range(from, to);
    }
    if second == Some("-")
        && let Ok(from) = parse_address(first)
    {
        return range(from, words.next().unwrap_or(""));
    }
    let observable: Observable =
        first.parse().map_err(|error: tripoint_model::observable::ObservableError| error.to_string())?;
    if matches!(first, "0.0.0.0" | "127.0.0.1")
        && let Some(Ok(name @ Observable::Domain(_))) = second.map(str::parse)
    {
        return Ok(vec![name]);
    }
    Ok(vec![observable])
}

fn range(from: IpAddr, to: &str) -> Result<Vec<Observable>, String> {
    let to = parse_address(to).map_err(|error| error.to_string())?;
    let nets: Vec<IpNet> = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) if from <= to => Ipv4Subnets::new(from, to, 0).map(IpNet::V4).collect(),
        (IpAddr::V6(from), IpAddr::V6(to)) if from <= to => Ipv6Subnets::new(from, to, 0).map(IpNet::V6).collect(),
        _ => return Err(format!("the range {from}-{to} does not run upwards")),
    };
    Ok(nets.into_iter().map(Observable::from_net).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_line_counts() {
        for (line, expected) in [
            ("203.0.113.9\t10", "203.0.113.9"),
            ("203.0.113.0/24 ; SBL1", "203.0.113.0/24"),
            ("203.0.113.9:443 # c2", "203.0.113.9:443"),
            ("203.0.113.0-203.0.113.2", "203.0.113.0/31 203.0.113.2"),
            ("203.0.113.4 - 203.0.113.7,x", "203.0.113.4/30"),
            ("0.0.0.0 bad.example", "bad.example"),
            ("\"203.0.113.9\",\"x\"", "203.0.113.9"),
            ("# nothing", ""),
        ] {
            let found: Vec<String> = entry(content(line)).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{line}");
        }
        assert!(entry("203.0.113.9-203.0.113.1").is_err());
        assert!(entry("<html>").is_err());
    }
}

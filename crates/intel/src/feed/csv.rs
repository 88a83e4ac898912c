//! Which addresses does a table name, and what do its other columns say about them?

use std::io::Read;

use tripoint_model::Observable;
use tripoint_model::address::parse_net;
use tripoint_unpack::LINE_MAX;

use super::columns::{self, Columns, FIELDS, Field, NAMES};
use super::{FeedFormat, Reading, each_line};

/// The format: one record a line, separated by comma, semicolon, tab or bar, quoted or not.
pub struct Csv;

/// The column of each field.
type Map = [Option<usize>; FIELDS];

impl FeedFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn detect(&self, head: &str) -> bool {
        let mut lines = head.lines().filter(|line| !line.trim().is_empty()).take(50);
        lines.any(|line| {
            header(line, &Columns::default()).is_some()
                || (!is_comment(line) && {
                    let cells = split(line, separator(line));
                    cells.len() > 2 && separator(line) != '\t' && guess(&cells).is_some()
                })
        })
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        let columns = reading.defaults.columns.clone();
        let mut table: Option<(Map, char)> = None;
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            if table.is_none() {
                table = header(line, &columns);
                if table.is_some() {
                    return;
                }
            }
            if is_comment(line) {
                return;
            }
            let separator = table.map_or_else(|| separator(line), |(_, separator)| separator);
            let cells = split(line, separator);
            if table.is_none() {
                table = numbered(&columns).or_else(|| guess(&cells)).map(|map| (map, separator));
            }
            match table {
                Some((map, _)) => record(&map, &cells, number, reading),
                None => reading.refuse(number, "no column holds an address; name one in columns.address"),
            }
        });
    }
}

fn record(map: &Map, cells: &[String], number: u64, reading: &mut Reading<'_>) {
    let cell = |field: Field| {
        map[field as usize].and_then(|at| cells.get(at)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    };
    columns::record(cell, number, reading);
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}

/// Reads a header line, commented or not; `None` when the line names no address column.
fn header(line: &str, columns: &Columns) -> Option<(Map, char)> {
    let bare = line.trim_start().trim_start_matches(['#', ' ']);
    // Zeek writes `#fields<TAB>name<TAB>…` and the data without the first column.
    let zeek = bare.starts_with("fields\t");
    let bare = bare.strip_prefix("fields\t").unwrap_or(bare);
    let separator = separator(bare);
    let cells: Vec<String> =
        split(bare, separator).iter().map(|cell| cell.trim().to_ascii_lowercase().replace([' ', '-'], "_")).collect();
    if cells.len() < 2
        || cells.iter().any(|cell| cell.len() > 40 || cell.parse::<Observable>().is_ok_and(|o| o.net().is_some()))
    {
        return None;
    }
    let mut map: Map = [None; FIELDS];
    for (field, names) in NAMES {
        let wanted = columns.named(*field);
        map[*field as usize] = match wanted {
            Some(name) => match name.parse::<usize>() {
                Ok(number) => number.checked_sub(1),
                Err(_) => cells.iter().position(|cell| *cell == name.to_ascii_lowercase().replace([' ', '-'], "_")),
            },
            None => names.iter().find_map(|name| cells.iter().position(|cell| cell == name)),
        };
    }
    only_one(&mut map, columns).filter(|at| *at < cells.len())?;
    // One known name in a comment may be prose: "# ip  number of lists".
    let prose = is_comment(line) && !zeek && map.iter().flatten().count() < 2;
    (!prose).then_some((map, separator))
}

/// The map of a table without header, from numbers in the descriptor.
fn numbered(columns: &Columns) -> Option<Map> {
    let mut map: Map = [None; FIELDS];
    for (field, _) in NAMES {
        map[*field as usize] =
            columns.named(*field).and_then(|text| text.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
    }
    only_one(&mut map, columns).map(|_| map)
}

/// Leaves either the column of addresses or that of autonomous systems, and says which it is. A number beside hashes or
/// names says whose network something was in: systems are meant where the first column or the descriptor names them.
fn only_one(map: &mut Map, columns: &Columns) -> Option<usize> {
    let (address, asn) = (Field::Address as usize, Field::Asn as usize);
    if columns.named(Field::Asn).is_some() {
        map[address] = None;
    } else if map[address].is_some() || map[asn] != Some(0) {
        map[asn] = None;
    }
    map[asn].or(map[address])
}

/// The map of a table without header or descriptor: the first column that holds an address.
fn guess(cells: &[String]) -> Option<Map> {
    let mut map: Map = [None; FIELDS];
    let at = cells.iter().position(|cell| {
        let cell = cell.trim();
        parse_net(cell).is_ok() || cell.parse::<Observable>().is_ok_and(|observable| observable.port().is_some())
    })?;
    map[Field::Address as usize] = Some(at);
    Some(map)
}

/// The separator that occurs most, comma when none does.
pub(crate) fn separator(line: &str) -> char {
    let count = |wanted: char| line.chars().filter(|c| *c == wanted).count();
    [',', '\t', ';', '|'].into_iter().rev().max_by_key(|c| count(*c)).unwrap_or(',')
}

/// Cells of one line (RFC 4180 quoting; a quoted cell ends with its line).
pub(crate) fn split(line: &str, separator: char) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || cell.trim().is_empty() => {
                if !quoted {
                    cell.clear();
                }
                quoted = !quoted;
            }
            c if c == separator && !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use tripoint_model::{Indicator, Timestamp};

    use super::super::columns::cves_in;
    use super::*;
    use crate::feed::Defaults;
    use crate::rules::Rules;

    fn parse(text: &str, columns: Columns) -> Vec<Indicator> {
        let defaults = Defaults { columns, ..Defaults::default() };
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let mut reading = Reading::new("t", &defaults, Rules { permit_ranges: &permit, own: &[] }, Timestamp(0));
        Csv.parse(&mut text.as_bytes(), &mut reading);
        reading.parsed.accepted
    }

    #[test]
    fn cells_are_split_as_quoted() {
        assert_eq!(split(r#"a, "b,""c""" ,d"#, ','), ["a", "b,\"c\" ", "d"]);
        assert_eq!(split("", ','), [""]);
    }

    #[test]
    fn columns_are_found_by_name_by_map_or_by_content() {
        let by_name = parse(
            "# \"first_seen_utc\",\"dst_ip\",\"dst_port\",\"malware\"\n\"2026-01-02 03:04:05\",\"203.0.113.9\",\"443\",\"X\"\n",
            Columns::default(),
        );
        assert_eq!(by_name[0].observable.to_string(), "203.0.113.9:443");
        assert_eq!(by_name[0].first_seen.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(by_name[0].labels, ["X"]);
        let map = Columns { address: Some("2".into()), confidence: Some("1".into()), ..Columns::default() };
        let by_map = parse("90;203.0.113.9;x\n", map);
        assert_eq!(by_map[0].confidence, 90);
        assert_eq!(parse("x,203.0.113.9,y\n", Columns::default()).len(), 1);
    }

    #[test]
    fn systems_are_meant_by_the_first_column_or_by_name() {
        let found = |text: &str, asn: Option<&str>| {
            let columns = Columns { asn: asn.map(str::to_owned), ..Columns::default() };
            let all = parse(text, columns);
            all.iter().map(|one| one.observable.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found("asn,name\n64500,One\nAS64501 TWO,x\n0,x\n", None), "AS64500 AS64501");
        assert_eq!(found("ip,asn\n203.0.113.9,64500\n", None), "203.0.113.9");
        assert_eq!(found("asn,ip\n64500,203.0.113.9\n", None), "203.0.113.9");
        assert_eq!(found("sha1,asn\nabcdef,64500\n", None), "");
        assert_eq!(found("sha1,asn\nabcdef,64500\n", Some("asn")), "AS64500");
        assert_eq!(found("x;64500;203.0.113.9\n", Some("2")), "AS64500");
    }

    #[test]
    fn cves_are_found_in_notes() {
        assert_eq!(
            cves_in("log4shell (cve-2021-44228), CVE-2021-1; CVE-2020-12345x CVE-2019-0708"),
            ["CVE-2019-0708", "CVE-2021-44228"]
        );
    }
}

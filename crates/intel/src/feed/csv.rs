//! Which addresses does a table name, and what do its other columns say about them?

use std::io::Read;

use serde::Deserialize;
use tripoint_model::address::parse_net;
use tripoint_model::{AppliesTo, Indicator, Observable, Timestamp};
use tripoint_unpack::{LINE_MAX, LineError, bounded_lines};

use super::{FeedFormat, Reading, category_of};

/// The format: one record a line, separated by comma, semicolon, tab or bar, quoted or not.
pub struct Csv;

/// Where each thing stands: a column's name in the header, or its 1-based number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Address, network, `address:port` or domain name.
    pub address: Option<String>,
    /// Port.
    pub port: Option<String>,
    /// Category, in the publisher's words.
    pub category: Option<String>,
    /// Confidence, 0 to 100.
    pub confidence: Option<String>,
    /// First seen.
    pub first_seen: Option<String>,
    /// Last seen.
    pub last_seen: Option<String>,
    /// End of validity.
    pub valid_until: Option<String>,
    /// Labels, separated by blanks, commas or bars.
    pub labels: Option<String>,
    /// Text that names CVEs.
    pub cve: Option<String>,
    /// `in`, `out` or `both`.
    pub direction: Option<String>,
}

/// Fields in the order of `NAMES`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Address,
    Port,
    Category,
    Confidence,
    FirstSeen,
    LastSeen,
    ValidUntil,
    Labels,
    Cve,
    Direction,
}

/// Usual header names per field, most telling first.
const NAMES: &[(Field, &[&str])] = &[
    (
        Field::Address,
        &[
            "ip",
            "ip_address",
            "ipaddress",
            "dst_ip",
            "dest_ip",
            "src_ip",
            "remote_ip",
            "address",
            "addr",
            "cidr",
            "network",
            "netblock",
            "prefix",
            "subnet",
            "ipv4",
            "ipv6",
            "indicator",
            "ioc_value",
            "ioc",
            "value",
            "host",
            "domain",
        ],
    ),
    (Field::Port, &["port", "dst_port", "dest_port", "remote_port"]),
    (Field::Category, &["category", "threat_type", "threat", "type", "class", "attack_type"]),
    (Field::Confidence, &["confidence", "confidence_level"]),
    (Field::FirstSeen, &["first_seen", "first_seen_utc", "firstseen", "first", "date_added", "dateadded"]),
    (Field::LastSeen, &["last_seen", "last_seen_utc", "lastseen", "last_online", "last", "last_reported"]),
    (Field::ValidUntil, &["valid_until", "expires", "expiration", "expiry", "expires_at"]),
    (Field::Labels, &["labels", "tags", "malware", "malware_printable", "family", "meta.desc"]),
    (Field::Cve, &["cve", "cves", "cve_id", "vulnerability", "note", "description", "comment"]),
    (Field::Direction, &["direction"]),
];

const FIELDS: usize = NAMES.len();

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
        let mut lines = bounded_lines(input, LINE_MAX);
        while let Some((number, line)) = lines.next_line() {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    let ends = matches!(error, LineError::Io(_));
                    reading.refuse(number, error.to_string());
                    if ends {
                        return;
                    }
                    continue;
                }
            };
            if line.trim().is_empty() {
                continue;
            }
            if table.is_none() {
                table = header(line, &columns);
                if table.is_some() {
                    continue;
                }
            }
            if is_comment(line) {
                continue;
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
        }
    }
}

fn record(map: &Map, cells: &[String], number: u64, reading: &mut Reading<'_>) {
    let cell = |field: Field| {
        map[field as usize].and_then(|at| cells.get(at)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    };
    let Some(text) = cell(Field::Address) else {
        return reading.refuse(number, "the address column is empty");
    };
    let mut observable: Observable = match text.parse() {
        Ok(observable) => observable,
        Err(_) => {
            return reading.refuse(number, format!("not an address, network, address:port or domain: {:.64?}", text));
        }
    };
    if let (Some(port), Observable::Address(address)) = (cell(Field::Port), &observable) {
        match port.parse() {
            Ok(0) => {}
            Ok(port) => observable = Observable::AddressPort(*address, port),
            Err(_) => return reading.refuse(number, format!("not a port: {port:.16?}")),
        }
    }
    let mut indicator = reading.indicator(observable);
    describe(&mut indicator, cell);
    reading.accept(number, indicator);
}

/// Fills in what the other columns say; a cell that cannot be read leaves the default.
fn describe<'c>(indicator: &mut Indicator, cell: impl Fn(Field) -> Option<&'c str>) {
    let time = |field| cell(field).and_then(|text: &str| text.trim_end_matches(" UTC").parse::<Timestamp>().ok());
    indicator.first_seen = time(Field::FirstSeen);
    indicator.last_seen = time(Field::LastSeen);
    indicator.valid_until = time(Field::ValidUntil);
    if let Some(category) = cell(Field::Category).and_then(category_of) {
        indicator.category = category;
    }
    if let Some(direction) = cell(Field::Direction).and_then(AppliesTo::parse) {
        indicator.direction = direction;
    }
    if let Some(confidence) = cell(Field::Confidence).and_then(|text| text.trim_end_matches('%').parse::<f32>().ok()) {
        // Saturates; not-a-number becomes 0.
        indicator.confidence = confidence.clamp(0.0, 100.0) as u8;
    }
    if let Some(labels) = cell(Field::Labels) {
        let words = labels.split([',', '|', ';', '[', ']', ' ']).filter(|word| !word.is_empty() && *word != "None");
        indicator.labels =
            words.take(LABELS_MAX).map(|word| tripoint_model::text::truncate(word, 64).0.to_owned()).collect();
    }
    indicator.cves = cell(Field::Cve).map(cves_in).unwrap_or_default();
}

/// Labels kept per entry.
pub(crate) const LABELS_MAX: usize = 16;

/// The CVE ids that a text names, sorted.
pub(crate) fn cves_in(text: &str) -> Vec<String> {
    let upper = text.to_ascii_uppercase();
    let mut cves: Vec<String> = upper
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            let mut parts = word.strip_prefix("CVE-").unwrap_or("").splitn(2, '-');
            let digits = |part: Option<&str>, min: usize| {
                part.is_some_and(|part| (min..=12).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
            };
            digits(parts.next(), 4) && digits(parts.next(), 4)
        })
        .take(LABELS_MAX)
        .map(str::to_owned)
        .collect();
    cves.sort_unstable();
    cves.dedup();
    cves
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
    map[Field::Address as usize].filter(|at| *at < cells.len())?;
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
    map[Field::Address as usize].map(|_| map)
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

impl Columns {
    fn named(&self, field: Field) -> Option<&str> {
        match field {
            Field::Address => &self.address,
            Field::Port => &self.port,
            Field::Category => &self.category,
            Field::Confidence => &self.confidence,
            Field::FirstSeen => &self.first_seen,
            Field::LastSeen => &self.last_seen,
            Field::ValidUntil => &self.valid_until,
            Field::Labels => &self.labels,
            Field::Cve => &self.cve,
            Field::Direction => &self.direction,
        }
        .as_deref()
    }
}

/// The separator that occurs most, comma when none does.
fn separator(line: &str) -> char {
    let count = |wanted: char| line.chars().filter(|c| *c == wanted).count();
    [',', '\t', ';', '|'].into_iter().rev().max_by_key(|c| count(*c)).unwrap_or(',')
}

/// Cells of one line (RFC 4180 quoting; a quoted cell ends with its line).
fn split(line: &str, separator: char) -> Vec<String> {
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
    use super::*;
    use crate::feed::Defaults;
    use crate::rules::Rules;

    fn parse(text: &str, columns: Columns) -> Vec<Indicator> {
        let defaults = Defaults { columns, ..Defaults::default() };
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let mut reading = Reading::new("t", &defaults, Rules { permit_ranges: &permit, own: &[] });
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
    fn cves_are_found_in_notes() {
        assert_eq!(
            cves_in("log4shell (cve-2021-44228), CVE-2021-1; CVE-2020-12345x CVE-2019-0708"),
            ["CVE-2019-0708", "CVE-2021-44228"]
        );
    }
}

//! What does each column of a table, or each field of a record, say about an address?

use serde::Deserialize;
use tripoint_model::{AppliesTo, Indicator, Observable, Timestamp};

use super::{Reading, category_of};

/// Where each thing stands: a column's name in the header, or its 1-based number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Address, network, `address:port` or domain name.
    pub address: Option<String>,
    /// Number of an autonomous system; where it is named, no address is looked for.
    pub asn: Option<String>,
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
    /// The malware's name, whole.
    pub malware: Option<String>,
    /// Text that names CVEs.
    pub cve: Option<String>,
    /// A remark in words.
    pub note: Option<String>,
    /// `in`, `out` or `both`.
    pub direction: Option<String>,
}

/// Fields in the order of `NAMES`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Address,
    Asn,
    Port,
    Category,
    Confidence,
    FirstSeen,
    LastSeen,
    ValidUntil,
    Labels,
    Malware,
    Cve,
    Note,
    Direction,
}

/// Usual header names per field, most telling first.
pub(super) const NAMES: &[(Field, &[&str])] = &[
    (
        Field::Address,
        &[
            "ip",
            "ip_address",
            "ipaddress",
            "dst_ip",
            "dstip",
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
            "domain",
            "url",
            // URLhaus states both; the URL also says the port, and whether a path is meant.
            "host",
        ],
    ),
    (Field::Asn, &["asn", "as_number", "autonomous_system_number"]),
    (Field::Port, &["port", "dst_port", "dstport", "dest_port", "remote_port"]),
    (Field::Category, &["category", "threat_type", "threat", "type", "class", "attack_type"]),
    (Field::Confidence, &["confidence", "confidence_level"]),
    (Field::FirstSeen, &["first_seen", "first_seen_utc", "firstseen", "first", "date_added", "dateadded"]),
    (Field::LastSeen, &["last_seen", "last_seen_utc", "lastseen", "last_online", "last", "last_reported"]),
    (Field::ValidUntil, &["valid_until", "expires", "expiration", "expiry", "expires_at"]),
    (Field::Labels, &["labels", "tags", "meta.desc", "sblid"]),
    (Field::Malware, &["malware_printable", "malware", "family", "detail"]),
    (Field::Cve, &["cve", "cves", "cve_id", "vulnerability", "note", "description", "comment"]),
    (Field::Note, &["note", "description", "comment"]),
    (Field::Direction, &["direction"]),
];

pub(super) const FIELDS: usize = NAMES.len();

impl Columns {
    pub(super) fn named(&self, field: Field) -> Option<&str> {
        match field {
            Field::Address => &self.address,
            Field::Asn => &self.asn,
            Field::Port => &self.port,
            Field::Category => &self.category,
            Field::Confidence => &self.confidence,
            Field::FirstSeen => &self.first_seen,
            Field::LastSeen => &self.last_seen,
            Field::ValidUntil => &self.valid_until,
            Field::Labels => &self.labels,
            Field::Malware => &self.malware,
            Field::Cve => &self.cve,
            Field::Note => &self.note,
            Field::Direction => &self.direction,
        }
        .as_deref()
    }
}

/// Takes a record whose fields `cell` gives, trimmed and not empty.
pub(super) fn record<'c>(cell: impl Fn(Field) -> Option<&'c str>, number: u64, reading: &mut Reading<'_>) {
    let found = match (cell(Field::Asn), cell(Field::Address)) {
        (Some(text), _) => system(text).map(Named::from),
        (None, Some(text)) => observable(text),
        (None, None) => Err("the address column is empty".to_owned()),
    };
    let mut named = match found {
        Ok(named) => named,
        Err(reason) => return reading.refuse(number, reason),
    };
    if let (Some(port), Observable::Address(address)) = (cell(Field::Port), &named.observable) {
        match port.parse() {
            Ok(0) => {}
            Ok(port) => named.observable = Observable::AddressPort(*address, port),
            Err(_) => return reading.refuse(number, format!("not a port: {port:.16?}")),
        }
    }
    let mut indicator = named.indicator(reading);
    describe(&mut indicator, cell);
    named.doubt(&mut indicator);
    reading.accept(number, indicator);
}

/// What a text names.
pub(super) struct Named {
    pub(super) observable: Observable,
    /// The host of a URL with a path: what else is on it may be harmless.
    of_path: bool,
}

impl From<Observable> for Named {
    fn from(observable: Observable) -> Self {
        Self { observable, of_path: false }
    }
}

impl Named {
    /// An indicator with the feed's defaults.
    pub(super) fn indicator(&self, reading: &Reading<'_>) -> Indicator {
        reading.indicator(self.observable.clone())
    }

    /// Halves the confidence where one path stands for a whole named host.
    pub(super) fn doubt(&self, indicator: &mut Indicator) {
        if self.of_path && matches!(self.observable, Observable::Domain(_)) {
            indicator.confidence /= 2;
            indicator.labels.push(HOST_OF_URL.to_owned());
        }
    }
}

/// The number of an autonomous system, with `AS` before it or without; what follows in other words is its name.
pub(super) fn system(text: &str) -> Result<Observable, String> {
    let word = text.split_whitespace().next().unwrap_or_default();
    let plain = word.strip_prefix("AS").or_else(|| word.strip_prefix("as")).unwrap_or(word);
    match format!("AS{plain}").parse() {
        Ok(found @ Observable::System(_)) => Ok(found),
        _ => Err(format!("not a number of an autonomous system: {word:.32?}")),
    }
}

/// An address, network, `address:port`, domain, or the host of a URL.
pub(super) fn observable(text: &str) -> Result<Named, String> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.len() <= 16 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            let found =
                host(scheme, rest).ok_or_else(|| format!("a URL of no host that can be matched: {text:.64?}"))?;
            let of_path = rest.split_once('/').is_some_and(|(_, path)| !path.is_empty());
            Ok(Named { observable: found, of_path })
        }
        _ if is_digest(text) => Err(format!("a file's digest is nothing on the network: {text:.16?}")),
        _ => match text.parse() {
            Ok(observable) => Ok(Observable::into(observable)),
            Err(_) => Err(format!("not an address, network, address:port or domain: {text:.64?}")),
        },
    }
}

/// The host of a URL without its scheme, with the port where one stands (RFC 3986, 3.2). A URL of an address without
/// a port is the scheme's own port: what else the address serves may be another's.
fn host(scheme: &str, rest: &str) -> Option<Observable> {
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let found: Observable = authority.parse().ok().or_else(|| {
        let bare = authority.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let name = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        bare.or(name.map(|(name, _)| name))?.parse().ok()
    })?;
    let port = SCHEMES.iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)).map(|(_, port)| *port);
    Some(match (found, port) {
        (Observable::Network(_), _) => return None,
        (Observable::Address(address), Some(port)) => Observable::AddressPort(address, port),
        (other, _) => other,
    })
}

/// MD5, SHA-1, SHA-256, SHA-512 as they are written in lists.
pub(super) fn is_digest(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64 | 128) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The label of what was taken from a URL.
const HOST_OF_URL: &str = "host-of-url";
const SCHEMES: &[(&str, u16)] = &[("http", 80), ("https", 443), ("ftp", 21)];

/// Fills in what the other columns say; a cell that cannot be read leaves the default.
pub(super) fn describe<'c>(indicator: &mut Indicator, cell: impl Fn(Field) -> Option<&'c str>) {
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
    if let Some(name) = cell(Field::Malware) {
        let name = tripoint_model::text::truncate(name, 64).0;
        if indicator.labels.len() < LABELS_MAX && indicator.labels.iter().all(|label| label != name) {
            indicator.labels.push(name.to_owned());
        }
    }
    indicator.note = cell(Field::Note).map(|text| tripoint_model::text::truncate(text, NOTE_BYTES_MAX).0.to_owned());
    indicator.cves = cell(Field::Cve).map(cves_in).unwrap_or_default();
}

/// Of a remark.
const NOTE_BYTES_MAX: usize = 256;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_their_host() {
        for (text, expected) in [
            ("http://203.0.113.9/a?b=http://198.51.100.1/", "203.0.113.9:80"),
            ("https://203.0.113.9:8443/x", "203.0.113.9:8443"),
            ("hxxp://bad.example/", "bad.example"),
            ("https://user:pass@bad.example:8080#x", "bad.example"),
            ("http://[2001:db8::9]/x", "[2001:db8::9]:80"),
            ("ftp://[2001:db8::9]:2121/x", "[2001:db8::9]:2121"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("203.0.113.9:443", "203.0.113.9:443"),
        ] {
            assert_eq!(observable(text).expect(text).observable.to_string(), expected, "{text}");
        }
        for text in ["http:///x", "http://user@/", "d41d8cd98f00b204e9800998ecf8427e", "/path", ""] {
            assert!(observable(text).is_err(), "{text}");
        }
    }
}

//! Do tables of every layout answer, whatever their order, and does a hostile file end in words?

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use super::*;

/// A database whose data section holds these records, in MaxMind's format.
fn mmdb(bits: u8, entries: &[(&str, &[(&str, Field)])]) -> Vec<u8> {
    let mut nodes: Vec<[Option<Child>; 2]> = vec![[None, None]];
    let mut data = Vec::new();
    for (net, record) in entries {
        let offset = data.len() as u32;
        map(&mut data, record);
        let net: ipnet::IpNet = net.parse().unwrap();
        let (path, length) = match (net.addr(), bits) {
            (IpAddr::V4(v4), 128) => (u128::from(u32::from(v4)), 96 + net.prefix_len()),
            (IpAddr::V4(v4), _) => (u128::from(u32::from(v4)) << 96, net.prefix_len()),
            (IpAddr::V6(v6), _) => (u128::from(v6), net.prefix_len()),
        };
        let mut node = 0;
        for depth in 0..length {
            let right = (path >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                nodes[node][right] = Some(Child::Data(offset));
            } else if let Some(Child::Node(next)) = nodes[node][right] {
                node = next as usize;
            } else {
                nodes.push([None, None]);
                let next = nodes.len() - 1;
                nodes[node][right] = Some(Child::Node(next as u32));
                node = next;
            }
        }
    }
    let count = nodes.len() as u32;
    let mut bytes = Vec::new();
    for child in nodes.iter().flatten() {
        let number = match child {
            None => count,
            Some(Child::Node(node)) => *node,
            Some(Child::Data(offset)) => count + 16 + offset,
        };
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let version = if bits == 32 { 4 } else { 6 };
    let metadata = [
        ("node_count", Field::Number(count)),
        ("record_size", Field::Number(32)),
        ("ip_version", Field::Number(version)),
    ];
    map(&mut bytes, &metadata);
    bytes
}

#[derive(Clone, Copy)]
enum Child {
    Node(u32),
    Data(u32),
}

#[derive(Clone, Copy)]
enum Field {
    Number(u32),
    Text(&'static str),
    Country(&'static str),
}

fn text(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(short @ 0..=28) => out.push(2 << 5 | short),
        _ => out.extend([2 << 5 | 29, text.len() as u8 - 29]),
    }
    out.extend(text.as_bytes());
}

fn map(out: &mut Vec<u8>, fields: &[(&str, Field)]) {
    out.push(7 << 5 | fields.len() as u8);
    for (name, field) in fields {
        text(out, name);
        match field {
            Field::Number(number) => {
                out.push(6 << 5 | 4);
                out.extend(number.to_be_bytes());
            }
            Field::Text(value) => text(out, value),
            Field::Country(code) => map(out, &[("geoname_id", Field::Number(7)), ("iso_code", Field::Text(code))]),
        }
    }
}

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn import(&self, files: &[(&str, &[u8])]) -> NetworksReport {
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| self.dir.path().join(name)).collect();
        for (path, (_, bytes)) in paths.iter().zip(files) {
            fs::write(path, bytes).unwrap();
        }
        import(&paths, self.dir.path(), Timestamp(9)).unwrap()
    }

    fn ask(&self, address: &str) -> Option<(Option<u32>, String, String)> {
        let found = Networks::open(self.dir.path()).find(address.parse().unwrap())?;
        Some((found.asn, found.name.unwrap_or_default(), found.country.unwrap_or_default()))
    }
}

fn says(asn: u32, name: &str, country: &str) -> Option<(Option<u32>, String, String)> {
    Some(((asn > 0).then_some(asn), name.to_owned(), country.to_owned()))
}

#[test]
fn tables_of_text_answer_whatever_their_order() {
    let rig = Rig::new();
    let owners = "# start,end,asn,org\n203.0.113.128,203.0.113.255,64500,\"Upper, Inc.\"\n203.0.113.0,203.0.113.255,64501,Whole\n203.0.113.0/28,AS64502,Narrow\n2001:db8::/32,64503,Six\n";
    let report = rig.import(&[("owners.csv", owners.as_bytes())]);
    assert_eq!((report.read, report.imported, report.refused), (4, 4, 0), "{:?}", report.refusals);
    assert_eq!(rig.ask("203.0.113.5"), says(64502, "Narrow", ""));
    assert_eq!(rig.ask("::ffff:203.0.113.200"), says(64500, "Upper, Inc.", ""));
    assert_eq!(rig.ask("203.0.113.100"), says(64501, "Whole", ""));
    assert_eq!(rig.ask("203.0.114.0"), None);
    // Another kind does not displace the first.
    let report = rig.import(&[("cc.csv", b"203.0.113.0,203.0.113.63,nz\n2001:db8::,2001:db8::ff,AU\n")]);
    assert_eq!(report.tables.len(), 4);
    assert_eq!(rig.ask("203.0.113.5"), says(64502, "Narrow", "NZ"));
    assert_eq!(rig.ask("2001:db8::1"), says(64503, "Six", "AU"));
    let range = Networks::open(rig.dir.path()).find("203.0.113.5".parse().unwrap()).unwrap().range;
    assert_eq!(range.as_deref(), Some("203.0.113.0-203.0.113.15"));
    // The layouts of others.
    rig.import(&[
        ("lite.csv", b"network,country,country_code,continent,asn,as_name\n198.51.100.0/25,Chile,CL,South America,AS64510,Lite\n"),
        ("tsv.tsv", b"198.51.100.128\t198.51.100.255\t64511\tFR\tTabs\n"),
    ]);
    assert_eq!(rig.ask("198.51.100.1"), says(64510, "Lite", "CL"));
    assert_eq!(rig.ask("198.51.100.129"), says(64511, "Tabs", "FR"));
}

#[test]
fn bad_lines_are_named_and_the_good_part_is_kept() {
    let rig = Rig::new();
    let bad = [
        "203.0.113.9,203.0.113.1,1,Backwards",
        "203.0.113.1,2001:db8::1,1,Mixed",
        "203.0.113.300,203.0.113.301,1,No address",
        "203.0.113.0/33,1,No network",
        "203.0.113.1,203.0.113.2",
        "203.0.113.1,203.0.113.2,0,Nobody",
        "203.0.113.1,203.0.113.2,many,Word",
        "203.0.113.1,203.0.113.2,99999999999,Too large",
        "203.0.113.1,203.0.113.2,ZZ",
        "<html>",
        "\u{0}",
    ];
    let file = format!("203.0.113.1,203.0.113.2,64500,Good\n{}\n", bad.join("\n"));
    // A NUL among the first bytes would make it a database.
    let file = format!("{}\n{file}", "#".repeat(600));
    let report = rig.import(&[("bad.csv", file.as_bytes())]);
    assert_eq!((report.read, report.imported, report.refused), (12, 1, 11), "{:#?}", report.refusals);
    let lines: Vec<u64> = report.refusals.iter().map(|refusal| refusal.line).collect();
    assert_eq!(lines, (3..14).collect::<Vec<_>>());
    // Nothing good: what is in force stays.
    let report = rig.import(&[("none.csv", b"rubbish\n"), ("empty.csv", b"")]);
    assert_eq!(report.imported, 0);
    assert_eq!(rig.ask("203.0.113.1"), says(64500, "Good", ""));
    let path = path(rig.dir.path(), Kind::Owners, 4);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(rig.ask("203.0.113.1"), None);
    assert!(tables(rig.dir.path())[0].alarm.as_deref().unwrap().contains("import it again"));
}

#[test]
fn databases_of_each_publisher_answer() {
    let asn = |number, name| {
        [("autonomous_system_number", Field::Number(number)), ("autonomous_system_organization", Field::Text(name))]
    };
    let (a, b) = (asn(64500, "An organization with a name of more than 28 bytes"), asn(64501, "Six"));
    let rig = Rig::new();
    let database = mmdb(128, &[("203.0.113.0/24", &a), ("2001:db8::/32", &b)]);
    let report = rig.import(&[("GeoLite2-ASN.mmdb", &database)]);
    assert_eq!((report.read, report.imported), (2, 2), "{:?}", report.refusals);
    let country = [("continent", Field::Text("x")), ("country", Field::Country("NZ"))];
    rig.import(&[("GeoLite2-Country.mmdb", &mmdb(32, &[("203.0.113.0/25", &country)]))]);
    assert_eq!(rig.ask("203.0.113.9"), says(64500, "An organization with a name of more than 28 bytes", "NZ"));
    assert_eq!(rig.ask("203.0.113.200").unwrap().2, "");
    assert_eq!(rig.ask("2001:db8::9"), says(64501, "Six", ""));
    let lite = [("asn", Field::Text("AS64510")), ("as_name", Field::Text("Lite")), ("country_code", Field::Text("CL"))];
    rig.import(&[("ipinfo_lite.mmdb", &mmdb(32, &[("198.51.100.0/24", &lite)]))]);
    assert_eq!(rig.ask("198.51.100.7"), says(64510, "Lite", "CL"));
}

/// Fails when a bound is missing: the reader would index outside, overflow or not end.
#[test]
fn a_damaged_database_ends_in_words() {
    let record = [("asn", Field::Text("AS64510")), ("country", Field::Country("NZ"))];
    let database = mmdb(128, &[("203.0.113.0/24", &record), ("2001:db8::/32", &record)]);
    let rig = Rig::new();
    let mut show = |_| {};
    for at in 0..database.len() {
        for flip in [1, 0x20, 0x80, 0xff] {
            let mut damaged = database.clone();
            damaged[at] ^= flip;
            let _ = mmdb::each(&damaged, &mut show);
        }
        let _ = mmdb::each(&database[at..], &mut show);
        let _ = mmdb::each(&database[..at], &mut show);
    }
    // A tree whose every branch leads to its root.
    let mut circle = mmdb(128, &[("203.0.113.0/24", &record)]);
    circle[..64].fill(0);
    let mut seen = 0;
    mmdb::each(&circle, &mut |_| seen += 1).unwrap();
    assert_eq!(seen, 0);
    let report = rig.import(&[("noise.mmdb", &[0; 4096])]);
    assert_eq!((report.read, report.refused), (1, 1));
}

/// Published tables, against counts and a scan by hand.
#[test]
fn published_tables_answer_like_a_plain_scan() {
    let Some(folder) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let files = ["asn-ipv4.csv.gz", "country-ipv4.csv.gz"].map(|name| folder.join("intel/asn").join(name));
    let texts = files.each_ref().map(|file| {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
        text
    });
    let data = tempfile::tempdir().unwrap();
    let report = import(&files, data.path(), Timestamp(9)).unwrap();
    let lines = texts.iter().map(|text| text.lines().count() as u64).sum::<u64>();
    assert_eq!((report.read, report.imported + report.refused), (lines, lines));
    assert_eq!(report.refused, 0, "{:?}", report.refusals.first());
    println!("{lines} lines, {:?}", report.tables.iter().map(|table| table.ranges).collect::<Vec<_>>());
    let number = |text: &str| u32::from(text.parse::<std::net::Ipv4Addr>().unwrap());
    let rows = texts.each_ref().map(|text| {
        let row = |line: &str| {
            let mut cells = line.splitn(4, ',');
            let (first, last) = (number(cells.next().unwrap()), number(cells.next().unwrap()));
            (first, last, cells.next().unwrap().to_owned())
        };
        text.lines().map(row).collect::<Vec<_>>()
    });
    let networks = Networks::open(data.path());
    let mut known = BTreeMap::new();
    for step in 0..400_u32 {
        let address = step.wrapping_mul(0x9e37_79b9);
        let naive = |rows: &[(u32, u32, String)]| {
            let holding = rows.iter().filter(|(first, last, _)| (*first..=*last).contains(&address));
            holding.min_by_key(|(first, last, _)| last - first).map(|(_, _, what)| what.clone())
        };
        let found = networks.find(IpAddr::V4(address.into()));
        let asn = found.as_ref().and_then(|network| network.asn).map(|asn| asn.to_string());
        let country = found.and_then(|network| network.country);
        assert_eq!((asn.clone(), country), (naive(&rows[0]), naive(&rows[1])), "{address:#x}");
        *known.entry(asn.is_some()).or_insert(0) += 1;
    }
    println!("of 400 addresses: {known:?}");
    assert!(known[&true] > 200);
}

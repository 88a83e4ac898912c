//! Can an image whose checksums are right and whose content is not bring the one who maps it down?
//!
//! Random bytes end at a checksum. So an input is a list of changes to a good image (eight bytes each: where, and what
//! stands there then), after which the checksums are made right again.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use tripoint_intel::guardlist::Purpose;
use tripoint_intel::image::Builder;
use tripoint_intel::{ImageBytes, Index, image_delta, lookup};
use tripoint_model::{AppliesTo, Category, Indicator, IndicatorLookup, Timestamp};
use tripoint_vuln::{Database, ImportContext, ImportOptions, import, lookup_cve, query};

use super::Target;

/// The image of indicators.
pub const INTEL: Target = Target { name: "intel-image", run: intel, seeds };
/// A delta between images of indicators.
pub const DELTA: Target = Target { name: "intel-delta", run: delta, seeds: delta_seeds };
/// The image of advisories.
pub const VULN: Target = Target { name: "vuln-image", run: vuln, seeds };

fn intel(data: &[u8]) {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = changed(GOOD.get_or_init(good_intel), data, 32 + 17 * 24, seal_intel);
    let Ok(index) = Index::open(Arc::new(bytes)) else { return };
    let at = Timestamp(1_700_000_000_000_000);
    for text in ["198.51.100.7", "198.51.100.7:443", "2001:db8::1", "bad.example.org", "203.0.113.9"] {
        std::hint::black_box(lookup(&index, text, at));
    }
    if let Ok(address) = "198.51.100.7".parse() {
        std::hint::black_box(index.claims_any_port(address));
        std::hint::black_box(index.kernel_set().may_contain_v6("2001:db8::1".parse().expect("address")));
    }
    for net in ["198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0"] {
        std::hint::black_box(index.guard_net(net.parse().expect("network")));
    }
    std::hint::black_box((index.guard_name("www.shop.example"), index.enforceable(0, at)));
    std::hint::black_box((index.feeds(), index.len(), index.claims_for_name("bad.example.org")));
}

/// The input is the body of a delta, before it is deflated; head and checksum are made right around it.
fn delta(data: &[u8]) {
    static BASE: OnceLock<(ImageBytes, Vec<u8>)> = OnceLock::new();
    let (base, good) = BASE.get_or_init(|| {
        let base: ImageBytes = Arc::new(good_intel());
        let delta = image_delta::make(&base, &other_intel()).expect("a delta");
        (base, delta)
    });
    let mut bytes = good[..DELTA_HEAD].to_vec();
    bytes[84..92].copy_from_slice(&(data.len() as u64).to_le_bytes());
    let mut packer = DeflateEncoder::new(bytes, Compression::fast());
    packer.write_all(data).expect("memory");
    let mut bytes = packer.finish().expect("memory");
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    let _ = std::hint::black_box(image_delta::apply(base, &bytes, &mut std::io::sink()));
    // The head's reader as it is.
    let _ = std::hint::black_box(image_delta::Header::read(data));
}

fn other_intel() -> ImageBytes {
    let mut builder = Builder::default();
    let feed = builder.feed("demo").expect("room for a feed");
    for text in ["198.51.100.8", "198.51.100.0/24", "203.0.113.9:80", "2001:db8::1", "worse.example.org"] {
        let indicator = Indicator::new(text.parse().expect("observable"), Category::C2, AppliesTo::Out, 70);
        builder.add(feed, &indicator);
    }
    let guard = builder.guard_list("other", Purpose::Guard).expect("room for a list");
    builder.guard_net(guard, "198.51.100.0/26".parse().expect("network"));
    builder.guard_name(guard, "new.example", false);
    Arc::new(builder.finish(Timestamp(1_700_000_000_000_001)))
}

fn delta_seeds() -> Vec<Vec<u8>> {
    let base: ImageBytes = Arc::new(good_intel());
    let images = [Arc::clone(&base), other_intel()];
    let delta = |target| image_delta::make(&base, target).expect("a delta");
    let body = |delta: Vec<u8>| {
        let mut body = Vec::new();
        let packed = &delta[DELTA_HEAD..delta.len() - 4];
        DeflateDecoder::new(packed).read_to_end(&mut body).expect("a body");
        body
    };
    images.iter().map(|target| body(delta(target))).collect()
}

fn vuln(data: &[u8]) {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes: Arc<Vec<u8>> = Arc::new(changed(GOOD.get_or_init(good_vuln), data, 24 + 7 * 24 + 4, seal_vuln));
    if let Ok(database) = Database::open(Arc::clone(&bytes) as _) {
        std::hint::black_box(database.packages());
    }
    let Ok(database) = Database::open_lazily(bytes) else { return };
    for (ecosystem, name) in [("PyPI", "demo"), ("Debian:12", "demo"), ("npm", "demo"), ("PyPI", "none")] {
        std::hint::black_box(query(&database, ecosystem, name, "1.5"));
    }
    std::hint::black_box((lookup_cve(&database, "CVE-2024-0001"), database.sources(), database.packages()));
}

/// Every second change hits the first `head` bytes, where offsets and lengths stand.
fn changed(good: &[u8], data: &[u8], head: usize, seal: fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for change in data.chunks_exact(8).take(CHANGES_MAX) {
        let [a, b, c, d, value @ ..] = change else { continue };
        let place = u32::from_le_bytes([*a, *b, *c, *d]);
        let reach = if place & 1 == 1 { head } else { bytes.len() };
        let at = (place >> 1) as usize % reach;
        for (byte, new) in bytes.iter_mut().skip(at).zip(value) {
            *byte = *new;
        }
    }
    seal(&mut bytes);
    bytes
}

/// As `intel::image` lays it out: 17 entries of id, CRC, offset, length, then the CRC of all before.
fn seal_intel(bytes: &mut [u8]) {
    for entry in (0..17).map(|number| 32 + number * 24) {
        seal_section(bytes, entry);
    }
    seal_head(bytes, 32 + 17 * 24);
}

/// As `vuln::image` lays it out: 7 entries of kind, CRC, offset, length, then the CRC of all before.
fn seal_vuln(bytes: &mut [u8]) {
    for entry in (0..7).map(|number| 24 + number * 24) {
        seal_section(bytes, entry);
    }
    seal_head(bytes, 24 + 7 * 24);
}

fn seal_section(bytes: &mut [u8], entry: usize) {
    let number = |at: usize| {
        let eight = bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok());
        eight.map_or(0, |eight| usize::try_from(u64::from_le_bytes(eight)).unwrap_or(usize::MAX))
    };
    let (start, length) = (number(entry + 8), number(entry + 16));
    let body = start.checked_add(length).and_then(|end| bytes.get(start..end));
    if let Some(crc) = body.map(crc32fast::hash) {
        bytes[entry + 4..entry + 8].copy_from_slice(&crc.to_le_bytes());
    }
}

fn seal_head(bytes: &mut [u8], end: usize) {
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
}

fn good_intel() -> Vec<u8> {
    let mut builder = Builder::default();
    let feed = builder.feed("demo").expect("room for a feed");
    for text in ["198.51.100.7", "198.51.100.0/24", "203.0.113.9:443", "2001:db8::/48", "bad.example.org"] {
        let observable = text.parse().expect("observable");
        let mut indicator = Indicator::new(observable, Category::Malicious, AppliesTo::Both, 80);
        indicator.labels = vec!["one".to_owned(), "two".to_owned()];
        builder.add(feed, &indicator);
    }
    let guard = builder.guard_list("cdn", Purpose::Guard).expect("room for a list");
    for net in ["198.51.100.0/25", "198.51.100.7/32", "0.0.0.0/1", "2001:db8::/40", "2001:db8::1/128"] {
        builder.guard_net(guard, net.parse().expect("network"));
    }
    builder.guard_name(guard, "shop.example", true);
    builder.finish(Timestamp(1_700_000_000_000_000))
}

/// A small database.
pub fn database() -> Database {
    Database::open(Arc::new(good_vuln())).expect("a good image")
}

fn good_vuln() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("tempdir");
    let file = folder.path().join("demo.json");
    std::fs::write(&file, ADVISORIES).expect("write");
    let context = ImportContext { data_dir: folder.path().to_owned(), now: Timestamp(1_700_000_000_000_000) };
    let report = import(&[file], &ImportOptions::default(), &context, &mut |_, _| {}).expect("import");
    assert_eq!((report.imported, report.refused), (3, 0), "{report:?}");
    let (_, image) = tripoint_vuln::image_files(folder.path()).into_iter().next().expect("image");
    std::fs::read(image).expect("read")
}

fn seeds() -> Vec<Vec<u8>> {
    vec![vec![0; 8], vec![1; 16], (0..=255).collect()]
}

const CHANGES_MAX: usize = 32;
/// Bytes before the body of a delta.
const DELTA_HEAD: usize = 116;
const ADVISORIES: &str = r#"{"id":"PYSEC-1","aliases":["CVE-2024-0001"],"modified":"2024-01-01T00:00:00Z","summary":"one","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"PyPI","name":"demo"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.0"},{"fixed":"2.0"}]}],"versions":["1.5"]}]}
{"id":"DEBIAN-CVE-2024-0001","upstream":["CVE-2024-0001"],"modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"demo"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.6-1"}]}]}]}
{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2024-0002"],"modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"demo"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"last_affected":"1.5.0"}]}]}]}
"#;

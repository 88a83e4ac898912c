//! Do the orders agree with the public vectors, but for the listed differences?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// Reads lines `a < b`, returns how many there were and which disagree.
pub(super) fn check_lines(scheme: Scheme, text: &str) -> (usize, Vec<String>) {
    let mut read = 0;
    let mut wrong = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with("//") || line.starts_with('#') {
            continue;
        }
        let line = line.split(" //").next().unwrap_or(line).trim();
        let mut words = line.split_whitespace();
        let (Some(a), Some(sign), Some(b)) = (words.next(), words.next(), words.next()) else { continue };
        let expected = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            ">" => Ordering::Greater,
            _ => continue,
        };
        read += 1;
        if scheme.order(a, b) != expected || scheme.order(b, a) != expected.reverse() {
            wrong.push(line.to_owned());
        }
    }
    (read, wrong)
}

/// The folder of real data; without it a line says that the test was skipped.
pub(super) fn data(folder: &str) -> Option<PathBuf> {
    let data = std::env::var_os("TRIPOINT_TEST_DATA").map(|data| Path::new(&data).join(folder));
    if data.is_none() {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
    }
    data.filter(|path| path.exists())
}

pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/version").join(name)
}

/// The checked-in differences of the files whose name begins so: no more, no fewer may be found.
pub(super) fn listed(begins: &str) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(fixture("differences.txt")).expect("differences");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut out = BTreeSet::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let [file, what, reason] = fields[..] else { panic!("three fields, please: {line}") };
        assert!(reason.len() > 10, "no reason: {line}");
        if file.starts_with(begins) {
            out.insert((file.to_owned(), what.to_owned()));
        }
    }
    out
}

#[test]
fn own_fixtures_agree() {
    for (scheme, names) in SCHEMES {
        let file = fixture(&format!("{}.txt", names[0]));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (read, wrong) = check_lines(*scheme, &text);
        assert!(read >= 5, "{}: only {read} lines", names[0]);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", names[0]);
    }
}

/// The share of lines that may be listed as different, in thousandths: none where the tool's own
/// order is the whole truth.
const FILES: &[(Scheme, &str, usize)] = &[
    (Scheme::Dpkg, "debian", 0),
    (Scheme::Rpm, "redhat", 0),
    (Scheme::SemVer, "semver", 0),
    (Scheme::Pep440, "pypi", 0),
    (Scheme::Maven, "maven", 10),
    (Scheme::Apk, "alpine", 10),
    (Scheme::Gem, "rubygems", 10),
    (Scheme::NuGet, "nuget", 10),
    (Scheme::Composer, "packagist", 10),
    (Scheme::Cran, "cran", 10),
    (Scheme::Hackage, "hackage", 10),
    (Scheme::Pub, "pub", 10),
];

#[test]
fn public_vectors_agree_but_for_the_listed() {
    let Some(folder) = data("vectors/semantic") else { return };
    let mut found = BTreeSet::new();
    for (scheme, file, allowed) in FILES {
        let (mut all, mut different) = (0, 0);
        for name in [format!("{file}-versions.txt"), format!("{file}-versions-generated-part.txt.gz")] {
            let path = folder.join(&name);
            if !path.exists() {
                continue;
            }
            let (read, wrong) = check_lines(*scheme, &content(&path));
            println!("{name}: {} of {read} agree", read - wrong.len());
            all += read;
            different += wrong.len();
            found.extend(wrong.into_iter().map(|line| (name.clone(), line)));
        }
        assert!(all > 0 && different * 1000 <= all * allowed, "{file}: {different} of {all} differ: {found:#?}");
    }
    let known: BTreeSet<_> = listed("").into_iter().filter(|(file, _)| file.contains("-versions")).collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}; listed but agreeing: {gone:#?}");
}

#[cfg(feature = "advisories")]
fn content(path: &Path) -> String {
    let mut text = String::new();
    tripoint_unpack::entries(
        tripoint_unpack::Source::Path(path),
        "vectors",
        &tripoint_unpack::Limits::default(),
        &mut |_, content| {
            content.read_to_string(&mut text).expect("text");
            std::ops::ControlFlow::Continue(())
        },
    )
    .expect("vectors");
    text
}

#[cfg(not(feature = "advisories"))]
fn content(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

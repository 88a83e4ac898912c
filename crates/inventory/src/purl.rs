//! How is a package URL written?

use std::fmt::Write as _;

use tripoint_model::Ecosystem;

/// A package URL; `name` may carry its namespace before the last `/`.
pub(crate) fn build(ecosystem: Ecosystem, name: &str, version: &str, qualifiers: &[(&str, &str)]) -> String {
    let mut out = format!("pkg:{}", ecosystem.purl_type());
    for part in name.split('/') {
        out.push('/');
        encode(part, &mut out);
    }
    if !version.is_empty() {
        out.push('@');
        encode(version, &mut out);
    }
    let mut mark = '?';
    for (key, value) in qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(mark);
        mark = '&';
        out.push_str(key);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

/// The same package at another version; `source` is its source's version before and after.
pub(crate) fn at_version(purl: &str, version: &str, source: (&str, &str)) -> String {
    let (path, qualifiers) = purl.find('?').map_or((purl, ""), |at| purl.split_at(at));
    // A sign of its own in a name is escaped.
    let package = path.rsplit_once('@').map_or(path, |(package, _)| package);
    let mut out = format!("{package}@");
    encode(version, &mut out);
    let [before, after] = [source.0, source.1].map(|version| {
        let mut encoded = "%40".to_owned();
        encode(version, &mut encoded);
        encoded
    });
    match qualifiers.find("upstream=").map(|at| qualifiers.split_at(at)) {
        Some((others, upstream)) => out + others + &upstream.replacen(&before, &after, 1),
        None => out + qualifiers,
    }
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_escaped() {
        assert_eq!(build(Ecosystem::Npm, "@a/b", "1.0+x", &[]), "pkg:npm/%40a/b@1.0%2Bx");
        assert_eq!(
            build(Ecosystem::Debian, "libc6", "1:2.3-4", &[("arch", "amd64"), ("upstream", "")]),
            "pkg:deb/debian/libc6@1%3A2.3-4?arch=amd64"
        );
        for (purl, expected) in [
            ("pkg:deb/debian/libc6@1%3A2.3-4?arch=amd64", "pkg:deb/debian/libc6@2%2B1?arch=amd64"),
            ("pkg:npm/%40a/b@1", "pkg:npm/%40a/b@2%2B1"),
            ("pkg:npm/b", "pkg:npm/b@2%2B1"),
            (
                "pkg:deb/debian/a@1?arch=amd64&upstream=b%401%3A2.3-4",
                "pkg:deb/debian/a@2%2B1?arch=amd64&upstream=b%402",
            ),
        ] {
            assert_eq!(at_version(purl, "2+1", ("1:2.3-4", "2")), expected);
        }
    }
}

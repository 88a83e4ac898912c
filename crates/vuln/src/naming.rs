//! Which ecosystem, release and name does an advisory, a purl or a person mean?

use std::borrow::Cow;

use tripoint_model::Ecosystem;

pub(crate) use crate::release::normal as release;
#[cfg(feature = "advisories")]
use crate::subject::NameKind;

/// Splits `Debian:12` or `Ubuntu:24.04:LTS`; also takes a purl type (`deb`, `pypi`). The release
/// comes back without the `LTS` that says nothing about it.
pub(crate) fn ecosystem(text: &str) -> Option<(Ecosystem, String)> {
    let (name, release) = text.trim().split_once(':').unwrap_or((text.trim(), ""));
    let found = name.parse().ok().or_else(|| {
        let name = name.to_ascii_lowercase();
        Ecosystem::ALL.iter().find(|(_, _, purl)| *purl == name).map(|(own, _, _)| *own)
    })?;
    Some((found, self::release(found, release)))
}

/// What the names in an ecosystem's OSV records name.
#[cfg(feature = "advisories")]
pub(crate) fn kind(ecosystem: Ecosystem) -> NameKind {
    match ecosystem {
        Ecosystem::Debian
        | Ecosystem::Ubuntu
        | Ecosystem::Alpine
        | Ecosystem::Wolfi
        | Ecosystem::Chainguard
        | Ecosystem::RockyLinux
        | Ecosystem::OpenEuler
        | Ecosystem::Mageia
        | Ecosystem::Suse
        | Ecosystem::OpenSuse => NameKind::Source,
        Ecosystem::AlmaLinux => NameKind::Binary,
        _ => NameKind::Any,
    }
}

/// The name in the one spelling of the image: PyPI's are normalised (PEP 503), others kept.
pub(crate) fn package(ecosystem: Ecosystem, name: &str) -> Cow<'_, str> {
    let name = name.trim();
    let is_upper = |name: &str| name.bytes().any(|byte| byte.is_ascii_uppercase());
    match ecosystem {
        Ecosystem::PyPI if is_upper(name) || name.contains(['_', '.']) || name.contains("--") => {
            let mut out = String::with_capacity(name.len());
            for c in name.chars() {
                let c = if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() };
                if !(c == '-' && out.ends_with('-')) {
                    out.push(c);
                }
            }
            out.into()
        }
        Ecosystem::NuGet | Ecosystem::Packagist if is_upper(name) => name.to_ascii_lowercase().into(),
        _ => name.into(),
    }
}

/// What a package URL says, as an advisory spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) ecosystem: Ecosystem,
    pub(crate) release: String,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// The value of a purl's qualifier.
pub(crate) fn qualifier(purl: &str, wanted: &str) -> Option<String> {
    let (_, qualifiers) = purl.split('#').next()?.split_once('?')?;
    qualifiers
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == wanted))
        .map(|(_, value)| decode(value))
}

/// Reads a package URL of a known type.
pub(crate) fn purl(text: &str) -> Option<Named> {
    let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split('#').next().unwrap_or(rest);
    let rest = rest.split('?').next().unwrap_or(rest);
    let (path, version) = match rest.rsplit_once('@') {
        Some((path, version)) if !path.ends_with('/') && !path.is_empty() => (path, version),
        _ => (rest, ""),
    };
    let (kind, path) = path.split_once('/')?;
    let kind = kind.to_ascii_lowercase();
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let (name, namespace) = parts.split_last()?;
    let distribution = format!("{kind}/{}", namespace.first().map_or("", String::as_str).to_ascii_lowercase());
    let known = PURL_ALIASES.iter().find(|(alias, _)| *alias == distribution).map(|(_, found)| *found);
    let ecosystem = known.or_else(|| {
        Ecosystem::ALL.iter().find(|(_, _, own)| *own == distribution || *own == kind).map(|(found, _, _)| *found)
    })?;
    let release = match qualifier(text, "distro") {
        Some(distro) if ecosystem.is_distribution() => distro_release(&distro),
        _ => String::new(),
    };
    let version = decode(version);
    let version = match qualifier(text, "epoch").filter(|epoch| epoch != "0" && !version.contains(':')) {
        Some(epoch) => format!("{epoch}:{version}"),
        None => version,
    };
    let named = Named { ecosystem, release, name: name.clone(), version };
    Some(match ecosystem {
        // Advisories speak of the source package, which the purl may name with its version.
        Ecosystem::Debian | Ecosystem::Ubuntu => of_source(named, &qualifier(text, "upstream").unwrap_or_default()),
        Ecosystem::Maven => Named { name: format!("{}:{name}", namespace.join(".")), ..named },
        _ if ecosystem.is_distribution() || namespace.is_empty() => named,
        _ => Named { name: format!("{}/{name}", namespace.join("/")), ..named },
    })
}

/// `debian-12`, `opensuse-leap-15.6`; a bare codename or number stands for itself.
fn distro_release(distro: &str) -> String {
    if distro.contains('/') { distro } else { distro.rsplit_once('-').map_or(distro, |(_, release)| release) }
        .to_owned()
}

fn of_source(named: Named, upstream: &str) -> Named {
    match upstream.split_once('@') {
        Some((source, version)) => Named { name: source.to_owned(), version: version.to_owned(), ..named },
        None if upstream.is_empty() => named,
        None => Named { name: upstream.to_owned(), ..named },
    }
}

/// Namespaces that writers of purls also use.
const PURL_ALIASES: &[(&str, Ecosystem)] = &[
    ("rpm/rhel", Ecosystem::RedHat),
    ("rpm/rocky-linux", Ecosystem::RockyLinux),
    ("rpm/rockylinux", Ecosystem::RockyLinux),
    ("rpm/amazonlinux", Ecosystem::AmazonLinux),
    ("rpm/amazon", Ecosystem::AmazonLinux),
    ("rpm/oraclelinux", Ecosystem::OracleLinux),
    ("rpm/ol", Ecosystem::OracleLinux),
    ("rpm/sles", Ecosystem::Suse),
    ("rpm/opensuse-leap", Ecosystem::OpenSuse),
    ("rpm/mariner", Ecosystem::AzureLinux),
    ("rpm/azure-linux", Ecosystem::AzureLinux),
    ("deb/raspbian", Ecosystem::Debian),
];

/// Takes percent signs out of a part of a purl.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    let raw = text.as_bytes();
    while at < raw.len() {
        let escape = raw.get(at + 1..at + 3).filter(|_| raw[at] == b'%');
        let byte =
            escape.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(raw[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_say_what_advisories_call_it() {
        for (text, expected) in [
            (
                "pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12&upstream=openssl",
                (Ecosystem::Debian, "12", "openssl", "3.0.9-1"),
            ),
            (
                "pkg:deb/debian/libx1@1%3A2-3%2Bb1?distro=debian-12&upstream=x%401%3A2-3",
                (Ecosystem::Debian, "12", "x", "1:2-3"),
            ),
            ("pkg:pypi/django@4.1", (Ecosystem::PyPI, "", "django", "4.1")),
            ("pkg:npm/%40angular/core@16.0.0", (Ecosystem::Npm, "", "@angular/core", "16.0.0")),
            (
                "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
                (Ecosystem::Maven, "", "org.apache.logging.log4j:log4j-core", "2.14.1"),
            ),
            ("pkg:golang/golang.org/x/net@v0.1.0", (Ecosystem::Go, "", "golang.org/x/net", "v0.1.0")),
            ("pkg:rpm/almalinux/bash@5.1-2?epoch=1", (Ecosystem::AlmaLinux, "", "bash", "1:5.1-2")),
        ] {
            let Named { ecosystem, release, name, version } = purl(text).expect(text);
            assert_eq!((ecosystem, release.as_str(), name.as_str(), version.as_str()), expected);
        }
        for bad in ["", "pkg:", "pkg:deb", "pkg:unknown/x@1", "deb/debian/x"] {
            assert!(purl(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ecosystems_come_with_and_without_release() {
        assert_eq!(ecosystem("Debian:12"), Some((Ecosystem::Debian, "12".into())));
        assert_eq!(ecosystem("ubuntu:24.04:LTS"), Some((Ecosystem::Ubuntu, "24.04".into())));
        assert_eq!(ecosystem("pypi"), Some((Ecosystem::PyPI, String::new())));
        assert_eq!(ecosystem("Amiga"), None);
        assert_eq!(package(Ecosystem::PyPI, "Foo__Bar.baz"), "foo-bar-baz");
    }
}

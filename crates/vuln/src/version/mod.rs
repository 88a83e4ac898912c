//! Which of two versions is newer, by whose rules, and does one lie in a range?

mod apk;
mod composer;
mod conan;
mod dart;
mod datetime;
mod digits;
mod dotted;
mod dpkg;
mod gem;
mod generic;
mod gentoo;
mod go;
mod maven;
mod npm;
mod nuget;
mod pacman;
mod pep440;
mod range;
mod rpm;
mod semver;
mod sorted;

pub use range::{Operator, Vers};
pub(crate) use sorted::sort;

use std::cmp::Ordering;

use tripoint_model::Ecosystem;

/// Whose rules order versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Debian and Ubuntu.
    Dpkg,
    /// Red Hat and its kin.
    Rpm,
    /// Alpine.
    Apk,
    /// Semantic versioning in OSV's total order (Rust, Bitnami).
    SemVer,
    /// Node packages.
    Npm,
    /// Python.
    Pep440,
    /// Java.
    Maven,
    /// Ruby.
    Gem,
    /// Go modules.
    Go,
    /// .NET.
    NuGet,
    /// PHP.
    Composer,
    /// Arch Linux.
    Pacman,
    /// R: numbers, the longer one newer.
    Cran,
    /// Haskell: numbers, the longer one newer.
    Hackage,
    /// Dart: semantic versioning in which build metadata counts.
    Pub,
    /// C and C++ packages of Conan.
    Conan,
    /// Gentoo.
    Gentoo,
    /// Where no package manager rules: numbers, letters, the usual words.
    Generic,
    /// OpenSSL's own releases, letters included.
    OpenSsl,
    /// nginx's own releases.
    Nginx,
    /// Whole numbers between dots.
    IntDot,
    /// Moments as of RFC 3339.
    DateTime,
    /// Texts, byte by byte.
    Lexicographic,
}

/// Every scheme by its own name first, then purl types and OSV ecosystems as aliases, lower case.
pub const SCHEMES: &[(Scheme, &[&str])] = &[
    (Scheme::Dpkg, &["dpkg", "deb", "debian", "ubuntu", "echo"]),
    (
        Scheme::Rpm,
        &[
            "rpm",
            "almalinux",
            "rocky linux",
            "red hat",
            "suse",
            "opensuse",
            "openeuler",
            "mageia",
            "azure linux",
            "photon os",
            "oracle linux",
        ],
    ),
    (Scheme::Apk, &["apk", "alpine", "wolfi", "chainguard", "alpaquita", "minimos"]),
    (
        Scheme::SemVer,
        &[
            "semver",
            "cargo",
            "crates.io",
            "bitnami",
            "hex",
            "swifturl",
            "swift",
            "github actions",
            "githubactions",
            "julia",
        ],
    ),
    (Scheme::Npm, &["npm"]),
    (Scheme::Pep440, &["pep440", "pypi"]),
    (Scheme::Maven, &["maven"]),
    (Scheme::Gem, &["gem", "rubygems"]),
    (Scheme::Go, &["go", "golang"]),
    (Scheme::NuGet, &["nuget"]),
    (Scheme::Composer, &["composer", "packagist"]),
    (Scheme::Pacman, &["pacman", "alpm", "arch", "arch linux"]),
    (Scheme::Cran, &["cran", "bioconductor"]),
    (Scheme::Hackage, &["hackage", "ghc"]),
    (Scheme::Pub, &["pub"]),
    (Scheme::Conan, &["conan", "conancenter"]),
    (Scheme::Gentoo, &["gentoo", "ebuild"]),
    (Scheme::Generic, &["generic", "linux", "android", "oss-fuzz"]),
    (Scheme::OpenSsl, &["openssl"]),
    (Scheme::Nginx, &["nginx"]),
    (Scheme::IntDot, &["intdot"]),
    (Scheme::DateTime, &["datetime"]),
    (Scheme::Lexicographic, &["lexicographic"]),
];

/// Why versions could not be compared or matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// No scheme has this name.
    #[error(
        "unknown version scheme {0:?}; known: dpkg rpm apk semver npm pep440 maven gem go nuget composer pacman cran hackage pub conan gentoo generic openssl nginx intdot datetime lexicographic"
    )]
    UnknownScheme(String),
    /// The text cannot be a version of the scheme.
    #[error("{text:?} is not a version: {reason}")]
    Unparsable {
        /// The text, cut.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The text cannot be a range of the scheme.
    #[error("{text:?} is not a range: {reason}")]
    BadRange {
        /// The text, cut.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Scheme {
    /// The scheme of a name or alias, in any case; a release after `:` is ignored.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.split(':').next().unwrap_or(name).trim().to_ascii_lowercase();
        SCHEMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(scheme, _)| *scheme)
    }

    /// The scheme that an ecosystem orders its versions by.
    pub fn of(ecosystem: Ecosystem) -> Self {
        match ecosystem {
            Ecosystem::Debian | Ecosystem::Ubuntu => Self::Dpkg,
            Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard => Self::Apk,
            Ecosystem::PyPI => Self::Pep440,
            Ecosystem::Npm => Self::Npm,
            Ecosystem::Maven => Self::Maven,
            Ecosystem::Go => Self::Go,
            Ecosystem::CratesIo
            | Ecosystem::Bitnami
            | Ecosystem::Hex
            | Ecosystem::Swift
            | Ecosystem::Julia
            | Ecosystem::GitHubActions => Self::SemVer,
            Ecosystem::Pub => Self::Pub,
            Ecosystem::Conan => Self::Conan,
            Ecosystem::Cran => Self::Cran,
            Ecosystem::Hackage => Self::Hackage,
            Ecosystem::Linux | Ecosystem::Generic => Self::Generic,
            Ecosystem::RubyGems => Self::Gem,
            Ecosystem::NuGet => Self::NuGet,
            Ecosystem::Packagist => Self::Composer,
            Ecosystem::AlmaLinux
            | Ecosystem::RockyLinux
            | Ecosystem::RedHat
            | Ecosystem::OracleLinux
            | Ecosystem::AmazonLinux
            | Ecosystem::Fedora
            | Ecosystem::Suse
            | Ecosystem::OpenSuse
            | Ecosystem::AzureLinux
            | Ecosystem::Photon
            | Ecosystem::OpenEuler
            | Ecosystem::Mageia => Self::Rpm,
            Ecosystem::Arch => Self::Pacman,
        }
    }

    /// A total order over any text: what is no version still has one fixed place.
    pub fn order(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Dpkg => dpkg::order(a, b),
            Self::Rpm => rpm::order(a, b),
            Self::Apk => apk::order(a, b),
            Self::SemVer => semver::order(a, b),
            Self::Npm => npm::order(a, b),
            Self::Pep440 => pep440::order(a, b),
            Self::Maven => maven::order(a, b),
            Self::Gem => gem::order(a, b),
            Self::Go => go::order(a, b),
            Self::NuGet => nuget::order(a, b),
            Self::Composer => composer::order(a, b),
            Self::Pacman => pacman::order(a, b),
            Self::Cran | Self::Hackage => dotted::order(a, b),
            Self::Pub => dart::order(a, b),
            Self::Conan => conan::order(a, b),
            Self::Gentoo => gentoo::order(a, b),
            Self::Generic | Self::OpenSsl | Self::Nginx => generic::order(a, b),
            Self::IntDot => dotted::integers(a, b),
            Self::DateTime => datetime::order(a, b),
            Self::Lexicographic => a.cmp(b),
        }
    }

    /// Refuses what cannot be a version of this scheme at all.
    pub fn check(self, version: &str) -> Result<(), VersionError> {
        let reason = if version.trim().is_empty() {
            Some("it is empty")
        } else if version.len() > VERSION_BYTES_MAX {
            Some("it is longer than 1024 bytes")
        } else if version.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Some("it contains a space or a control character")
        } else {
            match self {
                Self::Dpkg => dpkg::check(version).err(),
                Self::Rpm => rpm::check(version).err(),
                Self::Pep440 => pep440::check(version).err(),
                Self::SemVer | Self::Npm | Self::Go | Self::NuGet | Self::Gem | Self::Pub | Self::IntDot => {
                    digits::check(version).err()
                }
                Self::DateTime => datetime::check(version).err(),
                Self::Lexicographic => None,
                _ => (!version.contains(|c: char| c.is_ascii_alphanumeric())).then_some("it has no letter or digit"),
            }
        };
        match reason {
            Some(reason) => Err(VersionError::Unparsable { text: cut(version), reason }),
            None => Ok(()),
        }
    }
}

/// Compares two versions by the scheme of that name (or alias).
pub fn compare(scheme: &str, a: &str, b: &str) -> Result<Ordering, VersionError> {
    let scheme = Scheme::from_name(scheme).ok_or_else(|| VersionError::UnknownScheme(cut(scheme)))?;
    let (a, b) = (a.trim(), b.trim());
    scheme.check(a)?;
    scheme.check(b)?;
    Ok(scheme.order(a, b))
}

/// Whether the version lies in the range: `vers:SCHEME/…` or the scheme's own notation.
pub fn satisfies(scheme: &str, version: &str, range: &str) -> Result<bool, VersionError> {
    let scheme = Scheme::from_name(scheme).ok_or_else(|| VersionError::UnknownScheme(cut(scheme)))?;
    let version = version.trim();
    scheme.check(version)?;
    checked(range, |range| range::satisfies(scheme, version, range))
}

impl Vers {
    /// Reads a `vers:` range; `canonical` refuses every spelling but the canonical one.
    pub fn parse(text: &str, canonical: bool) -> Result<Self, VersionError> {
        let read = if canonical { Self::read_canonical } else { Self::read };
        checked(text, read)
    }

    /// The range that a scheme's own notation stands for (intervals, `~>`, `>= 1, < 2`).
    pub fn from_native(scheme: &str, range: &str) -> Result<Self, VersionError> {
        let known = Scheme::from_name(scheme).ok_or_else(|| VersionError::UnknownScheme(cut(scheme)))?;
        checked(range, |range| range::to_vers(known, scheme, range))
    }
}

fn checked<T>(range: &str, read: impl Fn(&str) -> Result<T, &'static str>) -> Result<T, VersionError> {
    let bad = |reason| VersionError::BadRange { text: cut(range), reason };
    if range.len() > RANGE_BYTES_MAX {
        return Err(bad("it is longer than 64 KiB"));
    }
    read(range).map_err(bad)
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// No published version is longer; comparing stays cheap.
pub const VERSION_BYTES_MAX: usize = 1024;
const RANGE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests;

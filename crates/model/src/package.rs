//! Which software is meant: ecosystem, name, version, and is it installed, loaded or stale?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

/// Where a package comes from; decides its version order and whose advisories count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Debian packages; releases are numbers (`12`).
    Debian,
    /// Ubuntu packages; releases like `24.04:LTS`.
    Ubuntu,
    /// Alpine packages; releases like `v3.20`.
    Alpine,
    /// Python packages.
    PyPI,
    /// JavaScript packages.
    Npm,
    /// Java artifacts, named `group:artifact`.
    Maven,
    /// Go modules.
    Go,
    /// Rust crates.
    CratesIo,
    /// Ruby gems.
    RubyGems,
    /// .NET packages.
    NuGet,
    /// PHP packages.
    Packagist,
    /// AlmaLinux packages; releases are numbers.
    AlmaLinux,
    /// Rocky Linux packages; releases are numbers.
    RockyLinux,
    /// Red Hat packages.
    RedHat,
    /// Server applications packaged by Bitnami.
    Bitnami,
    /// Oracle Linux packages; releases are numbers.
    OracleLinux,
    /// Amazon Linux packages; releases `1`, `2`, `2023`.
    AmazonLinux,
    /// Fedora packages; releases are numbers.
    Fedora,
    /// SUSE packages; releases are products (`Linux Enterprise Server 15 SP5`).
    Suse,
    /// openSUSE packages; releases like `Leap 15.6`.
    OpenSuse,
    /// Azure Linux and its former self CBL-Mariner; releases `2`, `3`.
    AzureLinux,
    /// Photon OS packages; releases like `5.0`.
    Photon,
    /// openEuler packages; releases like `24.03-LTS`.
    OpenEuler,
    /// Mageia packages; releases are numbers.
    Mageia,
    /// Wolfi packages; rolling.
    Wolfi,
    /// Chainguard packages; rolling.
    Chainguard,
    /// Arch Linux packages; rolling.
    Arch,
    /// Elixir and Erlang packages.
    Hex,
    /// Dart packages.
    Pub,
    /// R packages.
    Cran,
    /// Haskell packages.
    Hackage,
    /// Swift packages, named by their repository.
    Swift,
    /// C and C++ packages of Conan.
    Conan,
    /// Julia packages.
    Julia,
    /// Workflow steps, named `owner/repository`.
    GitHubActions,
    /// The Linux kernel by upstream version.
    Linux,
    /// Software that no package manager put there, by its usual name (`nginx`, `openssl`).
    Generic,
}

impl Ecosystem {
    /// Every ecosystem: itself, its OSV name, its purl type (with namespace for distributions).
    pub const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Debian, "Debian", "deb/debian"),
        (Self::Ubuntu, "Ubuntu", "deb/ubuntu"),
        (Self::Alpine, "Alpine", "apk/alpine"),
        (Self::PyPI, "PyPI", "pypi"),
        (Self::Npm, "npm", "npm"),
        (Self::Maven, "Maven", "maven"),
        (Self::Go, "Go", "golang"),
        (Self::CratesIo, "crates.io", "cargo"),
        (Self::RubyGems, "RubyGems", "gem"),
        (Self::NuGet, "NuGet", "nuget"),
        (Self::Packagist, "Packagist", "composer"),
        (Self::AlmaLinux, "AlmaLinux", "rpm/almalinux"),
        (Self::RockyLinux, "Rocky Linux", "rpm/rocky"),
        (Self::RedHat, "Red Hat", "rpm/redhat"),
        (Self::Bitnami, "Bitnami", "bitnami"),
        (Self::OracleLinux, "Oracle Linux", "rpm/oracle"),
        (Self::AmazonLinux, "Amazon Linux", "rpm/amzn"),
        (Self::Fedora, "Fedora", "rpm/fedora"),
        (Self::Suse, "SUSE", "rpm/suse"),
        (Self::OpenSuse, "openSUSE", "rpm/opensuse"),
        (Self::AzureLinux, "Azure Linux", "rpm/azurelinux"),
        (Self::Photon, "Photon OS", "rpm/photon"),
        (Self::OpenEuler, "openEuler", "rpm/openeuler"),
        (Self::Mageia, "Mageia", "rpm/mageia"),
        (Self::Wolfi, "Wolfi", "apk/wolfi"),
        (Self::Chainguard, "Chainguard", "apk/chainguard"),
        (Self::Arch, "Arch Linux", "alpm/arch"),
        (Self::Hex, "Hex", "hex"),
        (Self::Pub, "Pub", "pub"),
        (Self::Cran, "CRAN", "cran"),
        (Self::Hackage, "Hackage", "hackage"),
        (Self::Swift, "SwiftURL", "swift"),
        (Self::Conan, "ConanCenter", "conan"),
        (Self::Julia, "Julia", "julia"),
        (Self::GitHubActions, "GitHub Actions", "githubactions"),
        (Self::Linux, "Linux", "linux"),
        (Self::Generic, "Generic", "generic"),
    ];

    /// The name that OSV records use, without a release.
    pub fn osv_name(self) -> &'static str {
        Self::ALL.iter().find(|(own, _, _)| *own == self).map_or("", |(_, name, _)| name)
    }

    /// The purl type, with its namespace for distributions (`deb/debian`).
    pub fn purl_type(self) -> &'static str {
        Self::ALL.iter().find(|(own, _, _)| *own == self).map_or("", |(_, _, purl)| purl)
    }

    /// Whether a Linux distribution keeps it (its word beats upstream's).
    pub fn is_distribution(self) -> bool {
        self.purl_type().contains('/')
    }
}

/// An ecosystem that Tripoint does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown ecosystem {0:?}")]
pub struct UnknownEcosystem(pub String);

impl FromStr for Ecosystem {
    type Err = UnknownEcosystem;

    /// Reads an OSV name without its release, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownEcosystem> {
        Self::ALL
            .iter()
            .find(|(_, name, _)| name.eq_ignore_ascii_case(text))
            .map(|(own, _, _)| *own)
            .ok_or_else(|| UnknownEcosystem(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.osv_name())
    }
}

impl Serialize for Ecosystem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.osv_name())
    }
}

impl<'de> Deserialize<'de> for Ecosystem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// How present a package is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PackageState {
    /// On disk; no process runs its code.
    #[default]
    Installed,
    /// A process runs its code now.
    Loaded,
    /// Replaced or removed on disk, but a process still runs the old code: restart needed.
    Stale,
}

/// Installed software.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// Package URL, the identity that travels.
    pub purl: String,
    /// Whose package it is.
    pub ecosystem: Ecosystem,
    /// Release of the distribution (`12`, `24.04:LTS`), empty for language packages.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// Its name.
    pub name: String,
    /// Its version, in the ecosystem's own spelling.
    pub version: String,
    /// The source package it was built from; its own name where there is none.
    pub source: String,
    /// Version of the source package.
    pub source_version: String,
    /// The module and its stream (`nodejs:18`) where a distribution builds several streams of one
    /// package; versions compare within a stream only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// Where it was found: the database or the archive, jar in jar joined by `!/`. A byte of a name that is not
    /// UTF-8 is shown as the private character U+F700 + byte.
    #[serde(default)]
    pub paths: Vec<String>,
    /// How present it is.
    #[serde(default)]
    pub state: PackageState,
    /// When the distribution's package manager put this version there, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Timestamp>,
}

//! Which distribution and release is this root filesystem?

use serde::Serialize;
use tripoint_model::Ecosystem;

use crate::root::Root;

/// What os-release says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Distro {
    /// `debian`, `ubuntu`.
    pub id: String,
    /// `12`, `24.04`; empty when it names none.
    pub version: String,
    /// For people.
    pub name: String,
    /// Families it says it is like.
    #[serde(skip)]
    pub like: Vec<String>,
    /// `bookworm`.
    #[serde(skip)]
    pub codename: String,
    /// The version as people write it (`24.03 (LTS-SP1)`).
    #[serde(skip)]
    pub long_version: String,
}

impl Distro {
    /// Reads `etc/os-release`, else `usr/lib/os-release`.
    pub fn of(root: &Root) -> Option<Self> {
        ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .find_map(|path| root.read(path, OS_RELEASE_BYTES_MAX).ok())
            .map(|bytes| Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    fn parse(text: &str) -> Self {
        let mut out = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let value: String =
                value.trim().trim_matches(['"', '\'']).chars().filter(|c| !c.is_control()).take(128).collect();
            match key {
                "ID" => out.id = value.to_lowercase(),
                "VERSION_ID" => out.version = value,
                "PRETTY_NAME" => out.name = value,
                "ID_LIKE" => out.like = value.split_whitespace().map(str::to_lowercase).collect(),
                "VERSION_CODENAME" => out.codename = value,
                "VERSION" => out.long_version = value,
                _ => {}
            }
        }
        out
    }

    /// Whose advisories count for dpkg packages here, and for which release. A derivative's own
    /// releases are in no advisory of its parent: its release is named so that none matches.
    pub fn dpkg_ecosystem(&self) -> (Ecosystem, String) {
        match self.id.as_str() {
            "debian" | "raspbian" => (Ecosystem::Debian, self.debian_release()),
            "ubuntu" => (Ecosystem::Ubuntu, self.version.clone()),
            _ => {
                let family =
                    if self.like.iter().any(|id| id == "ubuntu") { Ecosystem::Ubuntu } else { Ecosystem::Debian };
                (family, format!("{}-{}", self.id, self.version))
            }
        }
    }

    /// Whose advisories count for apk packages here, and for which release (`v3.20`).
    pub fn apk_ecosystem(&self) -> (Ecosystem, String) {
        match self.id.as_str() {
            "wolfi" => (Ecosystem::Wolfi, String::new()),
            "chainguard" => (Ecosystem::Chainguard, String::new()),
            "alpine" => (Ecosystem::Alpine, self.alpine_release()),
            _ => (Ecosystem::Alpine, format!("{}-{}", self.id, self.version)),
        }
    }

    /// `3.20.1` is of the branch `v3.20`; what is still being made (`3.21_alpha20240606`) is `edge`.
    fn alpine_release(&self) -> String {
        let mut parts = self.version.split('.');
        match (parts.next(), parts.next()) {
            _ if self.version.is_empty() => String::new(),
            _ if self.version.contains('_') || self.version == "edge" => "edge".to_owned(),
            (Some(major), Some(minor)) => format!("v{major}.{minor}"),
            _ => format!("v{}", self.version),
        }
    }

    /// Whose advisories count for rpm packages here, and for which release. A distribution that
    /// none speaks of is taken for Red Hat's, with a release that matches nothing.
    pub fn rpm_ecosystem(&self) -> (Ecosystem, String) {
        let major = || self.version.split('.').next().unwrap_or_default().to_owned();
        match self.id.as_str() {
            "rhel" | "centos" => (Ecosystem::RedHat, major()),
            "almalinux" => (Ecosystem::AlmaLinux, major()),
            "rocky" => (Ecosystem::RockyLinux, major()),
            "ol" => (Ecosystem::OracleLinux, major()),
            // The first one counted by month: 2018.03.
            "amzn" if self.version.starts_with("201") => (Ecosystem::AmazonLinux, "1".to_owned()),
            "amzn" => (Ecosystem::AmazonLinux, major()),
            "fedora" => (Ecosystem::Fedora, major()),
            "sles" | "sled" | "sles_sap" => (Ecosystem::Suse, self.suse_release()),
            "opensuse-leap" => (Ecosystem::OpenSuse, format!("Leap {}", self.version)),
            "opensuse-tumbleweed" => (Ecosystem::OpenSuse, "Tumbleweed".to_owned()),
            id if id.starts_with("opensuse") => (Ecosystem::OpenSuse, self.version.clone()),
            "mariner" | "azurelinux" => (Ecosystem::AzureLinux, major()),
            "photon" => (Ecosystem::Photon, self.version.clone()),
            "openeuler" => (Ecosystem::OpenEuler, self.openeuler_release()),
            "mageia" => (Ecosystem::Mageia, major()),
            _ => (Ecosystem::RedHat, format!("{}-{}", self.id, self.version)),
        }
    }

    /// `15.5` is `Linux Enterprise Server 15 SP5`.
    fn suse_release(&self) -> String {
        let product = if self.id == "sled" { "Desktop" } else { "Server" };
        let (major, pack) = self.version.split_once('.').unwrap_or((&self.version, ""));
        let pack = if pack.is_empty() || pack == "0" { String::new() } else { format!(" SP{pack}") };
        format!("Linux Enterprise {product} {major}{pack}")
    }

    /// `24.03 (LTS-SP1)` is `24.03-LTS-SP1`.
    fn openeuler_release(&self) -> String {
        match self.long_version.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')')) {
            Some(kind) => format!("{}-{kind}", self.version),
            None => self.version.clone(),
        }
    }

    /// How a package URL names it (`alpine-3.20.1`); empty when nothing is known.
    pub(crate) fn qualifier(&self) -> String {
        match (self.id.is_empty(), self.version.is_empty()) {
            (true, _) => String::new(),
            (_, true) => self.id.clone(),
            _ => format!("{}-{}", self.id, self.version),
        }
    }

    fn debian_release(&self) -> String {
        if !self.version.is_empty() {
            return self.version.split('.').next().unwrap_or_default().to_owned();
        }
        let known = DEBIAN_CODENAMES.iter().find(|(name, _)| *name == self.codename);
        known.map_or_else(|| "unstable".to_owned(), |(_, release)| (*release).to_owned())
    }
}

/// Testing images carry a codename and no number.
const DEBIAN_CODENAMES: &[(&str, &str)] =
    &[("buster", "10"), ("bullseye", "11"), ("bookworm", "12"), ("trixie", "13"), ("forky", "14"), ("duke", "15")];
const OS_RELEASE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_those_of_the_advisories() {
        for (text, expected) in [
            ("ID=debian\nVERSION_ID=\"12\"", (Ecosystem::Debian, "12")),
            ("ID=debian\nVERSION_CODENAME=trixie", (Ecosystem::Debian, "13")),
            ("ID=ubuntu\nVERSION_ID='24.04'", (Ecosystem::Ubuntu, "24.04")),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=22", (Ecosystem::Ubuntu, "linuxmint-22")),
        ] {
            let (ecosystem, release) = Distro::parse(text).dpkg_ecosystem();
            assert_eq!((ecosystem, release.as_str()), expected, "{text}");
        }
    }
    #[test]
    fn other_families_have_the_releases_of_their_advisories() {
        for (text, expected) in [
            ("ID=alpine\nVERSION_ID=3.20.1", (Ecosystem::Alpine, "v3.20")),
            ("ID=alpine\nVERSION_ID=3.21_alpha20240606", (Ecosystem::Alpine, "edge")),
            ("ID=wolfi\nVERSION_ID=\"20230201\"", (Ecosystem::Wolfi, "")),
        ] {
            let (ecosystem, release) = Distro::parse(text).apk_ecosystem();
            assert_eq!((ecosystem, release.as_str()), expected, "{text}");
        }
        for (text, expected) in [
            ("ID=\"centos\"\nVERSION_ID=\"8\"", (Ecosystem::RedHat, "8")),
            ("ID=\"ol\"\nVERSION_ID=\"9.4\"", (Ecosystem::OracleLinux, "9")),
            ("ID=amzn\nVERSION_ID=2018.03", (Ecosystem::AmazonLinux, "1")),
            ("ID=amzn\nVERSION_ID=2023", (Ecosystem::AmazonLinux, "2023")),
            ("ID=\"sles\"\nVERSION_ID=\"15.5\"", (Ecosystem::Suse, "Linux Enterprise Server 15 SP5")),
            ("ID=\"sles\"\nVERSION_ID=\"12\"", (Ecosystem::Suse, "Linux Enterprise Server 12")),
            ("ID=\"opensuse-leap\"\nVERSION_ID=\"15.6\"", (Ecosystem::OpenSuse, "Leap 15.6")),
            ("ID=mariner\nVERSION_ID=\"2.0\"", (Ecosystem::AzureLinux, "2")),
            ("ID=photon\nVERSION_ID=5.0", (Ecosystem::Photon, "5.0")),
            (
                "ID=\"openEuler\"\nVERSION=\"24.03 (LTS-SP1)\"\nVERSION_ID=24.03",
                (Ecosystem::OpenEuler, "24.03-LTS-SP1"),
            ),
            ("ID=scientific\nVERSION_ID=7.9", (Ecosystem::RedHat, "scientific-7.9")),
        ] {
            let (ecosystem, release) = Distro::parse(text).rpm_ecosystem();
            assert_eq!((ecosystem, release.as_str()), expected, "{text}");
        }
    }
}

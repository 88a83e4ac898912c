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
}

//! Whose package is it, and for which release of the distribution?

use tripoint_model::{Ecosystem, Purl};

/// The ecosystem of a package URL; the operating system decides where it names no distribution.
pub(super) fn ecosystem(purl: &Purl, system: Option<&(String, String)>) -> Option<Ecosystem> {
    let named = if purl.namespace.is_empty() { system.map_or("", |(id, _)| id.as_str()) } else { &purl.namespace };
    let known = |kind: &str| Ecosystem::ALL.iter().find(|(_, _, own)| *own == kind).map(|(ecosystem, _, _)| *ecosystem);
    if !matches!(purl.kind.as_str(), "deb" | "rpm" | "apk" | "alpm") {
        return known(&purl.kind);
    }
    let first = named.split('/').next().unwrap_or(named);
    known(&format!("{}/{first}", purl.kind))
        .or_else(|| OTHER_NAMES.iter().find(|(name, _)| *name == first).map(|(_, ecosystem)| *ecosystem))
}

/// The release, in the spelling of the ecosystem's advisories; empty where nothing says it.
pub(super) fn release(ecosystem: Ecosystem, purl: &Purl, system: Option<&(String, String)>) -> String {
    if !ecosystem.is_distribution() {
        return String::new();
    }
    let distro = purl.qualifier("distro");
    let said = match distro.rsplit_once('-') {
        Some((_, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => version,
        _ if distro.starts_with(|c: char| c.is_ascii_digit()) => distro,
        _ if !distro.is_empty() => codename(distro.rsplit('-').next().unwrap_or(distro)),
        _ => system.map_or("", |(_, version)| version.as_str()),
    };
    let said = if said.is_empty() { system.map_or("", |(_, version)| version.as_str()) } else { said };
    let said = said.trim_start_matches('v');
    let mut numbers = said.split('.');
    let major = numbers.next().unwrap_or_default();
    match ecosystem {
        Ecosystem::Wolfi | Ecosystem::Chainguard | Ecosystem::Arch => String::new(),
        _ if major.is_empty() => String::new(),
        Ecosystem::Alpine => match numbers.next() {
            Some(minor) => format!("v{major}.{minor}"),
            None => format!("v{major}"),
        },
        Ecosystem::Ubuntu | Ecosystem::Photon | Ecosystem::OpenEuler => said.to_owned(),
        Ecosystem::OpenSuse if numbers.next().is_some() => format!("Leap {said}"),
        Ecosystem::OpenSuse => "Tumbleweed".to_owned(),
        Ecosystem::Suse => match numbers.next() {
            Some(pack) => format!("Linux Enterprise Server {major} SP{pack}"),
            None => format!("Linux Enterprise Server {major}"),
        },
        _ => major.to_owned(),
    }
}

/// Whether a package URL alone names the release as its host does. An empty one would be every release; where a
/// distribution is taken for another, or the system's own files say more (openEuler's service packs, desktops of SUSE,
/// what of Alpine is not out yet), it does not.
pub(super) fn is_told(ecosystem: Ecosystem, purl: &Purl, release: &str) -> bool {
    let id = purl.qualifier("distro").rsplit_once('-').map_or("", |(id, _)| id);
    let is_its_own = match ecosystem {
        Ecosystem::Wolfi | Ecosystem::Chainguard | Ecosystem::Arch => return true,
        other if !other.is_distribution() => return true,
        Ecosystem::Debian => id == "debian",
        Ecosystem::Ubuntu => id == "ubuntu",
        Ecosystem::Alpine => id == "alpine" && !purl.qualifier("distro").contains('_'),
        Ecosystem::RedHat => matches!(id, "rhel" | "centos"),
        Ecosystem::AlmaLinux => id == "almalinux",
        Ecosystem::RockyLinux => id == "rocky",
        Ecosystem::OracleLinux => id == "ol",
        Ecosystem::AmazonLinux => id == "amzn" && !release.starts_with("201"),
        Ecosystem::Fedora => id == "fedora",
        Ecosystem::Suse => id == "sles",
        Ecosystem::OpenSuse => id == "opensuse-leap",
        _ => false,
    };
    is_its_own && !release.is_empty()
}

fn codename(name: &str) -> &'static str {
    CODENAMES.iter().find(|(known, _)| *known == name).map_or("", |(_, release)| release)
}

/// What documents call distributions beside the types' own names.
const OTHER_NAMES: &[(&str, Ecosystem)] = &[
    ("raspbian", Ecosystem::Debian),
    ("rhel", Ecosystem::RedHat),
    ("centos", Ecosystem::RedHat),
    ("redhatenterprise", Ecosystem::RedHat),
    ("alma", Ecosystem::AlmaLinux),
    ("rockylinux", Ecosystem::RockyLinux),
    ("ol", Ecosystem::OracleLinux),
    ("oraclelinux", Ecosystem::OracleLinux),
    ("amazon", Ecosystem::AmazonLinux),
    ("amazonlinux", Ecosystem::AmazonLinux),
    ("sles", Ecosystem::Suse),
    ("sled", Ecosystem::Suse),
    ("opensuse-leap", Ecosystem::OpenSuse),
    ("opensuse.leap", Ecosystem::OpenSuse),
    ("opensuse-tumbleweed", Ecosystem::OpenSuse),
    ("mariner", Ecosystem::AzureLinux),
    ("cbl-mariner", Ecosystem::AzureLinux),
    ("archlinux", Ecosystem::Arch),
];

const CODENAMES: &[(&str, &str)] = &[
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("bionic", "18.04"),
    ("focal", "20.04"),
    ("jammy", "22.04"),
    ("noble", "24.04"),
];

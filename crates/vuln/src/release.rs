//! Which release of a distribution is meant, however a publisher or os-release spells it?

use tripoint_model::Ecosystem;

/// The release in the one spelling of the image; what is not recognised stays as it is.
pub(crate) fn normal(ecosystem: Ecosystem, text: &str) -> String {
    let text = text.trim();
    let known = match ecosystem {
        Ecosystem::Debian => debian(text),
        Ecosystem::Ubuntu => ubuntu(text),
        Ecosystem::Alpine => alpine(text),
        Ecosystem::RedHat | Ecosystem::AlmaLinux | Ecosystem::RockyLinux | Ecosystem::OracleLinux => red_hat(text),
        Ecosystem::AmazonLinux => Some(if text.starts_with("2018") { "1" } else { text }.to_owned()),
        Ecosystem::Suse | Ecosystem::OpenSuse => suse(text),
        Ecosystem::AzureLinux => is_number(text.split('.').next()).then(|| first(text)),
        Ecosystem::Photon => (is_number(Some(text))).then(|| format!("{text}.0")),
        _ => None,
    };
    known.unwrap_or_else(|| text.to_owned())
}

fn debian(text: &str) -> Option<String> {
    if is_number(text.split('.').next()) {
        return Some(first(text));
    }
    let name = text.to_ascii_lowercase();
    let name = name.split(['-', '/']).next().unwrap_or_default();
    DEBIAN.iter().find(|(known, _)| *known == name).map(|(_, release)| (*release).to_owned())
}

/// Packages with more than five years carry the release they are for; those rebuilt for a
/// certification are other packages of the same name.
fn ubuntu(text: &str) -> Option<String> {
    let mut release = None;
    let mut variant = Vec::new();
    for part in text.split([':', '/']) {
        let lower = part.to_ascii_lowercase();
        let named = UBUNTU.iter().find(|(known, _)| *known == lower).map(|(_, release)| *release);
        match named.or_else(|| is_dotted(part).then_some(part)) {
            Some(found) if release.is_none() => release = Some(found.to_owned()),
            _ if matches!(lower.as_str(), "lts" | "pro" | "" | "esm" | "esm-infra" | "esm-apps") => {}
            _ => variant.push(lower),
        }
    }
    let release = release?;
    Some(if variant.is_empty() { release } else { format!("{release} {}", variant.join(" ")) })
}

fn alpine(text: &str) -> Option<String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts = text.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    (is_number(Some(major)) && is_number(Some(minor))).then(|| format!("{major}.{minor}"))
}

/// `9.4`, `enterprise_linux:9::baseos` and `9` are one release; a stream of longer support is not.
fn red_hat(text: &str) -> Option<String> {
    let mut parts = text.trim_start_matches("cpe:/o:redhat:").trim_start_matches("cpe:/a:redhat:").split(':');
    let head = parts.next()?;
    if is_number(head.split('.').next()) {
        return Some(first(head));
    }
    let version = parts.next().filter(|version| is_number(version.split('.').next()));
    match (head, version) {
        ("enterprise_linux", Some(version)) => Some(first(version)),
        (head, Some(version)) => Some(format!("{version} {}", head.trim_start_matches("rhel_"))),
        _ => None,
    }
}

/// Every module and product of a service pack is one release: `15.5`.
fn suse(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if lower.contains("tumbleweed") || (lower.len() == 8 && is_number(Some(&lower))) {
        return Some("tumbleweed".to_owned());
    }
    let micro = if lower.contains("micro") { "micro " } else { "" };
    let words: Vec<&str> = lower.split([' ', '-', ':']).collect();
    let at = words.iter().position(|word| is_number(word.split('.').next()))?;
    let version = words.get(at)?;
    let pack = words.get(at + 1).and_then(|word| word.strip_prefix("sp")).filter(|pack| is_number(Some(pack)));
    Some(match pack {
        Some(pack) => format!("{micro}{version}.{pack}"),
        None => format!("{micro}{version}"),
    })
}

fn first(text: &str) -> String {
    text.split('.').next().unwrap_or_default().to_owned()
}

fn is_number(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_dotted(text: &str) -> bool {
    text.split_once('.').is_some_and(|(year, month)| is_number(Some(year)) && is_number(Some(month)))
}

const DEBIAN: &[(&str, &str)] = &[
    ("squeeze", "6"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("sid", "unstable"),
    ("unstable", "unstable"),
];

const UBUNTU: &[(&str, &str)] = &[
    ("precise", "12.04"),
    ("trusty", "14.04"),
    ("xenial", "16.04"),
    ("bionic", "18.04"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_release_meet() {
        for (ecosystem, text, expected) in [
            (Ecosystem::Debian, "12.7", "12"),
            (Ecosystem::Debian, "bookworm", "12"),
            (Ecosystem::Debian, "linuxmint-6", "linuxmint-6"),
            (Ecosystem::Ubuntu, "24.04:LTS", "24.04"),
            (Ecosystem::Ubuntu, "Pro:16.04:LTS", "16.04"),
            (Ecosystem::Ubuntu, "Pro:FIPS:18.04:LTS", "18.04 fips"),
            (Ecosystem::Ubuntu, "linuxmint-22", "linuxmint-22"),
            (Ecosystem::Ubuntu, "esm-infra/xenial", "16.04"),
            (Ecosystem::Alpine, "v3.20", "3.20"),
            (Ecosystem::Alpine, "3.20.3", "3.20"),
            (Ecosystem::Alpine, "edge", "edge"),
            (Ecosystem::RedHat, "enterprise_linux:9::baseos", "9"),
            (Ecosystem::RedHat, "rhel_eus:9.2::appstream", "9.2 eus"),
            (Ecosystem::RockyLinux, "9.4", "9"),
            (Ecosystem::Suse, "Linux Enterprise Module for Basesystem 15 SP5", "15.5"),
            (Ecosystem::Suse, "Linux Enterprise Server 15 SP3-LTSS", "15.3"),
            (Ecosystem::Suse, "15.5", "15.5"),
            (Ecosystem::Suse, "Linux Micro 6.0", "micro 6.0"),
            (Ecosystem::OpenSuse, "Leap 15.6", "15.6"),
            (Ecosystem::OpenSuse, "Tumbleweed", "tumbleweed"),
            (Ecosystem::OpenSuse, "20240321", "tumbleweed"),
            (Ecosystem::AzureLinux, "3.0", "3"),
            (Ecosystem::Photon, "5", "5.0"),
            (Ecosystem::AmazonLinux, "2018.03", "1"),
            (Ecosystem::Fedora, "40", "40"),
            (Ecosystem::Debian, "", ""),
        ] {
            assert_eq!(normal(ecosystem, text), expected, "{ecosystem} {text}");
        }
    }
}

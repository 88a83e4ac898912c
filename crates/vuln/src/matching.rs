//! Which advisories hit an installed package, and which command installs the fix?

use tripoint_model::{Ecosystem, Finding, FindingState, Package};

use crate::image::Database;
use crate::naming;

/// The findings of one installed package, by id. A distribution's package is looked up by its
/// source package and release, as the distribution's advisories are written.
pub fn match_package(database: &Database, package: &Package) -> Vec<Finding> {
    let by_source = matches!(
        package.ecosystem,
        Ecosystem::Debian | Ecosystem::Ubuntu | Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard
    );
    let (name, version) = if by_source && !package.source.is_empty() {
        (package.source.as_str(), package.source_version.as_str())
    } else {
        (package.name.as_str(), package.version.as_str())
    };
    let version = if version.is_empty() { package.version.as_str() } else { version };
    let release = naming::release(&package.release);
    let name = naming::package(package.ecosystem, name);
    let mut out = Vec::new();
    for hit in database.hits(package.ecosystem, &release, &name, version) {
        let Some(advisory) = database.advisory(hit.advisory) else { continue };
        let mut finding = Finding {
            purl: package.purl.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            id: advisory.id.to_owned(),
            cves: advisory.cves.iter().map(|cve| (*cve).to_owned()).collect(),
            state: FindingState::Affected,
            presence: package.state,
            fixed: hit.fixed.map(str::to_owned),
            severity: advisory.severity,
            cvss_tenths: advisory.cvss_tenths,
            known_exploited: false,
            epss_bp: None,
            fix_command: hit.fixed.and_then(|fixed| fix_command(package, fixed)),
            source: advisory.source.to_owned(),
            paths: package.paths.clone(),
        };
        for cve in advisory.cves.iter().filter_map(|cve| database.cve(cve)) {
            finding.known_exploited |= cve.known_exploited;
            finding.epss_bp = finding.epss_bp.max(cve.epss_bp);
        }
        out.push(finding);
    }
    out.sort_by(|a, b| a.id.cmp(&b.id));
    out
}

/// A command that a person can paste. Names and versions that are not plain words give none: they
/// come from files that anyone may have written.
fn fix_command(package: &Package, fixed: &str) -> Option<String> {
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+~:@/".contains(c))
    };
    if !plain(&package.name) || !plain(fixed) {
        return None;
    }
    let name = &package.name;
    // A binary package whose version differs from its source's has a version of its own, which
    // the advisory does not name.
    let own = package.version == package.source_version || package.source_version.is_empty();
    Some(match package.ecosystem {
        Ecosystem::Debian | Ecosystem::Ubuntu if own => {
            format!("apt-get install --only-upgrade {name}={fixed}")
        }
        Ecosystem::Debian | Ecosystem::Ubuntu => format!("apt-get install --only-upgrade {name}"),
        Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard => format!("apk add --upgrade '{name}>={fixed}'"),
        Ecosystem::PyPI => format!("pip install '{name}>={fixed}'"),
        Ecosystem::Npm => format!("npm install {name}@{fixed}"),
        Ecosystem::Maven => format!("replace {} by {name} version {fixed} or later", archive(package)?),
        Ecosystem::Go => format!("go get {name}@v{}", fixed.trim_start_matches('v')),
        Ecosystem::CratesIo => format!("cargo update -p {name} --precise {fixed}"),
        Ecosystem::RubyGems => format!("gem install {name} -v {fixed}"),
        Ecosystem::NuGet => format!("dotnet add package {name} --version {fixed}"),
        Ecosystem::Packagist => format!("composer require '{name}:>={fixed}'"),
        Ecosystem::Suse | Ecosystem::OpenSuse => format!("zypper update {name}"),
        Ecosystem::Photon | Ecosystem::AzureLinux => format!("tdnf update {name}"),
        Ecosystem::Arch => format!("pacman -Syu {name}"),
        Ecosystem::AlmaLinux
        | Ecosystem::RockyLinux
        | Ecosystem::RedHat
        | Ecosystem::OracleLinux
        | Ecosystem::AmazonLinux
        | Ecosystem::Fedora
        | Ecosystem::OpenEuler
        | Ecosystem::Mageia => format!("dnf upgrade {name}"),
        Ecosystem::Pub => format!("dart pub upgrade {name}"),
        Ecosystem::Hex => format!("mix deps.update {name}"),
        _ => format!("upgrade {name} to {fixed} or later"),
    })
}

/// The innermost archive that carries the code.
fn archive(package: &Package) -> Option<String> {
    let path = package.paths.first().map_or(package.name.as_str(), String::as_str);
    let shown = tripoint_model::text::visible(path);
    (!shown.is_empty()).then(|| shown.into_owned())
}

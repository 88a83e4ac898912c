//! Which advisories hit an installed package, and which command installs the fix?

use tripoint_model::{Ecosystem, Finding, FindingState, Package};

use crate::image::Database;
use crate::naming;
use crate::said::{Said, said};
use crate::subject::{Asked, NameKind};
use crate::version::Scheme;

/// The findings of one installed package, by id. A distribution's package is looked up by its
/// source package, by its own name, or both, as the distribution writes its advisories. What is
/// said to be not affected is no finding.
pub fn match_package(database: &Database, package: &Package) -> Vec<Finding> {
    let release = naming::release(package.ecosystem, &package.release);
    let own_name = naming::package(package.ecosystem, &package.name);
    let source_name = naming::package(package.ecosystem, &package.source);
    let source_version = source_version(package);
    let (arch, module) = (naming::qualifier(&package.purl, "arch").unwrap_or_default(), module(package));
    let own = Asked {
        ecosystem: package.ecosystem,
        release: &release,
        name: &own_name,
        version: &package.version,
        kind: if package.ecosystem.is_distribution() { NameKind::Binary } else { NameKind::Any },
        module: module.as_deref(),
        arch: &arch,
    };
    // Architectures are those of binary packages.
    let source = Asked { name: &source_name, version: &source_version, kind: NameKind::Source, arch: "", ..own };
    let found = match (package.ecosystem.is_distribution(), source_name.is_empty()) {
        (false, _) => said(database, &[own]),
        (true, true) => said(database, &[Asked { kind: NameKind::Any, ..own }]),
        (true, false) if by_source(package.ecosystem) => said(database, &[source]),
        (true, false) => said(database, &[own, source]),
    };
    let spoken =
        found.into_iter().filter(|said| !matches!(said.state, FindingState::NotAffected | FindingState::Fixed));
    spoken.map(|said| finding(package, said)).collect()
}

/// Whose advisories name source packages alone.
fn by_source(ecosystem: Ecosystem) -> bool {
    matches!(
        ecosystem,
        Ecosystem::Debian | Ecosystem::Ubuntu | Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard
    )
}

/// The source package's version; with the epoch that the name of a source rpm leaves out.
fn source_version(package: &Package) -> String {
    let version = if package.source_version.is_empty() { &package.version } else { &package.source_version };
    match package.version.split_once(':') {
        Some((epoch, _)) if Scheme::of(package.ecosystem) == Scheme::Rpm && !version.contains(':') => {
            format!("{epoch}:{version}")
        }
        _ => version.clone(),
    }
}

/// Module and stream: what the purl says, unknown for a build that only shows that it is of a
/// module, empty for others.
fn module(package: &Package) -> Option<String> {
    let said = ["modularitylabel", "rpmmod", "modularity"].iter().find_map(|key| naming::qualifier(&package.purl, key));
    match said {
        Some(label) if !label.is_empty() => Some(label),
        _ if package.version.contains(".module") => None,
        _ => Some(String::new()),
    }
}

fn finding(package: &Package, said: Said<'_>) -> Finding {
    Finding {
        purl: package.purl.clone(),
        name: package.name.clone(),
        version: package.version.clone(),
        id: said.id.to_owned(),
        cves: said.cves.iter().map(|cve| (*cve).to_owned()).collect(),
        state: said.state,
        presence: package.state,
        fixed: said.fixed.map(str::to_owned),
        severity: said.severity,
        cvss_tenths: said.cvss_tenths,
        known_exploited: said.known_exploited,
        epss_bp: said.epss_bp,
        fix_command: said.fixed.and_then(|fixed| fix_command(package, fixed)),
        source: said.source.to_owned(),
        paths: package.paths.clone(),
    }
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

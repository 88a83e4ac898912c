//! Which advisories hit an installed package, and which command installs the fix?

use tripoint_model::{Ecosystem, Finding, FindingState, Package};

use crate::fix::fix_command;
use crate::image::Database;
use crate::naming;
use crate::said::{Said, said};
use crate::subject::{Asked, NameKind};
use crate::version::Scheme;

/// The findings of one installed package, by id. What is said to be not affected is no finding.
pub fn match_package(database: &Database, package: &Package) -> Vec<Finding> {
    let mut out = statements(database, package);
    out.retain(|said| !matches!(said.state, FindingState::NotAffected | FindingState::Fixed));
    out
}

/// All that is said of one installed package, by id; also that it is not affected. A
/// distribution's package is looked up by its source package, by its own name, or both, as the
/// distribution writes its advisories.
pub fn statements(database: &Database, package: &Package) -> Vec<Finding> {
    let release = naming::release(package.ecosystem, &package.release);
    let own_name = naming::package(package.ecosystem, &package.name);
    let (source_name, source_version) = source(package);
    let source_name = naming::package(package.ecosystem, &source_name);
    if is_kernels(package.ecosystem, &source_name) && holds_no_code(&package.name) {
        return Vec::new();
    }
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
    found.into_iter().map(|said| finding(package, said)).collect()
}

/// Whose advisories name source packages alone.
fn by_source(ecosystem: Ecosystem) -> bool {
    matches!(
        ecosystem,
        Ecosystem::Debian | Ecosystem::Ubuntu | Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard
    )
}

/// The source package whose code is inside, and its version. A signed kernel is a package of its
/// own around the binary that the kernel's source built, of the same version. A backport (`~bpo12+1`)
/// is the version that it was built from; that it sorts before it lets the release's own win.
fn source(package: &Package) -> (String, String) {
    let version = source_version(package);
    if !matches!(package.ecosystem, Ecosystem::Debian | Ecosystem::Ubuntu) {
        return (package.source.clone(), version);
    }
    let (name, version) = match package.source.strip_prefix("linux-signed") {
        Some(rest) => {
            let rest = if package.ecosystem == Ecosystem::Debian { "" } else { rest };
            (format!("linux{rest}"), without_rebuild(&package.version).to_owned())
        }
        None => (package.source.clone(), version),
    };
    let backport = version.split_once("~bpo").filter(|_| package.ecosystem == Ecosystem::Debian);
    let version = backport.map_or(version.as_str(), |(stem, _)| stem).to_owned();
    (name, version)
}

/// Without the mark of a rebuild of the binary alone.
fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => version,
    }
}

fn is_kernels(ecosystem: Ecosystem, source: &str) -> bool {
    ecosystem.is_distribution() && (source.starts_with("linux") || source.starts_with("kernel"))
}

/// Packages of a kernel's source that hold headers, documents or what modules are built with:
/// nothing of the kernel's code is in them.
fn holds_no_code(name: &str) -> bool {
    KERNEL_HEADERS.iter().any(|begin| name.starts_with(begin)) || name.ends_with("-headers")
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

const KERNEL_HEADERS: &[&str] = &[
    "linux-libc-dev",
    "linux-headers-",
    "linux-kbuild-",
    "linux-doc",
    "linux-source",
    "linux-support-",
    "linux-config-",
    "linux-compiler-",
    "kernel-headers",
    "kernel-devel",
    "kernel-doc",
    "kernel-macros",
    "kernel-source",
    "kernel-rpm-macros",
    "kernel-srpm-macros",
];

/// Module and stream: what the package's database or else the purl says, unknown for a build that
/// only shows that it is of a module, empty for others.
fn module(package: &Package) -> Option<String> {
    if !package.module.is_empty() {
        return Some(package.module.clone());
    }
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
        on_disk: None,
        fixed: said.fixed.map(str::to_owned),
        severity: said.severity.to_map(),
        cvss_tenths: said.cvss_tenths,
        known_exploited: said.known_exploited,
        epss_bp: said.epss_bp,
        fix_command: said.fixed.and_then(|fixed| fix_command(package, fixed)),
        source: said.source.to_owned(),
        paths: package.paths.clone(),
        installed: package.installed,
    }
}

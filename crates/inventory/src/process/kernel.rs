//! Which of the installed kernels is the one that runs?

use tripoint_model::{Ecosystem, Package, PackageState};

/// Marks the package of the kernel that `uname -r` names (`release`) as loaded. Every other kernel
/// beside it stays installed: it lies on the disk only.
pub fn mark_running(packages: &mut [Package], release: &str) {
    for package in packages.iter_mut().filter(|package| is_of(package, release)) {
        package.state = PackageState::Loaded;
    }
}

/// What the kernel that runs calls itself.
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn is_of(package: &Package, release: &str) -> bool {
    let name = package.name.as_str();
    match package.ecosystem {
        // The name carries the release: linux-image-6.1.0-18-amd64.
        Ecosystem::Debian | Ecosystem::Ubuntu => DEB_PARTS
            .iter()
            .filter_map(|part| name.strip_prefix(part))
            .any(|rest| rest == release || rest.strip_prefix("unsigned-").is_some_and(|rest| rest == release)),
        // 6.6.31-r0 of linux-lts is 6.6.31-0-lts.
        Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard => {
            let flavour = name.strip_prefix("linux-").filter(|flavour| !flavour.ends_with("-dev"));
            flavour.is_some_and(|flavour| format!("{}-{flavour}", package.version.replace("-r", "-")) == release)
        }
        // 6.9.1.arch1-1 of linux is 6.9.1-arch1-1; others append their flavour.
        Ecosystem::Arch => {
            let Some(flavour) = name.strip_prefix("linux").filter(|rest| rest.is_empty() || rest.starts_with('-'))
            else {
                return false;
            };
            let plain = |text: &str| text.replace('.', "-");
            let (own, running) = (plain(&package.version), plain(release));
            running == own || running == format!("{own}{}", plain(flavour))
        }
        ecosystem if ecosystem.is_distribution() => is_rpm_kernel(name) && is_rpm_version(&package.version, release),
        _ => false,
    }
}

/// `kernel-core`, `kernel-default`, `linux`; never tools, headers or what kernels are built with.
fn is_rpm_kernel(name: &str) -> bool {
    let kernel =
        RPM_PARTS.iter().any(|part| name == *part || name.strip_prefix(part).is_some_and(|r| r.starts_with('-')));
    kernel && !RPM_OTHERS.iter().any(|other| name.contains(other))
}

/// `5.14.0-427.el9` is `5.14.0-427.el9.x86_64`; SUSE's `5.14.21-150500.55.68.1` is
/// `5.14.21-150500.55.68-default`.
fn is_rpm_version(version: &str, release: &str) -> bool {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let begins =
        |version: &str| release.strip_prefix(version).is_some_and(|r| r.is_empty() || r.starts_with(['.', '-', '+']));
    // A number that goes on is another build: 1.el9 is not 1.el9_4.
    let arch = |rest: &str| ARCHITECTURES.contains(&rest);
    let exact = release.strip_prefix(version).is_some_and(|rest| {
        let rest = rest.split('+').next().unwrap_or(rest);
        rest.is_empty() || rest.strip_prefix('.').is_some_and(arch) || rest.starts_with('-')
    });
    exact || (release.ends_with("-default") && version.rsplit_once('.').is_some_and(|(stem, _)| begins(stem)))
}

const DEB_PARTS: &[&str] = &["linux-image-", "linux-modules-", "linux-modules-extra-"];
const RPM_PARTS: &[&str] = &["kernel", "linux"];
const RPM_OTHERS: &[&str] =
    &["headers", "devel", "tools", "doc", "macros", "source", "firmware", "debug", "selftests", "pam"];
const ARCHITECTURES: &[&str] = &["x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "i686", "armv7hl"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::entry;

    #[test]
    fn the_running_kernel_is_the_one_that_uname_names() {
        for (ecosystem, name, version, release, expected) in [
            (Ecosystem::Debian, "linux-image-6.1.0-18-amd64", "6.1.76-1", "6.1.0-18-amd64", true),
            (Ecosystem::Debian, "linux-image-6.1.0-17-amd64", "6.1.69-1", "6.1.0-18-amd64", false),
            (Ecosystem::Debian, "linux-image-6.1.0-18-cloud-amd64", "6.1.76-1", "6.1.0-18-amd64", false),
            (Ecosystem::Debian, "linux-image-6.9.7+bpo-amd64", "6.9.7-1~bpo12+1", "6.9.7+bpo-amd64", true),
            (Ecosystem::Debian, "linux-libc-dev", "6.1.76-1", "6.1.0-18-amd64", false),
            (Ecosystem::Debian, "linux-headers-6.1.0-18-amd64", "6.1.76-1", "6.1.0-18-amd64", false),
            (Ecosystem::Ubuntu, "linux-image-unsigned-6.5.0-35-generic", "6.5.0-35.35", "6.5.0-35-generic", true),
            (Ecosystem::Ubuntu, "linux-modules-6.5.0-35-generic", "6.5.0-35.35", "6.5.0-35-generic", true),
            (Ecosystem::RedHat, "kernel-core", "5.14.0-427.13.1.el9_4", "5.14.0-427.13.1.el9_4.x86_64", true),
            (Ecosystem::RedHat, "kernel-core", "0:5.14.0-427.13.1.el9_4", "5.14.0-427.13.1.el9_4.x86_64", true),
            (Ecosystem::RedHat, "kernel-core", "5.14.0-427.el9", "5.14.0-427.el9_4.x86_64", false),
            (Ecosystem::RedHat, "kernel-headers", "5.14.0-427.el9", "5.14.0-427.el9.x86_64", false),
            (Ecosystem::RedHat, "kernel-tools-libs", "5.14.0-427.el9", "5.14.0-427.el9.x86_64", false),
            (Ecosystem::Suse, "kernel-default", "5.14.21-150500.55.68.1", "5.14.21-150500.55.68-default", true),
            (Ecosystem::Suse, "kernel-default", "5.14.21-150500.55.6.1", "5.14.21-150500.55.68-default", false),
            (Ecosystem::AmazonLinux, "kernel", "6.1.90-99.173.amzn2023", "6.1.90-99.173.amzn2023.x86_64", true),
            (Ecosystem::AzureLinux, "kernel", "5.15.153.1-2.cm2", "5.15.153.1-2.cm2", true),
            (Ecosystem::Photon, "linux", "6.1.90-1.ph5", "6.1.90-1.ph5", true),
            (Ecosystem::Alpine, "linux-lts", "6.6.31-r0", "6.6.31-0-lts", true),
            (Ecosystem::Alpine, "linux-virt", "6.6.31-r0", "6.6.31-0-lts", false),
            (Ecosystem::Alpine, "linux-headers", "6.6-r0", "6.6.31-0-lts", false),
            (Ecosystem::Arch, "linux", "6.9.1.arch1-1", "6.9.1-arch1-1", true),
            (Ecosystem::Arch, "linux-lts", "6.6.32-1", "6.6.32-1-lts", true),
            (Ecosystem::Arch, "linux-lts", "6.6.31-1", "6.6.32-1-lts", false),
            (Ecosystem::Npm, "linux", "6.1", "6.1", false),
        ] {
            let mut packages = [entry::package(ecosystem, name, version, "x")];
            mark_running(&mut packages, release);
            assert_eq!(packages[0].state == PackageState::Loaded, expected, "{name} {version} under {release}");
        }
    }
}

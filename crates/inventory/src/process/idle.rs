//! Which packages hold nothing that a process could run?

use tripoint_model::{Ecosystem, Package};

/// Whether a distribution's package is a kernel, its headers or something to build with. A kernel
/// that lies in `/boot` beside the one that runs, or a header whose source package has holes,
/// must never count as code in use.
pub(super) fn is_idle(package: &Package) -> bool {
    if !package.ecosystem.is_distribution() {
        return false;
    }
    let name = package.name.as_str();
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || is_kernel(package.ecosystem, name)
}

fn is_kernel(ecosystem: Ecosystem, name: &str) -> bool {
    let of_parts = |parts: &[&str]| {
        parts.iter().any(|part| name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    };
    match ecosystem {
        Ecosystem::Debian | Ecosystem::Ubuntu => DEB_KERNELS.iter().any(|part| name.starts_with(part)),
        Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard | Ecosystem::Arch => {
            LINUX_FLAVOURS.contains(&name)
        }
        _ => {
            let tool = ["kernel-tools", "kernel-srpm-macros"].iter().any(|tool| name.starts_with(tool));
            !tool && of_parts(RPM_KERNELS)
        }
    }
}

const ENDINGS: &[&str] =
    &["-dev", "-devel", "-dbg", "-dbgsym", "-debuginfo", "-debugsource", "-headers", "-doc", "-static"];
const DEB_KERNELS: &[&str] =
    &["linux-image-", "linux-headers-", "linux-modules-", "linux-kbuild-", "linux-source-", "linux-libc-dev"];
const RPM_KERNELS: &[&str] = &["kernel", "kernel-rt", "kernel-uek", "kernel-default", "linux", "linux-rt"];
const LINUX_FLAVOURS: &[&str] = &[
    "linux",
    "linux-lts",
    "linux-virt",
    "linux-edge",
    "linux-rpi",
    "linux-zen",
    "linux-hardened",
    "linux-rt",
    "linux-api-headers",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::entry;

    #[test]
    fn kernels_and_headers_never_run() {
        for (ecosystem, name, idle) in [
            (Ecosystem::Debian, "linux-image-6.1.0-18-amd64", true),
            (Ecosystem::Debian, "linux-libc-dev", true),
            (Ecosystem::Debian, "libssl-dev", true),
            (Ecosystem::Debian, "libssl3", false),
            (Ecosystem::Debian, "linux-perf", false),
            (Ecosystem::RedHat, "kernel-core", true),
            (Ecosystem::RedHat, "kernel", true),
            (Ecosystem::RedHat, "kernel-tools-libs", false),
            (Ecosystem::RedHat, "openssl-devel", true),
            (Ecosystem::RedHat, "openssl-libs", false),
            (Ecosystem::Alpine, "linux-lts", true),
            (Ecosystem::Alpine, "linux-pam", false),
            (Ecosystem::Npm, "left-dev", false),
        ] {
            assert_eq!(is_idle(&entry::package(ecosystem, name, "1", "x")), idle, "{name}");
        }
    }
}

//! Which of two Go module versions is newer (pseudo-versions and toolchain names included)?

use std::cmp::Ordering;

use super::semver;

/// Semantic order; `go1.21rc2` is read as the toolchain's `1.21-rc2`.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (core_a, pre_a) = split(a);
    let (core_b, pre_b) = split(b);
    semver::numbers(core_a, core_b).then_with(|| semver::prerelease(pre_a, pre_b))
}

fn split(version: &str) -> (&str, &str) {
    let Some(toolchain) = version.strip_prefix("go") else { return semver::split(version) };
    match toolchain.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => toolchain.split_at(at),
        None => semver::split(toolchain),
    }
}

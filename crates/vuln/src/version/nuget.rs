//! Which of two NuGet versions is newer (four numbers, labels without case)?

use std::cmp::Ordering;

use super::semver;

/// Numbers, then the pre-release label without regard to case; metadata never counts.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let (core_a, pre_a) = semver::split(a);
    let (core_b, pre_b) = semver::split(b);
    semver::numbers(core_a, core_b)
        .then_with(|| semver::prerelease(&pre_a.to_ascii_lowercase(), &pre_b.to_ascii_lowercase()))
}

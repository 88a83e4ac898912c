//! Which of two Pub (Dart) versions is newer?

use std::cmp::Ordering;

use super::semver;

/// Semantic versioning, except that build metadata counts: without it is older than with it.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    semver::order(a, b).then_with(|| match (build(a), build(b)) {
        (Some(x), Some(y)) if !x.is_empty() && !y.is_empty() => semver::prerelease(x, y),
        (x, y) => x.map(str::len).cmp(&y.map(str::len)),
    })
}

fn build(version: &str) -> Option<&str> {
    version.split_once('+').map(|(_, build)| build)
}

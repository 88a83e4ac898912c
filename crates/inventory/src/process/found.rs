//! What was found in a process so far, and what of it could not be read?

use std::collections::BTreeMap;

use tripoint_model::{Package, PackageState, Parsed};

use super::{Catalog, idle};

/// Packages by purl, each in its most telling state.
#[derive(Debug, Default)]
pub(super) struct Found {
    packages: BTreeMap<String, Package>,
    /// Refusals of the places that were looked into.
    unread: Parsed<Package>,
}

impl Found {
    /// Notes a distribution's package; a stale one as it was before it was replaced, where known.
    pub(super) fn owned(&mut self, catalog: &Catalog, package: &Package, stale: bool) {
        if idle::is_idle(package) {
            return;
        }
        let mut package = if stale { catalog.replaced(package) } else { package.clone() };
        package.state = if stale { PackageState::Stale } else { PackageState::Loaded };
        self.packages
            .entry(package.purl.clone())
            .and_modify(|known| known.state = known.state.max(package.state))
            .or_insert(package);
    }

    /// Notes the language packages of a place; what the distribution put there is the distribution's.
    pub(super) fn language(&mut self, catalog: &Catalog, place: &Parsed<Package>) {
        for package in self.of(place) {
            let path = package.paths.first().map_or("", |path| path.split("!/").next().unwrap_or(path));
            if let Some(owner) = catalog.owner(path) {
                self.owned(catalog, owner, false);
                continue;
            }
            let mut package = package.clone();
            package.state = PackageState::Loaded;
            self.packages.entry(package.purl.clone()).or_insert(package);
        }
    }

    /// Notes the packages of a place that is gone from disk while the process goes on with it.
    pub(super) fn gone(&mut self, place: &Parsed<Package>) {
        for package in self.of(place) {
            let mut package = package.clone();
            package.state = PackageState::Stale;
            self.packages.insert(package.purl.clone(), package);
        }
    }

    /// The packages of a place that are taken; takes over what was refused.
    fn of<'p>(&mut self, place: &'p Parsed<Package>) -> &'p [Package] {
        for rejected in &place.rejected {
            self.unread.refuse(&rejected.file, rejected.line, rejected.reason.as_str());
        }
        self.unread.refused += place.refused - place.rejected.len() as u64;
        let taken = &place.accepted[..place.accepted.len().min(PACKAGES_OF_ONE_PLACE_MAX)];
        let beyond = place.accepted.len() - taken.len();
        if beyond > 0 {
            let first = place.accepted.first().and_then(|package| package.paths.first());
            let reason = format!("{beyond} packages beyond {PACKAGES_OF_ONE_PLACE_MAX} in one place were left out");
            self.unread.refuse(first.map_or("", String::as_str), 0, reason);
            self.unread.refused += beyond as u64 - 1;
        }
        taken
    }

    /// All of it, by purl.
    pub(super) fn finish(self) -> Parsed<Package> {
        let mut out = self.unread;
        out.accepted = self.packages.into_values().collect();
        out.read = out.accepted.len() as u64 + out.refused;
        out
    }
}

const PACKAGES_OF_ONE_PLACE_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use tripoint_model::Ecosystem;

    fn module(number: usize) -> Package {
        let name = format!("p{number:05}");
        Package {
            purl: format!("pkg:npm/{name}@1"),
            ecosystem: Ecosystem::Npm,
            release: String::new(),
            source: name.clone(),
            name,
            version: "1".to_owned(),
            source_version: "1".to_owned(),
            module: String::new(),
            paths: vec!["/app/x".to_owned()],
            state: PackageState::Installed,
            installed: None,
        }
    }

    #[test]
    fn what_is_too_much_or_unreadable_is_said() {
        let mut place: Parsed<Package> = Parsed::default();
        for number in 0..PACKAGES_OF_ONE_PLACE_MAX + 3 {
            place.accept(module(number));
        }
        place.refuse("/app/package.json", 2, "not JSON");
        let mut found = Found::default();
        found.gone(&place);
        let out = found.finish();
        assert_eq!((out.accepted.len(), out.refused, out.rejected.len()), (PACKAGES_OF_ONE_PLACE_MAX, 4, 2));
        assert_eq!(out.rejected[0].reason, "not JSON");
        assert!(out.rejected[1].reason.starts_with("3 packages beyond"), "{:?}", out.rejected[1]);
    }
}

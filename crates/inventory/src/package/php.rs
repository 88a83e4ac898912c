//! Which PHP packages did Composer install (installed.json) or lock (composer.lock)?

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry};
use crate::root::Root;

/// Composer.
pub struct Php;

impl Cataloger for Php {
    fn name(&self) -> &'static str {
        "php"
    }

    fn wants(&self, path: &str) -> bool {
        path.ends_with("vendor/composer/installed.json")
            || (path == "composer.lock" || path.ends_with("/composer.lock"))
                && !path.contains("vendor/")
                && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        // Composer 1 wrote a bare list.
        let lock = if bytes.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice(&bytes).map(|packages| Lock { packages, dev: None })
        } else {
            serde_json::from_slice(&bytes)
        };
        match lock {
            Err(error) => out.refuse(path, error.line() as u64, format!("not a list of Composer packages: {error}")),
            Ok(Lock { packages, dev }) => {
                for (place, package) in packages.into_iter().chain(dev).flat_map(|list| list.0) {
                    entry::take(Ecosystem::Packagist, package.name.text(), package.version.text(), path, place, out);
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Option<entry::Telling<Locked>>,
    #[serde(default, rename = "packages-dev")]
    dev: Option<entry::Telling<Locked>>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(default)]
    name: entry::Loose,
    #[serde(default)]
    version: entry::Loose,
}

impl entry::Tells for Locked {
    fn tells(&self) -> bool {
        !self.name.text().is_empty() || !self.version.text().is_empty()
    }
}

const FILE_BYTES_MAX: u64 = 32 << 20;

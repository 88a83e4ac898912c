//! SPDX 2.2 and 2.3 as JSON: which packages does it name?

use serde::de::{MapAccess, SeqAccess};

use super::entry::Entry;
use super::fields::{Fields, Items, List, Object, read, skip, text};
use super::{Format, Found};

/// SPDX 2 JSON.
pub(super) const FORMAT: Format = Format {
    name: "SPDX 2 JSON",
    fits: |head| head.spdx_version.starts_with("SPDX-2"),
    read: |content, found| read(content, &mut Document(found)),
};

pub(super) struct Document<'a>(pub(super) &'a mut Found);

impl Fields for Document<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "packages" => map.next_value_seed(List(&mut Packages(self.0))),
            _ => skip(map),
        }
    }
}

struct Packages<'a>(&'a mut Found);

impl Items for Packages<'_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut package = Package::default();
        let more = list.next_element_seed(Object(&mut package))?.is_some();
        if more {
            finish(package, self.0);
        }
        Ok(more)
    }
}

fn finish(mut package: Package, found: &mut Found) {
    package.entry.source_info(&package.source_info);
    if matches!(package.entry.kind.as_str(), "OPERATING-SYSTEM" | "OPERATING_SYSTEM") {
        found.system.get_or_insert((package.entry.name.to_lowercase(), package.entry.version));
    } else {
        found.add(package.entry);
    }
}

#[derive(Default)]
struct Package {
    entry: Entry,
    source_info: String,
}

impl Fields for Package {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => text(map, &mut self.entry.name),
            "versionInfo" => text(map, &mut self.entry.version),
            "primaryPackagePurpose" => text(map, &mut self.entry.kind),
            "sourceInfo" => text(map, &mut self.source_info),
            "externalRefs" => map.next_value_seed(List(&mut References(&mut self.entry))),
            _ => skip(map),
        }
    }
}

struct References<'a>(&'a mut Entry);

impl Items for References<'_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut reference = Reference::default();
        let more = list.next_element_seed(Object(&mut reference))?.is_some();
        self.0.reference(&reference.kind, reference.locator);
        Ok(more)
    }
}

#[derive(Default)]
struct Reference {
    kind: String,
    locator: String,
}

impl Fields for Reference {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "referenceType" => text(map, &mut self.kind),
            "referenceLocator" => text(map, &mut self.locator),
            _ => skip(map),
        }
    }
}

//! SPDX 3.0 as JSON-LD: which elements of its graph are packages?

use serde::de::{MapAccess, SeqAccess};

use super::entry::Entry;
use super::fields::{Fields, Items, List, Object, read, skip, text};
use super::{Format, Found};

/// SPDX 3 JSON.
pub(super) const FORMAT: Format = Format {
    name: "SPDX 3 JSON",
    fits: |head| head.context.contains("spdx.org/rdf/3"),
    read: |content, found| read(content, &mut Document(found)),
};

pub(super) struct Document<'a>(pub(super) &'a mut Found);

impl Fields for Document<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "@graph" => map.next_value_seed(List(&mut Graph(self.0))),
            _ => skip(map),
        }
    }
}

struct Graph<'a>(&'a mut Found);

impl Items for Graph<'_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut element = Element::default();
        let more = list.next_element_seed(Object(&mut element))?.is_some();
        let package = matches!(element.class.as_str(), "software_Package" | "software/Package" | "Package");
        if more && package {
            if matches!(element.entry.kind.as_str(), "operatingSystem" | "operating-system") {
                let (id, version) = (element.entry.name.to_lowercase(), element.entry.version);
                self.0.system.get_or_insert((id, version));
            } else {
                self.0.add(element.entry);
            }
        }
        Ok(more)
    }
}

#[derive(Default)]
struct Element {
    class: String,
    entry: Entry,
}

impl Fields for Element {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "type" | "@type" => text(map, &mut self.class),
            "name" => text(map, &mut self.entry.name),
            "software_packageVersion" | "packageVersion" => text(map, &mut self.entry.version),
            "software_packageUrl" | "packageUrl" => text(map, &mut self.entry.purl),
            "software_primaryPurpose" | "primaryPurpose" => text(map, &mut self.entry.kind),
            "externalIdentifier" => map.next_value_seed(List(&mut Identifiers(&mut self.entry))),
            _ => skip(map),
        }
    }
}

struct Identifiers<'a>(&'a mut Entry);

impl Items for Identifiers<'_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut identifier = Identifier::default();
        let more = list.next_element_seed(Object(&mut identifier))?.is_some();
        self.0.reference(&identifier.kind, identifier.value);
        Ok(more)
    }
}

#[derive(Default)]
struct Identifier {
    kind: String,
    value: String,
}

impl Fields for Identifier {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "externalIdentifierType" => text(map, &mut self.kind),
            "identifier" => text(map, &mut self.value),
            _ => skip(map),
        }
    }
}

//! CycloneDX as JSON: which components does it name, how deep ever they are nested?

use serde::de::{MapAccess, SeqAccess};

use super::entry::Entry;
use super::fields::{Fields, Items, List, Object, read, skip, text};
use super::{Format, Found};

/// CycloneDX JSON, 1.2 to 1.7.
pub(super) const FORMAT: Format = Format {
    name: "CycloneDX JSON",
    fits: |head| head.bom_format == "CycloneDX",
    read: |content, found| read(content, &mut Document { found }),
};

pub(super) struct Document<'a> {
    pub(super) found: &'a mut Found,
}

impl Fields for Document<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "components" => map.next_value_seed(List(&mut Components(self.found))),
            "metadata" => map.next_value_seed(Object(&mut Metadata(self.found))),
            _ => skip(map),
        }
    }
}

struct Metadata<'a>(&'a mut Found);

impl Fields for Metadata<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "component" {
            return skip(map);
        }
        let mut component = Component::new(self.0);
        map.next_value_seed(Object(&mut component))?;
        component.finish(true);
        Ok(())
    }
}

struct Components<'a>(&'a mut Found);

impl Items for Components<'_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut component = Component::new(self.0);
        let more = list.next_element_seed(Object(&mut component))?.is_some();
        if more {
            component.finish(false);
        }
        Ok(more)
    }
}

struct Component<'a> {
    pub(super) found: &'a mut Found,
    entry: Entry,
    group: String,
}

impl<'a> Component<'a> {
    fn new(found: &'a mut Found) -> Self {
        Self { found, entry: Entry::default(), group: String::new() }
    }

    fn finish(mut self, subject: bool) {
        self.entry.subject = subject;
        if !self.group.is_empty() {
            self.entry.name = format!("{}/{}", self.group, self.entry.name);
        }
        if self.entry.kind == "operating-system" {
            let id = self.entry.name.to_lowercase();
            self.found.system.get_or_insert((id, std::mem::take(&mut self.entry.version)));
        } else {
            self.found.add(self.entry);
        }
    }
}

impl Fields for Component<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "type" => text(map, &mut self.entry.kind),
            "group" => text(map, &mut self.group),
            "name" => text(map, &mut self.entry.name),
            "version" => text(map, &mut self.entry.version),
            "purl" => text(map, &mut self.entry.purl),
            "cpe" => text(map, &mut self.entry.cpe),
            "components" => map.next_value_seed(List(&mut Components(self.found))),
            "properties" => map.next_value_seed(List(&mut Properties(&mut self.entry))),
            _ => skip(map),
        }
    }
}

/// What widespread tools say beside the standard.
struct Properties<'a>(&'a mut Entry);

impl Items for Properties<'_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut property = Property::default();
        let more = list.next_element_seed(Object(&mut property))?.is_some();
        self.0.property(&property.name, property.value);
        Ok(more)
    }
}

#[derive(Default)]
struct Property {
    name: String,
    value: String,
}

impl Fields for Property {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => text(map, &mut self.name),
            "value" => text(map, &mut self.value),
            _ => skip(map),
        }
    }
}

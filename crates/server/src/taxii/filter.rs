//! Which objects of a collection does the asker want?

use axum::http::StatusCode;

use tripoint_model::Timestamp;

use super::{LIMIT_MAX, Listed, Refused, refuse};

/// The query of a request for objects, manifests or versions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) added_after: Option<Timestamp>,
    pub(crate) limit: usize,
    pub(crate) next: Option<String>,
    ids: Vec<String>,
    types: Vec<String>,
    spec_versions: Vec<String>,
    versions: Vec<String>,
}

impl Filter {
    /// Reads pairs of the query; parameters that TAXII does not know are passed over, as it demands.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, Refused> {
        let mut filter = Self { limit: LIMIT_MAX, ..Self::default() };
        for (name, value) in pairs {
            let list = || value.split(',').take(VALUES_MAX).map(str::to_owned).collect();
            match name.as_str() {
                "added_after" => {
                    filter.added_after = Some(value.parse().map_err(|_| bad("added_after is no RFC 3339 time"))?);
                }
                "limit" => {
                    let limit: usize = value.parse().map_err(|_| bad("limit is no positive number"))?;
                    if limit == 0 {
                        return Err(bad("limit is no positive number"));
                    }
                    filter.limit = limit.min(LIMIT_MAX);
                }
                "next" => filter.next = Some(value.clone()),
                "match[id]" => filter.ids = list(),
                "match[type]" => filter.types = list(),
                "match[spec_version]" => filter.spec_versions = list(),
                "match[version]" => filter.versions = list(),
                _ => {}
            }
        }
        Ok(filter)
    }

    /// Only this object, besides what else is asked.
    pub(crate) fn of_object(self, id: String) -> Self {
        Self { ids: vec![id], ..self }
    }

    /// The ids that are wanted; none: any.
    pub(crate) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Whether the object is wanted. Of each there is one version here: the first, the last and all.
    pub(crate) fn admits(&self, listed: &Listed) -> bool {
        let holds = |wanted: &[String], found: &str| wanted.is_empty() || wanted.iter().any(|one| one == found);
        let version = listed.version();
        let is_version = |one: &String| matches!(one.as_str(), "first" | "last" | "all") || *one == version;
        holds(&self.ids, listed.text("id"))
            && holds(&self.types, listed.text("type"))
            && holds(&self.spec_versions, "2.1")
            && (self.versions.is_empty() || self.versions.iter().any(is_version))
            && self.added_after.is_none_or(|after| listed.added > after)
    }
}

fn bad(detail: &str) -> Refused {
    refuse(StatusCode::BAD_REQUEST, detail)
}

/// Values of one filter that count.
const VALUES_MAX: usize = 200;

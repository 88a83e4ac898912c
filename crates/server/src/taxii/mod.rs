//! What do others learn from us over TAXII 2.1, and in which pieces?
//!
//! A collection is a sequence of STIX objects by the moment at which each came into it; a page is a
//! stretch of that sequence, seen through a filter.

pub(crate) mod filter;
pub(crate) mod indicators;
pub(crate) mod sightings;
pub(crate) mod stix;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use tripoint_model::Timestamp;

pub use indicators::WriteIndicators;

use crate::refuse::DISK_FULL;
use crate::store::StoreError;

/// The media type of every answer.
pub(crate) const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// Most objects in one page.
pub(crate) const LIMIT_MAX: usize = 1000;

/// One object of a collection.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// When it came into the collection in this version.
    pub(crate) added: Timestamp,
    /// The object.
    pub(crate) object: Value,
}

impl Listed {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.object.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What TAXII calls its version: observables, which have none, go by when they were added.
    pub(crate) fn version(&self) -> String {
        match self.text("modified") {
            "" => stix::moment(self.added),
            modified => modified.to_owned(),
        }
    }
}

/// A stretch of a collection.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Oldest first.
    pub(crate) listed: Vec<Listed>,
    /// Where the next stretch begins; nothing: this was the last.
    pub(crate) next: Option<String>,
}

/// A refusal in the form of TAXII.
#[derive(Debug)]
pub(crate) struct Refused(StatusCode, String);

pub(crate) fn refuse(status: StatusCode, detail: impl Into<String>) -> Refused {
    Refused(status, detail.into())
}

#[cfg(test)]
impl Refused {
    fn into_status(self) -> StatusCode {
        self.0
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, detail) = self;
        let title = status.canonical_reason().unwrap_or("refused");
        let body = json!({ "title": title, "description": detail, "http_status": status.as_str() });
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body.to_string()).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Full) {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, DISK_FULL);
        }
        tracing::error!(error = %error, "store failed");
        refuse(StatusCode::SERVICE_UNAVAILABLE, "the store does not work at the moment")
    }
}

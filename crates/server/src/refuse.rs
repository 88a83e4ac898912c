//! How is a refusal sent?

use std::error::Error as _;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use tripoint_api::Problem;
use tripoint_api::problem::CONTENT_TYPE;

use crate::auth::permits::Permit;
use crate::store::StoreError;

/// A refusal on its way out, and after how many seconds to ask again.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Problem, pub(crate) Option<u16>);

impl Refused {
    /// To be asked again after so many seconds.
    pub(crate) fn after(self, seconds: u16) -> Self {
        Self(self.0, Some(seconds))
    }
}

/// What kind of problem an answer tells of, for whoever looks at answers on their way out.
#[derive(Clone, Debug)]
pub(crate) struct Kind(pub(crate) String);

/// A problem ready to be returned.
pub(crate) fn refuse(status: StatusCode, name: &str, detail: impl Into<String>) -> Refused {
    let problem = Problem::new(status.as_u16(), name, status.canonical_reason().unwrap_or("refused"), detail);
    Refused(problem, (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5))
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        let kind = self.0.kind.strip_prefix("tripoint:").unwrap_or(&self.0.kind).to_owned();
        response.extensions_mut().insert(Kind(kind));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.1 {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Refused {
    /// Not durable is not acknowledged: the caller keeps it and comes again.
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Full) {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "disk-full", DISK_FULL);
        }
        if matches!(error, StoreError::Late) {
            let detail =
                "this takes too long among so many alerts; ask for less: whole values instead of parts of texts";
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "too-slow", detail);
        }
        tracing::error!(error = %error, "store failed");
        refuse(StatusCode::SERVICE_UNAVAILABLE, "store", "the store does not work at the moment")
    }
}

pub(crate) const DISK_FULL: &str = "the server's disk is full: this is not kept; free room where its data folder lies";

/// What stands behind `?`.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(read)| Self(read))
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, "unreadable", unreadable(&error, &parts.uri)))
    }
}

/// Refuses what stands in a query and means nothing there: who misspells a filter is not answered as if without one.
pub(crate) fn known_fields(permit: &Permit, uri: &Uri) -> Result<(), Refused> {
    let fields = fields(uri);
    let Some(unknown) = permit.unknown(fields.iter().map(|(name, _)| name.as_str())) else { return Ok(()) };
    let known = match permit.query.unwrap_or_default() {
        [] => "it knows none".to_owned(),
        known => format!("it knows {}", known.join(", ")),
    };
    let detail = format!("{} has no query field {unknown:?}; {known}", permit.route);
    Err(refuse(StatusCode::BAD_REQUEST, "unknown-field", detail))
}

fn fields(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(fields)| fields).unwrap_or_default()
}

/// Field, value and what would be right.
fn unreadable(error: &QueryRejection, uri: &Uri) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    let said = causes.last().map_or_else(|| error.body_text(), ToString::to_string);
    let fields = fields(uri);
    let of_field = |(name, value): &(String, String)| {
        let why = said.strip_prefix(name.as_str())?.strip_prefix(": ")?;
        Some(format!("{name} is {value:?}: {}", wanted(why)))
    };
    fields.iter().find_map(of_field).unwrap_or(said.clone())
}

/// What the reader says, in words for whoever wrote the value.
fn wanted(why: &str) -> String {
    match why.split_once(", expected ") {
        Some((variant, known)) if variant.starts_with("unknown variant") => {
            let known = known.strip_prefix("one of ").unwrap_or(known);
            format!("one of {} is wanted", known.replace('`', "").replace(" or ", ", "))
        }
        _ if NUMBERS.iter().any(|number| why.contains(number)) => "a whole number is wanted".to_owned(),
        _ => why.to_owned(),
    }
}

/// What is said of texts that are no numbers, or too large for one.
const NUMBERS: [&str; 3] = ["invalid digit", "number too", "cannot parse integer"];

/// Reads a body. An empty one is read as an empty object.
///
/// A field that nobody knows is refused: `group` for `groups` would give all hosts, `dryrun` would act.
pub(crate) fn json<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    let mut unknown = None;
    let read = read(bytes, &mut |path: serde_ignored::Path| {
        unknown.get_or_insert_with(|| path.to_string());
    })?;
    match unknown {
        Some(field) => Err(refuse(StatusCode::BAD_REQUEST, "unreadable", format!("there is no field {field:?}"))),
        None => Ok(read),
    }
}

/// The same of what an agent sends: a newer one may say more than this server knows.
pub(crate) fn json_of_agent<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    read(bytes, &mut |_| {})
}

fn read<T: DeserializeOwned>(bytes: &Bytes, unknown: &mut dyn FnMut(serde_ignored::Path<'_>)) -> Result<T, Refused> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    // The reader would take a list for an object whose fields come in their order; no request here is a list.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(refuse(StatusCode::BAD_REQUEST, "unreadable", "the body is a list and no object"));
    }
    let unreadable = |error: serde_json::Error| refuse(StatusCode::BAD_REQUEST, "unreadable", error.to_string());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_ignored::deserialize(&mut reader, unknown).map_err(unreadable)?;
    reader.end().map_err(unreadable)?;
    Ok(read)
}

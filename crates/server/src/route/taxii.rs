//! How does a TAXII 2.1 client read our collections?

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};

use crate::auth::gate;
use crate::state::App;
use crate::taxii::filter::Filter;
use crate::taxii::{Listed, MEDIA_TYPE, Page, Refused, refuse, sightings, stix};

type Answered = Result<Response, Refused>;
type Asked = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Everything below `/taxii2/`, for reading.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/taxii2/", get(discovery))
        .route("/taxii2/root/", get(root))
        .route("/taxii2/root/collections/", get(collections))
        .route("/taxii2/root/collections/{collection}/", get(collection))
        .route("/taxii2/root/collections/{collection}/manifest/", get(manifest))
        .route("/taxii2/root/collections/{collection}/objects/", get(objects))
        .route("/taxii2/root/collections/{collection}/objects/{object}/", get(object))
        .route("/taxii2/root/collections/{collection}/objects/{object}/versions/", get(versions))
        .route("/taxii2/{*rest}", any(nothing))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(middleware::from_fn(acceptable))
        .route_layer(middleware::from_fn_with_state(Arc::clone(app), gate::taxii))
}

/// What can be read.
#[derive(Clone, Copy)]
enum Collection {
    Sightings,
    Indicators,
}

impl Collection {
    /// By id or alias, where there is one.
    fn named(app: &App, name: &str) -> Result<Self, Refused> {
        let found = Self::all(app).find(|one| name == one.alias() || name == one.id());
        found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "there is no such collection"))
    }

    fn all(app: &App) -> impl Iterator<Item = Self> {
        let indicators = app.indicators.as_ref().map(|_| Self::Indicators);
        std::iter::once(Self::Sightings).chain(indicators)
    }

    fn alias(self) -> &'static str {
        match self {
            Self::Sightings => "sightings",
            Self::Indicators => "indicators",
        }
    }

    fn id(self) -> String {
        stix::uuid4(&format!("collection {}", self.alias()))
    }

    fn resource(self) -> Value {
        let (title, about) = match self {
            Self::Sightings => ("Sightings", "Bad addresses that hosts of this server have met."),
            Self::Indicators => ("Indicators", "What the feeds in force call bad."),
        };
        json!({ "id": self.id(), "title": title, "description": about, "alias": self.alias(), "can_read": true,
            "can_write": false, "media_types": [STIX] })
    }

    async fn page(self, app: &App, filter: &Filter) -> Result<Page, Refused> {
        match (self, &app.indicators) {
            (Self::Indicators, Some(indicators)) => indicators.page(filter).await,
            _ => sightings::page(&*app.store, filter).await,
        }
    }
}

async fn discovery() -> Response {
    // Relative: behind a tunnel nobody here knows how the asker calls this server.
    answer(&json!({ "title": "Tripoint", "description": "What this Tripoint server knows.",
        "default": ROOT, "api_roots": [ROOT] }))
}

async fn root() -> Response {
    answer(&json!({ "title": "Tripoint", "versions": [MEDIA_TYPE], "max_content_length": 0 }))
}

async fn collections(State(app): State<Arc<App>>) -> Response {
    answer(&json!({ "collections": Collection::all(&app).map(Collection::resource).collect::<Vec<_>>() }))
}

async fn collection(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answered {
    Ok(answer(&Collection::named(&app, &name)?.resource()))
}

async fn objects(State(app): State<Arc<App>>, Path(name): Path<String>, asked: Asked) -> Answered {
    let page = Collection::named(&app, &name)?.page(&app, &read(asked)?).await?;
    Ok(paged(&page, "objects", |listed| listed.object.clone()))
}

async fn manifest(State(app): State<Arc<App>>, Path(name): Path<String>, asked: Asked) -> Answered {
    let page = Collection::named(&app, &name)?.page(&app, &read(asked)?).await?;
    let record = |listed: &Listed| {
        json!({ "id": listed.text("id"), "date_added": listed.added.to_string(), "version": listed.version(),
            "media_type": STIX })
    };
    Ok(paged(&page, "objects", record))
}

async fn object(State(app): State<Arc<App>>, Path((name, id)): Path<(String, String)>, asked: Asked) -> Answered {
    let page = one(&app, &name, id, asked).await?;
    Ok(paged(&page, "objects", |listed| listed.object.clone()))
}

async fn versions(State(app): State<Arc<App>>, Path((name, id)): Path<(String, String)>, asked: Asked) -> Answered {
    let page = one(&app, &name, id, asked).await?;
    Ok(paged(&page, "versions", |listed| listed.version().into()))
}

/// What there is of one object. Nothing at all is only said when everything was looked at.
async fn one(app: &App, name: &str, id: String, asked: Asked) -> Result<Page, Refused> {
    let filter = read(asked)?;
    let is_plain = filter == Filter::read(&[])?;
    let page = Collection::named(app, name)?.page(app, &filter.of_object(id)).await?;
    if is_plain && page.listed.is_empty() && page.next.is_none() {
        return Err(refuse(StatusCode::NOT_FOUND, "there is no such object"));
    }
    Ok(page)
}

fn read(asked: Asked) -> Result<Filter, Refused> {
    let Query(pairs) = asked.map_err(|error| refuse(StatusCode::BAD_REQUEST, error.body_text()))?;
    Filter::read(&pairs)
}

fn answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], body.to_string()).into_response()
}

/// An envelope: without anything in it, it is empty.
fn paged(page: &Page, name: &str, shown: impl Fn(&Listed) -> Value) -> Response {
    let mut body = json!({});
    if let Some(next) = &page.next {
        body["more"] = true.into();
        body["next"] = next.as_str().into();
    }
    if !page.listed.is_empty() {
        body[name] = page.listed.iter().map(shown).collect();
    }
    let mut response = answer(&body);
    for (name, listed) in [(ADDED_FIRST, page.listed.first()), (ADDED_LAST, page.listed.last())] {
        if let Some(date) = listed.and_then(|listed| listed.added.to_string().parse().ok()) {
            response.headers_mut().insert(name, date);
        }
    }
    response
}

/// Refuses who wants another media type than the only one there is.
async fn acceptable(request: Request, next: Next) -> Response {
    let said: Vec<&str> =
        request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut ranges = said.iter().flat_map(|text| text.split(','));
    if said.is_empty() || ranges.any(is_ours) {
        return next.run(request).await;
    }
    refuse(StatusCode::NOT_ACCEPTABLE, format!("only {MEDIA_TYPE} is spoken here")).into_response()
}

fn is_ours(range: &str) -> bool {
    let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let is_kind = matches!(kind.as_str(), "application/taxii+json" | "application/*" | "*/*");
    is_kind && parts.all(|part| part.strip_prefix("version=").is_none_or(|version| version.trim_matches('"') == "2.1"))
}

async fn nothing() -> Refused {
    refuse(StatusCode::NOT_FOUND, "there is nothing at this path; those of TAXII end with a slash")
}

async fn wrong_method() -> Refused {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "these collections can only be read")
}

const ROOT: &str = "/taxii2/root/";
const STIX: &str = "application/stix+json;version=2.1";
const ADDED_FIRST: HeaderName = HeaderName::from_static("x-taxii-date-added-first");
const ADDED_LAST: HeaderName = HeaderName::from_static("x-taxii-date-added-last");

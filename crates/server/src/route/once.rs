//! Was this asked before? A change that carries an `Idempotency-Key` is done once, however often it is sent.
//!
//! The header is that of draft-ietf-httpapi-idempotency-key-header. An answer is remembered for 24 hours, for the one
//! who asked; failures of the server (5xx), what was forbidden and what was asked of an older state (412) are not, so
//! that they can be tried again. An answer that was lost with the server itself is not known any more, but that it was
//! done is, written down with the change: it is not done again. Of users, tokens and bouncers nothing is remembered, as
//! those answers hold secrets.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tripoint_api::Area;

use crate::auth::audit;
use crate::auth::caller::Caller;
use crate::auth::gate::{BODY_MAX, permit_of};
use crate::refuse::{Refused, refuse};
use crate::state::{App, now};
use crate::store::Kept;

/// The keys of what is being done at this moment.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<String>>);

impl UnderWay {
    fn all(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is taken until this is dropped, also where whoever asked has gone.
struct Taken(Arc<App>, String);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.under_way.all().remove(&self.1);
    }
}

const HEADER: &str = "idempotency-key";
const KEY_MAX: usize = 255;
/// Longer answers are not remembered.
const ANSWER_MAX: usize = 1 << 20;

/// Answers what was answered before, or lets the request pass and remembers its answer.
pub(crate) async fn once(
    State(app): State<Arc<App>>,
    caller: Option<Extension<Caller>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(Extension(caller)) = caller.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let holds_secrets = permit_of(&request).map_or(true, |permit| permit.area == Area::Admin);
    let said = request.headers().get(HEADER).filter(|_| !holds_secrets);
    let Some(said) = said else { return next.run(request).await };
    let key = match said.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_MAX => key.to_owned(),
        _ => {
            let detail = format!("{HEADER} has 1 to {KEY_MAX} visible characters");
            return refuse(StatusCode::BAD_REQUEST, "unreadable", detail).into_response();
        }
    };
    remembered(app, &caller, &key, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn remembered(
    app: Arc<App>,
    caller: &Caller,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| {
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-long", format!("a body has at most {BODY_MAX} bytes"))
    })?;
    let asked = hash(&[parts.uri.to_string().as_bytes(), &body]);
    let key = hash(&[caller.name.as_bytes(), caller.proof().as_bytes(), key.as_bytes()]);
    if !app.under_way.all().insert(key.clone()) {
        let detail = "a request with this key is being done; ask again when it is over";
        return Err(refuse(StatusCode::CONFLICT, "under-way", detail));
    }
    let taken = Taken(Arc::clone(&app), key.clone());
    match app.store.answered(key.clone()).await? {
        Some(kept) if kept.request != asked => {
            let detail = "this key belongs to another request; take a new one for each change";
            return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", detail));
        }
        Some(kept) if kept.status == 0 => {
            let detail = "this was done; its answer was lost with the server. Look at how it stands";
            return Err(refuse(StatusCode::CONFLICT, "done", detail));
        }
        Some(kept) => return Ok(again(kept)),
        None => {}
    }
    audit::once(&key, &asked);
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let response = keep(&app, key, asked, response).await;
    drop(taken);
    Ok(response)
}

/// Remembers an answer, if it is one that would be given again.
async fn keep(app: &App, key: String, request: String, response: Response) -> Response {
    let status = response.status();
    let (parts, body) = response.into_parts();
    let kind =
        parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    // Whoever has to confirm or to look first asks again, and is meant to.
    let again = matches!(status, StatusCode::FORBIDDEN | StatusCode::PRECONDITION_FAILED);
    if status.is_server_error() || again || kind == "text/event-stream" {
        if let Err(error) = app.store.keep_answer(key, None, now()).await {
            tracing::warn!(error = %error, "a request that may be tried again cannot be");
        }
        return Response::from_parts(parts, body);
    }
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "cut", "the answer could not be read whole").into_response();
    };
    if bytes.len() <= ANSWER_MAX
        && let Ok(body) = String::from_utf8(bytes.to_vec())
    {
        let kept = Kept { request, status: status.as_u16(), kind, body };
        if let Err(error) = app.store.keep_answer(key, Some(kept), now()).await {
            tracing::warn!(error = %error, "an answer could not be remembered");
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn again(kept: Kept) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    let kind = HeaderValue::try_from(kept.kind).unwrap_or(HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

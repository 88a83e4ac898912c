//! Which image of indicators is an agent given: none, what changed, or the whole?

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use tripoint_api::{ImageQuery, path};

use crate::images::ImageFile;
use crate::listen::until;
use crate::refuse::{Params, Refused, refuse};
use crate::state::App;

/// Waits for another image than the one held.
pub(super) async fn image(
    State(app): State<Arc<App>>,
    Params(query): Params<ImageQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let none = || refuse(StatusCode::NOT_FOUND, "no-image", "this server has no image of indicators");
    let images = app.images.as_ref().ok_or_else(none)?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let held = text(IF_NONE_MATCH.as_str()).map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    let takes_delta = text("a-im").is_some_and(|kinds| kinds.split(',').any(|kind| kind.trim() == path::IMAGE_DELTA));
    let mut newest = images.newest().await;
    let is_other =
        |image: &Option<ImageFile>| image.as_ref().is_some_and(|image| Some(image.identity.as_str()) != held);
    let waited = Duration::from_secs(query.wait_s.min(WAIT_MAX_S));
    if !query.host.is_empty() {
        app.hear(&query.host);
    }
    let found = tokio::select! {
        other = tokio::time::timeout(waited, newest.wait_for(is_other)) => match other {
            Ok(Ok(image)) => image.clone(),
            _ => None,
        },
        () = until(app.stopped.clone()) => None,
    };
    match (found, held) {
        (Some(image), Some(held)) if takes_delta => match images.delta(held, &image).await {
            Some(delta) => Ok(changes(&image, held, delta)),
            None => whole(&image).await,
        },
        (Some(image), _) => whole(&image).await,
        (None, Some(held)) if newest.borrow().is_some() => {
            Ok((StatusCode::NOT_MODIFIED, [(ETAG, format!("\"{held}\""))]).into_response())
        }
        (None, _) => Err(none()),
    }
}

/// What changed (RFC 3229).
fn changes(image: &ImageFile, held: &str, delta: Bytes) -> Response {
    let headers = [
        (ETAG.as_str(), format!("\"{}\"", image.identity)),
        ("im", path::IMAGE_DELTA.to_owned()),
        ("delta-base", format!("\"{held}\"")),
        (CONTENT_TYPE.as_str(), BYTES.to_owned()),
    ];
    (StatusCode::IM_USED, headers, delta).into_response()
}

/// The file, piece by piece: many agents may want it at once.
async fn whole(image: &ImageFile) -> Result<Response, Refused> {
    let path = image.path.clone();
    let opened = tokio::task::spawn_blocking(move || File::open(path)).await.map_err(io::Error::other);
    let file = opened.and_then(|opened| opened).map_err(|error| {
        tracing::error!(path = %image.path.display(), %error, "an image cannot be read");
        refuse(StatusCode::SERVICE_UNAVAILABLE, "image", "the image cannot be read at the moment")
    })?;
    let pieces = stream::try_unfold(file, |mut file| async move {
        let piece = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE_BYTES];
            let count = file.read(&mut piece)?;
            piece.truncate(count);
            Ok::<_, io::Error>((Bytes::from(piece), file))
        });
        let (piece, file) = piece.await.map_err(io::Error::other)??;
        Ok::<_, io::Error>((!piece.is_empty()).then_some((piece, file)))
    });
    let headers = [
        (ETAG, format!("\"{}\"", image.identity)),
        (CONTENT_TYPE, BYTES.to_owned()),
        (CONTENT_LENGTH, image.bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

const BYTES: &str = "application/octet-stream";
const PIECE_BYTES: usize = 256 << 10;
const WAIT_MAX_S: u64 = 30;

//! How does the console reach the browser, and what may it do there?
//!
//! The built files are part of the program. Nothing is read from disk, so no path leads anywhere else.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::refuse::refuse;

/// A file of the console, packed forms beside the plain one.
struct File {
    /// Path below the console's root.
    name: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// Whatever no other route answers: a file of the console, its page for every address of its own, or nothing.
pub(crate) async fn answer(request: Request) -> Response {
    let path = request.uri().path();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read || !is_page(path) {
        return nothing();
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = find(name)
        && name != INDEX
    {
        return sent(file, request.headers());
    }
    // A program that asks for what is not there is told so; a browser gets the page, which reads the address.
    if path != "/" && (name.starts_with(HASHED) || !wants_page(request.headers())) {
        return nothing();
    }
    match find(INDEX) {
        Some(file) => sent(file, request.headers()),
        None => with_headers(Body::from(NOT_BUILT), "text/html; charset=utf-8", false),
    }
}

/// Whether a path is a person's, and not a program's.
pub(crate) fn is_page(path: &str) -> bool {
    !THEIRS.iter().any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

fn nothing() -> Response {
    refuse(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path").into_response()
}

/// Whether it is a browser that wants to show something.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok()).is_some_and(|kinds| kinds.contains("text/html"))
}

fn sent(file: &'static File, headers: &HeaderMap) -> Response {
    let takes = |packing: &str| {
        let offered = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        offered.split(',').any(|one| one.trim() == packing)
    };
    let (bytes, packing) = match (file.br.filter(|_| takes("br")), file.gz.filter(|_| takes("gzip"))) {
        (Some(br), _) => (br, Some("br")),
        (None, Some(gz)) => (gz, Some("gzip")),
        (None, None) => (file.plain, None),
    };
    let mut response = with_headers(Body::from(bytes), kind(file.name), file.name.starts_with(HASHED));
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(packing) = packing {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(packing));
    }
    response
}

fn with_headers(body: Body, kind: &'static str, is_hashed: bool) -> Response {
    let mut response = body.into_response();
    let kept = if is_hashed { "public, max-age=31536000, immutable" } else { "no-store" };
    let own = [("content-type", kind), ("cache-control", kept)];
    for (name, value) in own.iter().chain(GUARDS) {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// What is told is kept by no browser and by nothing between; the console's own files say for themselves.
pub(crate) async fn unstored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // An answer is no page: it stands in no frame, runs nothing, and is no other site's picture.
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What belongs to programs.
const THEIRS: &[&str] = &["/v1", "/taxii2", "/metrics", "/healthz", "/readyz"];
const INDEX: &str = "index.html";
/// Files here are named by what is in them, and never change.
const HASHED: &str = "assets/";

/// What the page may do: run and show our own files, ask this server, nothing else. The one policy for markup is the
/// framework's, for its own compiled templates.
const GUARDS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types svelte-trusted-html",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()"),
];

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tripoint</title></head><body>\
<h1>Tripoint</h1><p>The server runs; this program was built without the console.</p>\
<p>To get it, build with Node 20.19 or newer: <code>cargo xtask console</code>, then build the program again. \
Until then everything is there by the command line (<code>tripoint alerts list</code>) and below <code>/v1</code>.</p>\
</body></html>";

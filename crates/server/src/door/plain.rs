//! What is told to whoever speaks plain HTTP from another host?

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, Request, Response, header};

use super::http::text;
use crate::console::is_page;
use tripoint_api::Problem;
use tripoint_api::problem::CONTENT_TYPE;

/// Pages are sent on; what a program asked may hold a secret that has been read on the way, so it is told to stop.
pub(super) fn to_https<B>(request: &Request<B>) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host: Option<Authority> =
        host.and_then(|host| host.parse().ok()).filter(|host: &Authority| !host.as_str().contains('@'));
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Some(host) = host
        && is_read
        && is_page(request.uri().path())
        && let Ok(location) = HeaderValue::try_from(format!("https://{host}{path}"))
    {
        let mut response = text(308, "text/plain; charset=utf-8", "this server speaks https here\n".to_owned());
        response.headers_mut().insert(header::LOCATION, location);
        return closed(response);
    }
    let detail =
        "this server speaks https here: use https://, and take a token that was sent without as known to others";
    let problem = Problem::new(400, "use-https", "Bad Request", detail);
    closed(text(400, CONTENT_TYPE, serde_json::to_string(&problem).unwrap_or_default()))
}

fn closed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_sent_on_and_programs_are_told_to_stop() {
        for (method, path, host, expected) in [
            ("GET", "/", Some("192.0.2.1:8470"), Some("https://192.0.2.1:8470/")),
            ("HEAD", "/alerts?q=a%20b", Some("tripoint.example"), Some("https://tripoint.example/alerts?q=a%20b")),
            ("GET", "/", None, None),
            ("GET", "/", Some("a@b.example"), None),
            ("GET", "/", Some("a b"), None),
            ("POST", "/", Some("192.0.2.1"), None),
            ("GET", "/v1/alerts", Some("192.0.2.1"), None),
            ("GET", "/metrics", Some("192.0.2.1"), None),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let response = to_https(&request.body(()).unwrap());
            let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(location.as_deref(), expected, "{method} {path} {host:?}");
            assert_eq!(response.status(), if expected.is_some() { 308 } else { 400 });
        }
    }
}

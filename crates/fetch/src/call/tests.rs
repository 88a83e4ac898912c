//! Is something told once, with its secret, and to nobody else?

use super::*;
use crate::client::Settings;
use crate::client::tests::{reply, serve};

fn call(url: &str, json: Option<&[u8]>) -> Result<Said, FetchError> {
    let settings = Settings { total_timeout: std::time::Duration::from_millis(700), ..Settings::default() };
    let method = if json.is_some() { Method::Post } else { Method::Delete };
    Fetcher::new(settings).unwrap().call(&Call {
        method,
        url,
        permit_private: false,
        bearer: Some("secret"),
        json,
        headers: &[],
    })
}

#[test]
fn a_body_and_its_secret_arrive_and_any_status_is_an_answer() {
    let (address, seen) = serve(vec![reply("422 Unprocessable", "", "no"), reply("200 OK", "", "[]")]);
    let said = call(&format!("http://{address}/v1/alerts"), Some(b"[1]")).unwrap();
    assert_eq!((said.status, said.body.as_slice()), (422, &b"no"[..]));
    let request = seen.recv().unwrap();
    assert!(request.starts_with("post /v1/alerts ") && request.contains("authorization: bearer secret"), "{request}");
    assert!(request.contains("content-type: application/json") && request.contains("content-length: 3"), "{request}");
    assert_eq!(call(&format!("http://{address}/v1/decisions?ip=1"), None).unwrap().status, 200);
    assert!(seen.recv().unwrap().starts_with("delete /v1/decisions?ip=1 "));
}

#[test]
fn a_redirect_is_not_followed() {
    let (other, asked) = serve(vec![reply("200 OK", "", "")]);
    let (address, _seen) = serve(vec![reply("307 Temporary", &format!("Location: http://{other}/\r\n"), "")]);
    assert_eq!(call(&format!("http://{address}/"), Some(b"{}")).unwrap().status, 307);
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_long_answer_is_cut_and_a_slow_one_given_up() {
    let (address, _seen) = serve(vec![reply("200 OK", "", &"x".repeat(200_000))]);
    assert_eq!(call(&format!("http://{address}/"), Some(b"{}")).unwrap().body.len() as u64, BODY_MAX);
    let (address, _seen) = serve(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n...".to_vec()]);
    assert!(call(&format!("http://{address}/"), Some(b"{}")).unwrap_err().is_transient());
    assert!(matches!(call("ftp://203.0.113.1/", None), Err(FetchError::Url { .. })));
}

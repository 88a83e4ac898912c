//! Is an answer read, a refusal understood, and is nobody spoken to who cannot be?

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;

/// A server that answers every connection with the same bytes.
async fn answering(bytes: Vec<u8>) -> (tempfile::TempDir, Client) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
        }
    });
    (folder, Client::unix(&path))
}

#[tokio::test]
async fn nobody_there_is_its_own_kind_of_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Client::unix(&folder.path().join("none")).get::<()>("/v1/health").await.unwrap_err();
    assert!(error.is_unreachable());
}

#[tokio::test]
async fn refusals_are_read_also_when_they_are_no_problem_document() {
    let (_folder, client) = answering(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope".to_vec()).await;
    match client.get::<()>("/v1/health").await.unwrap_err() {
        ClientError::Problem(problem) => assert_eq!((problem.status, problem.detail.as_str()), (403, "nope")),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n".to_vec();
    answer.resize(ANSWER_MAX + 1000, b'x');
    let (_folder, client) = answering(answer).await;
    assert!(matches!(client.get::<()>("/").await, Err(ClientError::Unreadable(_))));
}

#[test]
fn only_addresses_of_this_kind_are_spoken_to() {
    assert!(Client::from_url("http://127.0.0.1:8470", "t").is_ok());
    assert!(Client::from_url("http://localhost:8470/", "t").is_ok());
    assert!(Client::from_url("unix:/run/x.sock", "").is_ok());
    assert!(Client::from_url("http://[::1]:8470", "t").is_ok());
    assert!(Client::from_url("http://[::ffff:127.0.0.1]:8470", "t").is_ok());
    for url in [
        "https://127.0.0.1:1",
        "http://example.org:1",
        "127.0.0.1:1",
        "",
        // Not without encryption.
        "http://192.0.2.7:1",
        "http://[2001:db8::7]:1",
        "http://[::ffff:192.0.2.7]:1",
        "http://0.0.0.0:1",
        "http://[::]:1",
    ] {
        assert!(matches!(Client::from_url(url, "t"), Err(ClientError::Address(_))), "{url}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_server_elsewhere_is_named_by_host_and_perhaps_port_and_fingerprint() {
    let pin = format!("#sha256={}", "0a".repeat(32));
    let trust = || Trust::Authorities(Vec::new());
    for (url, name) in [
        ("https://tripoint.example:8470".to_owned(), "https://tripoint.example:8470"),
        ("https://tripoint.example/".to_owned(), "https://tripoint.example:443"),
        (format!("https://192.0.2.7:8470{pin}"), "https://192.0.2.7:8470"),
        (format!("https://[2001:db8::7]:8470/{pin}"), "https://2001:db8::7:8470"),
    ] {
        assert_eq!(Client::tls(&url, "t", trust()).unwrap().name(), name);
    }
    for url in ["http://192.0.2.7:1", "https://", "https://a@b", "https://a b", "https://a:99999"] {
        assert!(matches!(Client::tls(url, "t", trust()), Err(ClientError::Address(_))), "{url}");
    }
    let refused = Client::tls("https://192.0.2.7#sha256=12", "t", trust()).unwrap_err();
    assert!(refused.to_string().contains("64 hex digits"), "{refused}");
}

#[test]
fn data_lines_are_joined_and_comments_dropped() {
    assert_eq!(data_of(b"event: alert\ndata: {\"a\":\ndata: 1}\n\n").unwrap(), b"{\"a\":\n1}");
    assert_eq!((name_of(b"event: missed\ndata: 7\n\n"), name_of(b": event\n\n")), (&b"missed"[..], &b""[..]));
    assert_eq!(data_of(b": keep-alive\n\n"), None);
}

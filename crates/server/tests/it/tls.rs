//! Is the server's TLS the one that was promised: on by default, known by its authority, and the only way in from afar?

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use tripoint_api::client::Trust;
use tripoint_api::people::ServerHealth;
use tripoint_api::{Client, ClientError, Role, path};
use tripoint_server::{OwnFiles, TlsOptions, ca_path, fingerprint_of_pem, token_path};

use crate::browser::{Browser, PASSWORD, add_user};
use crate::rig::Rig;

/// A connection to a server whose authority is trusted, with these protocols offered.
pub async fn connect(rig: &Rig, folder: &Path, protocols: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_path(folder)).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(("127.0.0.1", port(rig))).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

fn port(rig: &Rig) -> u16 {
    rig.ready.address.unwrap().port()
}

/// Sends a request and reads all that comes.
async fn ask<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    // Some ends are not said farewell to; what came counts.
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap()
}

fn by_tls(rig: &Rig, folder: &Path, host: &str, behind: &str, trust: Trust) -> Result<Client, ClientError> {
    let token = std::fs::read_to_string(token_path(folder)).unwrap();
    Client::tls(&format!("https://{host}:{}{behind}", port(rig)), &token, trust)
}

fn ca(folder: &Path) -> Trust {
    Trust::Authorities(std::fs::read(ca_path(folder)).unwrap())
}

#[tokio::test]
async fn one_port_of_this_host_answers_both_and_the_authority_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let address = rig.ready.address.unwrap();
    let text = std::fs::read_to_string(folder.path().join("ready")).unwrap();
    assert!(text.contains(&format!("address http://{address}\n")), "{text}");
    rig.tcp().get::<ServerHealth>(path::HEALTH).await.unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let client = by_tls(&rig, folder.path(), host, "", ca(folder.path())).unwrap();
        client.get::<ServerHealth>(path::HEALTH).await.unwrap();
    }
    let first = std::fs::read_to_string(ca_path(folder.path())).unwrap();
    assert_eq!(fingerprint_of_pem(&first), rig.ready.fingerprint);
    for (protocols, spoken) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1"), (&[], "")] {
        let stream = connect(&rig, folder.path(), protocols).await;
        assert_eq!(stream.get_ref().1.alpn_protocol().unwrap_or_default(), spoken.as_bytes());
    }
    for (host, strict) in
        [(format!("127.0.0.1:{}", address.port()), true), (format!("localhost:{}", address.port()), false)]
    {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let heard = ask(connect(&rig, folder.path(), &[]).await, &request).await;
        assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
        let told = "strict-transport-security: max-age=31536000; includeSubDomains\r\n";
        assert_eq!(heard.contains(told), strict, "{host}: {heard}");
        assert_eq!(heard.contains("strict-transport"), strict, "{host}: {heard}");
        let plain = ask(TcpStream::connect(address).await.unwrap(), &request).await;
        assert!(plain.starts_with("HTTP/1.1 200") && !plain.contains("strict-transport"), "{plain}");
    }
    rig.stop().await;
    let rig = Rig::start(folder.path()).await;
    assert_eq!(std::fs::read_to_string(ca_path(folder.path())).unwrap(), first);
    rig.stop().await;
}

#[tokio::test]
async fn names_below_are_left_alone_where_others_answer_there() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| options.tls.apart_below = true).await;
    let request = "GET /healthz HTTP/1.1\r\nhost: soc.example\r\nconnection: close\r\n\r\n";
    let heard = ask(connect(&rig, folder.path(), &[]).await, request).await;
    assert!(heard.contains("strict-transport-security: max-age=31536000\r\n"), "{heard}");
    rig.stop().await;
}

#[tokio::test]
async fn a_client_takes_the_server_that_is_meant_and_no_other() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (rig, elsewhere) = (Rig::start(folder.path()).await, Rig::start(other.path()).await);
    let pin = format!("#sha256={}", rig.ready.fingerprint.clone().unwrap());
    let wrong = format!("#sha256={}", elsewhere.ready.fingerprint.clone().unwrap());
    let client = by_tls(&rig, folder.path(), "127.0.0.1", &pin, Trust::Authorities(Vec::new())).unwrap();
    client.get::<ServerHealth>(path::HEALTH).await.unwrap();
    for (behind, trust, expected) in [
        ("", ca(other.path()), "--ca FILE"),
        ("", Trust::Authorities(Vec::new()), "--ca FILE"),
        (wrong.as_str(), ca(folder.path()), "fingerprint"),
    ] {
        let client = by_tls(&rig, folder.path(), "127.0.0.1", behind, trust).unwrap();
        let refused = client.get::<ServerHealth>(path::HEALTH).await.unwrap_err();
        assert!(matches!(refused, ClientError::Trust(_)) && refused.to_string().contains(expected), "{refused}");
    }
    rig.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn from_afar_everything_but_tls_is_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| {
        options.listen = Some("0.0.0.0:0".parse().unwrap());
        options.tls.names = vec!["tripoint.example".into()];
    })
    .await;
    let text = std::fs::read_to_string(folder.path().join("ready")).unwrap();
    assert!(text.contains("address https://0.0.0.0:"), "{text}");
    by_tls(&rig, folder.path(), "localhost", "", ca(folder.path()))
        .unwrap()
        .get::<ServerHealth>(path::HEALTH)
        .await
        .unwrap();
    // Its certificate names what it listens on and this host: another name is somebody else, also with the right pin.
    let pin = format!("#sha256={}", rig.ready.fingerprint.clone().unwrap());
    for behind in ["", pin.as_str()] {
        let client = by_tls(&rig, folder.path(), "127.0.0.2", behind, ca(folder.path())).unwrap();
        let refused = client.get::<ServerHealth>(path::HEALTH).await.unwrap_err();
        assert!(matches!(refused, ClientError::Trust(_)), "{refused}");
    }
    let token = std::fs::read_to_string(token_path(folder.path())).unwrap();
    for (request, expected) in [
        ("GET /alerts?x=1 HTTP/1.1\r\nhost: tripoint.example:1\r\n\r\n".to_owned(), "HTTP/1.1 308"),
        (format!("GET /v1/health HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"), "HTTP/1.1 400"),
        ("POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}".to_owned(), "HTTP/1.1 400"),
        ("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("\x01\x02 nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400"),
    ] {
        let heard = ask(TcpStream::connect(("127.0.0.1", port(&rig))).await.unwrap(), &request).await;
        assert!(heard.starts_with(expected), "{request}\n{heard}");
        assert!(!heard.contains("alerts_open"), "{heard}");
        if expected.ends_with("308") {
            assert!(heard.contains("location: https://tripoint.example:1/alerts?x=1\r\n"), "{heard}");
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_person_signs_in_over_tls_from_a_page_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| options.public_url = Some("https://soc.example".into())).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let body = json!({"name": "ada", "password": PASSWORD}).to_string();
    let port = port(&rig);
    for (origin, expected) in [
        (format!("https://127.0.0.1:{port}"), "HTTP/1.1 200"),
        (format!("https://localhost:{port}"), "HTTP/1.1 200"),
        ("https://soc.example".to_owned(), "HTTP/1.1 200"),
        ("https://soc.example.org".to_owned(), "HTTP/1.1 403"),
        ("http://soc.example".to_owned(), "HTTP/1.1 403"),
    ] {
        let request = format!(
            "POST /v1/session HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\norigin: {origin}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let heard = ask(connect(&rig, folder.path(), &["http/1.1"]).await, &request).await;
        assert!(heard.starts_with(expected), "{origin}\n{heard}");
        let is_set = heard.contains("set-cookie: __Host-tripoint=") && heard.contains("; Secure;");
        assert_eq!(is_set, expected.ends_with("200"), "{heard}");
    }
    let setup = Browser::new(&rig).get(path::SESSION).await;
    assert_eq!(setup.status, 401);
    rig.stop().await;
}

#[tokio::test]
async fn an_administrators_own_certificate_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let own = OwnFiles { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    std::fs::write(&own.certificate, made.cert.pem()).unwrap();
    std::fs::write(&own.key, made.signing_key.serialize_pem()).unwrap();
    let rig =
        Rig::start_as(folder.path(), |options| options.tls = TlsOptions { own: Some(own), ..TlsOptions::default() })
            .await;
    assert!(!ca_path(folder.path()).exists());
    let pin = format!("#sha256={}", rig.ready.fingerprint.clone().unwrap());
    for trust in [("", Trust::Authorities(made.cert.pem().into())), (pin.as_str(), Trust::Authorities(Vec::new()))] {
        let client = by_tls(&rig, folder.path(), "127.0.0.1", trust.0, trust.1).unwrap();
        client.get::<ServerHealth>(path::HEALTH).await.unwrap();
    }
    rig.stop().await;
}

//! Does a provider's token stay where it is needed: in no answer, no page, no file, no log, whether it was taken or not?

use serde_json::Value;
use tripoint_api::path;

use super::provider::{HONEST, Manner, Provider};
use super::{session, sign_in, start};
use crate::asvs_log::Lines;
use crate::browser::{Browser, sql};
use crate::people::look_for;

// One thread: the server's tasks run where the lines are kept.
#[tokio::test]
async fn no_token_of_a_provider_is_found_anywhere_once_somebody_is_in() {
    let lines = Lines::default();
    let _kept = tracing::subscriber::set_default(lines.clone());
    let folder = tempfile::tempdir().unwrap();
    let foreign: Manner = Manner { token: |token| token.claims["aud"] = "somebody else".into(), ..HONEST };
    let mut handed = Vec::new();
    let mut said = String::new();
    for manner in [foreign, HONEST] {
        let provider = Provider::start(manner).await;
        let rig = start(folder.path(), provider.url()).await;
        let heard = sign_in(&rig, &provider, |_| {}).await.unwrap();
        said.push_str(&format!("{heard:?}\n"));
        let ada = Browser { cookie: session(&heard), ..Browser::new(&rig) };
        for asked in ["/", "/settings", path::SESSION, path::SESSIONS, path::OIDC, path::QUEUE, path::HEALTH] {
            said.push_str(&format!("{:?}\n", ada.get(asked).await));
        }
        for asked in [path::USERS, path::AUDIT, path::TOKENS] {
            said.push_str(&rig.client.get::<Value>(asked).await.unwrap().to_string());
        }
        assert_eq!(provider.handed().len(), 4, "one sign-in");
        handed.extend(provider.handed());
        sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
        let is_kept = !look_for(folder.path(), b"4711").is_empty();
        assert_eq!(is_kept, ada.cookie.is_some(), "the search finds what is kept");
        for (number, secret) in handed.iter().enumerate() {
            assert_eq!(look_for(folder.path(), secret.as_bytes()), Vec::<String>::new(), "{number}, while it runs");
        }
        rig.stop().await;
    }
    assert!(said.contains("\"name\":\"ada\"") && said.contains("oidc-refused"), "both ways were gone: {said}");
    let log = lines.0.lock().unwrap().join("\n");
    assert!(log.contains("WARN"), "something was logged: {log}");
    for (number, secret) in handed.iter().enumerate() {
        // Of a token its signature too, which is what makes it one.
        for part in [secret.as_str(), secret.rsplit('.').next().unwrap()] {
            assert!(!said.contains(part) && !log.contains(part), "{number}: {part}");
        }
        assert_eq!(look_for(folder.path(), secret.as_bytes()), Vec::<String>::new(), "{number}, after it stopped");
    }
}

//! Does the log say who was refused what, from where, and no secret?

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use tripoint_api::{Role, path};

use crate::browser::{Browser, PASSWORD, add_user, sql};
use crate::rig::Rig;

/// Keeps each line.
#[derive(Clone, Default)]
pub struct Lines(pub Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

// One thread: the server's tasks run where the lines are kept.
#[tokio::test]
async fn who_is_refused_stands_in_the_log_and_no_secret_does() {
    let lines = Lines::default();
    let _kept = tracing::subscriber::set_default(lines.clone());
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Viewer, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    assert_eq!(ada.get(path::AUDIT).await.status, 403);
    assert_eq!(Browser::with_token(&rig, "tp_not-a-token").get(path::ALERTS).await.status, 401);
    let wrong = Browser { cookie: Some("f".repeat(64)), ..Browser::new(&rig) };
    assert_eq!(wrong.get(path::QUEUE).await.status, 401);
    assert_eq!(Browser::with_token(&rig, "tp_not-a-token").get("/taxii2/").await.status, 401);
    let _ = Browser::new(&rig).sign_in("ada", "a wrong password").await;
    sql(folder.path(), "ALTER TABLE views RENAME TO elsewhere").await;
    assert_eq!(ada.get(path::VIEWS).await.status, 503);
    rig.stop().await;
    let all = lines.0.lock().unwrap().join("\n");
    for wanted in [
        r#"who="ada" from=127.0.0.1 what=GET /v1/audit kind="forbidden""#,
        r#"who="" from=127.0.0.1 what=GET /v1/alerts kind="unauthorized""#,
        r#"who="" from=127.0.0.1 what=GET /v1/queue kind="unauthorized""#,
        r#"from=127.0.0.1 what=GET /taxii2/ kind="#,
        "ERROR message=store failed error=",
    ] {
        assert!(all.contains(wanted), "{wanted}\n{all}");
    }
    for secret in [PASSWORD, "a wrong password", "not-a-token", &"f".repeat(64), &ada.cookie.unwrap()] {
        assert!(!all.contains(secret), "{secret}\n{all}");
    }
}

//! Is what the references say of limits, keys and what is kept the way it is?

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use tripoint_api::{Role, path};
use tripoint_model::Timestamp;

use crate::browser::{Browser, PASSWORD, add_user, sql};
use crate::rig::{Rig, alert};

fn reference(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn in_days(days: u64) -> String {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    now.plus(std::time::Duration::from_secs(days * 86_400)).to_string()
}

/// Numbers are said in the reference, and hold: up to each it goes, beyond it does not.
#[tokio::test]
async fn limits_of_what_is_taken_are_those_that_are_written() {
    let (security, people) = (reference("security.md"), reference("people.md"));
    for said in [
        "in JSON; a field of another kind, twice the same field or a parameter twice is refused with 400 | 1 MiB; 16 KiB from strangers |",
        "| a name of a user, group or token | `a-z 0-9 . _ - @` | 64 characters |",
        "a token's at most 366 days",
        "32 sessions for each user",
        "500 alerts in one step",
    ] {
        assert!(security.contains(said), "{said}");
    }
    assert!(people.contains("12 characters to 256 bytes") && people.contains("8 to 500 characters"));
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    // Sizes: the last byte that is taken is read and judged, the next one is not.
    let padded = |bytes: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(bytes - 8));
    let stranger = Browser::new(&rig);
    for (who, route, most) in [(&ada, path::GROUPS, 1 << 20), (&stranger, path::SESSION, 16 << 10)] {
        assert_eq!(who.ask("POST", route, &padded(most)).await.status, 400, "{route}: {most} bytes are read");
        assert_eq!(who.ask("POST", route, &padded(most + 1)).await.status, 413, "{route}: {most} and one");
    }
    let twice = "{\"name\":\"g\",\"name\":\"h\",\"hosts\":[\"x\"]}";
    assert_eq!(ada.ask("POST", path::GROUPS, twice).await.status, 400);
    // Names, spans, lengths.
    let user = |name: &str, password: &str| json!({"name": name, "role": "viewer", "password": password});
    let token = |days: u64| json!({"name": "t", "role": "viewer", "expires": in_days(days)});
    let bytes = |count: usize| "k9$vb2-qpz7x".repeat(30)[..count].to_owned();
    for (route, wish, good) in [
        (path::USERS, user(&"n".repeat(64), PASSWORD), true),
        (path::USERS, user(&"n".repeat(65), PASSWORD), false),
        (path::USERS, user("Bob", PASSWORD), false),
        (path::USERS, user("b256", &bytes(256)), true),
        (path::USERS, user("b257", &bytes(257)), false),
        (path::USERS, user("b12", &bytes(12)), true),
        (path::USERS, user("b11", &bytes(11)), false),
        (path::TOKENS, token(365), true),
        (path::TOKENS, token(367), false),
    ] {
        let heard = ada.post(route, wish.clone()).await;
        assert_eq!(heard.status, if good { 200 } else { 422 }, "{wish}: {heard:?}");
    }
    let many = |count: usize| {
        let ids: Vec<String> = (0..count).map(|number| format!("{number:016x}")).collect();
        json!({"ids": ids, "work": {"do": "comment", "text": "x"}})
    };
    assert_eq!(ada.post(path::QUEUE_WORK, many(500)).await.status, 200);
    assert!([400, 422].contains(&ada.post(path::QUEUE_WORK, many(501)).await.status));
    // The 33rd session ends the oldest.
    let more = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 31) INSERT INTO sessions \
                (hash, person, created, used, confirmed, source, agent) SELECT 'h' || i, person, created + i, used, \
                confirmed, source, agent FROM sessions, n WHERE person = 'ada'";
    sql(folder.path(), more).await;
    assert_eq!(ada.get(path::SESSION).await.status, 200, "32 there are");
    let last = Browser::signed_in(&rig, "ada").await;
    assert_eq!((ada.get(path::SESSION).await.status, last.get(path::SESSION).await.status), (401, 200));
    assert_eq!(last.get(path::SESSIONS).await.json().as_array().unwrap().len(), 32);
    rig.stop().await;
}

/// Which class of the reference each table and file belongs to. A new one is looked at before it goes in.
const CLASSES: &[(&str, &[&str])] = &[
    ("opens something", &["tokens", "bouncers", "resets", "sessions", "users"]),
    (
        "keys",
        &[
            "server/secret.key",
            "server/audit.key",
            "run/token",
            "run/setup",
            "server/tls/ca.key",
            "server/tls/leaf.key",
        ],
    ),
    (
        "about people",
        &[
            "audit",
            "audit_told",
            "host_groups",
            "foreign_people",
            "views",
            "answered",
            "server/audit.heads",
            "server/audit.begin",
            "server/audit.pub",
        ],
    ),
    (
        "about hosts",
        &[
            "alerts",
            "agents",
            "orders",
            "exceptions",
            "ledger",
            "verdicts",
            "promises",
            "judged",
            "blocks",
            "decisions",
            "cursors",
            "contacts",
            "messages",
            "deliveries",
            "watches",
            "followed",
            "batches",
            "counts",
            "layout",
            "server/server.sqlite",
            "server/server.sqlite-wal",
            "server/server.sqlite-shm",
            "server/reserve",
            "server/lock",
            "ready",
        ],
    ),
    ("public", &["server/tls/ca.pem", "run/trust"]),
];

#[tokio::test]
async fn everything_that_is_kept_has_a_class_that_is_written_and_keys_are_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;
    let security = reference("security.md");
    for (class, _) in CLASSES {
        assert!(security.contains(&format!("| {class} | ")), "{class}");
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Admin, &[]).await;
    let _ada = Browser::signed_in(&rig, "ada").await;
    let known: BTreeSet<&str> = CLASSES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let of = |class: &str, name: &str| CLASSES.iter().any(|(known, names)| *known == class && names.contains(&name));
    let mut open = vec![folder.path().to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).unwrap().map(Result::unwrap) {
            let (kind, path) = (entry.file_type().unwrap(), entry.path());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
                assert!(known.contains(name.as_str()), "{name} has no class: write it into security.md and here");
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                if of("keys", &name) || name.starts_with("server/server.sqlite") {
                    assert_eq!(mode, 0o600, "{name}");
                }
                seen.insert(name);
            }
        }
    }
    assert!(seen.contains("server/secret.key") && seen.contains("server/server.sqlite"), "{seen:?}");
    let tables = tables(folder.path()).await;
    for table in &tables {
        // Lines of the queue and the index of their words are made of alerts.
        let is_known = known.contains(table.as_str()) || table.starts_with("queue");
        assert!(is_known, "table {table} has no class: write it into security.md and here");
    }
    assert!(tables.len() > 15, "{tables:?}");
    rig.stop().await;
}

async fn tables(folder: &Path) -> Vec<String> {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("server/server.sqlite"));
    let mut connection = options.vfs(tripoint_pages::NAME).read_only(true).connect().await.unwrap();
    let all = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    sqlx::query_scalar(all).fetch_all(&mut connection).await.unwrap()
}

/// "To replace one, stop the server, take the file away, start it again."
#[tokio::test]
async fn keys_are_replaced_as_it_is_written() {
    assert!(reference("security.md").contains("stop the server, take the file away, start it again"));
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let old = rig.token();
    assert_eq!(Browser::with_token(&rig, &old).get(path::ALERTS).await.status, 200);
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
    rig.stop().await;
    let own = folder.path().join("server");
    let (public, heads) = (own.join("audit.pub"), own.join("audit.heads"));
    let before = (std::fs::read(&public).unwrap(), std::fs::read_to_string(&heads).unwrap());
    for key in [own.join("audit.key"), tripoint_server::token_path(folder.path())] {
        std::fs::remove_file(key).unwrap();
    }
    let rig = Rig::start(folder.path()).await;
    assert_ne!(rig.token(), old);
    assert_eq!(Browser::with_token(&rig, &old).get(path::ALERTS).await.status, 401, "the former token opens nothing");
    assert_eq!(Browser::with_token(&rig, &rig.token()).get(path::ALERTS).await.status, 200);
    rig.client.delete(&path::group("web")).await.unwrap();
    rig.stop().await;
    assert_ne!(std::fs::read(&public).unwrap(), before.0, "another key signs");
    assert!(std::fs::read_to_string(&heads).unwrap().starts_with(&before.1), "older ends stay");
}

//! Does what was acknowledged survive `kill -9`?

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tripoint_api::agent::Item;
use tripoint_api::{AlertList, AlertQuery, Batch, BatchAnswer, Client, path};
use tripoint_server::{ServerOptions, serve, socket_path};

use crate::rig::{alert, identity, own_uid};

/// Names the data folder to the child.
const FOLDER: &str = "TRIPOINT_KILL_TEST_FOLDER";

/// The server that gets killed: this very test, run in a process of its own.
#[tokio::test]
async fn child_server() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let data_dir = Path::new(&folder);
    let options = ServerOptions {
        data_dir: data_dir.to_owned(),
        ready_file: Some(data_dir.join("ready")),
        agent_uids: vec![own_uid()],
        ..ServerOptions::default()
    };
    serve(options, std::future::pending()).await.unwrap();
}

async fn start(folder: &Path) -> Child {
    let ready = folder.join("ready");
    let _ = std::fs::remove_file(&ready);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_server", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..400 {
        if ready.exists() {
            return child;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("the server did not become ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::unix(&socket_path(folder.path()));
    let mut acknowledged = 0_u64;
    for round in 0..4_u64 {
        let mut child = start(folder.path()).await;
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(150 + 40 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        // A batch that was not acknowledged is sent again, as an agent does.
        loop {
            let sequence = acknowledged + 1;
            let one = alert(&format!("k{sequence:05}"), 50, 1);
            let items = vec![Item::Alert { alert: Box::new(one) }];
            let batch = Batch { agent: identity("web1"), sequence, items };
            match client.post::<BatchAnswer>(path::AGENT_BATCH, &batch).await {
                Ok(answer) => acknowledged = answer.acknowledged,
                Err(_) => break,
            }
        }
        killer.await.unwrap();
    }
    assert!(acknowledged > 4, "the test must have had something to lose");
    let mut child = start(folder.path()).await;
    let mut found = 0;
    let mut query = AlertQuery { limit: Some(1000), ..AlertQuery::default() };
    loop {
        let page: AlertList = client.get(&format!("{}{}", path::ALERTS, query.to_query())).await.unwrap();
        found += page.alerts.len() as u64;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found == acknowledged || found == acknowledged + 1, "{found} found, {acknowledged} acknowledged");
}

//! What happens when the disk is full, and how soon is it as before once there is room?

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tripoint_api::agent::Item;
use tripoint_api::client::ClientError;
use tripoint_api::queue::QueuePage;
use tripoint_api::{Batch, BatchAnswer, ConnectionList, Role, ServerHealth, path};
use tripoint_model::Timestamp;

use crate::browser::{Browser, add_user};
use crate::rig::{Rig, alert, identity};

/// How long the disk stays full when nobody asks for more; the long run asks by this variable.
const SECONDS: u64 = 5;
const SECONDS_VARIABLE: &str = "TRIPOINT_FULL_SECONDS";
const REPORT_OF: &str = "web1";

/// A disk of 16 MiB; none where this user may not make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path()).output();
        if made.is_ok_and(|made| made.status.success()) {
            return Some(Self(folder));
        }
        assert!(std::env::var_os("RUN_KERNEL_TESTS").is_none(), "a small disk could not be mounted");
        println!("skipped: a small disk can be mounted by root only");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills whatever is free.
    fn fill(&self) -> PathBuf {
        let file = self.path().join("filler");
        let mut filler = OpenOptions::new().append(true).create(true).open(&file).unwrap();
        for piece in [1 << 16, 4096, 1] {
            while filler.write_all(&vec![1; piece]).is_ok() {}
        }
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

fn contacts(hour: i64, from: u32) -> Item {
    let one = |number: u32| {
        let peer = std::net::Ipv4Addr::from(0xC612_0000 + number);
        let seen = Timestamp(hour + 1);
        serde_json::from_value(serde_json::json!({
            "hour": Timestamp(hour), "direction": "outbound", "protocol": "tcp", "peer": peer, "port": 443, "count": 1,
            "carried": 1, "bytes_in": 0, "bytes_out": 0, "first_seen": seen, "last_seen": seen,
        }))
        .unwrap()
    };
    Item::Contacts { contacts: (from..from + 500).map(one).collect(), dropped: 0 }
}

async fn try_report(rig: &Rig, sequence: u64) -> Result<u64, ClientError> {
    let items = vec![Item::Alert { alert: Box::new(alert(&format!("f{sequence:05}"), 50, 1)) }];
    let batch = Batch { agent: identity(REPORT_OF), sequence, items };
    rig.client.post::<BatchAnswer>(path::AGENT_BATCH, &batch).await.map(|answer| answer.acknowledged)
}

async fn kept(rig: &Rig) -> u64 {
    let page: ConnectionList = rig.client.get(path::CONNECTIONS).await.unwrap();
    page.kept.rows
}

async fn status(rig: &Rig) -> String {
    rig.client.get::<ServerHealth>(path::HEALTH).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_stops_no_reader() {
    let Some(disk) = SmallDisk::new() else { return };
    let seconds = std::env::var(SECONDS_VARIABLE).map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let rig = Rig::start(disk.path()).await;
    add_user(&rig.client, "ada", Role::Viewer, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let now = jiff::Timestamp::now().as_microsecond();
    let hour = now - now % 3_600_000_000;
    for portion in 0..6 {
        rig.report_items("db1", portion + 1, vec![contacts(hour, portion as u32 * 500)]).await;
    }
    let mut acknowledged = 0;
    while acknowledged < 20 {
        acknowledged = try_report(&rig, acknowledged + 1).await.unwrap();
    }
    let (before, rows) = (acknowledged, kept(&rig).await);
    assert_eq!(rows, 3000);
    let begun = Instant::now();
    let mut refused = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        // Whatever becomes free is taken at once, by somebody else.
        disk.fill();
        match try_report(&rig, acknowledged + 1).await {
            Ok(highest) => acknowledged = highest,
            Err(ClientError::Problem(problem)) => {
                assert_eq!((problem.status, problem.kind.as_str()), (503, "tripoint:disk-full"), "{problem:?}");
                refused += 1;
                assert_eq!(status(&rig).await, "the disk is full");
            }
            Err(other) => panic!("{other}"),
        }
        let page: QueuePage = rig.client.get(&format!("{}?limit=500", path::QUEUE)).await.unwrap();
        assert!(page.rows.len() as u64 >= acknowledged.min(500));
        assert_eq!(ada.get(path::QUEUE).await.status, 200, "who is signed in goes on reading");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!(
        "{refused} refused, {} taken while full, {} connections let go",
        acknowledged - before,
        rows - kept(&rig).await
    );
    assert!(refused > 0, "the disk must have been full");
    assert!(acknowledged > before, "alerts go on in the room of connections");

    fs::remove_file(disk.path().join("filler")).unwrap();
    let freed = Instant::now();
    while try_report(&rig, acknowledged + 1).await.map(|highest| acknowledged = highest).is_err()
        || status(&rig).await != "ok"
    {
        assert!(freed.elapsed() < Duration::from_secs(30), "it did not recover by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("as before {} ms after there was room", freed.elapsed().as_millis());
    assert!(disk.path().join("server/reserve").metadata().unwrap().len() > 0, "room is laid by again");
    rig.stop().await;
    let rig = Rig::start(disk.path()).await;
    for sequence in 1..=acknowledged {
        rig.client.get::<serde_json::Value>(&path::alert(&format!("f{sequence:05}"))).await.unwrap();
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_on_a_full_disk() {
    let Some(disk) = SmallDisk::new() else { return };
    let rig = Rig::start(disk.path()).await;
    assert_eq!(try_report(&rig, 1).await.unwrap(), 1);
    rig.stop().await;
    let filler = disk.fill();
    let rig = Rig::start_as(disk.path(), |options| options.ready_file = None).await;
    rig.client.get::<serde_json::Value>(&path::alert("f00001")).await.unwrap();
    assert_eq!(status(&rig).await, "the disk is full");
    fs::remove_file(filler).unwrap();
    assert_eq!(try_report(&rig, 2).await.unwrap(), 2);
    assert_eq!(status(&rig).await, "ok");
    rig.stop().await;
}

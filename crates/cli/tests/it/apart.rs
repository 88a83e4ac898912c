//! Does an agent with a data folder of its own get the server's indicators, and nothing that is not whole?

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tripoint_agent::config;
use tripoint_agent::content::Loaded;
use tripoint_agent::place::Place;
use tripoint_agent::pull::{Fetched, Pull};
use tripoint_intel::image::Builder;
use tripoint_intel::image_delta::Identity;
use tripoint_intel::images;
use tripoint_model::Timestamp;

use crate::bench::Bench;

/// The part of an agent that fetches, over a folder of its own.
struct Apart {
    folder: tempfile::TempDir,
    loaded: Arc<Mutex<Loaded>>,
    pull: Pull,
}

impl Apart {
    fn new(socket: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        std::fs::write(&file, format!("[agent]\nsocket = {socket:?}\n")).unwrap();
        let loaded = Arc::default();
        let config = config::check(&file).unwrap().config;
        let pull = Pull::wanted(&Place::new(folder.path()), &config, "apart", &loaded).expect("another folder");
        Self { folder, loaded, pull }
    }

    fn fetched(&self) -> Fetched {
        self.loaded.lock().unwrap().fetched.clone().unwrap()
    }

    /// Why an answer gave no image; nothing of it is left on disk.
    fn trouble(&self) -> String {
        self.pull.first();
        assert_eq!(std::fs::read_dir(images::folder(self.folder.path())).map_or(0, Iterator::count), 0);
        assert_eq!((self.fetched().wholes, self.fetched().failures), (0, 1));
        self.fetched().trouble.unwrap()
    }
}

fn newest(data: &Path) -> Option<Vec<u8>> {
    std::fs::read(&images::generations(data).first()?.1).ok()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "{what}: not within 20 seconds");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_imported_arrives_as_a_delta_and_stays_when_the_server_goes() {
    let bench = Bench::new();
    let data = bench.path("data");
    let entries = |count: usize| (0..count).map(|at| format!("203.0.113.{}:{}\n", at % 256, at)).collect::<String>();
    bench.write("list.txt", entries(3000));
    bench.run(&["intel", "import", "list.txt", "--name", "list"]).expect(0);
    let ready = bench.path("ready");
    let mut command = bench.command(&["server", "--listen", "none", "--ready-file", ready.to_str().unwrap()]);
    let mut server = command.stdin(Stdio::null()).spawn().unwrap();
    wait_for("the server", || ready.exists());
    let apart = Apart::new(&tripoint_server::socket_path(&data));
    wait_for("the server's look at its images", || {
        apart.pull.first();
        newest(apart.folder.path()).is_some()
    });
    assert!(newest(apart.folder.path()) == newest(&data));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| apart.pull.run(&stop));
        bench.write("list.txt", entries(3100));
        bench.run(&["intel", "import", "list.txt", "--name", "list"]).expect(0);
        wait_for("the delta", || newest(apart.folder.path()) == newest(&data));
        let fetched = apart.fetched();
        assert_eq!((fetched.wholes, fetched.deltas, fetched.trouble), (1, 1, None));
        let _ = server.kill();
        let _ = server.wait();
        wait_for("the trouble", || apart.fetched().trouble.is_some());
        assert!(newest(apart.folder.path()) == newest(&data), "the last good image stays");
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn whatever_is_answered_only_the_stated_image_is_kept() {
    let image = Builder::default().finish(Timestamp(1));
    let identity = Identity::of(&image).to_string();
    let answer = |status: &str, tag: &str, stated: usize, body: &[u8]| {
        let tag = if tag.is_empty() { String::new() } else { format!("etag: \"{tag}\"\r\n") };
        let head = format!("HTTP/1.1 {status}\r\n{tag}content-length: {stated}\r\nconnection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let other = Identity::of(b"another").to_string();
    let mut torn = image.clone();
    torn[100_000] ^= 1;
    let length = image.len();
    for (answer, reason) in [
        (answer("200 OK", &identity, 7, b"garbage"), "not an intelligence image"),
        (answer("200 OK", &identity, length, &torn), "damaged"),
        (answer("200 OK", &other, length, &image), "what came is image"),
        (answer("200 OK", "", length, &image), "without its identity"),
        (answer("200 OK", &identity, length, &image[..length / 2]), "not reachable"),
        (answer("226 IM Used", &identity, 7, b"garbage"), "nobody asked for"),
        (answer("503 Service Unavailable", "", 0, b""), "Service Unavailable"),
        (b"not http at all\r\n\r\n".to_vec(), "not reachable"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("liar.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            let _ = caller.read(&mut [0; 4096]);
            let _ = caller.write_all(&answer);
        });
        let trouble = Apart::new(&socket).trouble();
        assert!(trouble.contains(reason), "{reason}: {trouble}");
    }
}

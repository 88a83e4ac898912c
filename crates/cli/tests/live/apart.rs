//! Does an agent whose data folder is not the server's get its indicators, by deltas, and whole when one is damaged?

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tripoint_linux::child;

use crate::instance::{App, BAD4, Instance, lab, listen};
use crate::{alone, asked_for};

/// What stands between agent and server, and what it saw.
#[derive(Default)]
struct Between {
    deltas: AtomicUsize,
    wholes: AtomicUsize,
    /// Flip a bit of the next delta.
    damage: AtomicBool,
}

impl Between {
    /// Passes on every connection at `own` to `server`.
    fn stand(own: &Path, server: PathBuf) -> Arc<Self> {
        let between = Arc::new(Self::default());
        let listener = UnixListener::bind(own).unwrap();
        let seen = Arc::clone(&between);
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let (seen, server) = (Arc::clone(&seen), server.clone());
                std::thread::spawn(move || seen.pass(&caller, &server));
            }
        });
        between
    }

    fn pass(&self, caller: &UnixStream, server: &Path) -> io::Result<()> {
        let called = UnixStream::connect(server)?;
        let (mut from, mut to) = (caller.try_clone()?, called.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
        let mut is_first = true;
        let mut is_damaged = false;
        let mut piece = vec![0; 64 << 10];
        loop {
            let count = (&called).read(&mut piece)?;
            if count == 0 {
                return caller.shutdown(std::net::Shutdown::Both);
            }
            let piece = &mut piece[..count];
            if is_first && piece.starts_with(b"HTTP/1.1 226 ") {
                self.deltas.fetch_add(1, Ordering::SeqCst);
                is_damaged = self.damage.swap(false, Ordering::SeqCst);
            }
            let is_image = piece.windows(24).any(|part| part.eq_ignore_ascii_case(b"application/octet-stream"));
            if is_first && piece.starts_with(b"HTTP/1.1 200 ") && is_image {
                self.wholes.fetch_add(1, Ordering::SeqCst);
            }
            if is_damaged {
                *piece.last_mut().unwrap() ^= 1;
            }
            is_first = false;
            (&*caller).write_all(piece)?;
        }
    }
}

/// A daemon that ends with the test.
struct Daemon(Child);

impl Daemon {
    fn start(what: &str, data: &Path, instance: &Instance, more: &[&str]) -> Self {
        let ready = data.join(format!("{what}.ready"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(instance.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripoint"));
        command.arg("--data-dir").arg(data).arg(what).args(more).arg("--ready-file").arg(&ready);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        child::ends_with_parent(&mut command);
        let daemon = Self(command.spawn().unwrap());
        instance.wait(what, || ready.exists().then_some(()));
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        child::terminate(&mut self.0);
        let _ = self.0.wait();
    }
}

fn import(instance: &Instance, entries: &[&str]) {
    // Enough others that the image is not smaller than what it costs to say so.
    let others = (0..5000).map(|at| format!("203.0.113.{}:{}", 100 + at % 50, 1000 + at));
    let text: String =
        others.chain(entries.iter().map(|entry| (*entry).to_owned())).map(|entry| entry + "\n").collect();
    let file = instance.path().join("list.txt");
    std::fs::write(&file, text).unwrap();
    instance.fine(&[
        "intel",
        "import",
        &file.display().to_string(),
        "--name",
        "lab",
        "--category",
        "c2",
        "--confidence",
        "95",
    ]);
}

fn newest(data: &Path) -> Vec<u8> {
    let (_, path) = tripoint_intel::images::generations(data).into_iter().next().expect("an image");
    std::fs::read(path).unwrap()
}

fn health(instance: &Instance) -> Value {
    instance.run(&["doctor"]).1["agents"][0]["health"].clone()
}

#[test]
fn indicators_reach_an_agent_apart_by_deltas_and_whole_when_one_is_damaged() {
    if !asked_for() {
        return;
    }
    let _alone = alone();
    let lab = lab();
    listen(&lab);
    let instance = Instance::new("");
    import(&instance, &[]);
    let mut app = App::start(&lab, instance.path());
    let apart = tempfile::tempdir().unwrap();
    let socket = apart.path().join("between.sock");
    let settings = format!(
        "[agent]\nsocket = {socket:?}\n[intel]\npermit_ranges = [\"203.0.113.0/24\", \"198.51.100.0/24\"]\n\
         [correlator]\nalert_bad_peer = true\n"
    );
    std::fs::write(apart.path().join("agent.toml"), settings).unwrap();
    let _server = Daemon::start("server", instance.path(), &instance, &["--listen", "none"]);
    let between = Between::stand(&socket, instance.path().join("run/tripoint.sock"));
    let _agent = Daemon::start("agent", apart.path(), &instance, &[]);
    assert!(newest(apart.path()) == newest(instance.path()), "the first image is there before the agent is ready");
    assert_eq!((between.wholes.load(Ordering::SeqCst), between.deltas.load(Ordering::SeqCst)), (1, 0));

    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    std::thread::sleep(Duration::from_millis(700));
    assert!(instance.alert("bad_peer", BAD4).is_none(), "nobody lists it yet");
    import(&instance, &[BAD4]);
    let imported = Instant::now();
    instance.within(Duration::from_secs(10), "the alert on the new entry", || instance.alert("bad_peer", BAD4));
    println!("alert {} ms after the import", imported.elapsed().as_millis());
    assert_eq!((between.wholes.load(Ordering::SeqCst), between.deltas.load(Ordering::SeqCst)), (1, 1));
    assert!(newest(apart.path()) == newest(instance.path()));

    between.damage.store(true, Ordering::SeqCst);
    import(&instance, &[BAD4, "203.0.113.77"]);
    instance.within(Duration::from_secs(10), "the whole image", || {
        (newest(apart.path()) == newest(instance.path())).then_some(())
    });
    assert_eq!((between.wholes.load(Ordering::SeqCst), between.deltas.load(Ordering::SeqCst)), (2, 2));
    let fetched = |name: &str| health(&instance)["counters"][format!("intel_fetched_{name}")].as_u64();
    instance.wait("the counts", || (fetched("wholes") == Some(2)).then_some(()));
    assert_eq!((fetched("deltas"), fetched("failures")), (Some(1), Some(1)));
    let data = health(&instance)["data"].as_array().unwrap().clone();
    let row = data.iter().find(|row| row["source"] == "intel from the server").expect("a row about the server");
    assert_eq!(row["status"], "ok", "{row}");

    import(&instance, &[BAD4]);
    instance.within(Duration::from_secs(10), "the next delta", || {
        (newest(apart.path()) == newest(instance.path())).then_some(())
    });
    assert_eq!((between.wholes.load(Ordering::SeqCst), between.deltas.load(Ordering::SeqCst)), (2, 3));
    let log = std::fs::read_to_string(instance.path().join("log")).unwrap();
    assert!(log.contains("its checksum does not hold"), "{log}");
}

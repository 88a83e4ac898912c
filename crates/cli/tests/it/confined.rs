//! Promise S8, its end: does what speaks with others touch nothing but what its configuration names, and work as before?
//!
//! Each refusal is asked for twice: where the kernel holds, and where it seems to lack landlock. What is refused for
//! another reason would be refused there too.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tripoint_api::agent::Item;
use tripoint_api::{FeedHealth, path};
use tripoint_linux::capability::{LANDLOCK_WHOLE, landlock_abi};
use tripoint_linux::faults;

use crate::bench::{Bench, Told, finish};
use crate::rig::{Rig, alert, block_on, wait_for};

/// Whether this kernel holds all of it, and the name of what it lacks otherwise: both ways are gone.
const WAYS: [(bool, &str); 2] = [(true, ""), (false, "landlock")];

fn is_offered() -> bool {
    let offered = landlock_abi() >= LANDLOCK_WHOLE;
    if !offered {
        assert!(std::env::var_os("RUN_KERNEL_TESTS").is_none(), "the kernel offers landlock {}", landlock_abi());
        println!("skipped: the kernel offers landlock {}; 6 is needed", landlock_abi());
    }
    offered
}

fn run(bench: &Bench, arguments: &[&str], lacks: &str) -> Told {
    let mut command = bench.command(arguments);
    command.env(faults::VARIABLE, lacks);
    finish(command, b"")
}

/// Answers every request with this; tells the first line and the body of each.
fn answering(answer: impl Fn(&str) -> String + Send + 'static) -> (u16, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            let length = |line: &String| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
            let mut body = vec![0; lines.iter().find_map(length).unwrap_or(0)];
            let _ = reader.read_exact(&mut body);
            let first = lines.first().cloned().unwrap_or_default();
            let _ = stream.write_all(answer(&first).as_bytes());
            let _ = told.send((first, String::from_utf8_lossy(&body).into_owned()));
        }
    });
    (port, heard)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Counts who comes to a port of every address of this host, and gives nobody anything.
fn target() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (port, came)
}

/// A certificate and its key below `certs/archive`, and the names by which the server knows them.
fn certify(bench: &Bench, number: u32) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    for (kind, text) in [("chain", made.cert.pem()), ("key", made.signing_key.serialize_pem())] {
        bench.write(&format!("certs/archive/{kind}{number}.pem"), text);
        fs::create_dir_all(bench.path("certs/live")).unwrap();
        let new = bench.path("certs/live/new");
        symlink(format!("../archive/{kind}{number}.pem"), &new).unwrap();
        fs::rename(&new, bench.path(&format!("certs/live/{kind}.pem"))).unwrap();
    }
}

/// The whole of a server's work goes on: it answers by TCP and socket, tells a channel, is put aside into a folder that
/// it knows nothing of, and shows a certificate that was renewed as certbot renews them.
#[test]
fn s8_a_confined_server_works_as_before() {
    let bench = Bench::new();
    let (port, heard) = answering(|_| ok(""));
    bench.write("secret", "a-secret-of-the-channel");
    certify(&bench, 1);
    let (secret, live) = (bench.path("secret"), bench.path("certs/live"));
    let config = format!(
        "[server]\ntls_certificate = \"{live}/chain.pem\"\ntls_key = \"{live}/key.pem\"\n\
         [[notify.channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret_file = {secret:?}\n\
         [[notify.route]]\nname = \"all\"\nchannels = [\"hook\"]\n",
        live = live.display()
    );
    bench.write("data/server.toml", config);
    let rig = Rig::lacking(bench, "127.0.0.1:0", "");
    rig.report(1, vec![Item::Alert { alert: alert("00000000000000aa", 85) }]);
    let (line, body) = heard.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(line.starts_with("POST /hook ") && body.contains("00000000000000aa"), "{line} {body}");

    let bench = &rig.bench;
    fs::create_dir(bench.path("elsewhere")).unwrap();
    let aside = bench.path("elsewhere/backup.sqlite");
    bench.run(&["server", "backup", aside.to_str().unwrap()]).expect(0);
    assert!(aside.exists());

    let url = rig.address.clone().unwrap().replace("http://", "https://");
    let asked = |number: u32| {
        let ca = bench.path(&format!("certs/archive/chain{number}.pem"));
        let token = bench.path("data/run/token");
        let [ca, token] = [&ca, &token].map(|path| path.to_str().unwrap());
        bench.run(&["alerts", "list", "--json", "--server", &url, "--ca", ca, "--token-file", token])
    };
    assert_eq!(asked(1).expect(0).json().as_array().unwrap().len(), 1);
    certify(bench, 2);
    let renewed = wait_for(|| Some(asked(2)).filter(|told| told.code == 0));
    assert_eq!(renewed.json().as_array().unwrap().len(), 1);
    asked(1).expect(1);
    let log = fs::read_to_string(bench.path("log")).unwrap();
    assert!(!log.contains("denied") && !log.contains("may not connect"), "{log}");

    let doctor = bench.run(&["doctor", "--json"]).expect(0).json();
    if is_offered() {
        // Nothing lost: no thread ran before the process was confined.
        assert_eq!(doctor["confined"], json!({"state": "whole", "abi": landlock_abi()}));
        let said = bench.run(&["doctor"]).expect(0).out;
        assert!(said.contains(&format!("server confined: whole by landlock {}\n", landlock_abi())), "{said}");
    }
}

/// What it shows of feeds it reads from its data folder; a link that somebody puts there leads it nowhere else.
#[test]
fn s8_the_server_reads_nothing_but_what_is_its_own() {
    if !is_offered() {
        return;
    }
    for (holds, lacks) in WAYS {
        let outside = tempfile::tempdir().unwrap();
        let bench = Bench::new();
        bench.write("list.txt", "203.0.113.66\n");
        bench.run(&["intel", "import", "list.txt", "--name", "mine", "--category", "c2"]).expect(0);
        let rig = Rig::lacking(bench, "none", lacks);
        let feeds = || block_on(rig.client().get::<Vec<FeedHealth>>(path::FEEDS)).unwrap().len();
        assert_eq!(feeds(), 1, "its own");
        fs::rename(rig.bench.path("data/intel"), outside.path().join("intel")).unwrap();
        symlink(outside.path().join("intel"), rig.bench.path("data/intel")).unwrap();
        assert_eq!(feeds(), usize::from(!holds), "elsewhere, on a kernel without {lacks:?}");
    }
}

/// A provider may name an endpoint on another server by https; a port that the configuration does not name is not
/// connected to, and the error says which key would name it.
#[test]
fn s8_the_server_connects_to_no_port_that_is_not_named() {
    if !is_offered() {
        return;
    }
    // A name that leads here and is not `localhost`, as the system knows it.
    let name = tripoint_linux::capability::host_name();
    if std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 1)).map_or(0, Iterator::count) == 0 {
        println!("skipped: the host's own name {name:?} leads nowhere");
        return;
    }
    for (named, lacks) in [(false, ""), (true, ""), (false, "landlock")] {
        let (elsewhere, came) = target();
        let (port, _heard) = answering_provider(format!("https://{name}:{elsewhere}/token"));
        let bench = Bench::new();
        let ports = if named { format!("[fetch]\nports = [{elsewhere}]\n") } else { String::new() };
        let oidc = format!(
            "{ports}[oidc]\nissuer = \"http://127.0.0.1:{port}\"\nclient_id = \"tripoint\"\nprivate = true\n\
             [[oidc.role]]\nclaim = \"soc\"\nrole = \"viewer\"\n"
        );
        bench.write("data/server.toml", oidc);
        let rig = Rig::lacking(bench, "127.0.0.1:0", lacks);
        let at = rig.address.clone().unwrap().replace("http://", "");
        let begun = ask(&at, path::OIDC_BEGIN, "");
        let header = |name: &str| begun.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        let state = header("location").and_then(|to| to.split("state=").nth(1)).unwrap().split('&').next().unwrap();
        let cookie = header("set-cookie").unwrap().split(';').next().unwrap();
        ask(&at, &format!("{}?code=x&state={state}", path::OIDC_CALLBACK), &format!("cookie: {cookie}\r\n"));
        let is_let = named || !lacks.is_empty();
        assert_eq!(came.load(Ordering::SeqCst) > 0, is_let, "named: {named}, without {lacks:?}");
        let log = fs::read_to_string(rig.bench.path("log")).unwrap();
        assert_eq!(audit(&rig).contains("fetch.ports"), !is_let, "{log}");
    }
}

/// Names its token endpoint elsewhere.
fn answering_provider(token: String) -> (u16, mpsc::Receiver<(String, String)>) {
    let own = Arc::new(std::sync::OnceLock::new());
    let port = Arc::clone(&own);
    let (at, heard) = answering(move |_| {
        let issuer = format!("http://127.0.0.1:{}", port.get().unwrap());
        ok(&json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": token, "jwks_uri": format!("{issuer}/keys")})
        .to_string())
    });
    own.set(at).unwrap();
    (at, heard)
}

fn ask(at: &str, path: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {at}\r\n{more}connection: close\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    String::from_utf8_lossy(&heard).into_owned()
}

/// What the audit says, as a text.
fn audit(rig: &Rig) -> String {
    rig.bench.run(&["audit", "list", "--json"]).expect(0).out
}

/// An old kernel costs safety and no service, and it is said once.
#[test]
fn s8_without_landlock_the_server_goes_on_and_says_what_it_lost() {
    let rig = Rig::lacking(Bench::new(), "127.0.0.1:0", "landlock");
    rig.report(1, vec![Item::Alert { alert: alert("00000000000000aa", 85) }]);
    assert_eq!(rig.bench.run(&["alerts", "list", "--json"]).expect(0).json().as_array().unwrap().len(), 1);
    let doctor = run(&rig.bench, &["doctor", "--json"], "landlock").expect(0).json();
    let confined = &doctor["confined"];
    assert_eq!((&confined["state"], &confined["abi"]), (&"not".into(), &0.into()));
    assert_eq!(confined["lost"].as_array().map(Vec::len), Some(5), "{confined}");
    let row = doctor["capabilities"].as_array().unwrap().iter().find(|one| one["name"] == "landlock").unwrap();
    assert_eq!(row["status"], "missing", "{row}");
    let said = run(&rig.bench, &["doctor"], "landlock").expect(0).out;
    assert!(said.contains("server confined: not; not held back: files and programs, "), "{said}");
    let log = fs::read_to_string(rig.bench.path("log")).unwrap();
    assert_eq!(log.matches("could not give up").count(), 1, "{log}");
}

/// A feed that leads on to a port that no source names; the configuration may name it.
#[test]
fn s8_what_is_fetched_leads_to_no_port_that_is_not_named() {
    if !is_offered() {
        return;
    }
    for (named, lacks) in [(false, ""), (true, ""), (false, "landlock")] {
        let (elsewhere, came) = target();
        let (port, heard) = answering(move |_| {
            format!("HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:{elsewhere}/\r\ncontent-length: 0\r\n\r\n")
        });
        let bench = Bench::new();
        if named {
            bench.write("data/server.toml", format!("[fetch]\nports = [{elsewhere}]\n"));
        }
        bench.write("data/feeds.toml", format!("[[feed]]\nname = \"list\"\nurl = \"http://127.0.0.1:{port}/\"\n"));
        let is_let = named || !lacks.is_empty();
        let report = run(&bench, &["intel", "sync", "--json"], lacks).expect(1).json();
        let url = format!("http://127.0.0.1:{port}/osv.json");
        let vulns = run(&bench, &["vulns", "sync", &url, "--json"], lacks).json();
        for report in [&report[0], &vulns[0]] {
            assert_eq!(report["state"], "failed");
            let reason = report["reason"].as_str().unwrap();
            assert_eq!(reason.contains("fetch.ports"), !is_let, "named: {named}, without {lacks:?}: {reason}");
        }
        assert_eq!(came.load(Ordering::SeqCst) > 0, is_let, "named: {named}, without {lacks:?}");
        assert!(heard.try_iter().count() >= 2, "both were asked");
    }
}

/// What is fetched is written into its own folders: not where a link in them leads, nor beside them.
#[test]
fn s8_what_is_fetched_is_written_nowhere_else() {
    if !is_offered() {
        return;
    }
    for (holds, lacks) in WAYS {
        let outside = tempfile::tempdir().unwrap();
        let (port, _heard) = answering(|_| ok("203.0.113.66\n"));
        let bench = Bench::new();
        fs::create_dir_all(bench.path("data/intel")).unwrap();
        symlink(outside.path(), bench.path("data/intel/list")).unwrap();
        bench.write("data/feeds.toml", format!("[[feed]]\nname = \"list\"\nurl = \"http://127.0.0.1:{port}/\"\n"));
        let told = run(&bench, &["intel", "sync", "--json"], lacks);
        assert_eq!(told.code == 0, !holds, "without {lacks:?}: {told:?}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count() == 0, holds, "without {lacks:?}");
        // The same folder, named outright by whoever keeps the data elsewhere, is one of its own.
        fs::remove_dir_all(bench.path("data/intel")).unwrap();
        symlink(outside.path(), bench.path("data/intel")).unwrap();
        let told = run(&bench, &["intel", "sync", "--json"], lacks).expect(0).json();
        assert_eq!(told[0]["state"], Value::from("updated"), "without {lacks:?}");
    }
}

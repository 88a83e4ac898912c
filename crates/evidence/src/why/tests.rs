//! Is the cause found within bounds, and is nothing hostile followed?

use std::path::Path;

use tripoint_model::process::{Ancestor, Container};
use tripoint_model::why::{Cause, NameSource};
use tripoint_model::{ProcessKey, Verdict};

use super::*;

const PEER: &str = "203.0.113.66";

/// A process that is gone: only what is told about it counts.
fn gone(exe: &str, ancestry: &[&str]) -> Process {
    let ancestor = |exe: &&str| Ancestor { pid: 0, start_ns: 0, exe: (*exe).to_owned(), argv: Vec::new() };
    Process {
        key: ProcessKey { pid: u32::MAX, start_ns: 1 },
        exe: exe.to_owned(),
        ancestry: ancestry.iter().map(ancestor).collect(),
        ..Process::default()
    }
}

pub(super) fn asked<'q>(process: &'q Process, is_over: &'q dyn Fn() -> bool) -> Question<'q> {
    Question {
        process,
        peer: PEER.parse().unwrap(),
        port: 443,
        direction: Direction::Outbound,
        protocol: Protocol::Tcp,
        names: Vec::new(),
        local: None,
        attempted: None,
        owner: Owner::Package("app".to_owned()),
        ruleset: Err("not asked".to_owned()),
        alert: None,
        is_over,
    }
}

#[test]
fn what_is_gone_is_judged_by_what_is_told_and_says_so() {
    for (exe, ancestry, cause) in [
        ("/usr/bin/curl", &["/bin/sh", "/usr/sbin/nginx", "/usr/lib/systemd/systemd"][..], Cause::InboundReaction),
        ("/usr/bin/curl", &["/bin/sh", "/usr/sbin/cron", "/usr/lib/systemd/systemd"], Cause::ScheduledJob),
        ("/usr/bin/curl", &["/bin/bash", "/usr/sbin/sshd"], Cause::UserAction),
        ("/usr/lib/apt/methods/https", &["/usr/bin/apt-get", "/bin/bash", "/usr/sbin/sshd"], Cause::PackageManager),
        ("/dev/shm/x", &["/usr/lib/systemd/systemd"], Cause::Implant),
        ("/usr/bin/curl", &["/usr/lib/systemd/systemd"], Cause::Unknown),
        // Whoever calls himself cron elsewhere excuses nobody.
        ("/usr/bin/curl", &["/bin/sh", "/tmp/cron"], Cause::Unknown),
    ] {
        let process = gone(exe, ancestry);
        let why = explain(&asked(&process, &|| false));
        assert_eq!(why.cause, cause, "{exe} under {ancestry:?}: {why:#?}");
        assert!(why.missing[0].contains("is gone") && !why.reasons.is_empty());
        assert_eq!(why.confidence == 0, cause == Cause::Unknown);
    }
}

#[test]
fn attempts_make_a_servers_call_a_reaction() {
    let process = gone("/usr/sbin/apache2", &["/usr/lib/systemd/systemd"]);
    let mut question = asked(&process, &|| false);
    assert_eq!(explain(&question).cause, Cause::Unknown);
    question.attempted = Some(Verdict::Attempted);
    question.alert = Some("0123456789abcdef".to_owned());
    let why = explain(&question);
    assert_eq!(why.cause, Cause::InboundReaction);
    assert_eq!(why.changes[0].commands, ["tripoint alerts advise 0123456789abcdef --kind package"]);
}

#[test]
fn a_name_that_nobody_configured_drives_packaged_programs_only() {
    let process = gone("/usr/bin/browser", &[]);
    let mut question = asked(&process, &|| false);
    let name = |how| WhyName { name: "page.example".into(), how, asker: None, at: None, answers: Vec::new() };
    question.names = vec![name(NameSource::Dns), name(NameSource::Sni)];
    let why = explain(&question);
    assert_eq!((why.cause, why.confidence), (Cause::NameDriven, 60));
    question.owner = Owner::Nobody;
    assert_eq!(explain(&question).cause, Cause::Unknown);
}

/// This process, as if it worked in a folder.
fn here(folder: &Path) -> Process {
    let pid = std::process::id();
    let start_ns = start_ns(&PathBuf::from(format!("/proc/{pid}"))).unwrap();
    Process {
        key: ProcessKey { pid, start_ns },
        exe: "/nowhere/app".into(),
        cwd: Some(folder.display().to_string()),
        ..Process::default()
    }
}

/// Not below `/tmp`, where the sources may lie: what is there explains nothing.
fn folder() -> Option<tempfile::TempDir> {
    let beside = std::env::current_exe().unwrap().parent().map(Path::to_owned);
    let mut places = beside.into_iter().chain(std::env::home_dir());
    let passing = ["/tmp/", "/var/tmp/", "/dev/shm/"];
    let place = places.find(|place| !passing.iter().any(|start| place.starts_with(start)));
    let made = place.and_then(|place| tempfile::Builder::new().prefix("why").tempdir_in(place).ok());
    if made.is_none() {
        println!("skipped: no folder outside /tmp can be written to");
    }
    made
}

#[test]
fn a_mention_has_file_line_and_no_secret() {
    let Some(folder) = folder() else { return };
    std::fs::write(folder.path().join(".env"), format!("A=1\nURL=https://me:hunter22@{PEER}/x\n")).unwrap();
    let process = here(folder.path());
    let why = explain(&asked(&process, &|| false));
    let mention = why.mentions.iter().find(|one| one.place == "beside").unwrap();
    assert_eq!((mention.line, mention.text.as_str()), (2, "URL=https://me:[redacted]@203.0.113.66/x"));
    let of_line = |change: &tripoint_model::why::Change| change.what.contains(".env:2");
    assert!(why.changes.iter().any(of_line), "{:?}", why.changes);
}

#[test]
fn pipes_links_and_the_end_of_time_are_met_and_said() {
    let Some(folder) = folder() else { return };
    let pipe = std::process::Command::new("mkfifo").arg(folder.path().join("a.conf")).status().unwrap();
    assert!(pipe.success());
    std::os::unix::fs::symlink("/etc/shadow", folder.path().join("b.conf")).unwrap();
    std::fs::write(folder.path().join("c.conf"), format!("peer {PEER}\n")).unwrap();
    let process = here(folder.path());
    let why = explain(&asked(&process, &|| false));
    for (file, reason) in [("a.conf", "no regular file"), ("b.conf", "a link")] {
        assert!(why.missing.iter().any(|one| one.contains(file) && one.contains(reason)), "{:?}", why.missing);
    }
    assert!(why.mentions.iter().any(|one| one.file.ends_with("c.conf")));
    let why = explain(&asked(&process, &|| true));
    assert!(why.mentions.is_empty() && why.missing.iter().any(|one| one.contains("not all configuration")));
}

#[test]
fn ids_of_containers_and_units_lead_nowhere_else() {
    let mut process = gone("/app", &[]);
    process.unit = Some("../../etc/passwd".into());
    process.container = Some(Container { id: "../../../etc".into(), runtime: "docker".into(), ..Container::default() });
    assert_eq!(explain(&asked(&process, &|| false)).mentions, []);
}

#[test]
fn an_inbound_connection_is_explained_by_its_listener() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let process = here(Path::new("/"));
    let mut question = asked(&process, &|| false);
    question.direction = Direction::Inbound;
    question.local = Some(listener.local_addr().unwrap());
    question.ruleset = Ok(r#"{"nftables":[]}"#.to_owned());
    let why = explain(&question);
    let exposure = why.exposure.unwrap();
    assert_eq!(
        (why.cause, exposure.scope.as_str(), exposure.from_internet),
        (Cause::ExposedService, "loopback", Some(false))
    );
}

//! Are the logs of a process found, and nothing else opened?

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;

use super::*;

fn me(exe: &str, argv: &[&str]) -> Subject {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Subject { pid: Some(std::process::id()), exe: exe.into(), argv, ..Subject::default() }
}

#[test]
fn what_a_process_holds_open_is_found_also_when_its_name_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let append = |name: &str| fs::File::options().append(true).create(true).open(folder.path().join(name)).unwrap();
    let (_kept, mut gone, _data) = (append("app.log"), append("gone.log"), append("store.db"));
    writeln!(gone, "203.0.113.9 was here").unwrap();
    fs::remove_file(folder.path().join("gone.log")).unwrap();
    let found = locate(&me("/usr/bin/app", &[]));
    let of = |name: &str| found.logs.iter().find(|log| log.path == folder.path().join(name));
    assert_eq!(of("app.log").unwrap().how, How::OpenFile);
    assert!(of("store.db").is_none());
    let log = of("gone.log").unwrap();
    assert!(matches!(log.how, How::Deleted { .. }));
    let mut text = String::new();
    open(log).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "203.0.113.9 was here\n");
}

#[test]
fn nginx_says_where_and_how_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(at("sites")).unwrap();
    fs::write(
        at("nginx.conf"),
        format!(
            "http {{\n log_format own '$remote_addr $request';\n include {}/*.conf;\n access_log off;\n}}\n",
            at("sites")
        ),
    )
    .unwrap();
    fs::write(
        at("sites/a.conf"),
        format!("server {{\n access_log {} own;\n error_log syslog:server=x;\n}}\n", at("a.log")),
    )
    .unwrap();
    let found = locate(&me("/usr/sbin/nginx", &["nginx:", "master", "process", "nginx", "-c", &at("nginx.conf")]));
    let log = found.logs.iter().find(|log| log.path == Path::new(&at("a.log"))).unwrap();
    assert_eq!(log.how, How::Configuration { file: at("sites/a.conf").into(), line: 2 });
    assert_eq!(log.pattern.as_deref(), Some("$remote_addr $request"));
    let broken = locate(&me("/usr/sbin/nginx", &["nginx", "-c", "/nowhere/nginx.conf"]));
    assert!(broken.missing.iter().any(|reason| reason.contains("/nowhere/nginx.conf")), "{:?}", broken.missing);
}

#[test]
fn links_pipes_and_ways_out_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let log = |name: &str| Log {
        path: format!("/{name}").into(),
        root: folder.path().into(),
        how: How::Layout,
        pattern: None,
    };
    fs::write(folder.path().join("real.log"), "x").unwrap();
    symlink("/etc/shadow", folder.path().join("swapped.log")).unwrap();
    symlink("/etc", folder.path().join("out")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.log")).status().unwrap();
    assert!(pipe.success());
    assert!(open(&log("real.log")).is_ok());
    assert!(matches!(open(&log("swapped.log")), Err(OpenError::Link(_))));
    assert!(matches!(open(&log("pipe.log")), Err(OpenError::NotRegular(_))));
    // A folder's link leads to the same path within the root, where there is nothing.
    for way in ["out/passwd", "../../../../../../etc/passwd"] {
        assert!(matches!(open(&log(way)), Err(OpenError::Io(..))), "{way}");
    }
}

#[test]
fn a_container_prints_into_the_files_of_its_runtime() {
    let host = tempfile::tempdir().unwrap();
    let id = "0123456789abcdef";
    let folder = host.path().join(format!("var/lib/docker/containers/{id}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{id}-json.log")), "{}").unwrap();
    let subject = Subject { container: Some(("docker".into(), id.into())), ..me("/app", &[]) };
    let mut found = Located::default();
    container::find(&subject, host.path(), &mut found);
    assert_eq!((found.logs.len(), &found.logs[0].how), (1, &How::Container));
    for id in ["../../etc", "other"] {
        let subject = Subject { container: Some(("docker".into(), id.into())), ..me("/app", &[]) };
        let mut found = Located::default();
        container::find(&subject, host.path(), &mut found);
        assert!(found.logs.is_empty());
    }
}

#[test]
fn of_a_process_that_has_ended_nobody_elses_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let _open = fs::File::options().append(true).create(true).open(folder.path().join("mine.log")).unwrap();
    let found = locate(&Subject { pid: None, ..me("/usr/bin/app", &[]) });
    assert!(found.logs.is_empty(), "{found:?}");
    assert!(found.missing[0].contains("has ended"), "{:?}", found.missing);
}

//! Does a signal end what runs in order, and is the terminal left as it was?

use std::process::{Command, Stdio};

use serde_json::Value;
use tripoint_api::path;

use crate::rig::{Rig, block_on, wait_for};

fn send(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn a_server_whose_terminal_is_closed_ends_in_order() {
    let rig = Rig::start("none");
    let group = serde_json::json!({"name": "web", "hosts": ["web*"]});
    block_on(rig.client().post::<Value>(path::GROUPS, &group)).unwrap();
    send("-HUP", &rig.pid().to_string());
    let (status, bench) = rig.ended();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(!bench.path("data/run/tripoint.sock").exists() && !bench.path("data/run/setup").exists());
    let told = bench.run(&["audit", "verify", "--json"]).expect(0).json();
    assert_eq!((&told["rows"], &told["vouched"]), (&1.into(), &1.into()), "the end is signed: {told}");
}

#[test]
fn a_signal_that_ends_top_gives_the_terminal_back() {
    let rig = Rig::start("none");
    for signal in ["-TERM", "-HUP", "-INT"] {
        let (log, pid) = (rig.bench.path("top.log"), rig.bench.path("top.pid"));
        let _ = (std::fs::remove_file(&pid), std::fs::remove_file(&log));
        let top = rig.bench.command(&["top"]);
        let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap());
        let line: Vec<String> = std::iter::once(top.get_program()).chain(top.get_args()).map(quoted).collect();
        let inner = format!("(echo $BASHPID > {}; exec {}); stty -a", pid.display(), line.join(" "));
        let mut terminal = Command::new("script");
        terminal.args(["-qefc", &format!("bash -c {}", quoted_in_double(&inner)), log.to_str().unwrap()]);
        terminal.envs(top.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        terminal.current_dir(rig.bench.path("")).stdin(Stdio::null()).stdout(Stdio::null());
        let mut terminal = terminal.spawn().unwrap();
        let drawn = || std::fs::read_to_string(&log).ok().filter(|text| text.contains("\x1b[?1049h"));
        wait_for(drawn);
        send(signal, std::fs::read_to_string(&pid).unwrap().trim());
        terminal.wait().unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        let (_, after) = text.rsplit_once("\x1b[?1049l").unwrap_or_else(|| panic!("{signal}: {text:?}"));
        assert!(after.contains(" icanon") && after.contains(" echo "), "{signal}: {after}");
    }
}

fn quoted_in_double(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('$', "\\$").replace('"', "\\\""))
}

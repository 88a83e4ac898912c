//! Does the agent's program answer as a daemon should before it touches anything?

mod apart;
mod blocking;
mod endings;
mod exactly;
mod neighbours;
mod released;
mod uplink;

use std::process::Command;

fn agent(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tripoint-agent")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn help_and_version_are_on_stdout() {
    let (code, out, _) = agent(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("--data-dir"));
    assert_eq!(agent(&["--version"]).0, Some(0));
}

#[test]
fn a_wrong_argument_is_a_usage_error() {
    let (code, out, err) = agent(&["--frobnicate"]);
    assert_eq!((code, out.as_str()), (Some(64), ""));
    assert!(err.contains("unknown argument --frobnicate"));
    assert_eq!(agent(&["--data-dir"]).0, Some(64));
}

#[test]
fn a_wrong_configuration_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("agent.toml"), "[response]\n\nmode = \"panic\"\n").unwrap();
    let (code, _, err) = agent(&["--data-dir", folder.path().to_str().unwrap()]);
    // Without root the agent stops earlier, and says so.
    if code == Some(77) {
        println!("skipped: needs root");
        return;
    }
    assert_eq!(code, Some(1));
    assert!(err.contains("agent.toml:3: response.mode: unknown variant"), "{err}");
}

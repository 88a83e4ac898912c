//! Do help, flags, exit codes and completions work wherever they stand?

use crate::bench::{Bench, finish};

const COMMANDS: &[&str] = &[
    "",
    "up",
    "agent",
    "server",
    "demo",
    "doctor",
    "scan",
    "intel",
    "intel import",
    "intel sync",
    "intel list",
    "intel lookup",
    "intel networks",
    "intel networks import",
    "intel networks list",
    "vulns",
    "vulns import",
    "vulns sync",
    "vulns sources",
    "vulns status",
    "vulns forget",
    "vulns lookup",
    "vulns query",
    "vulns compare",
    "vulns satisfies",
    "why",
    "bundle",
    "bundle export",
    "bundle import",
    "bundle show",
    "bundle keygen",
    "alerts",
    "alerts list",
    "alerts show",
    "alerts advise",
    "alerts watch",
    "alerts resolve",
    "alerts reopen",
    "alerts comment",
    "alerts assign",
    "alerts status",
    "alerts severity",
    "alerts tag",
    "alerts untag",
    "alerts attach",
    "alerts detach",
    "alerts merge",
    "alerts split",
    "views",
    "views list",
    "views keep",
    "views drop",
    "block",
    "unblock",
    "allow",
    "disconnect",
    "release-all",
    "exceptions",
    "exceptions list",
    "exceptions add",
    "exceptions remove",
    "config",
    "config check",
    "config explain",
    "config default",
    "config show",
    "completions",
];

#[test]
fn every_command_has_help() {
    let bench = Bench::new();
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let told = bench.run(&words).expect(0);
        assert!(told.out.contains("Usage: tripoint"), "{command}");
        assert!(told.err.is_empty(), "{command}");
    }
}

#[test]
fn what_cannot_be_meant_is_64() {
    let mut bench = Bench::new();
    bench.tell(&["frobnicate"]).expect(64);
    bench.tell(&["intel"]).expect(64);
    bench.tell(&["doctor", "--colour"]).expect(64);
    bench.tell(&["alerts", "resolve", "x", "--as", "boredom"]).expect(64);
    bench.tell(&["alerts", "list", "--status", "asleep"]).expect(64);
    bench.tell(&["why", "not an address"]).expect(64);
    bench.tell(&["block"]).expect(64);
    bench.tell(&["block", "not an address"]).expect(64);
    bench.tell(&["block", "203.0.113.66", "--for", "soon"]).expect(64);
    bench.tell(&["block", "203.0.113.66", "--for", "31d"]).expect(64);
    bench.tell(&["exceptions", "add", "--target", "203.0.113.66"]).expect(64);
    bench.tell(&["--server", "ftp://example", "alerts", "list"]).expect(64);
    bench.run(&[]).expect(64);
    bench.run(&["--version"]).expect(0);
    bench.golden("usage");
}

#[test]
fn without_a_server_it_is_4() {
    let mut bench = Bench::new();
    for arguments in [
        &["alerts", "list"][..],
        &["alerts", "list", "--json"],
        &["alerts", "show", "0123456789abcdef"],
        &["alerts", "watch"],
        &["block", "203.0.113.66"],
        &["unblock", "203.0.113.66"],
        &["allow", "203.0.113.66"],
        &["disconnect", "203.0.113.66"],
        &["block", "203.0.113.66", "--dry-run", "--json"],
        &["exceptions", "list"],
        &["connections", "list"],
        &["exceptions", "add", "--target", "203.0.113.66", "--reason", "test"],
        &["alerts", "list", "--server", "http://127.0.0.1:1"],
        &["release-all", "--server", "http://127.0.0.1:1"],
    ] {
        bench.tell(arguments).expect(4);
    }
    bench.golden("no-server");
}

/// Whoever may not touch the kernel is told that no server answers.
#[test]
fn release_all_needs_no_server() {
    let bench = Bench::new();
    if !rustix::process::geteuid().is_root() {
        return drop(bench.run(&["release-all"]).expect(4));
    }
    for _ in 0..2 {
        let told = bench.run(&["release-all"]).expect(0);
        assert_eq!(told.out, "nothing of this instance is in the kernel\n");
        assert_eq!(bench.run(&["release-all", "--json"]).expect(0).json()["outcomes"], serde_json::json!([]));
    }
}

#[test]
fn global_flags_stand_before_and_after() {
    let bench = Bench::new();
    bench.write("list.txt", "203.0.113.66\n");
    let other = bench.path("other");
    let other = other.to_str().unwrap();
    bench.write("other/agent.toml", "[intel]\npermit_ranges = [\"203.0.113.0/24\"]\n");
    bench.run(&["--data-dir", other, "--json", "intel", "import", "list.txt", "--name", "a"]).expect(0).json();
    for arguments in [
        ["--data-dir", other, "--json", "intel", "lookup", "203.0.113.66"],
        ["intel", "--data-dir", other, "--json", "lookup", "203.0.113.66"],
        ["intel", "lookup", "203.0.113.66", "--json", "--data-dir", other],
        ["intel", "lookup", "--data-dir", other, "--json", "203.0.113.66"],
    ] {
        assert_eq!(bench.run(&arguments).expect(0).json()["verdict"], "bad", "{arguments:?}");
    }
    assert_eq!(bench.run(&["intel", "lookup", "203.0.113.66", "--json"]).json()["verdict"], "unknown");
    for arguments in
        [["-q", "intel", "list"], ["intel", "-q", "list"], ["intel", "list", "-q"], ["intel", "list", "-vv"]]
    {
        bench.run(&arguments).expect(0);
    }
}

#[test]
fn doctor_works_without_a_server() {
    let bench = Bench::new();
    let report = bench.run(&["doctor", "--json"]).expect(0).json();
    assert!(report["kernel"].as_str().is_some_and(|kernel| !kernel.is_empty()));
    assert!(report["losses"].is_object());
    let capabilities = report["capabilities"].as_array().unwrap();
    assert!(!capabilities.is_empty());
    for capability in capabilities {
        assert!(["name", "status", "lost"].iter().all(|key| capability[key].is_string()), "{capability}");
    }
    let data = report["data"].as_array().unwrap();
    assert!(
        data.iter().all(|d| d["source"].is_string() && d["status"].is_string() && d.get("age").is_some()),
        "{data:?}"
    );
    assert!(data.iter().any(|d| d["status"].as_str().unwrap().contains("no intelligence loaded")));
    assert!(data.iter().any(|d| d["status"].as_str().unwrap().contains("no advisories loaded")));
    let told = bench.run(&["doctor"]).expect(0);
    assert!(told.out.contains("kernel ") && told.out.contains("CAPABILITY"), "{told:?}");
    bench.write("list.txt", "203.0.113.66\n");
    bench.run(&["intel", "import", "list.txt", "--name", "mine"]).expect(0);
    let report = bench.run(&["--json", "doctor"]).expect(0).json();
    assert!(report["data"].as_array().unwrap().iter().any(|d| d["source"] == "feed mine" && d["age"].is_u64()));
}

/// The image before it stays in force, and it is said.
#[test]
fn a_damaged_image_is_told() {
    let bench = Bench::new();
    for feed in ["first", "second"] {
        bench.write("list.txt", "203.0.113.66\n");
        bench.run(&["intel", "import", "list.txt", "--name", feed]).expect(0);
        bench.write("record.json", crate::vulns::LOG4SHELL);
        bench.run(&["vulns", "import", "record.json", "--source", feed]).expect(0);
    }
    for image in ["data/images/intel.2", "data/images/vuln.2"] {
        let whole = std::fs::read(bench.path(image)).unwrap();
        bench.write(image, &whole[..whole.len() / 2]);
    }
    assert_eq!(bench.run(&["intel", "lookup", "203.0.113.66", "--json"]).expect(0).json()["verdict"], "bad");
    let query = ["vulns", "query", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "--json"];
    assert_eq!(bench.run(&query).expect(0).json()["cves"][0], "CVE-2021-44228");
    let report = bench.run(&["doctor", "--json"]).expect(0).json();
    let damaged = report["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["status"].as_str().unwrap().contains("is damaged"))
        .count();
    assert_eq!(damaged, 2, "{:#}", report["data"]);
}

#[test]
fn completions_are_scripts() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let told = bench.run(&["completions", shell]).expect(0);
        assert!(told.out.contains("tripoint") && told.err.is_empty(), "{shell}");
    }
    bench.write("tripoint.bash", bench.run(&["completions", "bash"]).out);
    let mut command = std::process::Command::new("bash");
    command.args(["-n", bench.path("tripoint.bash").to_str().unwrap()]);
    finish(command, b"").expect(0);
    bench.run(&["completions", "tarot"]).expect(64);
}

/// `tripoint … | head -1` ends without a word.
#[test]
fn a_reader_that_leaves_is_no_error() {
    let bench = Bench::new();
    for arguments in ["config default", "completions zsh", "config show --json"] {
        let mut command = std::process::Command::new("bash");
        command
            .arg("-c")
            .arg(format!("{} {arguments} | true; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_tripoint")));
        command.env("TRIPOINT_DATA_DIR", bench.path("data"));
        let told = finish(command, b"").expect(0);
        assert_eq!(told.err, "", "{arguments}");
    }
}

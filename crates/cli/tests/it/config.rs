//! Is a wrong configuration answered with file, line, reason and what would be right?

use crate::bench::{Bench, finish};

#[test]
fn what_is_configured_is_said_with_its_origin() {
    let mut bench = Bench::new();
    bench.tell(&["config", "check"]).expect(0);
    bench.tell(&["config", "explain", "response.mode"]).expect(0);
    bench.tell(&["config", "explain", "response.mood"]).expect(64);
    // Which keys there are is the configuration's business; each has to say all of this.
    for arguments in [
        &["config", "show", "--json"][..],
        &["config", "explain", "--json"],
        &["config", "explain", "server", "--json"],
    ] {
        let keys = bench.run(arguments).expect(0).json();
        assert!(!keys.as_array().unwrap().is_empty());
        for key in keys.as_array().unwrap() {
            assert!(["key", "value", "default", "origin", "meaning"].iter().all(|part| key[part].is_string()), "{key}");
        }
    }
    let shown = bench.run(&["config", "show", "--origin"]).expect(0).out;
    assert!(shown.contains("response.mode = \"advise\"   # default"), "{shown}");
    let file = bench.path("data/agent.toml").display().to_string();
    assert!(shown.lines().any(|line| line.starts_with("intel.permit_ranges") && line.contains(&file)), "{shown}");
    let default = bench.run(&["config", "default"]).expect(0).out;
    assert!(default.contains("[response]") && default.contains("mode = \"advise\""), "{default}");
    bench.write("default.toml", default);
    bench.tell(&["config", "check", "default.toml"]).expect(0);
    assert_eq!(bench.tell(&["config", "check", "--json"]).expect(0).json()["ok"], true);
    bench.golden("config");
}

#[test]
fn what_is_wrong_is_named() {
    let mut bench = Bench::new();
    for (name, text) in [
        ("key.toml", "# mine\n[response]\nmood = \"enforce\"\n"),
        ("section.toml", "[respons]\nmode = \"enforce\"\n"),
        ("kind.toml", "[response]\nmin_confidence = \"high\"\n"),
        ("word.toml", "[response]\nmode = \"attack\"\n"),
        ("net.toml", "\n[intel]\npermit_ranges = [\"203.0.113.0/33\"]\n"),
        ("span.toml", "[response]\nblock_for = \"soon\"\n"),
        ("torn.toml", "[response\n"),
        ("bytes.toml", "\u{0}\u{1}"),
    ] {
        bench.write(name, text);
        bench.tell(&["config", "check", name]).expect(1);
    }
    let told = bench.tell(&["config", "check", "key.toml", "--json"]).expect(1);
    assert_eq!(told.json()["ok"], false);
    bench.tell(&["config", "check", "missing.toml"]).expect(1);
    bench.write("data/agent.toml", "[intel]\npermit_range = []\n");
    bench.tell(&["config", "check"]).expect(1);
    bench.tell(&["config", "show"]).expect(1);
    bench.golden("config-wrong");
}

#[test]
fn the_environment_overrides_files() {
    let mut bench = Bench::new();
    let mut ask = |name: &str, value: &str, arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env(name, value);
        let told = finish(command, b"");
        bench.note(arguments, &format!("{name}={value}"), &told);
        told
    };
    let told =
        ask("TRIPOINT_INTEL__PERMIT_RANGES", "192.0.2.0/24", &["config", "explain", "intel.permit_ranges"]).expect(0);
    assert!(told.out.contains("192.0.2.0/24") && told.out.contains("TRIPOINT_INTEL__PERMIT_RANGES"), "{told:?}");
    ask(
        "TRIPOINT_INTEL__PERMIT_RANGES",
        "[\"192.0.2.0/24\", \"203.0.113.0/24\"]",
        &["config", "explain", "intel.permit_ranges"],
    )
    .expect(0);
    ask("TRIPOINT_INTEL__PERMIT_RANGES", "192.0.2.0/24,203.0.113.0/24", &["config", "explain", "intel.permit_ranges"])
        .expect(0);
    ask("TRIPOINT_INTEL__PERMIT_RANGES", "rubbish", &["config", "check"]).expect(1);
    ask("TRIPOINT_RESPONSE__MODE", "enforce", &["config", "explain", "response.mode"]).expect(0);
    ask("TRIPOINT_RESPONSE__MOOD", "enforce", &["config", "check"]).expect(1);
    // What the environment permits may be imported.
    bench.write("data/agent.toml", "");
    bench.write("list.txt", "203.0.113.66\n192.0.2.66\n");
    bench.run(&["intel", "import", "list.txt", "--name", "a"]).expect(1);
    let mut command = bench.command(&["intel", "import", "list.txt", "--name", "a", "--json"]);
    command.env("TRIPOINT_INTEL__PERMIT_RANGES", "192.0.2.0/24");
    assert_eq!(finish(command, b"").expect(0).json()["imported"], 1);
    bench.golden("config-environment");
}

//! What can this machine do for whoever works on Tripoint, and what does each missing thing cost?

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::{bpf, console, fuzz, run};

/// Prints one line for each; nothing is changed. Fails only when nothing could be built at all.
pub fn run() -> Result<ExitCode> {
    let exists = |path: &str| Path::new(path).exists();
    let rustc = run::output(run::command("rustc").arg("--version")).ok();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("kernel {}, {}", kernel.trim(), rustc.as_deref().unwrap_or("no rustc").trim());
    let checks = [
        ("rustc", rustc.is_some(), "nothing can be built: install the toolchain named in Cargo.toml"),
        ("C compiler", run::find(&["cc"]).is_some(), "nothing links; the embedded database is C: apt-get install gcc"),
        ("cargo-nextest", run::find(&["cargo-nextest"]).is_some(), "slower tests, by `cargo test`"),
        (
            "clang-14, llvm-14, libbpf-dev",
            bpf::missing().is_none(),
            "kernel programs are compared by hash, not rebuilt",
        ),
        ("C++ compiler, sanitizer's runtime", fuzz::missing().is_none(), "no fuzzing: apt-get install g++"),
        ("Node 20.19", console::missing().is_none(), "the program is built without the web console"),
        ("Chromium", run::find(&["chromium"]).is_some(), "the console is not tried in a browser"),
        ("root", run::is_root(), "kernel tests are skipped, the demonstration replays"),
        ("kernel BTF", exists("/sys/kernel/btf/vmlinux"), "no kernel programs: connections are polled"),
        ("cgroup v2", run::has_cgroup2(), "nothing is refused before its first packet"),
        ("network namespaces", exists("/proc/self/ns/net"), "no live demonstration"),
        ("TRIPOINT_TEST_DATA", std::env::var_os("TRIPOINT_TEST_DATA").is_some(), "tests on real data are skipped"),
    ];
    for (name, present, cost) in checks {
        println!(
            "{} {name}{}",
            if present { "ok     " } else { "missing" },
            if present { String::new() } else { format!(": {cost}") }
        );
    }
    if let Some(missing) = bpf::missing() {
        println!("{missing}");
    }
    Ok(if rustc.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

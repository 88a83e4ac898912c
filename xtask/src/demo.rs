//! How does a fresh clone come to see its first alert, and how are figures taken?

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::run;

/// Builds both programs. Apart: built together, the agent would get the features of the command line's crates, parsers
/// and all.
fn build_programs() -> Result<()> {
    run::succeed(run::cargo().args(["build", "--profile", "demo", "-p", "tripoint-agent"]))?;
    run::succeed(run::cargo().args(["build", "--profile", "demo", "-p", "tripoint-cli"]))
}

/// Builds both programs and runs the demonstration.
pub fn run(rest: &[String]) -> Result<ExitCode> {
    if !run::is_root() {
        eprintln!(
            "demo: not root: nothing is staged in the kernel, the recorded story is replayed (sudo for the real one)"
        );
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        eprintln!("demo: no /sys/kernel/btf/vmlinux: kernel programs cannot be loaded");
    }
    build_programs()?;
    let tripoint = run::target_dir().join("demo/tripoint");
    let status = run::command(&tripoint).arg("demo").args(rest).status();
    let status = status.with_context(|| format!("cannot start {}", tripoint.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs a benchmark, built as the demonstration is.
pub fn bench(rest: &[String]) -> Result<ExitCode> {
    if rest.iter().any(|word| ["alert-latency", "inventory", "package-change"].contains(&word.as_str())) {
        build_programs()?;
    }
    if rest.iter().any(|word| word == "queue") {
        crate::console::build()?;
    }
    run::succeed(run::cargo().args(["build", "--profile", "demo", "-p", "tripoint-bench"]))?;
    let status = run::command(run::target_dir().join("demo/tripoint-bench")).args(rest).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

//! May this change go in?

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{bpf, console, fuzz, run, test, tidy};

type Step = (&'static str, fn() -> Result<ExitCode>);

/// Every step to its end, also after one failed: whoever mends wants to see all.
pub fn run() -> Result<ExitCode> {
    // One profile and one set of features throughout: what a step built the next one uses.
    let steps: &[Step] = &[
        ("format", || {
            cargo(&["fmt", "--all", "--check"])?;
            cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
        }),
        // Before anything is compiled that carries it.
        ("console", console::build),
        ("lints", || {
            cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
            cargo(&["clippy", "--quiet", "-p", "tripoint-cli", "--features", "otel", "--", "-D", "warnings"])
        }),
        ("tidy", || tidy::run(false)),
        ("known faults of parts", advisories),
        ("kernel object", || bpf::run(true)),
        ("tests, generated documents fresh", tests),
        ("console in a browser", || console::test(&[])),
        ("fuzz smoke", fuzz::smoke),
    ];
    let mut done: Vec<(&str, bool, Duration)> = Vec::new();
    for (name, step) in steps {
        println!("== {name}");
        let begun = Instant::now();
        let fine = match step() {
            Ok(code) => code == ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{name}: {error:#}");
                false
            }
        };
        done.push((name, fine, begun.elapsed()));
    }
    println!("== summary");
    for (name, fine, took) in &done {
        println!("{:>7.1} s  {}  {name}", took.as_secs_f64(), if *fine { "ok    " } else { "FAILED" });
    }
    Ok(if done.iter().all(|(_, fine, _)| *fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo(words: &[&str]) -> Result<ExitCode> {
    run::succeed(run::cargo().args(words)).map(|()| ExitCode::SUCCESS)
}

/// No part has a known advisory that `deny.toml` does not put off; by the copy of the advisories at hand, so that it
/// works offline.
fn advisories() -> Result<ExitCode> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let at_hand = home.is_some_and(|home| ["advisory-dbs", "advisory-db"].iter().any(|name| home.join(name).is_dir()));
    let why = match (run::find(&["cargo-deny"]), at_hand) {
        (None, _) => "no cargo-deny: cargo install cargo-deny",
        (_, false) => "no copy of the advisories: cargo deny fetch",
        _ => return cargo(&["deny", "--offline", "check", "advisories"]),
    };
    println!("skipped: {why}");
    Ok(ExitCode::SUCCESS)
}

/// The registries' own tests compare the reference pages and golden files; none may be rewritten on the way.
fn tests() -> Result<ExitCode> {
    let before = generated()?;
    let code = test::run(&[])?;
    if generated()? != before {
        bail!("the tests rewrote docs/reference or openapi: run them without UPDATE");
    }
    Ok(code)
}

fn generated() -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for folder in ["docs/reference", "openapi"] {
        for entry in std::fs::read_dir(run::root().join(folder))? {
            let path = entry?.path();
            if path.is_file() {
                files.insert(path.clone(), std::fs::read(path)?);
            }
        }
    }
    Ok(files)
}

//! Does what passes once pass every time?

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{fuzz, run};

const ROUNDS: u32 = 20;
/// A round takes some minutes: a thousand are a weekend.
const ROUNDS_MAX: u32 = 1000;
/// What touches the kernel, the stories, what tells attacks from innocent lines, and what lies on disks.
const PACKAGES: &[&str] = &[
    "tripoint-journal",
    "tripoint-intel",
    "tripoint-vuln",
    "tripoint-linux",
    "tripoint-sensor",
    "tripoint-correlator",
    "tripoint-responder",
    "tripoint-agent",
    "tripoint-cli",
    "tripoint-evidence",
    "tripoint-server",
];
/// How much more is tried than in the gate: kills at each moment, how long the disk is full, bits that
/// turn, plans, histories, races for one tuple, swaps, the
/// blocks that are swapped, and innocent lines of logs. A round takes two hours longer for them.
const MORE: &[(&str, &str)] = &[
    ("TRIPOINT_KILL_ROUNDS", "25"),
    ("TRIPOINT_SERVER_KILL_ROUNDS", "1000"),
    ("TRIPOINT_FULL_SECONDS", "300"),
    ("TRIPOINT_FLIPS", "10000"),
    ("TRIPOINT_SCHEMATHESIS_SECONDS", "1800"),
    ("TRIPOINT_PLANS", "1000000"),
    ("TRIPOINT_HISTORIES", "1000000"),
    ("TRIPOINT_RACES", "10000"),
    ("TRIPOINT_SWAPS", "100"),
    ("TRIPOINT_SWAPPED", "100000"),
    ("TRIPOINT_INNOCENT_LINES", "1000000"),
];

/// Tests that measure time and are left out elsewhere: who is known beside a flood (promise S9).
const TIMED: &[&str] =
    &["test", "--quiet", "-p", "tripoint-server", "--test", "it", "--", "--ignored", "--exact", FLOOD];
const FLOOD: &str = "flood::a_flood_does_not_slow_down_who_is_known";

/// Repeats the tests that depend on the kernel's timing, and the search for inputs that break a parser; stops at the
/// first failure.
pub fn run(rounds: Option<&str>) -> Result<ExitCode> {
    let rounds = rounds.map_or(Ok(ROUNDS), str::parse).context("ROUNDS is a number")?.min(ROUNDS_MAX);
    let begun = Instant::now();
    for round in 1..=rounds {
        let mut cargo = run::cargo();
        if run::has_kernel() {
            cargo.env("RUN_KERNEL_TESTS", "1");
        }
        cargo.envs(MORE.iter().copied());
        cargo.args(["test", "--quiet"]);
        PACKAGES.iter().for_each(|package| {
            cargo.args(["-p", package]);
        });
        run::succeed(&mut cargo).with_context(|| format!("round {round} of {rounds}"))?;
        // Times are measured while nothing else runs.
        run::succeed(run::cargo().args(TIMED)).with_context(|| format!("round {round} of {rounds}: times"))?;
        // What a round finds is what the next begins with.
        if fuzz::missing().is_none() && fuzz::run(&[])? != ExitCode::SUCCESS {
            bail!("round {round} of {rounds}: a parser broke");
        }
        println!("soak: round {round} of {rounds} passed, {} s", begun.elapsed().as_secs());
    }
    Ok(ExitCode::SUCCESS)
}

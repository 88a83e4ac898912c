//! Do all tests pass, and which of them could not be run here?

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::run;

/// How the tests ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    passed: usize,
    failed: usize,
    /// Parts of tests that were not run, by reason.
    skipped: BTreeMap<String, usize>,
}

/// Runs all tests; `rest` goes to the runner.
pub fn run(rest: &[String]) -> Result<ExitCode> {
    tell_what_is_missing();
    let mut command = run::cargo();
    if run::has_kernel() {
        // From now on a kernel program that does not load is a failure.
        command.env("RUN_KERNEL_TESTS", "1");
    }
    let nextest = run::find(&["cargo-nextest"]).is_some();
    let summary = if nextest { by_nextest(command, rest)? } else { by_cargo(command, rest)? };
    for (reason, count) in &summary.skipped {
        println!("{count} x {reason}");
    }
    let (data, kernel): (Vec<_>, Vec<_>) = summary.skipped.iter().partition(|(reason, _)| reason.contains("TEST_DATA"));
    let sum = |parts: &[(&String, &usize)]| parts.iter().map(|(_, count)| **count).sum::<usize>();
    println!("kernel or host tests skipped: {}; tests on real data skipped: {}", sum(&kernel), sum(&data));
    println!("{} passed, {} failed", summary.passed, summary.failed);
    Ok(if summary.failed == 0 && summary.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell_what_is_missing() {
    if !run::is_root() {
        eprintln!("test: not root: tests of kernel programs, namespaces and blocking are skipped");
    }
    if run::is_root() && !run::has_kernel() {
        eprintln!("test: no /sys/kernel/btf/vmlinux, cgroup v2 or CAP_BPF: tests of kernel programs are skipped");
    }
    if std::env::var_os("TRIPOINT_TEST_DATA").is_none() {
        eprintln!("test: TRIPOINT_TEST_DATA is not set: tests on real feeds and advisories are skipped");
    }
}

fn by_nextest(mut command: std::process::Command, rest: &[String]) -> Result<Summary> {
    // The runner keeps it beside the workspace, wherever cargo builds.
    let report = run::root().join("target/nextest/default/junit.xml");
    let _ = fs::remove_file(&report);
    let status = command.args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(rest).status()?;
    let Ok(text) = fs::read_to_string(&report) else { bail!("the tests did not run: {status}") };
    let summary = of_report(&text).context("the runner's report cannot be read")?;
    if !status.success() && summary.failed == 0 {
        bail!("the runner failed: {status}");
    }
    Ok(summary)
}

fn of_report(text: &str) -> Option<Summary> {
    let head = &text[text.find("<testsuites")?..];
    let number = |name: &str| {
        let value = head.split_once(&format!(" {name}=\""))?.1;
        value.split_once('"')?.0.parse::<usize>().ok()
    };
    let failed = number("failures")? + number("errors")?;
    let mut summary = Summary { passed: number("tests")?.saturating_sub(failed), failed, ..Summary::default() };
    for line in text.lines() {
        // The first line of a test's output follows its tag.
        summary.note(line.rsplit_once("<system-out>").map_or(line, |(_, line)| line));
    }
    Some(summary)
}

fn by_cargo(mut command: std::process::Command, rest: &[String]) -> Result<Summary> {
    command.args(["test", "--workspace", "--no-fail-fast"]).args(rest).args(["--", "--nocapture"]);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut summary = Summary::default();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        let _ = writeln!(std::io::stdout(), "{line}");
        summary.note(&line);
        summary.add_result(&line);
    }
    let status = child.wait()?;
    if !status.success() && summary.failed == 0 {
        bail!("the tests did not run to the end: {status}");
    }
    Ok(summary)
}

impl Summary {
    fn note(&mut self, line: &str) {
        // Without capture, a line may follow `test name ... `.
        let Some(at) = line.find("skipped: ") else { return };
        if at == 0 || line.starts_with("test ") {
            let reason = line[at..].split("</system-out>").next().unwrap_or_default().trim();
            *self.skipped.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// `test result: ok. 12 passed; 0 failed; …`
    fn add_result(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let words: Vec<&str> = counts.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let before = |what: &str| {
            let at = words.iter().position(|word| *word == what)?;
            words.get(at.checked_sub(1)?)?.parse::<usize>().ok()
        };
        self.passed += before("passed").unwrap_or(0);
        self.failed += before("failed").unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_counted() {
        let report = "<?xml?>\n<testsuites name=\"n\" tests=\"7\" failures=\"2\" errors=\"1\" time=\"1\">\n\
                      <system-out>running 1 test\nskipped: no right\nnothing skipped: here</system-out>\n\
                      <system-out>skipped: no right</system-out>";
        let summary = of_report(report).unwrap();
        assert_eq!((summary.passed, summary.failed), (4, 3));
        assert_eq!(summary.skipped, BTreeMap::from([("skipped: no right".to_owned(), 2)]));
    }

    #[test]
    fn results_of_many_binaries_add_up() {
        let mut summary = Summary::default();
        summary.add_result("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured");
        summary.add_result("test result: FAILED. 3 passed; 2 failed; 0 ignored");
        summary.note("test a::b ... skipped: no cgroup");
        assert_eq!((summary.passed, summary.failed, summary.skipped.len()), (15, 2, 1));
    }
}

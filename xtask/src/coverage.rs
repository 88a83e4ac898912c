//! How much of what reads foreign bytes do the tests run?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::run;

/// The crates whose work is to read what others wrote.
const PARSERS: &[&str] = &["unpack", "intel", "vuln", "inventory"];
/// What promise P1 asks for.
const LINES_MIN: f64 = 80.0;
/// Tests themselves do not count.
const IGNORED: &str = r"(/\.cargo/|/rustc/|tests?\.rs|/tests/)";

/// Lines that tests reached, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Lines {
    covered: u64,
    all: u64,
}

/// Runs the parsers' own tests instrumented, and shows each crate's share of lines and its least covered files; fails
/// below the promised share.
pub fn run() -> Result<ExitCode> {
    let (merge, report) = tools()?;
    let folder = run::target_dir().join("coverage");
    let profiles = folder.join("profiles");
    let _ = fs::remove_dir_all(&profiles);
    let binaries = test(&folder, &profiles)?;
    let merged = profiles.join("merged.profdata");
    let raw: Vec<PathBuf> = fs::read_dir(&profiles)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    run::succeed(run::command(merge).args(["merge", "-sparse"]).args(&raw).arg("-o").arg(&merged))?;
    let mut command = run::command(report);
    command.args(["export", "-format=lcov", &format!("--ignore-filename-regex={IGNORED}")]);
    command.arg(format!("-instr-profile={}", merged.display()));
    for binary in &binaries {
        command.arg("-object").arg(binary);
    }
    let files = by_file(&run::output(&mut command)?);
    let mut enough = true;
    for name in PARSERS {
        enough &= show(name, &files);
    }
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The two programs of the very LLVM that this compiler is made with: others do not read its profiles.
fn tools() -> Result<(PathBuf, PathBuf)> {
    let said = run::output(run::command("rustc").args(["--version", "--verbose"]))?;
    let major =
        said.lines().find_map(|line| line.strip_prefix("LLVM version: ")).and_then(|text| text.split('.').next());
    let major = major.context("rustc does not say its LLVM version")?;
    let find = |name: &str| run::find(&[&format!("{name}-{major}")]);
    match (find("llvm-profdata"), find("llvm-cov")) {
        (Some(merge), Some(report)) => Ok((merge, report)),
        _ => bail!("no llvm-profdata-{major} and llvm-cov-{major}: install the package llvm-{major}"),
    }
}

/// Runs the tests; returns their binaries.
fn test(folder: &Path, profiles: &Path) -> Result<Vec<PathBuf>> {
    let build = || {
        let mut cargo = run::cargo();
        cargo.env("RUSTFLAGS", "-C instrument-coverage").env("LLVM_PROFILE_FILE", profiles.join("%m-%p.profraw"));
        cargo.args(["test", "--lib"]).arg("--target-dir").arg(folder);
        PARSERS.iter().for_each(|name| {
            cargo.args(["-p", &format!("tripoint-{name}")]);
        });
        cargo
    };
    let messages = run::output(build().args(["--no-run", "--message-format=json"]))?;
    let binaries: Vec<PathBuf> = messages.lines().filter_map(executable).collect();
    run::succeed(&mut build())?;
    Ok(binaries)
}

/// `"executable":"/…"` of a line that tells of a finished binary.
fn executable(message: &str) -> Option<PathBuf> {
    let rest = message.split_once("\"executable\":\"")?.1;
    Some(PathBuf::from(rest.split_once('"')?.0))
}

/// Of lcov's records: `SF:` names a file, `LF:` counts its lines, `LH:` those that were run.
fn by_file(lcov: &str) -> BTreeMap<String, Lines> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut file = String::new();
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    for line in lcov.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            name.clone_into(&mut file);
        } else if let Some(count) = line.strip_prefix("LF:") {
            files.entry(file.clone()).or_default().all += number(count);
        } else if let Some(count) = line.strip_prefix("LH:") {
            files.entry(file.clone()).or_default().covered += number(count);
        }
    }
    files
}

fn show(name: &str, files: &BTreeMap<String, Lines>) -> bool {
    let part = format!("/crates/{name}/src/");
    let mut own: Vec<(&str, Lines)> =
        files.iter().filter_map(|(file, lines)| Some((file.split_once(&part)?.1, *lines))).collect();
    own.sort_by(|a, b| a.1.share().total_cmp(&b.1.share()));
    let sum = own.iter().fold(Lines::default(), |sum, (_, lines)| sum.and(*lines));
    println!("{name}: {:.1} % of {} lines", sum.share(), sum.all);
    for (file, lines) in own.iter().take_while(|(_, lines)| lines.share() < LINES_MIN) {
        println!("  {:>5.1} %  {file} ({} of {})", lines.share(), lines.covered, lines.all);
    }
    sum.all > 0 && sum.share() >= LINES_MIN
}

impl Lines {
    fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { 100.0 * self.covered as f64 / self.all as f64 }
    }

    fn and(self, other: Self) -> Self {
        Self { covered: self.covered + other.covered, all: self.all + other.all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_added_by_file() {
        let lcov =
            "SF:/x/crates/vuln/src/a.rs\nDA:1,1\nLF:10\nLH:9\nend_of_record\nSF:/x/crates/vuln/src/b.rs\nLF:4\nLH:0\n";
        let files = by_file(lcov);
        assert_eq!(files["/x/crates/vuln/src/a.rs"], Lines { covered: 9, all: 10 });
        assert!(!show("vuln", &files), "9 of 14");
        assert!(!show("intel", &files), "nothing was measured");
        let message = r#"{"reason":"compiler-artifact","executable":"/t/deps/a-1","fresh":true}"#;
        assert_eq!(executable(message), Some(PathBuf::from("/t/deps/a-1")));
    }
}

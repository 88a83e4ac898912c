//! Which input stops a parser? Builds the fuzzer of `fuzz/`, seeds it with the fixtures, runs it, counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::run;

/// Some targets at length, or all of them: `[TARGET]... [--seconds N] [--input FILE]`.
pub fn run(rest: &[String]) -> Result<ExitCode> {
    let wish = Wish::read(rest)?;
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    let fuzzer = Fuzzer::build()?;
    let mut targets = fuzzer.targets()?;
    if let Some(unknown) = wish.targets.iter().find(|wanted| !targets.contains(wanted)) {
        bail!("no target {unknown:?}; there are {}", targets.join(" "));
    }
    if !wish.targets.is_empty() {
        targets.retain(|target| wish.targets.contains(target));
    }
    if let Some(input) = &wish.input {
        let [target] = targets.as_slice() else { bail!("--input needs one TARGET") };
        return run::succeed(fuzzer.of(target).arg(input)).map(|()| ExitCode::SUCCESS);
    }
    fuzzer.run_all(&targets, wish.seconds, true)
}

/// Every target for some seconds, from the fixtures alone: what the gate can afford.
pub fn smoke() -> Result<ExitCode> {
    if let Some(missing) = missing() {
        println!("skipped: {missing}");
        return Ok(ExitCode::SUCCESS);
    }
    let fuzzer = Fuzzer::build()?;
    fuzzer.run_all(&fuzzer.targets()?, SMOKE_SECONDS, false)
}

/// What a machine lacks for fuzzing, in words.
pub fn missing() -> Option<String> {
    if run::find(&["c++", "g++", "clang++"]).is_none() {
        return Some("fuzzing links libFuzzer, which is C++: apt-get install g++".to_owned());
    }
    let has_runtime = || -> Option<bool> {
        let sysroot = run::output(run::command("rustc").args(["--print", "sysroot"])).ok()?;
        let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host().ok()?).join("lib");
        let mut names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
        Some(names.any(|name| name.to_string_lossy().contains("rt.asan")))
    };
    let lacks = has_runtime() != Some(true);
    lacks.then(|| "this toolchain came without the address sanitizer's runtime; rustup's has it".to_owned())
}

#[derive(Debug, PartialEq, Eq)]
struct Wish {
    targets: Vec<String>,
    seconds: u64,
    input: Option<String>,
}

impl Wish {
    fn read(words: &[String]) -> Result<Self> {
        let mut wish = Self { targets: Vec::new(), seconds: SECONDS, input: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--seconds" => wish.seconds = value()?.parse().context("--seconds is a number")?,
                "--input" => wish.input = Some(value()?.clone()),
                flag if flag.starts_with('-') => bail!("unknown option {flag}"),
                name => wish.targets.push(name.to_owned()),
            }
        }
        Ok(wish)
    }
}

struct Fuzzer {
    program: PathBuf,
    folder: PathBuf,
}

impl Fuzzer {
    /// What cargo-fuzz does, without having to have it. Flags go to the target only: build scripts run as they are.
    fn build() -> Result<Self> {
        let (root, host) = (run::root(), host()?);
        let folder = run::target_dir().join("fuzz");
        // The parsers are tried with the versions of what they stand on that the product is built with.
        fs::copy(root.join("Cargo.lock"), root.join("fuzz/Cargo.lock"))?;
        let mut cargo = run::cargo();
        cargo.args(["build", "--release", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
        cargo.arg("--target-dir").arg(&folder);
        // The sanitizer is there in every toolchain; only the flag is not declared stable.
        cargo.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
        run::succeed(&mut cargo)?;
        Ok(Self { program: folder.join(host).join("release/tripoint-fuzz"), folder })
    }

    fn targets(&self) -> Result<Vec<String>> {
        let list = run::output(run::command(&self.program).env("TRIPOINT_FUZZ_LIST", "1"))?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    fn of(&self, target: &str) -> Command {
        let mut command = run::command(&self.program);
        command.env("TRIPOINT_FUZZ_TARGET", target);
        // Freed memory is kept a while to notice its use; by default as much as the whole limit.
        command.env("ASAN_OPTIONS", "quarantine_size_mb=16:detect_leaks=0:allocator_may_return_null=1");
        command.args(["-rss_limit_mb=256", "-timeout=10", "-print_final_stats=1"]);
        command
    }

    /// As many at a time as there are processors.
    fn run_all(&self, targets: &[String], seconds: u64, keep: bool) -> Result<ExitCode> {
        let width = std::thread::available_parallelism().map_or(1, usize::from);
        let next = Mutex::new(targets.iter());
        let done = Mutex::new((0_u64, Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..width {
                scope.spawn(|| {
                    while let Some(target) = next.lock().ok().and_then(|mut left| left.next()) {
                        let outcome = self.run_one(target, seconds, keep);
                        let Ok(mut done) = done.lock() else { return };
                        match outcome {
                            Ok(executions) => {
                                done.0 += executions;
                                println!("{target:<20} {executions:>10} executions");
                            }
                            Err(error) => {
                                eprintln!("{target}: {error:#}");
                                done.1.push(target.clone());
                            }
                        }
                    }
                });
            }
        });
        let (executions, broken) = done.into_inner().unwrap_or_default();
        println!("fuzz: {} targets, {executions} executions, {} broken", targets.len(), broken.len());
        Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// `keep`: what was found stays and is begun with the next time.
    fn run_one(&self, target: &str, seconds: u64, keep: bool) -> Result<u64> {
        let place = |kind: &str| self.folder.join(kind).join(target);
        let (seeds, found, crashes) = (place("seeds"), place(if keep { "corpus" } else { "smoke" }), place("crashes"));
        let _ = fs::remove_dir_all(&seeds);
        if !keep {
            let _ = fs::remove_dir_all(&found);
        }
        run::output(self.of(target).env("TRIPOINT_FUZZ_SEED", &seeds))?;
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&crashes)?;
        let mut command = self.of(target);
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", crashes.display()));
        let output = command.args([&found, &seeds]).output().context("cannot start the fuzzer")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!("{}\n{}\nagain: cargo xtask fuzz {target} --input FILE", output.status, telling(&said));
        }
        executions(&said).context("the fuzzer did not say how often it ran")
    }
}

/// Of what a broken run said: the panic with its message, the sanitizer's verdict, where the input lies.
fn telling(said: &str) -> String {
    let mut out = Vec::new();
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        if line.contains("panicked at") {
            out.extend([line, lines.next().unwrap_or_default()]);
        } else if ["ERROR", "SUMMARY", "Test unit written"].iter().any(|word| line.contains(word)) {
            out.push(line);
        }
    }
    out.truncate(LINES_MAX);
    out.join("\n")
}

fn executions(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

/// The triple that rustc builds for here.
fn host() -> Result<String> {
    let version = run::output(run::command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

/// Of a broken run's words.
const LINES_MAX: usize = 12;
/// Enough to leave the fixtures' neighbourhood.
const SECONDS: u64 = 60;
const SMOKE_SECONDS: u64 = 2;
/// Coverage as libFuzzer wants it, the sanitizer, and checked arithmetic although the build is optimised.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Zsanitizer=address",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_counts_are_read() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let wish = Wish::read(&words("dns vex --seconds 5")).unwrap();
        assert_eq!(wish, Wish { targets: vec!["dns".into(), "vex".into()], seconds: 5, input: None });
        assert!(Wish::read(&words("--seconds")).is_err() && Wish::read(&words("--fast")).is_err());
        assert_eq!(executions("x\nstat::number_of_executed_units: 812\n"), Some(812));
        assert_eq!(executions("killed"), None);
    }
}

//! What does an inventory cost beside the two best-known scanners, and do all three find the same?

mod compare;
mod rivals;
mod roots;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tripoint_linux::child::{self, Usage, wait_with_usage};

use crate::Figure;
use crate::statistics::median;

use rivals::Scanner;

/// Cold processes of each scanner and root; the files themselves are in the page cache for all alike.
const ROUNDS: usize = 7;

pub fn run() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let scanners = rivals::all(folder.path())?;
    let mut figures = Vec::new();
    for (name, build) in roots::ROOTS {
        let root = folder.path().join(name);
        let size = build(&root)?;
        figures.push(Figure::count(format!("{name}: files in the root"), size.files, ""));
        figures.push(Figure::count(format!("{name}: bytes in the root"), size.bytes, "bytes"));
        let measured = measure(&scanners, &root, folder.path())?;
        figures.extend(told(name, &scanners, &measured));
        let found: Vec<compare::Found> =
            scanners.iter().map(|scanner| compare::read(&output(folder.path(), scanner))).collect::<Result<_>>()?;
        figures.extend(compare::figures(name, &scanners, &found));
    }
    Ok(figures)
}

/// In turn, so that whatever else the machine does hits all of them. A first round is not counted.
fn measure(scanners: &[Scanner], root: &Path, folder: &Path) -> Result<Vec<Vec<Usage>>> {
    let mut measured = vec![Vec::new(); scanners.len()];
    for round in 0..=ROUNDS {
        for (scanner, runs) in scanners.iter().zip(&mut measured) {
            let used = once(scanner, root, &output(folder, scanner))?;
            if round > 0 {
                runs.push(used);
            }
        }
    }
    Ok(measured)
}

fn once(scanner: &Scanner, root: &Path, output: &Path) -> Result<Usage> {
    let _ = std::fs::remove_file(output);
    let mut command = Command::new(&scanner.program);
    command.args((scanner.words)(root, output)).envs(scanner.environment.iter().copied());
    // Forked, not spawned in this process's memory, whose own peak the kernel would then count as the scanner's.
    child::ends_with_parent(&mut command);
    let said = output.with_extension("stderr");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said)?).spawn();
    let child = child.with_context(|| format!("cannot start {}", scanner.program.display()))?;
    let (status, used) = wait_with_usage(&child)?;
    if !output.exists() {
        let said = std::fs::read_to_string(said).unwrap_or_default();
        bail!("{} wrote nothing: {status}: {}", scanner.name, said.trim());
    }
    Ok(used)
}

fn output(folder: &Path, scanner: &Scanner) -> PathBuf {
    folder.join(format!("{}.json", scanner.name))
}

/// Medians, and how often ours goes into theirs.
fn told(root: &str, scanners: &[Scanner], measured: &[Vec<Usage>]) -> Vec<Figure> {
    let cpu = |runs: &Vec<Usage>| median(&runs.iter().map(|used| used.cpu.as_secs_f64() * 1e3).collect::<Vec<_>>());
    let peak = |runs: &Vec<Usage>| median(&runs.iter().map(|used| used.peak_kib as f64 / 1024.0).collect::<Vec<_>>());
    let mut out = Vec::new();
    for (scanner, runs) in scanners.iter().zip(measured) {
        out.push(Figure::new(format!("{root}: {}, processor time", scanner.name), cpu(runs), "ms"));
        out.push(Figure::new(format!("{root}: {}, peak memory", scanner.name), peak(runs), "MiB"));
    }
    let Some((ours, theirs)) = measured.split_first() else { return out };
    for (scanner, runs) in scanners.iter().skip(1).zip(theirs) {
        let name = &scanner.name;
        out.push(Figure::new(format!("{root}: {name} / ours, processor time"), cpu(runs) / cpu(ours), "times"));
        out.push(Figure::new(format!("{root}: {name} / ours, peak memory"), peak(runs) / peak(ours), "times"));
    }
    out
}

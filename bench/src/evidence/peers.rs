//! How fast do others search the same log, where they are installed?

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tripoint_evidence::attempt;

/// Hyperscan through the Python module of that name: every pattern of the pack that it takes over each line as it
/// stands. Megabytes a second, and how many patterns it has refused; nothing where the module is not installed.
pub fn hyperscan(log: &Path) -> Result<Option<(f64, usize)>> {
    let mut patterns = String::new();
    for rule in attempt::pack().rules() {
        let _ = writeln!(patterns, "{}", serde_json::to_string(&rule.pattern)?);
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), patterns)?;
    let mut python = Command::new("python3");
    let said = python.args(["-c", SCRIPT]).arg(file.path()).arg(log).output().context("run python3")?;
    match said.status.code() {
        Some(0) => {}
        Some(NOT_INSTALLED) => return Ok(None),
        _ => bail!("hyperscan: {}", String::from_utf8_lossy(&said.stderr)),
    }
    let text = String::from_utf8(said.stdout)?;
    let (rate, refused) = text.trim().split_once(' ').context("hyperscan said something else")?;
    Ok(Some((rate.parse()?, refused.parse()?)))
}

const NOT_INSTALLED: i32 = 9;

/// Characters by number are written otherwise there. Each line is searched for itself, as a log comes in.
const SCRIPT: &str = r"
import json, re, sys, time
try:
    import hyperscan
except ImportError:
    sys.exit(9)
flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE
taken, refused = [], 0
for line in open(sys.argv[1]):
    pattern = re.sub(r'\\[xu]\{([0-9a-f]+)\}', lambda found: chr(int(found[1], 16)), json.loads(line))
    try:
        hyperscan.Database().compile(expressions=[pattern.encode()], ids=[0], flags=[flags])
        taken.append(pattern.encode())
    except hyperscan.error:
        refused += 1
database = hyperscan.Database()
database.compile(expressions=taken, ids=list(range(len(taken))), flags=[flags] * len(taken))
data = open(sys.argv[2], 'rb').read()
lines, found = data.splitlines(), [0]
def told(*match):
    found[0] += 1
best = 0
for _ in range(3):
    began = time.perf_counter()
    for line in lines:
        database.scan(line, match_event_handler=told)
    best = max(best, len(data) / 1e6 / (time.perf_counter() - began))
print(best, refused)
";

/// CrowdSec as the variable `CROWDSEC_CONFIG` names its configuration, which must need no network: lines a second, from
/// what a longer log takes more than a shorter one. Nothing where the variable is not set.
pub fn crowdsec(log: &str) -> Result<Option<f64>> {
    let Some(config) = std::env::var_os("CROWDSEC_CONFIG") else { return Ok(None) };
    let folder = tempfile::tempdir()?;
    let mut took = [Duration::ZERO; 2];
    for (times, took) in [1, 3].into_iter().zip(&mut took) {
        let file = folder.path().join(format!("access-{times}.log"));
        let lines: Vec<&str> = log.lines().take(times * CROWDSEC_LINES).collect();
        ensure!(lines.len() == times * CROWDSEC_LINES, "the log is too short");
        std::fs::write(&file, lines.join("\n") + "\n")?;
        let started = Instant::now();
        let mut crowdsec = Command::new(std::env::var_os("CROWDSEC").unwrap_or_else(|| "crowdsec".into()));
        crowdsec
            .arg("-c")
            .arg(&config)
            .arg("-dsn")
            .arg(format!("file://{}", file.display()))
            .args(["-type", "apache2"]);
        let said = crowdsec.stdout(Stdio::null()).stderr(Stdio::null()).status().context("run crowdsec")?;
        ensure!(said.success(), "crowdsec ended with {said}");
        *took = started.elapsed();
    }
    let more = took[1].saturating_sub(took[0]).as_secs_f64();
    Ok(Some(2.0 * CROWDSEC_LINES as f64 / more))
}

const CROWDSEC_LINES: usize = 4_000;

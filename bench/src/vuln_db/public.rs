//! The same with real advisories and real questions, where `TRIPOINT_TEST_DATA` holds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::corpus::Question;
use crate::Figure;

#[derive(Deserialize)]
struct Expected {
    source: String,
    version: String,
    expected_cves: Vec<String>,
}

/// Debian 12's advisories and questions with their known answers.
pub fn figures(folder: &Path) -> Result<Vec<Figure>> {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        eprintln!("vuln-db: TRIPOINT_TEST_DATA is not set: nothing is measured with real advisories");
        return Ok(Vec::new());
    };
    let debian = data.join("vuln/debian");
    let data_dir = folder.join("public");
    super::build(&debian.join("osv-debian12-derived.jsonl.gz"), &data_dir)?;
    let database = super::open(&data_dir)?;
    let expected = expected(&debian.join("queries-expected.jsonl.gz"))?;
    let questions: Vec<Question> = expected
        .iter()
        .map(|line| Question { ecosystem: "Debian:12", name: line.source.clone(), version: line.version.clone() })
        .collect();
    let right = questions.iter().zip(&expected).filter(|(asked, line)| {
        let answer = tripoint_vuln::query(&database, asked.ecosystem, &asked.name, &asked.version);
        let mut known = line.expected_cves.clone();
        known.sort();
        answer.cves == known
    });
    let mut out = vec![Figure::count(format!("Debian 12: right of {} answers", expected.len()), right.count(), "")];
    out.extend(super::rate("Debian 12", &database, &questions)?);
    Ok(out)
}

fn expected(file: &Path) -> Result<Vec<Expected>> {
    let unpacked = Command::new("gzip").arg("-dc").arg(file).output().context("cannot start gzip")?;
    ensure!(unpacked.status.success(), "gzip: {}", String::from_utf8_lossy(&unpacked.stderr));
    let lines = unpacked.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}

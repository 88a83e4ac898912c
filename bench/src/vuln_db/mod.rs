//! How fast are advisories answered from, and does a plain walk over all of them say the same?

mod corpus;
mod naive;
mod public;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tripoint_linux::mapped::MappedFile;
use tripoint_model::Timestamp;
use tripoint_vuln::{Database, ImportContext, ImportOptions, image_files, import, open_latest_with, query};

use crate::Figure;
use crate::statistics::median;

use corpus::Question;

/// As many as OSV's archives of the large ecosystems and one distribution hold together.
const ADVISORIES: usize = 300_000;
/// A server of some years: its packages, most of them patched.
const HOST: usize = 750;
/// Questions that the plain walk answers too; it takes milliseconds for each.
const CHECKED: usize = 1_500;
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(300);

pub fn run() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let corpus = corpus::Corpus::new(ADVISORIES);
    let file = folder.path().join("corpus.jsonl");
    corpus.write(&mut std::io::BufWriter::new(File::create(&file)?))?;
    let mut figures = build(&file, folder.path())?;
    figures.extend(opening(folder.path())?);
    let database = open(folder.path())?;
    let host = corpus.host(HOST);
    let all = corpus.questions(200_000);
    figures.extend(rate("a host's packages", &database, &host)?);
    figures.extend(rate("any package, any version", &database, &all)?);
    figures.extend(beside_plain_walk(&file, &database, &all[..CHECKED])?);
    figures.extend(public::figures(folder.path())?);
    Ok(figures)
}

fn build(file: &Path, data_dir: &Path) -> Result<Vec<Figure>> {
    let context = ImportContext { data_dir: data_dir.to_owned(), now: Timestamp(1_700_000_000_000_000) };
    let start = Instant::now();
    let report = import(&[file.to_owned()], &ImportOptions::default(), &context, &mut |_, _| {})?;
    ensure!(report.refused == 0, "the corpus is not read whole: {:?}", report.refusals.first());
    let took = start.elapsed();
    let (_, image) = image_files(data_dir).into_iter().next().context("no image")?;
    Ok(vec![
        Figure::count("advisories", usize::try_from(report.imported)?, ""),
        Figure::new("import, from JSON lines to the image", took.as_secs_f64(), "s"),
        Figure::new("image", std::fs::metadata(image)?.len() as f64 / f64::from(1 << 20), "MiB"),
    ])
}

/// Opens as the command line does: mapped, its header checked.
fn open(data_dir: &Path) -> Result<Database> {
    let opened = open_latest_with(data_dir, |path| {
        let mapped = File::open(path).and_then(|file| MappedFile::open(&file));
        let bytes = mapped.map_err(|source| tripoint_vuln::ImageError::Io { path: path.to_owned(), source })?;
        Database::open_lazily(Arc::new(bytes))
    })?;
    Ok(opened.context("no image")?.1)
}

/// To the first answer, and what checking every byte takes beside it; the file is in the page cache.
fn opening(data_dir: &Path) -> Result<Vec<Figure>> {
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let database = open(data_dir)?;
        std::hint::black_box(query(&database, "Debian:12", "package-7", "1.0-1"));
        first.push(millis(start.elapsed()));
        let start = Instant::now();
        database.verify()?;
        whole.push(millis(start.elapsed()));
    }
    Ok(vec![
        Figure::new("open and answer once", median(&first), "ms"),
        Figure::new("open and answer once, worst", first.iter().copied().fold(0.0, f64::max), "ms"),
        Figure::new("check every byte as the agent does", median(&whole), "ms"),
    ])
}

/// Whole answers a second on one core: findings with their CVEs, fixes, severities.
fn rate(name: &str, database: &Database, questions: &[Question]) -> Result<Vec<Figure>> {
    let mut rates = Vec::new();
    let (mut findings, mut answers) = (0, 0);
    for _ in 0..ROUNDS {
        (findings, answers) = (0, 0);
        let start = Instant::now();
        while start.elapsed() < ROUND {
            for asked in questions {
                let answer = query(database, asked.ecosystem, &asked.name, &asked.version);
                findings += std::hint::black_box(answer).findings.len();
            }
            answers += questions.len();
        }
        rates.push(answers as f64 / start.elapsed().as_secs_f64());
    }
    ensure!(findings > 0, "{name}: nothing is found");
    let rate = median(&rates);
    Ok(vec![
        Figure::new(format!("{name}: answers"), rate, "per s"),
        Figure::new(format!("{name}: findings"), rate * findings as f64 / answers as f64, "per s"),
        Figure::new(format!("{name}: findings in an answer, mean"), findings as f64 / answers as f64, ""),
    ])
}

/// The same questions to a walk over all advisories as the OSV schema describes it: the same CVEs, and how long?
fn beside_plain_walk(file: &Path, database: &Database, questions: &[Question]) -> Result<Vec<Figure>> {
    let plain = naive::Records::read(file)?;
    let start = Instant::now();
    let expected: Vec<Vec<String>> = questions.iter().map(|asked| plain.cves(asked)).collect();
    let walked = start.elapsed();
    let start = Instant::now();
    let answers: Vec<_> =
        questions.iter().map(|asked| query(database, asked.ecosystem, &asked.name, &asked.version)).collect();
    let answered = start.elapsed();
    let mut same = 0;
    for ((asked, expected), answer) in questions.iter().zip(&expected).zip(&answers) {
        if answer.cves == *expected {
            same += 1;
        } else {
            writeln!(std::io::stderr(), "{asked:?}: plain walk {expected:?}, query {:?}", answer.cves)?;
        }
    }
    Ok(vec![
        Figure::count("questions to both", questions.len(), ""),
        Figure::count("the same CVEs from both", same, ""),
        Figure::new("plain walk / query, time", walked.as_secs_f64() / answered.as_secs_f64(), "times"),
    ])
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

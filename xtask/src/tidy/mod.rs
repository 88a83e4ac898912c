//! Which rules of the house does the repository break?

mod agent;
mod asvs;
mod decisions;
mod edges;
mod map;
mod overdue;
mod ratchet;
mod source;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::run;

/// A text file of the repository.
pub struct Text {
    /// Path from the root, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Runs every check and prints what each found.
pub fn run(update: bool) -> Result<ExitCode> {
    let texts = texts()?;
    let metadata = edges::read(&run::output(run::cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?)?;
    let crates: BTreeSet<String> = metadata.iter().map(|package| package.folder.clone()).collect();
    let text_of = |path: &str| texts.iter().find(|text| text.path == path).map_or("", |text| text.text.as_str());
    let mut broken = edges::check(&metadata);
    broken.extend(source::check(&texts));
    broken.extend(words::check(&texts));
    broken.extend(map::check(text_of("ARCHITECTURE.md"), &crates));
    broken.extend(decisions::check(&texts));
    let (listed, found) = asvs::check(&texts);
    broken.extend(found);
    let today = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    broken.extend(overdue::check(&texts, i64::try_from(today / 86_400).unwrap_or(0)));
    let (count, found) = agent::check()?;
    broken.extend(found);
    broken.extend(ratchet::run(&texts, run::root(), update)?);
    println!("tidy: {} files, {} crates of ours, {count} crates in the agent", texts.len(), crates.len());
    println!("{listed}");
    for line in &broken {
        eprintln!("tidy: {line}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every text that people write here; fixtures are data and stay out.
fn texts() -> Result<Vec<Text>> {
    const KINDS: &[&str] = &["rs", "md", "c", "h", "toml", "sh", "yml", "yaml", "ts", "svelte", "css", "html"];
    const OUT: &[&str] = &["target", ".git", "fixtures", "node_modules", "dist"];
    let mut texts = Vec::new();
    let mut open: Vec<PathBuf> = vec![run::root().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type()?;
            if kind.is_dir() && !OUT.contains(&name.as_str()) {
                open.push(path);
            } else if kind.is_file() && KINDS.iter().any(|kind| name.ends_with(&format!(".{kind}"))) {
                texts.push(Text { text: std::fs::read_to_string(&path)?, path: relative(&path) });
            }
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(texts)
}

fn relative(path: &Path) -> String {
    path.strip_prefix(run::root()).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
fn text(path: &str, text: &str) -> Text {
    Text { path: path.into(), text: text.into() }
}

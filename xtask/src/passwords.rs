//! Which passwords, long enough to be taken, does everybody use most?
//!
//! Reads a list with the most used first and writes what the server compares new passwords with: of the first
//! `KEPT` that have at least `LENGTH_MIN` characters, in lower case, five bytes of SHA-256 each, sorted. No password stands
//! in the repository, and nobody can read one out of it that is not guessed anyway.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::run;

/// `cargo xtask passwords LIST`.
pub fn run(list: Option<&str>) -> Result<ExitCode> {
    let Some(list) = list else { bail!("which list? one password a line, the most used first") };
    let bytes = std::fs::read(list).with_context(|| format!("read {list}"))?;
    let sums = sums(&String::from_utf8_lossy(&bytes));
    if sums.len() < KEPT {
        bail!("{list} has {} passwords of at least {LENGTH_MIN} characters; {KEPT} are needed", sums.len());
    }
    let path = run::root().join(FILE);
    std::fs::write(&path, sums.into_iter().flatten().collect::<Vec<u8>>())?;
    println!("{} written: {KEPT} passwords", path.display());
    Ok(ExitCode::SUCCESS)
}

fn sums(list: &str) -> BTreeSet<[u8; SUM_BYTES]> {
    let mut found = BTreeSet::new();
    for line in list.lines().map(str::to_lowercase).filter(|line| line.chars().count() >= LENGTH_MIN) {
        if found.len() == KEPT {
            break;
        }
        let sum = Sha256::digest(line.as_bytes());
        found.insert(std::array::from_fn(|at| sum[at]));
    }
    found
}

/// As the server reads it: `crates/server/src/auth/most_used.rs`.
const FILE: &str = "crates/server/src/auth/most_used.sums";
/// A password that is not in the list is taken for one that is once in two hundred million.
const SUM_BYTES: usize = 5;
const LENGTH_MIN: usize = 12;
/// ASVS 6.2.4 asks for 3,000.
const KEPT: usize = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_are_long_enough_are_kept_once() {
        let list = "short\nLong-Enough-12\nlong-enough-12\nanother-long-one\n";
        let sums = sums(list);
        assert_eq!(sums.len(), 2);
        let first = Sha256::digest(b"long-enough-12");
        assert!(sums.iter().any(|sum| sum == &first[..SUM_BYTES]));
    }
}

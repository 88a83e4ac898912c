//! How much of what others published as attacks in logs is found, and how much of what is none?
//!
//! The data lies outside the repository (`TRIPOINT_TEST_DATA`); without it each test says that it was skipped. A level
//! once reached must hold: what is missed is listed here, and anything else that is missed fails.

mod crowdsec;
mod fail2ban;
mod traffic;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tripoint_evidence::scan::{Counts, Options, scan};
use tripoint_evidence::stamp::Clock;
use tripoint_model::Attempt;
use tripoint_unpack::{Limits, Source};

/// A folder of the data, or nothing where it is not here.
fn data(path: &str) -> Option<PathBuf> {
    let found = std::env::var_os("TRIPOINT_TEST_DATA").map(|root| PathBuf::from(root).join("logs").join(path));
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: TRIPOINT_TEST_DATA holds no logs/{path}");
    }
    found
}

/// Every file of an archive, or the one that is compressed.
fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    tripoint_unpack::entries(Source::Path(path), "archive", &Limits::default(), &mut |name, input| {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).unwrap();
        found.push((name.to_owned(), bytes));
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

/// What a log holds, read without being told its format.
fn found_in(bytes: &[u8], file: &str) -> (Counts, Vec<Attempt>) {
    let options = Options {
        format: None,
        clock: Clock::at("2026-11-01T00:00:00Z".parse().unwrap()),
        pack: tripoint_evidence::attempt::pack(),
        is_proxy: &|_| false,
    };
    let mut hits = Vec::new();
    let counts = scan(bytes, file, &options, &mut |hit| hits.push(hit)).unwrap();
    (counts, hits)
}

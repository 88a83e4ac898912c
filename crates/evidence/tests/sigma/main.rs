//! Does the Sigma engine take the rules that others published, and does it answer as another engine does?
//!
//! The rules lie outside the repository (`TRIPOINT_TEST_DATA`); without them each test says that it was skipped.

mod correlations;
mod oracle;
mod published;
mod together;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use tripoint_evidence::sigma::compile::{Read, read};

/// SigmaHQ's rules as they were published, unpacked for the length of the process.
fn published() -> Option<&'static (tempfile::TempDir, Read)> {
    static FOUND: OnceLock<Option<(tempfile::TempDir, Read)>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let archive = PathBuf::from(std::env::var_os("TRIPOINT_TEST_DATA")?).join("logs/sigma/rules.tar.gz");
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files(&archive)? {
            let path = folder.path().join(name.trim_start_matches("./"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let read = read(folder.path(), &mut BTreeSet::new()).unwrap();
        Some((folder, read))
    });
    if found.is_none() {
        println!("skipped: TRIPOINT_TEST_DATA holds no logs/sigma/rules.tar.gz");
    }
    found.as_ref()
}

/// The files of an archive, or the one that is compressed.
fn files(path: &std::path::Path) -> Option<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let limits = tripoint_unpack::Limits::default();
    let source = tripoint_unpack::Source::Path(path);
    let read = tripoint_unpack::entries(source, "archive", &limits, &mut |name, input| {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).unwrap();
        found.push((name.to_owned(), bytes));
        std::ops::ControlFlow::Continue(())
    });
    read.ok().map(|_| found)
}

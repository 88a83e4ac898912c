//! What did people's verdicts teach about the sources?

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub use tripoint_model::confidence::Trust;
use tripoint_model::confidence::trust::FILE;

/// What the server wrote down; nothing where there is no server, or no verdict yet.
///
/// The server's user is not trusted by who reads this: what lies there may be a pipe, or without end.
pub fn load(data_dir: &Path) -> Trust {
    let mut text = Vec::new();
    let opened = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(data_dir.join(FILE));
    let read = opened.and_then(|file| match file.metadata()?.is_file() {
        true => file.take(BYTES_MAX).read_to_end(&mut text),
        false => Ok(0),
    });
    read.map_or_else(|_| Trust::default(), |_| Trust::read(&String::from_utf8_lossy(&text)))
}

/// `O_NONBLOCK` of Linux on x86-64 and arm64: to open a pipe does not wait for its writer.
const NONBLOCK: i32 = 0o4000;
/// `LINES_MAX` lines with the longest names.
const BYTES_MAX: u64 = 1 << 19;

//! Is the peer written into the program itself?

use std::io::Read;

use super::Place;
use crate::why::look::Look;

pub(super) struct Executable;

impl Place for Executable {
    fn name(&self) -> &'static str {
        "executable"
    }

    fn search(&self, look: &mut Look<'_>) {
        let subject = look.subject;
        if !subject.is_alive {
            return;
        }
        // Through the kernel's link: the file that runs, also when its name is gone.
        let Ok(file) = std::fs::File::open(subject.proc.join("exe")) else { return };
        let mut bytes = Vec::new();
        if file.take(BYTES_MAX).read_to_end(&mut bytes).is_err() {
            return;
        }
        let shown = subject.exe.clone();
        // Texts in a program end with NUL, or stand beside each other: what can be printed is a piece.
        for run in bytes.split(|byte| !matches!(byte, 0x20..=0x7e)).filter(|run| run.len() >= TEXT_LEAST) {
            for piece in run.chunks(PIECE_BYTES_MAX) {
                look.piece(self.name(), &shown, 0, std::str::from_utf8(piece).unwrap_or_default());
            }
        }
    }
}

/// Programs may be larger; their texts lie before that.
const BYTES_MAX: u64 = 32 << 20;
const TEXT_LEAST: usize = 7;
const PIECE_BYTES_MAX: usize = 4096;

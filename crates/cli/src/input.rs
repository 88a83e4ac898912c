//! Which lines stand on standard input, when one of them may be a gigabyte long?

use tripoint_unpack::{LineError, bounded_lines};

/// Longest line that is answered, bytes; longer ones get an error and cost no memory.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Gives each line of standard input, or why it cannot be used, to `answer`, in order.
pub fn each_line(mut answer: impl FnMut(Result<&str, String>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut lines = bounded_lines(std::io::stdin().lock(), LINE_BYTES_MAX);
    while let Some((_, line)) = lines.next_line() {
        match line {
            Err(LineError::Io(error)) => return Err(error.into()),
            Err(error) => answer(Err(error.to_string()))?,
            Ok(text) => answer(Ok(text))?,
        }
    }
    Ok(())
}

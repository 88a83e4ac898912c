//! How are copies read while what was read of them before is being sorted in?
//!
//! Reading a copy costs about as much as bringing its claims into an image. One thread checks and reads, some batches
//! ahead; the order stays that of the copies and of their lines, so the image stays the same.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use tripoint_model::Indicator;

use super::{check_copy, read_copy};
use crate::rules::Rules;

/// Shows what each copy says and the rules let in; gives those that are damaged, of which nothing was shown unless the
/// damage is younger than their check. `take` is told the copy's place in `paths`.
pub(super) fn read_all(
    paths: &[PathBuf],
    rules: Rules<'_>,
    take: &mut dyn FnMut(usize, &Indicator),
) -> Vec<(usize, io::Error)> {
    let (batches, come) = mpsc::sync_channel::<(usize, Vec<Indicator>)>(BATCHES_MAX);
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let damaged = |(at, path): (usize, &PathBuf)| one(at, path, rules, &batches).err().map(|error| (at, error));
            paths.iter().enumerate().filter_map(damaged).collect()
        });
        for (at, batch) in come {
            batch.iter().for_each(|indicator| take(at, indicator));
        }
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn one(
    at: usize,
    path: &Path,
    rules: Rules<'_>,
    batches: &mpsc::SyncSender<(usize, Vec<Indicator>)>,
) -> io::Result<()> {
    check_copy(path)?;
    let mut batch = Vec::with_capacity(BATCH);
    read_copy(path, &mut |indicator| {
        if rules.refusal(&indicator.observable).is_none() {
            batch.push(indicator.clone());
        }
        if batch.len() == BATCH {
            // Nobody takes any more only when the other side panicked.
            let _ = batches.send((at, std::mem::replace(&mut batch, Vec::with_capacity(BATCH))));
        }
    })?;
    let _ = batches.send((at, batch));
    Ok(())
}

/// Claims of a batch, some hundred bytes each.
const BATCH: usize = 1024;
/// Batches that may wait.
const BATCHES_MAX: usize = 8;

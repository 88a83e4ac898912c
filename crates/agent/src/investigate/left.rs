//! What did an attack leave in the folders that a server serves, or where anybody may write?

use std::path::{Path, PathBuf};
use std::time::Duration;

use tripoint_evidence::before::Window;
use tripoint_evidence::dropped::{Look, dropped, escaped};
use tripoint_evidence::locate::Located;
use tripoint_model::{Attempt, Process, Timestamp, Verdict};
use tripoint_sensor::procfs;

use super::consequence::SLACK;

/// How long after an attempt a file may have come by it.
const WITHIN: Duration = Duration::from_secs(600);
/// Where web servers' packages have them serve.
const USUAL: &[&str] = &["/var/www", "/srv/www", "/usr/share/nginx/html"];

/// Adds to the last exploit before each file that appeared what appeared; says what was not looked at.
pub fn judge(server: &Process, located: &Located, attempts: &mut [Attempt], is_over: &dyn Fn() -> bool) -> Vec<String> {
    let times = || attempts.iter().filter(|attempt| attempt.is_exploit()).filter_map(|attempt| attempt.time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Vec::new() };
    if procfs::key_of(server.key.pid) != Some(server.key) {
        return vec![format!("the files of {} were not looked at: it has ended", server.command)];
    }
    let root = PathBuf::from(format!("/proc/{}/root", server.key.pid));
    let window = Window { from: first.minus(SLACK), to: last.plus(WITHIN) };
    let served = folders(server, located);
    let found = dropped(&Look { root: &root, served: &served, uid: server.uid, window, is_over });
    for file in &found.files {
        let causes = attempts.iter_mut().filter(|one| one.is_exploit() && is_cause(one.time, file.at));
        let Some(cause) = causes.max_by_key(|one| (one.time, one.offset)) else { continue };
        let seconds = cause.time.map_or(0, |time| file.at.since(time).as_secs());
        cause.verdict = Verdict::LikelySucceeded;
        cause.reasons.push(format!("{} appeared {seconds} s later: {}", file.what, escaped(&file.path)));
    }
    found.missing
}

fn is_cause(time: Option<Timestamp>, at: Timestamp) -> bool {
    time.is_some_and(|time| at.plus(SLACK) >= time && at.since(time) <= WITHIN)
}

/// What its configuration names, else where its kind usually serves; and where it works, unless that is everything.
fn folders(server: &Process, located: &Located) -> Vec<PathBuf> {
    let mut folders = located.served.clone();
    if folders.is_empty() {
        folders.extend(USUAL.iter().map(PathBuf::from));
    }
    let cwd = server.cwd.as_deref().map(Path::new).filter(|cwd| cwd.components().count() > 2);
    folders.extend(cwd.filter(|cwd| !folders.iter().any(|known| cwd.starts_with(known))).map(Path::to_owned));
    folders
}

//! Which logs does a process hold open?

use std::fs;
use std::path::{Path, PathBuf};

use super::{How, Located, Log, Subject};

pub(super) fn find(subject: &Subject, pid: u32, found: &mut Located) {
    let folder = PathBuf::from(format!("/proc/{pid}/fd"));
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            found.missing.push(format!("the open files of process {pid} cannot be read: {error}"));
            return;
        }
    };
    let mut logs: Vec<(bool, Log)> = Vec::new();
    for entry in entries.flatten().take(DESCRIPTORS_MAX) {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some(number) = number
            && let Some(log) = log_at(subject, (pid, number), &entry.path())
        {
            let telling = is_named_like_a_log(&log.path);
            logs.push((telling, log));
        }
    }
    logs.sort_by_key(|(telling, _)| !telling);
    logs.into_iter().for_each(|(_, log)| found.add(log));
}

const DESCRIPTORS_MAX: usize = 65_536;

/// The log behind a descriptor: a regular file that is only ever written at its end, or one that is named like a log.
fn log_at(subject: &Subject, (pid, number): (u32, u32), descriptor: &Path) -> Option<Log> {
    let target = fs::read_link(descriptor).ok()?;
    let text = target.to_str()?;
    if !text.starts_with('/') || OTHERS.iter().any(|start| text.starts_with(start)) {
        return None;
    }
    // Through the link, so that a file without a name is seen too.
    if !fs::metadata(descriptor).ok()?.is_file() {
        return None;
    }
    let flags = flags(pid, number)?;
    let is_appended = flags & APPEND != 0;
    if flags & WRITE == 0 || !(is_appended || is_named_like_a_log(&target)) || is_data(&target) {
        return None;
    }
    Some(match text.strip_suffix(" (deleted)") {
        Some(path) => Log {
            path: path.into(),
            root: descriptor.to_owned(),
            how: How::Deleted { descriptor: number },
            pattern: None,
        },
        None => Log { path: target, root: subject.root(), how: How::OpenFile, pattern: None },
    })
}

/// The flags a descriptor was opened with [proc_pid_fdinfo(5)].
fn flags(pid: u32, number: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}

/// `O_WRONLY` and `O_RDWR`; `O_APPEND`.
const WRITE: u32 = 0o3;
const APPEND: u32 = 0o2000;

/// Not files of an application's own.
const OTHERS: &[&str] = &["/dev/", "/proc/", "/sys/", "/memfd:", "/run/systemd/journal/"];

fn is_named_like_a_log(path: &Path) -> bool {
    let text = path.to_string_lossy().to_ascii_lowercase();
    let name = text.rsplit('/').next().unwrap_or(&text);
    name.contains("log")
        || name.ends_with(".out")
        || name.ends_with(".err")
        || text.contains("/log/")
        || text.contains("/logs/")
}

/// Journals of databases grow at their end too.
fn is_data(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
    DATA.iter().any(|end| name.ends_with(end))
        || name.contains("/pg_wal/")
        || name.contains("binlog")
        || name.contains("ib_logfile")
}

const DATA: &[&str] =
    &[".db", ".sqlite", ".sqlite3", "-wal", "-journal", ".pid", ".lock", ".aof", ".rdb", ".ldb", ".sst", ".redo"];

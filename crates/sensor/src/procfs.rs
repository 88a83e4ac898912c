//! What does `/proc` say about a process that lives now?

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use tripoint_linux::cgroup;
use tripoint_model::{Process, ProcessKey};

use crate::{container, redact};

/// Start times are told in ticks of a hundredth of a second; keys are rounded down to it, so that
/// what the kernel programs and `/proc` say about one process is equal.
pub const TICK_NS: u64 = 10_000_000;
/// As much of a command line as is kept, bytes.
pub const ARGV_MAX: u64 = 4096;

/// The key of a process from the kernel's exact start time.
pub fn key(pid: u32, start_ns: u64) -> ProcessKey {
    ProcessKey { pid, start_ns: start_ns / TICK_NS * TICK_NS }
}

/// The key of the process that has this pid now.
pub fn key_of(pid: u32) -> Option<ProcessKey> {
    stat(pid).map(|stat| stat.key)
}

struct Stat {
    key: ProcessKey,
    parent: u32,
    command: String,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = read_text(&format!("/proc/{pid}/stat"), 4096)?;
    // The command is in parentheses and may itself contain some: the last one closes it.
    let (front, back) = text.rsplit_once(')')?;
    let command = front.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = back.split_ascii_whitespace().collect();
    let ticks: u64 = fields.get(19)?.parse().ok()?;
    let parent = fields.get(1)?.parse().ok()?;
    Some(Stat { key: ProcessKey { pid, start_ns: ticks * TICK_NS }, parent, command })
}

/// Everything that `/proc` tells; `None` when the process is gone or gave its pid to another.
pub fn read(pid: u32, expected: Option<ProcessKey>) -> Option<Process> {
    let stat = stat(pid)?;
    if expected.is_some_and(|expected| expected != stat.key) {
        return None;
    }
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok().map(|p| p.to_string_lossy().into_owned());
    let exe_file = fs::metadata(format!("/proc/{pid}/exe")).ok();
    // Without its user a process is not known: 0 would say that it is root's.
    let status = read_text(&format!("/proc/{pid}/status"), 8192)?;
    let uid =
        status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let cgroup = cgroup_path(pid);
    let place = container::place(&cgroup);
    let process = Process {
        key: stat.key,
        started: None,
        parent: stat.parent,
        command: stat.command,
        exe: link("exe").map(|exe| exe.trim_end_matches(" (deleted)").to_owned()).unwrap_or_default(),
        exe_device: exe_file.as_ref().map_or(0, MetadataExt::dev),
        exe_inode: exe_file.as_ref().map_or(0, MetadataExt::ino),
        exe_sha256: None,
        argv: redact::argv(&words(&read_bytes(&format!("/proc/{pid}/cmdline"), ARGV_MAX).unwrap_or_default())),
        cwd: link("cwd"),
        uid,
        login_uid: read_text(&format!("/proc/{pid}/loginuid"), 16)
            .and_then(|t| t.trim().parse().ok())
            .and_then(login_uid),
        cgroup_id: 0,
        cgroup,
        netns: fs::metadata(format!("/proc/{pid}/ns/net")).map_or(0, |m| m.ino()),
        unit: place.unit,
        container: place.container,
        ancestry: Vec::new(),
    };
    // The pid may have been handed on while we read.
    (key_of(pid) == Some(process.key)).then_some(process)
}

/// `-1` means that nobody logged in.
pub fn login_uid(raw: u32) -> Option<u32> {
    (raw != u32::MAX).then_some(raw)
}

/// The cgroup path that tells most: the unified one, else any that names a container.
pub fn cgroup_path(pid: u32) -> String {
    let text = read_text(&format!("/proc/{pid}/cgroup"), 16 * 1024).unwrap_or_default();
    let unified = cgroup::path_in(&text).unwrap_or("/");
    if container::place(unified).container.is_some() {
        return unified.to_owned();
    }
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let telling = paths.clone().find(|path| container::place(path).container.is_some());
    telling.or_else(|| paths.clone().find(|path| container::place(path).unit.is_some())).unwrap_or(unified).to_owned()
}

/// Every process that lives now.
pub fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Words of a NUL-separated command line; bytes that are no text are replaced.
pub fn words(bytes: &[u8]) -> Vec<String> {
    let trimmed = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if trimmed.is_empty() {
        return Vec::new();
    }
    trimmed.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn read_bytes(path: &str, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_text(path: &str, most: u64) -> Option<String> {
    Some(String::from_utf8_lossy(&read_bytes(path, most).ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_very_process() {
        let own = read(std::process::id(), None).unwrap();
        assert_eq!(own.key.pid, std::process::id());
        assert!(own.exe.contains("tripoint_sensor"), "{}", own.exe);
        assert!(own.exe_inode > 0 && own.netns > 0);
        assert!(read(std::process::id(), Some(ProcessKey { pid: 1, start_ns: 1 })).is_none());
        assert!(read(u32::MAX - 1, None).is_none());
    }

    #[test]
    fn command_lines_are_split_at_nul() {
        assert_eq!(words(b"a\0b c\0"), ["a", "b c"]);
        assert_eq!(words(b"a\0\0c\0"), ["a", "", "c"]);
        assert!(words(b"").is_empty());
    }
}

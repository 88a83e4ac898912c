//! Which programs and web shells appeared where a server serves or may write, since it was attacked?
//!
//! By the time of change, which unlike that of writing nobody sets at will. Folders are walked within the process's own
//! root, never through a link, so far and no further; what a server writes all day (caches, uploads) is told from a web
//! shell by its text.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use regex::RegexSet;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat};
use rustix::io::Errno;
use tripoint_model::Timestamp;
use tripoint_model::text::visible;

use crate::before::Window;

/// A file that appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its path, as the process sees it.
    pub path: PathBuf,
    /// When it was last changed, or put there.
    pub at: Timestamp,
    /// What it is: `an executable program`, `a web shell`.
    pub what: &'static str,
}

/// What was found, and what was not looked at.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The files, the earliest first, at most `FILES_MAX`.
    pub files: Vec<Dropped>,
    /// What was not looked at, and why.
    pub missing: Vec<String>,
}

/// Where to look, and for whom.
pub struct Look<'l> {
    /// The root of the process.
    pub root: &'l Path,
    /// Folders that it serves, as it sees them.
    pub served: &'l [PathBuf],
    /// Its user.
    pub uid: u32,
    /// When it must have been.
    pub window: Window,
    /// Whether to stop now.
    pub is_over: &'l dyn Fn() -> bool,
}

/// Files that are told.
pub const FILES_MAX: usize = 16;
/// Entries that are looked at, in all folders.
const ENTRIES_MAX: usize = 50_000;
const DEPTH_MAX: usize = 12;
/// As much of a file as is read to know what it is, and files that are read.
const TEXT_BYTES_MAX: u64 = 64 << 10;
const READ_MAX: usize = 500;
/// Where everybody may write: what an attack fetches lies there first.
const ANYBODYS: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

/// Walks the folders.
pub fn dropped(look: &Look<'_>) -> Found {
    let mut walk = Walk { look, files: Vec::new(), losses: Losses::default(), entries: 0, read: 0 };
    let root = openat(CWD, look.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = match root {
        Ok(root) => root,
        Err(error) => {
            let missing = vec![format!("its files cannot be looked at: {error}")];
            return Found { files: Vec::new(), missing };
        }
    };
    let served = look.served.iter().map(|path| (path.as_path(), true));
    for (path, is_served) in served.chain(ANYBODYS.iter().map(|path| (Path::new(path), false))) {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match openat2(&root, path, FOLDER, Mode::empty(), resolve) {
            Ok(folder) => walk.folder(folder, path, is_served, 0),
            Err(Errno::NOENT) => {}
            Err(error) => walk.losses.add(&format!("not opened: {error}"), path),
        }
    }
    let mut files = walk.files;
    files.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    files.dedup_by(|a, b| a.path == b.path);
    for file in files.iter().skip(FILES_MAX) {
        walk.losses.add("appeared too, and no more are told", &file.path);
    }
    files.truncate(FILES_MAX);
    Found { files, missing: walk.losses.told() }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// What was not looked at: each reason with how many there are and the first of them.
#[derive(Default)]
struct Losses(BTreeMap<String, (PathBuf, u64)>);

/// Reasons that are told apart: the system has few.
const REASONS_MAX: usize = 32;

impl Losses {
    fn add(&mut self, reason: &str, path: &Path) {
        let reason = if self.0.len() < REASONS_MAX { reason } else { "not looked at" };
        self.0.entry(reason.to_owned()).or_insert_with(|| (path.to_owned(), 0)).1 += 1;
    }

    fn told(self) -> Vec<String> {
        let told = |(reason, (path, count)): (String, (PathBuf, u64))| match count {
            1 => format!("{}: {reason}", escaped(&path)),
            _ => format!("{} and {} more: {reason}", escaped(&path), count - 1),
        };
        self.0.into_iter().map(told).collect()
    }
}

/// A path in letters: its bytes that are no text, or that steer a terminal, as `\xff` and `\u{1b}`.
pub fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&visible(chunk.valid()));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

struct Walk<'w> {
    look: &'w Look<'w>,
    files: Vec<Dropped>,
    losses: Losses,
    entries: usize,
    read: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: OwnedFd, path: &Path, is_served: bool, depth: usize) {
        let entries = match Dir::read_from(&folder) {
            Ok(entries) => entries,
            Err(error) => return self.losses.add(&format!("not listed: {error}"), path),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.losses.add(&format!("listed in part: {error}"), path),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                let reason = format!("looked through in part, {ENTRIES_MAX} entries were seen");
                return self.losses.add(&reason, path);
            }
            if self.entries.is_multiple_of(1024) && (self.look.is_over)() {
                // Nothing else is begun either.
                self.entries = ENTRIES_MAX;
                return self.losses.add("looked through in part, the time is over", path);
            }
            match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(about) => self.entry(&folder, path, name, &about, (is_served, depth)),
                // Gone since.
                Err(Errno::NOENT) => {}
                Err(error) => self.losses.add(&format!("not looked at: {error}"), &path.join(name)),
            }
        }
    }

    fn entry(&mut self, folder: &OwnedFd, path: &Path, name: &OsStr, about: &Stat, place: (bool, usize)) {
        let (is_served, depth) = place;
        match FileType::from_raw_mode(about.st_mode) {
            FileType::Directory if depth < DEPTH_MAX => {
                let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
                match openat2(folder, name, FOLDER, Mode::empty(), resolve) {
                    Ok(below) => self.folder(below, &path.join(name), is_served, depth + 1),
                    // Gone since, or another thing by now.
                    Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => {}
                    Err(Errno::XDEV) => self.losses.add("another file system, not entered", &path.join(name)),
                    Err(error) => self.losses.add(&format!("not opened: {error}"), &path.join(name)),
                }
            }
            FileType::Directory => {
                let reason = format!("not entered, it lies deeper than {DEPTH_MAX} folders");
                self.losses.add(&reason, &path.join(name));
            }
            FileType::RegularFile => self.file(folder, path, name, about, is_served),
            _ => {}
        }
    }

    fn file(&mut self, folder: &OwnedFd, path: &Path, name: &OsStr, about: &Stat, is_served: bool) {
        let at = changed(about);
        let Window { from, to } = self.look.window;
        if !(from..=to).contains(&at) {
            return;
        }
        let is_own = about.st_uid == self.look.uid;
        let may_run = about.st_mode & 0o111 != 0;
        let is_script = is_served && SCRIPTS.iter().any(|end| ends_with(name, end));
        if !(is_script || (is_own && may_run)) {
            return;
        }
        if self.read >= READ_MAX || self.files.len() >= FILES_MAX * 4 {
            return self.losses.add("appeared, and was not read: too many did", &path.join(name));
        }
        self.read += 1;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut bytes = Vec::new();
        let read = openat2(folder, name, flags, Mode::empty(), ResolveFlags::BENEATH)
            .map_err(std::io::Error::from)
            .and_then(|file| std::fs::File::from(file).take(TEXT_BYTES_MAX).read_to_end(&mut bytes));
        if let Err(error) = read {
            if error.kind() != std::io::ErrorKind::NotFound {
                self.losses.add(&format!("appeared, and was not read: {error}"), &path.join(name));
            }
            return;
        }
        let what = match () {
            () if is_script && is_web_shell(&String::from_utf8_lossy(&bytes)) => "a web shell",
            () if is_own && may_run && bytes.starts_with(b"\x7fELF") => "an executable program",
            () if is_own && may_run && bytes.starts_with(b"#!") => "an executable script",
            () if is_script && bytes.len() as u64 == TEXT_BYTES_MAX => {
                return self.losses.add("appeared, and only its first 64 KiB were read", &path.join(name));
            }
            () => return,
        };
        self.files.push(Dropped { path: path.join(name), at, what });
    }
}

fn changed(about: &Stat) -> Timestamp {
    let micros = i64::try_from(about.st_ctime_nsec / 1000).unwrap_or(0);
    Timestamp(about.st_ctime.saturating_mul(1_000_000).saturating_add(micros))
}

fn ends_with(name: &OsStr, end: &str) -> bool {
    let name = name.as_bytes();
    name.len() > end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

/// What servers run where they find it.
const SCRIPTS: &[&str] = &[
    ".php",
    ".php3",
    ".php4",
    ".php5",
    ".php7",
    ".phtml",
    ".phar",
    ".inc",
    ".jsp",
    ".jspx",
    ".jspf",
    ".asp",
    ".aspx",
    ".ashx",
    ".cfm",
    ".cgi",
    ".pl",
    ".py",
    ".rb",
    ".sh",
    ".htaccess",
];

/// A web shell runs what a visitor sends: it takes from the request, and runs what it is given. Encoded ones decode first.
fn is_web_shell(text: &str) -> bool {
    static SIGNS: OnceLock<(RegexSet, RegexSet)> = OnceLock::new();
    let (takes, runs) = SIGNS.get_or_init(|| (set(TAKES), set(RUNS)));
    takes.is_match(text) && runs.is_match(text)
}

fn set(patterns: &[&str]) -> RegexSet {
    RegexSet::new(patterns).unwrap_or_else(|error| panic!("the signs of web shells: {error}"))
}

const TAKES: &[&str] = &[
    r"\$_(?:GET|POST|REQUEST|COOKIE|SERVER|FILES)\b",
    r"php://input|getallheaders\s*\(",
    r"request\.getParameter|request\.getHeader|request\.getInputStream|Request\.(?:Form|QueryString|Item|Params)|Request\[",
    r"QUERY_STRING|HTTP_[A-Z_]{3,}|CONTENT_LENGTH|FieldStorage|CGI->new|->param\(",
    r"base64_decode\s*\(|gzinflate\s*\(|str_rot13\s*\(|FromBase64String|Base64\.getDecoder",
];
const RUNS: &[&str] = &[
    r"(?i)\b(?:eval|assert|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|create_function)\s*\(",
    r"(?i)\bpreg_replace\s*\(\s*['\x22].{0,100}/e|\$\{?\w+\}?\s*\(\s*\$_(?:GET|POST|REQUEST|COOKIE)",
    r"Runtime\.getRuntime|ProcessBuilder|defineClass|Process\.Start|ProcessStartInfo|eval\s+request|WScript\.Shell",
    r"\bsubprocess\.|os\.system|os\.popen|\bqx[/({]|`\$",
    r"(?i)SetHandler\s+(?:application/x-httpd-php|cgi-script)|AddType\s+application/x-httpd",
];

#[cfg(test)]
mod tests;

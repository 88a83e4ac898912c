//! What about a process hides? Signs of an implant, each checked for the harmless reason that it may have.

use std::io::Read;
use std::path::Path;

use tripoint_model::Direction;

use super::role::{Role, role_of};
use super::{Owner, Question, Subject, is_anybodys, owner, place};
use crate::locate::opened::open_in;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    /// Harmless programs do not do this; else it only adds to others.
    pub strong: bool,
    pub text: String,
}

pub(super) fn of(question: &Question<'_>, subject: &Subject) -> Vec<Sign> {
    let mut signs = Vec::new();
    executable(question, subject, &mut signs);
    if subject.is_alive {
        preload(subject, &mut signs);
        mapped(subject, &mut signs);
        standard_streams(question, subject, &mut signs);
    }
    signs
}

fn executable(question: &Question<'_>, subject: &Subject, signs: &mut Vec<Sign>) {
    let mut add = |strong: bool, text: String| signs.push(Sign { strong, text });
    let path = subject.exe_path();
    let is_gone = subject.exe.ends_with(" (deleted)");
    let is_memory = path.starts_with("/memfd:");
    if is_memory {
        add(true, format!("it runs from memory alone ({path}): no file was ever on disk"));
    } else if is_gone {
        // An upgrade puts a new file where the old one was.
        let is_replaced = subject.root.join(path.trim_start_matches('/')).exists();
        let is_package = matches!(subject.owner, Owner::Package(_));
        if !is_replaced {
            add(!is_package, format!("its executable {path} was deleted while it runs"));
        }
    }
    if is_anybodys(path) {
        add(true, format!("its executable lies in a folder where everybody may write: {path}"));
    } else if !is_memory
        && path.split('/').any(|part| part.len() > 1 && part.starts_with('.') && !USUAL.contains(&part))
    {
        add(false, format!("its executable lies in a hidden place: {path}"));
    }
    let argv = &question.process.argv;
    if let Some(script) = place::script(path, argv, question.process.cwd.as_deref())
        && is_anybodys(&script.to_string_lossy())
    {
        add(true, format!("it runs a script from a folder where everybody may write: {}", script.display()));
    }
    if argv.first().is_some_and(|word| word.starts_with('[') && word.ends_with(']')) && !path.is_empty() {
        add(true, format!("it calls itself {} as threads of the kernel do, and runs {path}", argv[0]));
    }
    if subject.owner == Owner::Nobody && !is_memory {
        add(false, format!("no package has its executable {path}"));
    }
}

/// Hidden folders where people's programs are.
const USUAL: &[&str] = &[
    ".local",
    ".cargo",
    ".rustup",
    ".nvm",
    ".npm",
    ".pyenv",
    ".rbenv",
    ".vscode",
    ".vscode-server",
    ".cache",
    ".config",
    ".venv",
    ".snapshots",
    ".steam",
    ".deno",
    ".bun",
    ".asdf",
    ".sdkman",
    ".dotnet",
    ".nix-profile",
    ".asdf-data",
    ".virtualenvs",
    ".pnpm",
];

/// Libraries that were put before all others.
fn preload(subject: &Subject, signs: &mut Vec<Sign>) {
    let environ = bounded(std::fs::File::open(subject.proc.join("environ")).ok());
    let variable = environ.split('\0').find_map(|one| one.strip_prefix("LD_PRELOAD=")).unwrap_or_default().to_owned();
    let file = bounded(open_in(&subject.root, Path::new("/etc/ld.so.preload")).ok());
    let listed: String = file.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join(" ");
    for (from, text) in [("LD_PRELOAD", variable), ("/etc/ld.so.preload", listed)] {
        for library in text.split([' ', ':', '\t']).filter(|library| library.starts_with('/')).take(LIBRARIES_MAX) {
            let strong = is_anybodys(library) || !is_packaged(&subject.root, library);
            let whose = if strong { "which no package has" } else { "of a package" };
            signs.push(Sign { strong, text: format!("{from} puts {library} into it, {whose}") });
        }
    }
}

const LIBRARIES_MAX: usize = 16;

/// Whether a package has the library; without a database to ask, it is taken for one's where only packages install.
fn is_packaged(root: &Path, library: &str) -> bool {
    match owner::of(root, library) {
        Owner::Package(_) => true,
        Owner::Nobody => false,
        Owner::NotKnown => ["/usr/lib", "/lib"].iter().any(|start| library.starts_with(start)),
    }
}

/// Code that was mapped from where no code should come from.
fn mapped(subject: &Subject, signs: &mut Vec<Sign>) {
    let maps = bounded(std::fs::File::open(subject.proc.join("maps")).ok());
    let mut said: Vec<&str> = Vec::new();
    for line in maps.lines() {
        let mut fields = line.splitn(6, ' ').filter(|field| !field.is_empty());
        let (Some(rights), Some(path)) = (fields.nth(1), line.find('/').map(|at| line[at..].trim())) else { continue };
        let plain = path.trim_end_matches(" (deleted)");
        let is_own = plain == subject.exe_path();
        // Runtimes that compile as they run map their code twice, under these names.
        let is_runtime = ["/memfd:doublemapper", "/memfd:jit", "/memfd:libffi", "/memfd:/jit-cache"]
            .iter()
            .any(|name| plain.starts_with(name));
        let is_odd = is_anybodys(plain) || (plain.starts_with("/memfd:") && !is_runtime);
        if rights.contains('x') && is_odd && !is_own && !said.contains(&plain) && said.len() < LIBRARIES_MAX {
            said.push(plain);
            signs.push(Sign { strong: true, text: format!("code of {plain} is mapped into it") });
        }
    }
}

/// A shell whose input and output are one socket is somebody else's.
fn standard_streams(question: &Question<'_>, subject: &Subject, signs: &mut Vec<Sign>) {
    let is_shell = role_of(subject.exe_path(), &question.process.argv) == Some(Role::Shell);
    let stream = |number: u8| std::fs::read_link(subject.proc.join(format!("fd/{number}"))).ok();
    let is_socket = |number: u8| stream(number).is_some_and(|link| link.to_string_lossy().starts_with("socket:["));
    if is_shell && question.direction == Direction::Outbound && is_socket(0) && stream(0) == stream(1) {
        signs.push(Sign { strong: true, text: "it is a shell that reads from and writes to a socket".to_owned() });
    }
}

fn bounded(file: Option<std::fs::File>) -> String {
    let mut bytes = Vec::new();
    let _ = file.map(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

const BYTES_MAX: u64 = 2 << 20;

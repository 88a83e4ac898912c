//! Does the unit name the peer: its file, its drop-ins, the files of variables that it reads?

use std::path::{Path, PathBuf};

use super::Place;
use crate::why::look::{Files, Look};

pub(super) struct Unit;

/// Where units are, the stronger first [systemd.unit(5)].
const FOLDERS: &[&str] = &[
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

impl Place for Unit {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn search(&self, look: &mut Look<'_>) {
        let Some(unit) = look.question.process.unit.clone().filter(|unit| is_unit(unit)) else { return };
        let mut names = vec![unit.clone()];
        // `app@one.service` is made of `app@.service`.
        if let Some((template, rest)) = unit.split_once('@')
            && let Some((_, kind)) = rest.rsplit_once('.')
        {
            names.push(format!("{template}@.{kind}"));
        }
        for folder in FOLDERS.iter().map(Path::new) {
            for name in &names {
                self.unit(look, &folder.join(name));
                let dropins = folder.join(format!("{name}.d"));
                for dropin in look.names(Files::Host, &dropins).into_iter().filter(|name| name.ends_with(".conf")) {
                    self.unit(look, &dropins.join(dropin));
                }
            }
        }
    }
}

impl Unit {
    fn unit(&self, look: &mut Look<'_>, path: &Path) {
        let path = look.resolved(Files::Host, path);
        let Some(text) = look.file(self.name(), Files::Host, &path) else { return };
        for file in environment_files(&text) {
            look.file(self.name(), Files::Host, &file);
        }
        // What it runs may be a script, or be given its configuration.
        for word in text.lines().filter(|line| line.starts_with("Exec")).flat_map(|line| line.split_ascii_whitespace())
        {
            let word = word.rsplit('=').next().unwrap_or(word).trim_start_matches(['-', '@', '+', '!', '"', '\'']);
            let word = word.trim_end_matches(['"', '\'']);
            let is_text = TEXTS.iter().any(|end| word.ends_with(end));
            if word.starts_with('/') && is_text {
                look.file(self.name(), Files::Host, Path::new(word));
            }
        }
    }
}

const TEXTS: &[&str] =
    &[".conf", ".cfg", ".ini", ".yml", ".yaml", ".json", ".toml", ".properties", ".env", ".sh", ".xml", ".cnf"];

fn is_unit(name: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    (1..=255).contains(&name.len()) && name.bytes().all(safe) && !name.starts_with('.')
}

/// `EnvironmentFile=-/etc/default/app` [systemd.exec(5)].
fn environment_files(text: &str) -> Vec<PathBuf> {
    let values = text.lines().filter_map(|line| line.trim().strip_prefix("EnvironmentFile="));
    let paths = values.map(|value| value.trim().trim_start_matches('-').trim_matches('"'));
    paths.filter(|path| path.starts_with('/') && !path.contains('*')).map(PathBuf::from).collect()
}

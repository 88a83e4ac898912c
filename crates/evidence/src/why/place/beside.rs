//! Does configuration that lies beside the program, or where it works, name the peer?

use std::path::{Path, PathBuf};

use super::Place;
use crate::why::is_anybodys;
use crate::why::look::{Files, Look};

pub(super) struct Beside;

impl Place for Beside {
    fn name(&self) -> &'static str {
        "beside"
    }

    fn search(&self, look: &mut Look<'_>) {
        let exe = look.subject.exe_path().to_owned();
        let script = super::argv::script(&exe, &look.question.process.argv, look.question.process.cwd.as_deref());
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in [Some(PathBuf::from(&exe)), script].into_iter().flatten() {
            folders.extend(file.parent().map(Path::to_owned));
        }
        folders.extend(look.question.process.cwd.as_deref().map(PathBuf::from));
        for folder in folders.clone() {
            for name in ["config", "conf", "etc"] {
                folders.push(folder.join(name));
            }
            if folder.ends_with("bin") {
                let above = folder.parent().unwrap_or(&folder).to_owned();
                folders.extend(["", "config", "conf", "etc"].map(|name| above.join(name)));
            }
        }
        for folder in folders.into_iter().filter(|folder| is_own(folder)) {
            let names = look.names(Files::Own, &folder);
            for name in names.into_iter().filter(|name| is_configuration(name)).take(FILES_MAX) {
                look.file(self.name(), Files::Own, &folder.join(name));
            }
        }
        // One file for each application that is configured where such files are.
        let name = exe.rsplit('/').next().unwrap_or_default();
        if !name.is_empty() && !name.starts_with('.') {
            for end in ["conf", "cfg", "ini", "yml", "yaml", "json", "toml"] {
                look.file(self.name(), Files::Own, Path::new(&format!("/etc/{name}.{end}")));
            }
            let folder = PathBuf::from(format!("/etc/{name}"));
            for file in
                look.names(Files::Own, &folder).into_iter().filter(|name| is_configuration(name)).take(FILES_MAX)
            {
                look.file(self.name(), Files::Own, &folder.join(file));
            }
        }
    }
}

const FILES_MAX: usize = 64;

fn is_configuration(name: &str) -> bool {
    let ends = [".conf", ".cfg", ".ini", ".yml", ".yaml", ".json", ".toml", ".properties", ".env", ".cnf"];
    name == ".env" || name.starts_with(".env.") || ends.iter().any(|end| name.ends_with(end))
}

/// Folders that many share say nothing of one program.
fn is_own(folder: &Path) -> bool {
    let text = folder.to_string_lossy();
    let shared = [
        "/",
        "/etc",
        "/usr",
        "/usr/bin",
        "/usr/sbin",
        "/bin",
        "/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
        "/usr/local",
        "/usr/local/etc",
        "/usr/etc",
        "/usr/config",
        "/usr/conf",
        "/root",
        "/home",
        "/opt",
        "/srv",
        "/var",
        "/usr/lib",
        "/usr/libexec",
        "/usr/local/config",
        "/usr/local/conf",
        "/etc/config",
        "/etc/conf",
    ];
    text.starts_with('/')
        && !shared.contains(&text.trim_end_matches('/'))
        && text.len() > 1
        && !is_anybodys(&format!("{text}/"))
}

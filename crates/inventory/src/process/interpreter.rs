//! Where does an interpreter that runs someone's program look for that program's packages?

use std::collections::HashMap;

use crate::package::java::is_archive;
use crate::root::Root;

/// What of a process decides where its packages lie. Paths are as the process sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    pub(crate) exe: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) cwd: String,
    pub(crate) virtual_env: Option<String>,
    pub(crate) python_path: Option<String>,
    pub(crate) class_path: Option<String>,
    /// Other variables of its environment, of those in `VARIABLES`.
    pub(crate) variables: HashMap<&'static str, String>,
    /// Mapped and open files.
    pub(crate) files: Vec<String>,
}

/// Folders and archives that hold what the process may load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Folders with dist-info or egg-info in them.
    pub(crate) python: Vec<String>,
    /// `node_modules` folders.
    pub(crate) node: Vec<String>,
    /// Java archives.
    pub(crate) java: Vec<String>,
    /// Python wheels used as they are.
    pub(crate) wheels: Vec<String>,
    /// The package.json of modules with an open file.
    pub(crate) modules: Vec<String>,
    /// Folders of gem specifications, single specifications, and Bundler's lock files.
    pub(crate) ruby: Vec<String>,
    /// Composer's lists of what is installed.
    pub(crate) php: Vec<String>,
    /// `*.deps.json`.
    pub(crate) dotnet: Vec<String>,
}

/// Finds the places of a process.
pub(crate) fn places(root: &Root, invocation: &Invocation) -> Places {
    let mut out = Places::default();
    let name = invocation.exe.rsplit('/').next().unwrap_or_default();
    let maps = |part: &str| {
        invocation.files.iter().any(|path| path.rsplit('/').next().is_some_and(|file| file.starts_with(part)))
    };
    if name.starts_with("python") || name.starts_with("pypy") || maps("libpython") {
        python(root, invocation, &mut out.python, &mut out.wheels);
    }
    if name == "node" || name == "nodejs" || maps("libnode.so") {
        node(root, invocation, &mut out.node);
    }
    if name == "java" || maps("libjvm.so") {
        java(root, invocation, &mut out.java);
    }
    if name.starts_with("ruby") || maps("libruby") {
        super::ruby::places(root, invocation, &mut out.ruby);
        out.ruby.extend(invocation.files.iter().filter_map(|path| super::ruby::specification_of(path)));
    }
    if name.starts_with("php") || maps("libphp") {
        super::php::places(root, invocation, &mut out.php);
        out.php.extend(invocation.files.iter().filter_map(|path| super::php::list_of(path)));
    }
    if name == "dotnet" || maps("libcoreclr.so") {
        super::dotnet::places(root, invocation, &mut out.dotnet);
    }
    out.java.extend(invocation.files.iter().filter(|path| is_archive(path)).cloned());
    out.wheels.extend(invocation.files.iter().filter(|path| path.ends_with(".whl")).cloned());
    out.modules.extend(invocation.files.iter().filter_map(|path| super::place::manifest_of(path)));
    let Places { python, node, java, wheels, modules, ruby, php, dotnet } = &mut out;
    for list in [python, node, java, wheels, modules, ruby, php, dotnet] {
        list.sort();
        list.dedup();
        list.truncate(PLACES_MAX);
    }
    out
}

/// An absolute path from one that may be relative to the working folder.
pub(super) fn absolute(invocation: &Invocation, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", invocation.cwd.trim_end_matches('/')) }
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The first argument that is not an option, as a path; `-m`, `-c`, `-e` take their place.
pub(super) fn script(invocation: &Invocation, with_value: &[&str]) -> Option<String> {
    let mut arguments = invocation.arguments.iter().skip(1);
    while let Some(argument) = arguments.next() {
        if matches!(argument.as_str(), "-c" | "-m" | "-e" | "-p" | "-") {
            return None;
        }
        if with_value.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with('-') && !argument.is_empty() {
            return Some(absolute(invocation, argument));
        }
    }
    None
}

fn python(root: &Root, invocation: &Invocation, out: &mut Vec<String>, wheels: &mut Vec<String>) {
    let mut prefixes = Vec::new();
    let mut isolated = false;
    // A venv's python is a link to the system's: only how it was called tells.
    let called =
        invocation.arguments.first().filter(|called| called.contains('/')).map(|called| absolute(invocation, called));
    let environment =
        called.iter().map(|called| folder_of(folder_of(called)).to_owned()).chain(invocation.virtual_env.clone());
    let script = script(invocation, &["-W", "-X"]);
    let beside = script.iter().map(|script| folder_of(folder_of(script)).to_owned());
    for prefix in environment.chain(beside) {
        if let Ok(config) = root.read(&format!("{prefix}/pyvenv.cfg"), CONFIG_BYTES_MAX) {
            let config = String::from_utf8_lossy(&config).to_lowercase().replace(' ', "");
            isolated |= !config.contains("include-system-site-packages=true");
            prefixes.push(prefix);
        }
    }
    if !isolated {
        let own = folder_of(folder_of(&invocation.exe));
        prefixes.push(own.to_owned());
        if own == "/usr" || own.is_empty() {
            prefixes.extend(["/usr".to_owned(), "/usr/local".to_owned()]);
        }
    }
    for prefix in prefixes {
        for library in ["lib", "lib64"] {
            let Ok((entries, _)) = root.list(&format!("{prefix}/{library}"), LIST_MAX) else { continue };
            for entry in entries.iter().filter(|entry| is_library_of(&invocation.exe, &entry.name)) {
                for packages in ["site-packages", "dist-packages"] {
                    push_folder(root, format!("{prefix}/{library}/{}/{packages}", entry.name), out);
                }
            }
        }
    }
    for path in invocation.python_path.iter().flat_map(|path| path.split(':')).filter(|path| !path.is_empty()) {
        let path = absolute(invocation, path);
        if path.ends_with(".whl") {
            wheels.push(path);
        } else {
            push_folder(root, path, out);
        }
    }
    // `pip install --target` puts packages beside the script.
    match script {
        Some(script) => push_folder(root, folder_of(&script).to_owned(), out),
        None if !invocation.cwd.is_empty() => push_folder(root, invocation.cwd.clone(), out),
        None => {}
    }
}

/// `lib/python3` serves every Python 3, `lib/python3.11` only the one of that name.
fn is_library_of(exe: &str, folder: &str) -> bool {
    let name = exe.rsplit('/').next().unwrap_or_default();
    folder == "python3"
        || folder == name
        || (!name.contains('.') && (folder.starts_with("python3.") || folder.starts_with("pypy3")))
}

fn push_folder(root: &Root, folder: String, out: &mut Vec<String>) {
    // The top of a filesystem is no place for packages, and costly to list.
    if folder.len() > 1 && root.list(&folder, 1).is_ok() {
        out.push(folder);
    }
}

fn node(root: &Root, invocation: &Invocation, out: &mut Vec<String>) {
    let script = script(invocation, &["-r", "--require", "--import", "--loader"]);
    let starts = script.iter().map(|script| folder_of(script).to_owned()).chain([invocation.cwd.clone()]);
    for start in starts {
        let mut folder = start.as_str();
        loop {
            if !folder.ends_with("/node_modules") {
                push_folder(root, format!("{folder}/node_modules"), out);
            }
            if folder.is_empty() {
                break;
            }
            folder = folder_of(folder);
        }
    }
}

fn java(root: &Root, invocation: &Invocation, out: &mut Vec<String>) {
    let mut class_paths: Vec<String> = Vec::new();
    let mut arguments = invocation.arguments.iter().skip(1);
    let mut options = true;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-jar" if options => {
                class_paths.extend(arguments.next().cloned());
                options = false;
            }
            "-cp" | "-classpath" | "--class-path" | "-p" | "--module-path" if options => {
                class_paths.extend(arguments.next().cloned())
            }
            other if options => {
                if let Some((_, path)) = other.split_once("path=").filter(|(option, _)| option.starts_with("--")) {
                    class_paths.push(path.to_owned());
                } else if let Some(agent) = other.strip_prefix("-javaagent:") {
                    class_paths.push(agent.split('=').next().unwrap_or(agent).to_owned());
                } else if !other.starts_with('-') {
                    options = false;
                }
            }
            _ => {}
        }
    }
    class_paths.extend(invocation.class_path.clone());
    for path in class_paths.iter().flat_map(|path| path.split(':')).filter(|path| !path.is_empty()) {
        let path = absolute(invocation, path);
        if let Some(folder) = path.strip_suffix("/*") {
            archives_in(root, folder, out);
        } else if is_archive(&path) {
            out.push(path);
        } else {
            archives_in(root, &path, out);
        }
    }
}

fn archives_in(root: &Root, folder: &str, out: &mut Vec<String>) {
    let (entries, _) = root.list(folder, LIST_MAX).unwrap_or_default();
    out.extend(entries.iter().filter(|entry| is_archive(&entry.name)).map(|entry| format!("{folder}/{}", entry.name)));
}

/// What else of the environment says where packages lie.
pub(crate) const VARIABLES: &[&str] = &["GEM_HOME", "GEM_PATH", "BUNDLE_PATH", "BUNDLE_GEMFILE", "RUBYOPT", "HOME"];
const PLACES_MAX: usize = 4096;
const LIST_MAX: usize = 65_536;
const CONFIG_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("tempdir");
        for path in [
            "srv/venv/lib/python3.11/site-packages",
            "usr/lib/python3/dist-packages",
            "srv/app/node_modules",
            "srv/app/src",
            "srv/lib",
        ] {
            std::fs::create_dir_all(folder.path().join(path)).expect("mkdir");
        }
        std::fs::write(
            folder.path().join("srv/venv/pyvenv.cfg"),
            "home = /usr/bin\ninclude-system-site-packages = false\n",
        )
        .expect("write");
        for jar in ["srv/lib/a.jar", "srv/lib/b.jar", "srv/app.jar"] {
            std::fs::write(folder.path().join(jar), "").expect("write");
        }
        let root = Root::open(folder.path()).expect("root");
        (folder, root)
    }

    fn invocation(exe: &str, arguments: &[&str]) -> Invocation {
        Invocation {
            exe: exe.into(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            cwd: "/srv/app".into(),
            ..Invocation::default()
        }
    }

    #[test]
    fn each_interpreter_has_its_own_places() {
        let (_folder, root) = root();
        let found =
            places(&root, &invocation("/usr/bin/python3.11", &["/srv/venv/bin/python", "/srv/venv/bin/gunicorn"]));
        assert_eq!(found.python, ["/srv/venv/lib/python3.11/site-packages"]);
        let found = places(&root, &invocation("/usr/bin/python3.11", &["python3", "-X", "dev", "src/main.py"]));
        assert_eq!(found.python, ["/srv/app/src", "/usr/lib/python3/dist-packages"]);
        let found = places(&root, &invocation("/usr/bin/node", &["node", "src/main.js"]));
        assert_eq!(found.node, ["/srv/app/node_modules"]);
        let found = places(
            &root,
            &invocation("/usr/bin/java", &["java", "-Xmx1g", "-cp", "../lib/*:x", "-jar", "/srv/app.jar", "-cp", "no"]),
        );
        assert_eq!(found.java, ["/srv/app.jar", "/srv/app/../lib/a.jar", "/srv/app/../lib/b.jar"]);
        assert_eq!(places(&root, &invocation("/usr/bin/sleep", &["sleep", "1"])), Places::default());
    }
}

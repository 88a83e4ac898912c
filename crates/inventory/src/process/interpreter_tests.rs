//! Do real interpreters lead to the packages that they run, each process to its own?

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tripoint_model::{Package, PackageState};

use super::HostInventory;
use super::tests::Running;

/// Writes files beneath a folder.
fn put(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        std::fs::write(path, text).expect("write");
    }
}

/// Starts an interpreter and waits until its program says `up`; nothing where it is not installed.
fn started(command: &mut Command) -> Option<Running> {
    let name = command.get_program().to_string_lossy().into_owned();
    let Ok(child) = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn() else {
        println!("skipped: no {name} here");
        return None;
    };
    let mut running = Running(child);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    if line.trim() != "up" {
        // A launcher without its interpreter; one that works says so.
        println!("skipped: {name} does not run programs here: {line:?}");
        return None;
    }
    Some(running)
}

fn host() -> HostInventory {
    HostInventory::open(Path::new("/")).expect("host")
}

fn state(host: &HostInventory, of: &Running, purl: &str) -> Option<PackageState> {
    let found: Vec<Package> = host.packages_of(of.0.id()).accepted;
    found.iter().find(|package| package.purl == purl).map(|package| package.state)
}

#[test]
fn a_ruby_process_has_the_gems_of_its_home() {
    let folder = tempfile::tempdir().expect("tempdir");
    for home in ["one", "two"] {
        let version = if home == "one" { "1.0" } else { "2.0" };
        put(
            folder.path(),
            &[
                (
                    &format!("{home}/specifications/cartwheel-{version}.gemspec"),
                    &format!(
                        "Gem::Specification.new do |s|\n  s.name = \"cartwheel\".freeze\n  s.version = \"{version}\"\n  s.summary = \"x\"\n  s.authors = [\"x\"]\n  s.require_paths = [\"lib\".freeze]\nend\n"
                    ),
                ),
                (&format!("{home}/gems/cartwheel-{version}/lib/cartwheel.rb"), "$held = File.open(__FILE__)\n"),
            ],
        );
    }
    let ruby = |home: &str| {
        // The gem itself is loaded by Ruby, from the home and from nowhere else.
        let program = "require 'cartwheel'; abort unless $held; puts 'up'; STDOUT.flush; sleep 120";
        started(
            Command::new("ruby").args(["-e", program]).env("GEM_HOME", folder.path().join(home)).env_remove("GEM_PATH"),
        )
    };
    let (Some(one), Some(two)) = (ruby("one"), ruby("two")) else { return };
    let host = host();
    let (old, new) = ("pkg:gem/cartwheel@1.0", "pkg:gem/cartwheel@2.0");
    assert_eq!((state(&host, &one, old), state(&host, &one, new)), (Some(PackageState::Loaded), None));
    assert_eq!((state(&host, &two, old), state(&host, &two, new)), (None, Some(PackageState::Loaded)));
    assert!(
        host.packages_of(one.0.id()).accepted.iter().any(|package| package.name.starts_with("libruby")),
        "the interpreter too"
    );
}

#[test]
fn a_node_process_has_the_modules_beside_its_script() {
    let folder = tempfile::tempdir().expect("tempdir");
    for (app, version) in [("a", "1.0.0"), ("b", "2.0.0")] {
        put(
            folder.path(),
            &[
                (
                    &format!("{app}/node_modules/lefty/package.json"),
                    &format!(r#"{{"name":"lefty","version":"{version}","main":"index.js"}}"#),
                ),
                (&format!("{app}/node_modules/lefty/index.js"), "module.exports = 'up';\n"),
                (&format!("{app}/src/main.js"), "console.log(require('lefty')); setTimeout(() => {}, 120000);\n"),
            ],
        );
    }
    let node = |app: &str| started(Command::new("node").arg(folder.path().join(app).join("src/main.js")));
    let (Some(a), Some(b)) = (node("a"), node("b")) else { return };
    let host = host();
    let (old, new) = ("pkg:npm/lefty@1.0.0", "pkg:npm/lefty@2.0.0");
    assert_eq!((state(&host, &a, old), state(&host, &a, new)), (Some(PackageState::Loaded), None));
    assert_eq!((state(&host, &b, old), state(&host, &b, new)), (None, Some(PackageState::Loaded)));
}

#[test]
fn a_java_process_has_its_class_path_and_what_it_holds_open() {
    let folder = tempfile::tempdir().expect("tempdir");
    let jar = |path: &str, name: &str, version: &str| {
        let mut jar = zip::ZipWriter::new(std::fs::File::create(folder.path().join(path)).expect("create"));
        let options = zip::write::SimpleFileOptions::default();
        jar.start_file(format!("META-INF/maven/org.example/{name}/pom.properties"), options).expect("zip");
        write!(jar, "groupId=org.example\nartifactId={name}\nversion={version}\n").expect("zip");
        jar.finish().expect("zip");
    };
    jar("onpath.jar", "onpath", "1.0");
    jar("held.jar", "held", "1.0");
    put(
        folder.path(),
        &[(
            "Main.java",
            "public class Main { public static void main(String[] a) throws Exception {\n  var held = new java.util.jar.JarFile(a[0]);\n  System.out.println(\"up\");\n  Thread.sleep(120000);\n  held.close();\n} }\n",
        )],
    );
    // A program of one file: the launcher compiles it.
    let java =
        started(Command::new("java").current_dir(folder.path()).args(["-cp", "onpath.jar", "Main.java", "held.jar"]));
    let Some(java) = java else { return };
    let host = host();
    for purl in ["pkg:maven/org.example/onpath@1.0", "pkg:maven/org.example/held@1.0"] {
        assert_eq!(state(&host, &java, purl), Some(PackageState::Loaded), "{purl}");
    }
    jar("new.jar", "held", "1.1");
    std::fs::rename(folder.path().join("new.jar"), folder.path().join("held.jar")).expect("rename");
    assert_eq!(
        state(&host, &java, "pkg:maven/org.example/held@1.0"),
        Some(PackageState::Stale),
        "it reads on in the old"
    );
}

#[test]
fn two_python_processes_have_two_environments() {
    let folder = tempfile::tempdir().expect("tempdir");
    let Ok(made) = Command::new("python3").args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).output()
    else {
        println!("skipped: no python3 here");
        return;
    };
    let release = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let python = |name: &str, version: &str| {
        let venv = folder.path().join(name);
        // Made by Python itself, so that the layout is its own.
        let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&venv).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: this python3 makes no environments");
            return None;
        }
        put(
            &venv.join(format!("lib/python{release}/site-packages")),
            &[
                (
                    &format!("trolley-{version}.dist-info/METADATA"),
                    &format!("Metadata-Version: 2.1\nName: trolley\nVersion: {version}\n"),
                ),
                ("trolley.py", "said = 'up'\n"),
            ],
        );
        let program = "import trolley, time; print(trolley.said, flush=True); time.sleep(120)";
        started(
            Command::new(venv.join("bin/python"))
                .args(["-c", program])
                .env_remove("VIRTUAL_ENV")
                .env_remove("PYTHONPATH"),
        )
    };
    let (Some(one), Some(two)) = (python("one", "1.0"), python("two", "2.0")) else { return };
    let host = host();
    let (old, new) = ("pkg:pypi/trolley@1.0", "pkg:pypi/trolley@2.0");
    assert_eq!((state(&host, &one, old), state(&host, &one, new)), (Some(PackageState::Loaded), None));
    assert_eq!((state(&host, &two, old), state(&host, &two, new)), (None, Some(PackageState::Loaded)));
}

#[test]
fn a_php_process_has_the_packages_of_its_project() {
    let folder = tempfile::tempdir().expect("tempdir");
    put(
        folder.path(),
        &[
            ("vendor/composer/installed.json", r#"{"packages":[{"name":"cart/wheel","version":"3.0.0"}]}"#),
            ("bin/run.php", "<?php echo \"up\\n\"; flush(); sleep(120);\n"),
        ],
    );
    let Some(php) = started(Command::new("php").arg(folder.path().join("bin/run.php"))) else { return };
    assert_eq!(state(&host(), &php, "pkg:composer/cart/wheel@3.0.0"), Some(PackageState::Loaded));
}

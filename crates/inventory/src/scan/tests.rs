//! Does a scan count each thing once, stay inside, and agree with public fixtures?

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tripoint_model::Ecosystem;

use super::*;

pub(super) fn put(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
    fs::write(path, content).expect("write");
}

pub(super) fn found(root: &Path) -> Inventory {
    scan(root, &ScanOptions::default(), &mut |_| {}).expect("scan")
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.packages.iter().map(|package| package.name.as_str()).collect()
}

#[test]
fn the_distribution_wins_and_places_are_joined() {
    let folder = tempfile::tempdir().expect("tempdir");
    let root = folder.path();
    put(root, "etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n");
    put(root, "var/lib/dpkg/status", "Package: python3-demo\nStatus: install ok installed\nVersion: 1.0-1\n");
    let site = "usr/lib/python3/dist-packages/demo-1.0.dist-info/METADATA";
    put(root, "var/lib/dpkg/info/python3-demo.list", &format!("/.\n/usr\n/{site}\n"));
    for path in [site, "srv/a/demo-1.0.dist-info/METADATA", "srv/b/demo-1.0.dist-info/METADATA"] {
        put(root, path, "Name: demo\nVersion: 1.0\n");
    }
    let inventory = found(root);
    assert_eq!(names(&inventory), ["python3-demo", "demo"]);
    assert_eq!((inventory.packages[0].ecosystem, inventory.packages[0].release.as_str()), (Ecosystem::Ubuntu, "24.04"));
    assert_eq!(
        inventory.packages[1].paths,
        ["/srv/a/demo-1.0.dist-info/METADATA", "/srv/b/demo-1.0.dist-info/METADATA"]
    );
    assert!(!inventory.is_partial() && inventory.has_database(), "{:?}", inventory.coverage);
}

#[test]
fn names_that_are_not_utf8_hide_nothing() {
    let folder = tempfile::tempdir().expect("tempdir");
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"srv/caf\xe9/demo-1.0.dist-info"));
    fs::create_dir_all(&odd).expect("mkdir");
    fs::write(odd.join("METADATA"), "Name: demo\nVersion: 1.0\n").expect("write");
    let inventory = found(folder.path());
    assert_eq!(names(&inventory), ["demo"]);
    assert_eq!(inventory.packages[0].paths, ["/srv/caf\u{f7e9}/demo-1.0.dist-info/METADATA"]);
    assert!(!inventory.is_partial(), "{:?}", inventory.coverage);
}

#[test]
fn nothing_here_is_said() {
    let folder = tempfile::tempdir().expect("tempdir");
    let inventory = found(folder.path());
    assert!(!inventory.has_database() && inventory.packages.is_empty());
    assert!(scan(&folder.path().join("missing"), &ScanOptions::default(), &mut |_| {}).is_err());
}

#[test]
fn a_hostile_root_is_bounded() {
    let outer = tempfile::tempdir().expect("tempdir");
    let root = outer.path().join("root");
    put(outer.path(), "outside/leak-1.dist-info/METADATA", "Name: leak\nVersion: 1\n");
    put(&root, "srv/ok-1.dist-info/METADATA", "Name: ok\nVersion: 1\n");
    std::os::unix::fs::symlink("../../outside", root.join("srv/out")).expect("link");
    std::os::unix::fs::symlink("..", root.join("srv/loop")).expect("link");
    fs::create_dir_all(root.join("srv/pipe-1.dist-info")).expect("mkdir");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("srv/pipe-1.dist-info/METADATA"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("fifo");
    let deep = "d/".repeat(60);
    put(&root, &format!("{deep}x-1.dist-info/METADATA"), "Name: deep\nVersion: 1\n");
    let inventory = found(&root);
    assert_eq!(names(&inventory), ["ok"]);
    assert!(inventory.is_partial(), "{:?}", inventory.coverage);
    let few = ScanOptions { entries_max: 3, ..ScanOptions::default() };
    assert!(scan(&root, &few, &mut |_| {}).expect("scan").packages.len() <= 1);
}

#[test]
fn public_databases_agree() {
    let Some(data) = std::env::var_os("TRIPOINT_TEST_DATA").map(std::path::PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    for (name, release) in [
        ("inventory/debian12/dpkg-status.gz", Some("inventory/debian12/os-release")),
        ("inventory/dpkg/texlive.status.gz", None),
    ] {
        let folder = tempfile::tempdir().expect("tempdir");
        let packed = data.join(name);
        let mut text = Vec::new();
        tripoint_unpack::entries(
            tripoint_unpack::Source::Path(&packed),
            name,
            &tripoint_unpack::Limits::default(),
            &mut |_, content| {
                std::io::Read::read_to_end(content, &mut text).expect("text");
                std::ops::ControlFlow::Continue(())
            },
        )
        .expect("gzip");
        let text = String::from_utf8_lossy(&text);
        put(folder.path(), "var/lib/dpkg/status", &text);
        if let Some(release) = release {
            put(folder.path(), "etc/os-release", &fs::read_to_string(data.join(release)).expect("os-release"));
        }
        let expected = text.lines().filter(|line| *line == "Status: install ok installed").count();
        let inventory = found(folder.path());
        println!("{name}: {} packages, {expected} paragraphs, {:?}", inventory.packages.len(), inventory.coverage[0]);
        assert_eq!(inventory.packages.len(), expected);
        assert!(expected > 100);
    }
    let inventory = found(&data.join("inventory/dpkg/syft"));
    println!("syft: {} packages, {:?}", inventory.packages.len(), inventory.coverage[0]);
    assert!(inventory.packages.len() >= 6 && inventory.is_partial());
}

/// The same jar and the same program: owned by a package they are the package's, else their own.
#[test]
fn every_database_owns_its_files() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/package");
    let databases = [
        ("etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n", "lib/apk/db/installed", "P:demo\nV:1-r0\nF:opt\nR:app\n"),
        (
            "var/lib/pacman/local/demo-1-1/files",
            "%FILES%\nopt/\nopt/app\n",
            "var/lib/pacman/local/demo-1-1/desc",
            "%NAME%\ndemo\n\n%VERSION%\n1-1\n",
        ),
        (
            "var/lib/dpkg/info/demo.list",
            "/.\n/opt\n/opt/app\n",
            "var/lib/dpkg/status",
            "Package: demo\nStatus: install ok installed\nVersion: 1\n",
        ),
    ];
    for (first, text, second, more) in databases {
        let folder = tempfile::tempdir().expect("tempdir");
        for (path, text) in [(first, text), (second, more)] {
            put(folder.path(), path, text);
        }
        fs::create_dir_all(folder.path().join("opt")).expect("mkdir");
        fs::copy(fixtures.join("go/good.in/opt/app"), folder.path().join("opt/app")).expect("copy");
        assert_eq!(names(&found(folder.path())), ["demo"], "{second}");
        fs::rename(folder.path().join("opt/app"), folder.path().join("opt/other")).expect("rename");
        assert_eq!(found(folder.path()).packages.len(), 5, "{second}");
    }
}

/// What a distribution packs, found a second time under the name of its language.
#[test]
fn the_same_software_under_two_names_counts_once() {
    let debian = "etc/os-release\0ID=debian\nVERSION_ID=\"12\"\n";
    let alpine = "etc/os-release\0ID=alpine\nVERSION_ID=3.20.1\n";
    let gem = "var/lib/gems/3.1.0/specifications/demo-1.0.gemspec";
    let gemspec = "Gem::Specification.new do |s|\n  s.name = \"demo\".freeze\n  s.version = \"1.0\"\nend\n";
    let python = "usr/lib/python3.12/site-packages/demo-1.0.dist-info/METADATA";
    let metadata = "Name: demo\nVersion: 1.0\n";
    let node = "usr/share/nodejs/node_modules/demo/package.json";
    let module = r#"{"name":"demo","version":"1.0"}"#;
    let php = "usr/share/php/demo/vendor/composer/installed.json";
    let installed = r#"{"packages":[{"name":"a/demo","version":"1.0"}]}"#;
    let deb = |path: &str| {
        let status = "Package: own-demo\nStatus: install ok installed\nVersion: 1.0-1\n".to_owned();
        [("var/lib/dpkg/status", status), ("var/lib/dpkg/info/own-demo.list", format!("/.\n/{path}\n"))]
    };
    let apk = |path: &str| {
        let (folder, file) = path.rsplit_once('/').expect("a folder");
        [("lib/apk/db/installed", format!("P:own-demo\nV:1.0-r0\nF:{folder}\nR:{file}\n")), ("etc/motd", String::new())]
    };
    for (release, database, path, text) in [
        (debian, deb(gem), gem, gemspec),
        (debian, deb(python), python, metadata),
        (debian, deb(node), node, module),
        (debian, deb(php), php, installed),
        (alpine, apk(python), python, metadata),
        (alpine, apk(gem), gem, gemspec),
    ] {
        let folder = tempfile::tempdir().expect("tempdir");
        let root = folder.path();
        let (file, content) = release.split_once('\0').expect("two parts");
        put(root, file, content);
        for (file, content) in &database {
            put(root, file, content);
        }
        put(root, path, text);
        assert_eq!(names(&found(root)), ["own-demo"], "{path}");
        // The same file elsewhere is nobody's.
        put(root, &format!("srv/{path}"), text);
        assert_eq!(found(root).packages.len(), 2, "{path}");
    }
}

/// A package may list its files by a name that is a link here.
#[test]
fn a_file_is_owned_under_each_of_its_names() {
    for (listed, link, target, real) in [
        ("lib/python3/dist-packages", "lib", "usr/lib", "usr/lib/python3/dist-packages"),
        ("usr/lib/python3/dist-packages", "usr/lib/python3", "../../opt/python3", "opt/python3/dist-packages"),
        ("usr/share/app", "usr/share/app", "/srv/app", "srv/app"),
    ] {
        let folder = tempfile::tempdir().expect("tempdir");
        let root = folder.path();
        let egg = "demo-1.0.dist-info/METADATA";
        put(root, &format!("{real}/{egg}"), "Name: demo\nVersion: 1.0\n");
        put(root, "var/lib/dpkg/status", "Package: own-demo\nStatus: install ok installed\nVersion: 1.0-1\n");
        put(root, "var/lib/dpkg/info/own-demo.list", &format!("/.\n/{listed}/{egg}\n"));
        fs::create_dir_all(root.join(link).parent().expect("parent")).expect("mkdir");
        std::os::unix::fs::symlink(target, root.join(link)).expect("link");
        assert_eq!(names(&found(root)), ["own-demo"], "{listed}");
    }
}

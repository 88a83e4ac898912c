//! Where do the Composer packages lie that a PHP process may load?

use super::interpreter::{Invocation, absolute, folder_of, script};
use crate::root::Root;

/// Lists of installed Composer packages: beside the script, or in the document roots that the
/// pools and web servers of this root filesystem name.
pub(super) fn places(root: &Root, invocation: &Invocation, out: &mut Vec<String>) {
    let script = script(invocation, &["-d", "-c", "-z", "-S", "-t", "-y", "-p", "-g"]);
    let serves = invocation.arguments.first().is_some_and(|called| called.contains("php-fpm"))
        || !invocation.exe.rsplit('/').next().unwrap_or_default().starts_with("php")
        || invocation.exe.contains("php-fpm");
    let mut starts: Vec<String> = Vec::new();
    if serves {
        starts.extend(document_roots(root));
    } else {
        starts.extend(script.as_deref().map(|script| folder_of(script).to_owned()));
    }
    if invocation.cwd.len() > 1 {
        starts.push(invocation.cwd.clone());
    }
    // `php -S address -t folder` serves a folder.
    let served = invocation.arguments.iter().zip(invocation.arguments.iter().skip(1));
    starts.extend(served.filter(|(option, _)| *option == "-t").map(|(_, folder)| absolute(invocation, folder)));
    for start in starts {
        // The document root is `public` beside `vendor` in many a framework.
        let mut folder = start.trim_end_matches('/');
        for _ in 0..LEVELS_MAX {
            let list = format!("{folder}/vendor/composer/installed.json");
            if root.mark(&list).is_some() && !out.contains(&list) {
                out.push(list);
            }
            if folder.is_empty() {
                break;
            }
            folder = folder_of(folder);
        }
    }
}

/// The list of the packages that hold an open file.
pub(super) fn list_of(path: &str) -> Option<String> {
    let (folder, _) = path.split_once("/vendor/").filter(|_| path.ends_with(".php") || path.ends_with(".phar"))?;
    Some(format!("{folder}/vendor/composer/installed.json"))
}

fn document_roots(root: &Root) -> Vec<String> {
    let mut out = Vec::new();
    let mut files: Vec<String> = Vec::new();
    let (versions, _) = root.list("/etc/php", FILES_MAX).unwrap_or_default();
    let pools = versions.iter().map(|version| format!("/etc/php/{}/fpm/pool.d", version.name));
    for folder in pools.chain(CONFIGURATION.iter().map(|folder| (*folder).to_owned())) {
        let (entries, _) = root.list(&folder, FILES_MAX).unwrap_or_default();
        files.extend(entries.iter().map(|entry| format!("{folder}/{}", entry.name)));
    }
    for file in files.iter().take(FILES_MAX) {
        let Ok(bytes) = root.read(file, CONFIG_BYTES_MAX) else { continue };
        for line in String::from_utf8_lossy(&bytes).lines() {
            if let Some(folder) = named(line).filter(|_| out.len() < ROOTS_MAX) {
                out.push(folder);
            }
        }
    }
    if out.is_empty() {
        out.extend(DEFAULTS.iter().map(|folder| (*folder).to_owned()));
    }
    out.sort();
    out.dedup();
    out
}

/// `chdir = /srv/shop` of a pool, `root /srv/shop/public;` of nginx, `DocumentRoot "/srv/shop"` of
/// Apache.
fn named(line: &str) -> Option<String> {
    let line = line.trim();
    let (key, value) = line.split_once(|c: char| c.is_whitespace() || c == '=')?;
    let value = value.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
    let known = ["chdir", "prefix", "root", "documentroot"].contains(&key.to_ascii_lowercase().as_str());
    let value = value.trim_matches(['"', '\'', ';', ' ']);
    (known && value.starts_with('/') && value.len() > 1 && value.len() < 4096).then(|| value.to_owned())
}

const CONFIGURATION: &[&str] = &[
    "/etc/php-fpm.d",
    "/usr/local/etc/php-fpm.d",
    "/etc/nginx/conf.d",
    "/etc/nginx/sites-enabled",
    "/etc/nginx/http.d",
    "/etc/apache2/sites-enabled",
    "/etc/httpd/conf.d",
];
const DEFAULTS: &[&str] = &["/var/www/html", "/var/www", "/usr/share/nginx/html", "/app"];
const FILES_MAX: usize = 256;
const ROOTS_MAX: usize = 256;
const LEVELS_MAX: usize = 4;
const CONFIG_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_beside_the_script_or_the_document_root() {
        let folder = tempfile::tempdir().expect("tempdir");
        for (path, text) in [
            ("srv/shop/vendor/composer/installed.json", "[]"),
            ("srv/tool/vendor/composer/installed.json", "[]"),
            ("srv/other/vendor/composer/installed.json", "[]"),
            ("etc/php/8.2/fpm/pool.d/www.conf", "[www]\n;chdir = /srv/other\nuser = www-data\n"),
            ("etc/nginx/sites-enabled/shop", "server {\n  root /srv/shop/public;\n}\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            std::fs::write(path, text).expect("write");
        }
        let root = Root::open(folder.path()).expect("root");
        let found = |exe: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            let invocation = Invocation { exe: exe.into(), arguments, cwd: "/".into(), ..Invocation::default() };
            let mut out = Vec::new();
            places(&root, &invocation, &mut out);
            out
        };
        assert_eq!(found("/usr/sbin/php-fpm8.2", &["php-fpm: pool www"]), ["/srv/shop/vendor/composer/installed.json"]);
        assert_eq!(
            found("/usr/bin/php8.2", &["php", "-d", "x=y", "/srv/tool/bin/run.php"]),
            ["/srv/tool/vendor/composer/installed.json"]
        );
        assert_eq!(found("/usr/bin/php8.2", &["php", "-r", "1;"]), Vec::<String>::new());
        assert_eq!(list_of("/srv/a/vendor/x/y.php").as_deref(), Some("/srv/a/vendor/composer/installed.json"));
    }
}

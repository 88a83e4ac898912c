//! Do the sources hold what no request can show: no markup from text, one source of chance, known parts only?

use std::collections::BTreeSet;
use std::path::Path;

/// Every text below a folder of the repository.
fn texts(folder: &str, kinds: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut open = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if is_one(&path, kinds) {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

fn is_one(path: &Path, kinds: &[&str]) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    kinds.iter().any(|kind| name.ends_with(kind)) && !name.ends_with(".test.ts") && name != "schema.ts"
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Places with one of these words: file, line, word.
fn places(texts: &[(String, String)], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in texts {
        for (number, line) in text.lines().enumerate() {
            found.extend(
                words.iter().filter(|word| line.contains(**word)).map(|word| format!("{name}:{}: {word}", number + 1)),
            );
        }
    }
    found
}

fn pages() -> Vec<(String, String)> {
    let mut all = texts("console/src", &[".ts", ".svelte"]);
    all.push(("console/index.html".to_owned(), read("console/index.html")));
    all
}

#[test]
fn the_pages_make_no_markup_of_text_and_take_nothing_from_elsewhere() {
    let markup = ["{@html", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "srcdoc", "DOMParser"];
    let runs = ["eval(", "new Function", "importScripts", "setTimeout('", "setTimeout(\"", "jsonp", "callback="];
    let windows = ["postMessage", "addEventListener('message'", "window.open", "document.domain", "document.cookie"];
    let old = ["<iframe", "<object", "<embed", "<applet", "ActiveX", "application/x-"];
    let objects = ["__proto__", ".prototype", "structuredClone(", "lodash"];
    let words = [&markup[..], &runs, &windows, &old, &objects].concat();
    assert_eq!(places(&pages(), &words), Vec::<String>::new());
    let elsewhere =
        places(&pages(), &["src=\"http", "href=\"http", "import('http", "fetch('http", "url(http", "url('http"]);
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn the_browser_keeps_nothing_of_what_it_shows() {
    let pages = pages();
    assert_eq!(places(&pages, &["sessionStorage", "indexedDB", "caches.open", "serviceWorker"]), Vec::<String>::new());
    let mut kept = BTreeSet::new();
    for (name, text) in &pages {
        for line in text.lines().filter(|line| line.contains("localStorage.setItem(")) {
            let (_, rest) = line.split_once("localStorage.setItem(").unwrap();
            kept.insert(format!("{name} {}", rest.split_once(')').unwrap().0));
        }
    }
    let known = [
        "console/src/pages/Queue.svelte 'tripoint-facets', facets ? 'on' : 'off'",
        // A word of chance that another window waits for: taken out again at once.
        "console/src/state/proof.ts KEPT, theirs",
        "console/src/state/theme.svelte.ts KEY, theme",
        "console/src/state/visit.ts KEY, text",
    ];
    assert_eq!(kept, BTreeSet::from(known.map(str::to_owned)));
}

#[test]
fn passwords_are_masked_may_be_pasted_and_be_filled_in() {
    let pages = pages();
    let mut fields = 0;
    for (name, text) in &pages {
        let inputs = text.split("<input").skip(1).map(|rest| rest.split("/>").next().unwrap());
        for field in inputs.filter(|field| field.contains("type=\"password\"") || field.contains("{password}")) {
            assert!(field.contains("type=\"password\"") && field.contains("autocomplete="), "{name}: {field}");
            assert!(!field.contains("maxlength") && !field.contains("autocomplete=\"off\""), "{name}: {field}");
            fields += 1;
        }
    }
    assert!(fields >= 4, "{fields}");
    assert_eq!(places(&pages, &["onpaste", "oncopy", "clipboardData"]), Vec::<String>::new());
}

#[test]
fn the_server_starts_no_program_and_knows_one_source_of_chance() {
    let server = texts("crates/server/src", &[".rs"]);
    assert_eq!(places(&server, &["Command::new", "process::Command", "libc::system"]), Vec::<String>::new());
    let chance = places(&server, &["SystemRandom::new", "rand::rng", "thread_rng", "fastrand", "RandomState::new"]);
    assert!(chance.len() == 2 && chance.iter().all(|place| place.ends_with("SystemRandom::new")), "{chance:?}");
    // Statements are fixed texts: what is asked for is bound, never written in between.
    let built = places(&server, &["query(&format!", "query(format!", "query_as(&format!", "query_scalar(&format!"]);
    assert_eq!(built, Vec::<String>::new());
    // Put together of pieces of ours, because their number differs.
    let pieced: BTreeSet<_> = server.iter().filter(|(_, text)| text.contains("AssertSqlSafe(")).collect();
    let pieced: Vec<_> = pieced.into_iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(pieced, ["contacts.rs", "queue/page.rs", "series.rs"].map(|n| format!("crates/server/src/store/{n}")));
}

#[test]
fn what_encrypts_stands_in_the_reference_and_is_nothing_that_is_broken() {
    let manifest = read("Cargo.toml");
    let reference = read("docs/reference/security.md");
    let names: Vec<&str> = manifest.lines().filter_map(|line| line.split_once(" = ").map(|pair| pair.0)).collect();
    for known in ["argon2", "blake2", "hmac", "minisign-verify", "rcgen", "ring", "rustls", "sha1", "sha2"] {
        assert!(names.contains(&known), "{known} is used no more: take it out of the reference and of here");
        assert!(reference.contains(&format!("`{known}`")), "{known} is not in the reference");
    }
    for never in ["md5", "md-5", "md4", "rc4", "des", "blowfish", "bcrypt", "pbkdf2", "openssl", "native-tls", "rsa"] {
        assert!(!names.contains(&never), "{never}");
    }
    let sources = texts("crates", &[".rs"]);
    let sources: Vec<_> = sources.into_iter().filter(|(name, _)| name.contains("/src/")).collect();
    let sha1 = places(&sources, &["use sha1::", "SHA1_FOR_LEGACY"]);
    let known = ["auth/breached.rs", "auth/totp.rs", "taxii/stix.rs"].map(|file| format!("crates/server/src/{file}"));
    assert!(sha1.iter().all(|place| known.iter().any(|file| place.starts_with(file.as_str()))), "{sha1:?}");
    // One place judges a certificate by its fingerprint: where a person named it.
    let own = places(&sources, &["dangerous()", "danger_accept", "disable_verification"]);
    assert!(own.len() == 1 && own[0].starts_with("crates/api/src/client/tls.rs"), "{own:?}");
    let sealed = places(&sources, &["aead::AES", "aead::CHACHA"]);
    assert!(sealed.iter().all(|place| place.ends_with("aead::AES")), "{sealed:?}");
    assert_eq!(places(&sources, &["AES_128", "AES128", "ECB", "CBC"]), Vec::<String>::new());
}

#[test]
fn every_part_of_others_comes_from_one_place_and_has_a_sum() {
    let lock = read("Cargo.lock");
    let mut from = BTreeSet::new();
    for part in lock.split("[[package]]").skip(1) {
        let of = |key: &str| part.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        if let Some(source) = of("source") {
            assert!(of("checksum").is_some(), "{part}");
            from.insert(source);
        }
    }
    assert_eq!(from.len(), 1, "{from:?}");
    let lock: serde_json::Value = serde_json::from_str(&read("console/package-lock.json")).unwrap();
    for (name, package) in lock["packages"].as_object().unwrap().iter().filter(|(name, _)| !name.is_empty()) {
        assert!(package["integrity"].is_string(), "{name}");
    }
    let deny = read("deny.toml");
    for rule in ["unknown-registry = \"deny\"", "unknown-git = \"deny\"", "yanked = \"deny\""] {
        assert!(deny.contains(rule), "{rule}");
    }
}

#[test]
fn whoever_is_spoken_to_stands_in_the_reference() {
    // Where the server opens a connection to somebody, and the row that says so.
    let known = [
        // Itself: whether somebody answers at its socket already.
        ("crates/server/src/listen.rs", "the server's TCP address and Unix socket"),
        ("crates/server/src/lapi/push.rs", "a CrowdSec that an administrator wrote into the configuration"),
        ("crates/server/src/notify/send.rs", "[channels](notifications.md)"),
        ("crates/server/src/notify/smtp.rs", "[channels](notifications.md)"),
        ("crates/server/src/oidc/provider.rs", "the provider of `[oidc]`"),
    ];
    let reference = read("docs/reference/security.md");
    let (_, table) = reference.split_once("## Who is spoken to").unwrap();
    let server = texts("crates/server/src", &[".rs"]);
    let begins = ["fetcher.", "fetcher().", "TcpStream::connect", "UnixStream::connect", "UdpSocket::", "lookup_host"];
    let mut found = BTreeSet::new();
    for (name, text) in &server {
        let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((text, ""));
        let speaks = code.lines().any(|line| begins.iter().any(|word| line.contains(word)) && !line.contains("pub"));
        if speaks && !name.ends_with("tests.rs") {
            found.insert(name.as_str());
        }
    }
    for name in &found {
        let row = known.iter().find(|(file, _)| file == name);
        assert!(
            row.is_some_and(|(_, row)| table.contains(row)),
            "{name} speaks to somebody who is not in the reference"
        );
    }
    assert!(found.len() >= 3, "the search finds: {found:?}");
}

#[test]
fn what_has_to_be_written_down_is() {
    for (asked, file, words) in WRITTEN {
        assert!(read(file).contains(words), "{asked}: {file} does not say {words:?}");
    }
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
}

/// Which line asks for it, in which file it stands, and words of it.
const WRITTEN: &[(&str, &str, &str)] = &[
    ("2.1.1", "docs/reference/security.md", "## What is taken"),
    ("2.1.2", "docs/reference/security.md", "What belongs together is judged together"),
    ("2.1.3", "docs/reference/security.md", "Limits of what one may do"),
    ("5.1.1", "docs/reference/security.md", "| a file for import |"),
    ("6.1.1", "docs/reference/people.md", "**Tries.** After 5 failures"),
    ("6.1.2", "docs/reference/people.md", "none that holds the user's name"),
    ("6.1.3", "docs/reference/people.md", "**Who asks.** Each request shows one proof"),
    ("7.1.1", "docs/reference/people.md", "A session ends after 30 minutes without use"),
    ("7.1.2", "docs/reference/people.md", "32 for each user"),
    ("7.1.3", "docs/reference/people.md", "taking it from the provider ends it with its session, 12 hours at most"),
    ("8.1.1", "docs/reference/people.md", "**Requests.** What is not in this table is refused."),
    ("11.1.1", "docs/reference/security.md", "Keys: each has one owner and one use."),
    ("11.1.2", "docs/reference/security.md", "## What is encrypted"),
    ("13.1.1", "docs/reference/security.md", "## Who is spoken to"),
    ("14.1.1", "docs/reference/security.md", "## What is kept"),
    ("14.1.2", "docs/reference/security.md", "| Class | What | How it is kept | How long | Who reads it |"),
    ("15.1.3", "docs/reference/security.md", "What takes long:"),
    ("16.1.1", "docs/reference/security.md", "## What is logged"),
];

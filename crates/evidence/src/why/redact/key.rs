//! Which values are secrets because of their names?

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::shape::regex;

/// A name and what separates it from its value. Quotes and brackets may stand between.
static PAIR: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?P<key>[A-Za-z0-9_.\-]+)(?P<sep>\\?["'`\]]*[ \t]*(?:=>|:=|\+=|=|:)[ \t]*)"#));

/// Where the value of an unquoted pair ends, at the latest: at the next pair or option.
static NEXT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?:[\s,;&|]+\\?["'{]*[A-Za-z_][\w.\-]*\\?["']?\s*=|[\s]+--?[A-Za-z]|[,;]\s*["']?[\w.\-]+["']?\s*:|"\s)"#)
});

/// A name that ends a line, or has its value in the next one.
static LAST: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:^|[\s"'\[{,(])(?:-{0,2})(?P<key>[A-Za-z0-9_.\-]+)["']?\s*(?:[:=,\\(]|=>)*\s*(?P<block>[|>][+\-0-9]*)?\s*$"#,
    )
});

/// `name: DB_PASSWORD`, the value of which follows.
static NAMED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)(?:^|[\s"'{<-])(?:name|key|field)["']?\s*[:=]\s*["']?(?P<key>[\w.\-]+)["']?,?\s*$"#));

/// `<password>secret`, `name="password" value="secret"`.
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| regex(r"<(?P<key>[\w.:\-]+)(?:\s[^<>]*)?>(?P<secret>[^<]+)"));
static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)\b(?:name|key|field)["']?\s*[:=]\s*["']?(?P<key>[\w.\-]+)["']?[\s,;]+["']?(?:value|content)["']?\s*[:=]\s*(?P<secret>"[^"]*"?|'[^']*'?|[^\s,}>]+)"#,
    )
});

/// `requirepass secret`, `--password secret`, `password secret` of netrc: blanks alone between.
static BLANK: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?P<key>-{0,2}[A-Za-z][\w.\-]*)["']?,?[ \t]+(?P<secret>"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,"'=:>][^\s,"']*)"#)
});

/// Parts of names whose values are secrets.
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "api.key",
    "accesskey",
    "access_key",
    "access-key",
    "accountkey",
    "account_key",
    "account-key",
    "privatekey",
    "private_key",
    "private-key",
    "encryptionkey",
    "encryption_key",
    "encryption-key",
    "signingkey",
    "signing_key",
    "signing-key",
    "masterkey",
    "master_key",
    "master-key",
    "sharedkey",
    "shared_key",
    "shared-key",
    "preshared",
    "credential",
    "authkey",
    "auth_key",
    "auth-key",
    "authorization",
    "signature",
    "requirepass",
    "masterauth",
    "bindpw",
    "sessionid",
    "session_id",
    "session-id",
    "cookie",
    "license_key",
    "licensekey",
    "license-key",
    "webhook",
    "key_base",
    "x-api-key",
    "deploy_key",
    "deploykey",
    "storage_key",
    "storagekey",
    "hmac",
    "otp_seed",
    "totp",
];

/// Whole names, and last parts of names, that are too short to be looked for within others.
const SECRET_WORDS: &[&str] = &[
    "pass",
    "psk",
    "creds",
    "sig",
    "auth",
    "pw",
    "pin",
    "salt",
    "community",
    "seed",
    "dsn_key",
    "key",
    "jwt",
    "bearer",
];

/// Last parts of names that only speak about a secret.
const ABOUT: &[&str] = &[
    "file",
    "url",
    "uri",
    "host",
    "hostname",
    "path",
    "type",
    "name",
    "ttl",
    "expiry",
    "expires",
    "endpoint",
    "port",
    "policy",
    "length",
    "issuer",
    "server",
    "address",
    "addr",
    "domain",
    "algorithm",
    "enabled",
    "dir",
    "audience",
];

/// Names whose values may be separated by blanks alone.
const BLANK_WORDS: &[&str] = &[
    "requirepass",
    "masterauth",
    "password",
    "passwd",
    "secret",
    "rootpw",
    "bindpw",
    "psk",
    "passphrase",
    "community",
    "rocommunity",
    "rwcommunity",
    "auth-user-pass",
    "set_password",
    "identified_by",
];

pub(super) fn is_secret(key: &str) -> bool {
    let key = key.trim_matches(['-', '.', '_']).to_ascii_lowercase();
    let last = key.rsplit(['_', '.', '-']).next().unwrap_or(&key);
    if ABOUT.contains(&last) {
        return false;
    }
    let is_whole = SECRET_WORDS.contains(&key.as_str()) && key != "key";
    let ends = SECRET_WORDS.contains(&last) && last != key && !key.starts_with("public") && !key.contains("sort");
    is_whole || ends || SECRET.iter().any(|part| key.contains(part))
}

/// What a line says of the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    Next,
    Block,
}

pub(super) fn announces(line: &str) -> Option<Announced> {
    if let Some(found) = NAMED.captures(line).filter(|found| is_secret(&found["key"])) {
        return (!found["key"].is_empty()).then_some(Announced::Next);
    }
    let found = LAST.captures(line).filter(|found| is_secret(&found["key"]))?;
    Some(if found.name("block").is_some() { Announced::Block } else { Announced::Next })
}

/// Of a line whose value is a secret, the value: what follows its own name, else all.
pub(super) fn value_of(line: &str) -> Range<usize> {
    let start = PAIR.find(line).filter(|pair| {
        let key = line[..pair.start()].trim_start_matches([' ', '\t', '-', '"', '\'', '{']);
        key.is_empty()
    });
    let begin = start.map_or_else(|| line.len() - line.trim_start().len(), |pair| pair.end());
    begin..line.len()
}

pub(super) fn find(line: &str, secrets: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(found) = PAIR.captures_at(line, at) {
        let whole = found.get(0).map_or(at..at, |whole| whole.range());
        at = whole.end;
        if is_secret(&found["key"]) {
            let value = value(line, whole.end);
            at = value.end.max(whole.end);
            secrets.push(value);
        }
    }
    for pattern in [&ELEMENT, &ATTRIBUTE] {
        let found = pattern.captures_iter(line).filter(|found| is_secret(&found["key"]));
        secrets.extend(found.filter_map(|found| Some(found.name("secret")?.range())));
    }
    let mut at = 0;
    while let Some(found) = BLANK.captures_at(line, at) {
        let key = &found["key"];
        at = found.name("key").map_or(line.len(), |key| key.end());
        let is_option = key.starts_with('-') && is_secret(key);
        if (is_option || BLANK_WORDS.contains(&key.to_ascii_lowercase().as_str()))
            && let Some(secret) = found.name("secret")
        {
            secrets.push(secret.range());
        }
    }
}

/// The value that begins here: to its closing quote; unquoted, to the next pair or the end of the line.
fn value(line: &str, start: usize) -> Range<usize> {
    let rest = &line[start..];
    let opened = rest.find(|c: char| !matches!(c, '[' | '(' | '{' | ' ' | '\\')).unwrap_or(0);
    let mut chars = rest[opened..].char_indices();
    if let Some((_, quote @ ('"' | '\'' | '`'))) = chars.next() {
        let escaped = opened > 0 && rest[..opened].ends_with('\\');
        let mut last = ' ';
        for (at, c) in chars {
            if c == quote && (escaped || last != '\\') {
                return start..start + opened + at + 1;
            }
            last = if last == '\\' { ' ' } else { c };
        }
        return start..line.len();
    }
    let end = NEXT.find(rest).map_or(rest.len(), |next| next.start());
    start..start + end
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn names_of_secrets_and_names_about_them() {
        for key in [
            "DB_PASSWORD",
            "password",
            "apiKey",
            "--token",
            "client-secret",
            "smtp_pass",
            "AWS_SECRET_ACCESS_KEY",
            "auth",
            "hash_salt",
            "PGPASSWORD",
            "app.key",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "PASSWORD_FILE",
            "token_url",
            "secret-name",
            "key",
            "host",
            "PATH",
            "https",
            "public_key",
            "author",
            "keyboard",
            "pinned",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }
}

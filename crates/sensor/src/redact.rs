//! Which words of a command line are secrets, and must not leave the host?

/// What a secret is replaced by.
pub const REDACTED: &str = "[redacted]";

/// Parts of option and variable names whose value is a secret.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "accesskey",
    "access-key",
    "access_key",
    "privatekey",
    "private-key",
    "private_key",
    "credential",
    "authorization",
    "auth-key",
];

/// Programs whose short option takes a secret as its next word .
const SECRET_OPTIONS: &[(&str, &str)] = &[
    ("curl", "-u"),
    ("curl", "--user"),
    ("sshpass", "-p"),
    ("redis-cli", "-a"),
    ("docker", "-p"),
    ("podman", "-p"),
    ("ldapsearch", "-w"),
    ("smbclient", "-U"),
];

/// Beginnings of well-known tokens.
const TOKEN_STARTS: &[&str] =
    &["eyJ", "AKIA", "ASIA", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_", "npm_"];

/// The command line with its secrets replaced. What is kept is unchanged, word for word.
pub fn argv(words: &[String]) -> Vec<String> {
    let mut out = Vec::with_capacity(words.len());
    let program = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    let mut next_is_secret = false;
    for (index, word) in words.iter().enumerate() {
        let kept = if index == 0 {
            word.clone()
        } else if std::mem::take(&mut next_is_secret) && !word.starts_with("--") {
            REDACTED.to_owned()
        } else {
            redact_word(program, word)
        };
        next_is_secret = index > 0 && (takes_secret(word) || SECRET_OPTIONS.contains(&(program, word.as_str())));
        out.push(kept);
    }
    out
}

/// The words inside one word; the first is looked at too.
fn argv_inside(words: &[String]) -> Vec<String> {
    let program =
        words.iter().find(|word| !word.contains('=')).map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    let mut secret = false;
    let mut out = Vec::with_capacity(words.len());
    for word in words {
        let hide = std::mem::take(&mut secret) && !word.starts_with("--") && !word.is_empty();
        out.push(if hide { REDACTED.to_owned() } else { redact_word(program, word) });
        let header = word.strip_suffix(':').is_some_and(is_secret_name);
        secret = header || takes_secret(word) || SECRET_OPTIONS.contains(&(program, word.as_str()));
    }
    out
}

/// Whether the word is an option whose value, a secret, is the next word.
fn takes_secret(word: &str) -> bool {
    word.starts_with('-') && !word.contains('=') && is_secret_name(word)
}

fn is_secret_name(name: &str) -> bool {
    let lower = name.trim_start_matches('-').to_ascii_lowercase();
    // `--password-file` names a file, which is no secret.
    !lower.ends_with("file") && !lower.ends_with("path") && SECRET_NAMES.iter().any(|secret| lower.contains(secret))
}

fn redact_word(program: &str, word: &str) -> String {
    // A whole command line or header in one word (`sh -c '…'`, `-H 'X-Api-Key: …'`).
    if word.contains(' ') && !word.to_ascii_lowercase().contains("authorization:") {
        let parts: Vec<String> = word.split(' ').map(str::to_owned).collect();
        return argv_inside(&parts).join(" ");
    }
    if let Some((name, value)) = word.split_once('=')
        && !value.is_empty()
        && is_secret_name(name.rsplit(['?', '&', ' ', ',']).next().unwrap_or(name))
    {
        return format!("{name}={REDACTED}");
    }
    // mysql -pSECRET, in every client of its family.
    if (program.starts_with("mysql") || program.starts_with("mariadb")) && word.starts_with("-p") && word.len() > 2 {
        return format!("-p{REDACTED}");
    }
    let lower = word.to_ascii_lowercase();
    if let Some(at) = lower.find("authorization:") {
        return format!("{} {REDACTED}", &word[..at + "authorization:".len()]);
    }
    if let Some(url) = redact_userinfo(word) {
        return url;
    }
    if TOKEN_STARTS.iter().any(|start| word.starts_with(start)) && word.len() >= 16 {
        return REDACTED.to_owned();
    }
    redact_query(word)
}

/// `scheme://user:password@host` without the password.
fn redact_userinfo(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (user, host) = rest[..end].rsplit_once('@')?;
    let (name, _) = user.split_once(':')?;
    Some(format!("{scheme}://{name}:{REDACTED}@{host}{}", &rest[end..]))
}

/// `…?token=SECRET&x=1` without the secret.
fn redact_query(word: &str) -> String {
    let Some((front, query)) = word.split_once('?') else { return word.to_owned() };
    let part = |part: &str| match part.split_once('=') {
        Some((name, value)) if is_secret_name(name) && !value.is_empty() => format!("{name}={REDACTED}"),
        _ => part.to_owned(),
    };
    format!("{front}?{}", query.split('&').map(part).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(argv(&words).join(" "), expected);
    }

    #[test]
    fn secrets_inside_one_word_are_replaced_too() {
        let inside = |word: &str| argv(&["sh".to_owned(), "-c".to_owned(), word.to_owned()])[2].clone();
        assert_eq!(
            inside("DB_PASSWORD=x exec app --token abc run"),
            "DB_PASSWORD=[redacted] exec app --token [redacted] run"
        );
        assert_eq!(inside("curl -u bob:pw https://h.example"), "curl -u [redacted] https://h.example");
        assert_eq!(inside("X-Api-Key: abc"), "X-Api-Key: [redacted]");
        assert_eq!(inside("echo hello world"), "echo hello world");
    }

    #[test]
    fn secrets_are_replaced_and_nothing_else() {
        check("curl -u bob:pw https://h.example", "curl -u [redacted] https://h.example");
        check("sshpass -p pw ssh h", "sshpass -p [redacted] ssh h");
        check("app --password hunter2 -v", "app --password [redacted] -v");
        check("app --password=hunter2", "app --password=[redacted]");
        check("app --password-file /run/key", "app --password-file /run/key");
        check("env DB_PASSWORD=x PORT=80 app", "env DB_PASSWORD=[redacted] PORT=80 app");
        check("mysql -uroot -phunter2 db", "mysql -uroot -p[redacted] db");
        check("mkdir -p /srv", "mkdir -p /srv");
        check("curl https://bob:pw@host.example/x", "curl https://bob:[redacted]@host.example/x");
        check("curl https://h.example/?a=1&token=abc", "curl https://h.example/?a=1&token=[redacted]");
        check("app eyJhbGciOiJIUzI1NiJ9.e30.x", "app [redacted]");
        check("java -jar app.jar --server.port=80", "java -jar app.jar --server.port=80");
    }
}

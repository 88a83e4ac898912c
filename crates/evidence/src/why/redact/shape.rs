//! Which texts are secrets because of what they look like?

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A pattern of ours; one that does not compile is found by the first test that runs.
#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests use each")]
pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of ours")
}

/// Patterns, and which group is the secret.
const SHAPES: &[&str] = &[
    // Keys in one line, as JSON and YAML write them.
    r"(?P<s>-----BEGIN [A-Z ]*PRIVATE KEY.*)",
    r"(?P<s>PuTTY-User-Key-File.*|AGE-SECRET-KEY-1[0-9A-Za-z]+)",
    // Tokens with a mark of their own.
    r"(?P<s>\b(?:AKIA|ASIA|AROA|AIDA|ABIA)[0-9A-Z]{12,})",
    r"(?P<s>\b(?:gh[pousr]_|github_pat_|glpat-|gldt-|glrt-|xox[abeprs]-|xapp-|npm_|pypi-|dckr_pat_|hv[sbr]\.|shpat_|shpss_|whsec_|dop_v1_|doo_v1_|rubygems_|figd_|lin_api_|sq0[a-z]{3}-|EAAC|ya29\.|AIza|SG\.|sk-|[sr]k_(?:live|test)_|pk_live_|PMAK-|NRAK-|sntrys_|tfp_|atlasv1\.|key-|r8_|hf_|gsk_|ATATT|T3BlbkFJ)[A-Za-z0-9_.=\-]{8,})",
    // JSON Web Tokens; hashes of passwords.
    r"(?P<s>\beyJ[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*){0,4})",
    r"(?P<s>\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2(?:id|i|d)|pbkdf2[a-z0-9\-]*|scrypt|sha1|md5)\$[^\s:,;'<>]+)",
    r"(?P<s>\{(?:SSHA?(?:256|512)?|SHA(?:256|512)?|SMD5|CRYPT|PBKDF2)\}[^\s:,;'<>]+)",
    // Headers.
    r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=,]?\s*["']?(?P<s>[^"'\r\n]+)"#,
    r#"(?i)\b(?:bearer|basic|digest|negotiate|token|apikey)[ \t]+(?P<s>[A-Za-z0-9._~+/=:\-]{6,})"#,
    r#"(?i)\b(?:set-)?cookie["']?\s*[:=]\s*["']?(?P<s>[^"'\r\n]+)"#,
    r#"(?i)\bx-[a-z\-]*(?:key|token|auth|secret|signature)[a-z\-]*["']?\s*[:= ]\s*["']?(?P<s>[^"'\r\n]+)"#,
    // Options of known programs.
    r#"(?i)\b(?:sshpass|docker\s+login|podman\s+login)\b.*?\s-p\s*(?P<s>"[^"]*"|'[^']*'|\S+)"#,
    r#"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b.*?\s-p(?P<s>[^\s"']+)"#,
    r#"(?:\s|["'\[,])(?:-u|--user|--proxy-user|-U)["',= ]+\s*["']?[^\s:"']+:(?P<s>[^\s"']+)"#,
    r#"\b(?:redis-cli|valkey-cli)\b.*?\s-a\s+(?P<s>"[^"]*"|'[^']*'|\S+)"#,
    r#"\b(?:ldap[a-z]+)\b.*?\s-w\s*(?P<s>"[^"]*"|'[^']*'|\S+)"#,
    r#"\b(?:smbclient|rpcclient|mount\.cifs)\b.*?%(?P<s>[^\s"']+)"#,
    r#"\bopenssl\b.*?\b(?:pass|k)(?:in|out)?[: ](?:pass:)?(?P<s>\S+)"#,
    r#"(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?(?P<s>'[^']*'|"[^"]*"|\S+)"#,
    r#"(?i)\bAUTH\s+(?:PLAIN\s+|LOGIN\s+)?(?P<s>\S{6,})"#,
    // `host:port:db:user:secret` of pgpass; `user:secret@` without a scheme; `user:hash` of htpasswd.
    r#"^\s*[^:\s#]+:(?:\d+|\*):[^:]*:[^:]*:(?P<s>.+)$"#,
    r#"(?:^|[\s"'=,(<])[\w.+\-]+:(?P<s>[^\s"'/][^\s"']*)@[\w\[(.\-]"#,
    // Addresses that are secrets themselves.
    r"(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks|api\.telegram\.org/bot|outlook\.office\.com/webhook|[\w.\-]+\.webhook\.office\.com/webhookb2)/?(?P<s>[^\s\x22'<>]+)",
    r"(?i)[?&](?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|code|state|key|auth|sid|hash)=(?P<s>[^&\s\x22'<>]+)",
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| SHAPES.iter().map(|pattern| regex(pattern)).collect());

pub(super) fn find(line: &str, secrets: &mut Vec<Range<usize>>) {
    for pattern in COMPILED.iter() {
        let found = pattern.captures_iter(line);
        secrets.extend(found.filter_map(|found| Some(found.name("s")?.range())));
    }
}

//! What did the kernel's audit see of log-ins and of what was run?
//!
//! `type=USER_LOGIN msg=audit(1700000000.123:7): … msg='op=login acct="root" … addr=192.0.2.7 res=failed'`. Values that
//! hold blanks or quotes are written as hexadecimal digits. [audit-userspace: auditd, ausearch]

use std::borrow::Cow;

use super::fields::Fields;
use super::{LogFormat, leading_address};
use crate::entry::{Entry, LogIn, Outcome, Said};
use crate::stamp::{self, Clock};

/// auditd's log.
pub struct Audit;

impl LogFormat for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn read<'l>(&self, text: &'l str, _clock: &Clock) -> Option<Entry<'l>> {
        let start = text.find("type=").filter(|at| *at == 0 || text.starts_with("node="))?;
        let (kind, rest) = text[start + 5..].split_once(" msg=audit(")?;
        let (stamp, rest) = rest.split_once(':')?;
        let time = stamp::seconds(stamp)?;
        let rest = rest.split_once("): ").map_or("", |(_, rest)| rest);
        // What is enriched stands again behind a group separator.
        let rest = rest.split('\u{1d}').next().unwrap_or(rest);
        let (outer, inner) = rest.split_once("msg='").unwrap_or((rest, rest));
        let fields = Fields::pairs(inner.trim_end_matches('\''));
        let remote = fields.first(&["addr"]).filter(|addr| *addr != "?").and_then(leading_address);
        let remote =
            remote.or_else(|| fields.first(&["hostname"]).and_then(leading_address)).map(|(address, _)| address);
        Some(Entry::new(Some(time), remote, said(kind, outer, &fields, text)))
    }
}

fn said<'l>(kind: &str, outer: &str, fields: &Fields<'_>, text: &'l str) -> Said<'l> {
    let op = fields.get("op").unwrap_or_default();
    let is_ssh = fields.get("exe").is_some_and(|exe| exe.ends_with("/sshd") || exe.ends_with("/sshd-session"));
    match (kind, fields.get("res")) {
        ("USER_LOGIN" | "USER_AUTH" | "USER_ERR", Some(result))
            if matches!(op, "login" | "password" | "pubkey") || op.starts_with("PAM:") =>
        {
            let user = fields.first(&["acct", "id"]).unwrap_or_default();
            let user = if text.contains("acct=\"") || !text.contains("acct=") { user.into() } else { plain(user) };
            let outcome = match result {
                // What failed was told by `USER_AUTH` or `USER_ERR`.
                "failed" if kind == "USER_LOGIN" => return Said::Text(text.into()),
                "failed" if user.starts_with('(') || op == "PAM:bad_ident" => Outcome::UnknownUser,
                "failed" => Outcome::Failed,
                // A right password is one step of several: `USER_LOGIN` tells when it is done.
                _ if kind == "USER_LOGIN" => Outcome::Accepted,
                _ => return Said::Text(text.into()),
            };
            let service = if is_ssh { "sshd" } else { "audit" };
            Said::LogIn(LogIn { service, user: user.into_owned().into(), outcome })
        }
        ("EXECVE" | "PROCTITLE", _) => {
            let words = Fields::pairs(outer);
            let words: Vec<String> = match words.get("proctitle") {
                Some(title) => vec![plain(title).replace('\0', " ")],
                None => words.under("a").filter(|(name, _)| number(name)).map(|(_, word)| plain(word).into()).collect(),
            };
            Said::Text(words.join(" ").into())
        }
        _ => Said::Text(text.into()),
    }
}

fn number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'[' || byte == b']')
}

/// A value as it was before audit wrote it as hexadecimal digits.
pub(crate) fn plain(value: &str) -> Cow<'_, str> {
    let is_hex =
        value.len() >= 4 && value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(value);
    }
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or_default() as u8;
    let bytes: Vec<u8> = value.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    String::from_utf8(bytes).map_or(Cow::Borrowed(value), Cow::Owned)
}

//! Which servers and libraries were put here without any package manager?
//!
//! A program that no package owns is recognised by its name and by the version text that its
//! authors compile into it. That is less than a package database's word, and is shown by its
//! ecosystem: `Generic`, found in the program itself.

use tripoint_model::{Ecosystem, Package, Parsed};

use super::{Cataloger, entry};
use crate::elf::Elf;

/// Programs that tell their version.
pub struct Servers;

impl Cataloger for Servers {
    fn name(&self) -> &'static str {
        "servers"
    }

    fn executable(&self, elf: &Elf, path: &str, out: &mut Parsed<Package>) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        let mut known = KNOWN.iter().filter(|known| known.files.iter().any(|name| is_called(file, name))).peekable();
        if known.peek().is_none() {
            return false;
        }
        let Some(text) = elf.section_bytes(".rodata") else { return false };
        // The first that fits: OpenResty is an nginx, and says both.
        let Some((name, version)) = known.find_map(|known| Some((known.name, known.version(&text)?))) else {
            return false;
        };
        entry::take(Ecosystem::Generic, name, &version, path, 0, out);
        true
    }
}

/// One program: how its file is called and where its version stands.
struct Known {
    name: &'static str,
    /// Names of its file; a `*` at the end stands for digits, dots and dashes.
    files: &'static [&'static str],
    at: At,
}

/// Where a version stands in a program's texts.
enum At {
    /// Right after this.
    After(&'static str),
    /// Right before this.
    Before(&'static str),
    /// Alone, the only text of that form.
    Alone,
}

const fn known(name: &'static str, files: &'static [&'static str], at: At) -> Known {
    Known { name, files, at }
}

const KNOWN: &[Known] = &[
    known("openresty", &["nginx", "openresty"], At::After("openresty/")),
    known("nginx", &["nginx"], At::After("nginx/")),
    known("httpd", &["httpd", "apache2"], At::After("Apache/")),
    known("openssl", &["openssl", "libcrypto.so*"], At::After("OpenSSL ")),
    known("redis", &["redis-server", "redis-check-aof", "redis-check-rdb"], At::Alone),
    known("valkey", &["valkey-server"], At::Alone),
    known("exim", &["exim", "exim4"], At::Alone),
    known("postgresql", &["postgres"], At::After("PostgreSQL ")),
    known("postgresql", &["postgres"], At::After("(PostgreSQL) ")),
    known("php", &["php", "php*", "php-fpm", "php-fpm*", "php-cgi", "libphp.so", "libphp*.so"], At::After("PHP/")),
    known("openjdk", &["libjvm.so"], At::After("JRE (")),
    known("node", &["node", "nodejs"], At::After("node.js/v")),
    known("haproxy", &["haproxy"], At::Before(", released 20")),
    known("haproxy", &["haproxy"], At::After("HA-Proxy version ")),
    known("mariadb", &["mariadbd", "mysqld", "mariadb"], At::Before("-MariaDB")),
    known("mysql", &["mysqld", "mysql"], At::After("/mysql-")),
    known("memcached", &["memcached"], At::After("memcached ")),
    known("lighttpd", &["lighttpd"], At::After("lighttpd/")),
    known("squid", &["squid"], At::After("squid/")),
    known("unbound", &["unbound"], At::After("unbound ")),
    known("dnsmasq", &["dnsmasq"], At::After("dnsmasq-")),
    known("openssh", &["sshd", "ssh", "sshd-session"], At::After("OpenSSH_")),
    known("dropbear", &["dropbear", "dropbearmulti"], At::After("SSH-2.0-dropbear_")),
    known("openvpn", &["openvpn"], At::After("OpenVPN ")),
    known("vsftpd", &["vsftpd"], At::After("vsFTPd ")),
    known("proftpd", &["proftpd"], At::After("ProFTPD ")),
    known("ruby", &["ruby", "libruby.so*", "libruby-*"], At::After("ruby ")),
    known("bash", &["bash"], At::After("@(#)Bash version ")),
    known("busybox", &["busybox"], At::After("BusyBox v")),
    known("curl", &["libcurl.so*", "curl"], At::After("libcurl/")),
    known("zlib", &["libz.so*"], At::After(" inflate ")),
];

fn is_called(file: &str, name: &str) -> bool {
    let Some((stem, end)) = name.split_once('*') else { return file == name };
    let Some(rest) = file.strip_prefix(stem).and_then(|rest| rest.strip_suffix(end)) else { return false };
    rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
}

impl Known {
    fn version(&self, text: &[u8]) -> Option<String> {
        match self.at {
            At::After(mark) => places(text, mark.as_bytes()).find_map(|at| {
                let rest = text.get(at + mark.len()..)?;
                let end = rest.iter().position(|byte| !is_version(*byte)).unwrap_or(rest.len());
                plausible(rest.get(..end).filter(|text| text.len() <= VERSION_BYTES_MAX)?)
            }),
            At::Before(mark) => places(text, mark.as_bytes()).find_map(|at| {
                let rest = text.get(at.saturating_sub(VERSION_BYTES_MAX)..at)?;
                let length = rest.iter().rev().take_while(|byte| is_version(**byte)).count();
                plausible(rest.get(rest.len() - length..)?)
            }),
            At::Alone => {
                let mut found: Vec<String> = text
                    .split(|byte| *byte == 0)
                    .filter(|text| text.len() <= VERSION_BYTES_MAX && text.iter().all(|byte| is_number(*byte)))
                    .filter(|text| text.split(|byte| *byte == b'.').all(|part| !part.is_empty()))
                    .filter_map(plausible)
                    .take(2)
                    .collect();
                found.dedup();
                if found.len() == 1 { found.pop() } else { None }
            }
        }
    }
}

/// Where `mark` stands in `text`.
fn places(text: &[u8], mark: &[u8]) -> impl Iterator<Item = usize> {
    let first = mark.first().copied().unwrap_or_default();
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(at) = text.get(from..)?.iter().position(|byte| *byte == first) {
            let place = from + at;
            from = place + 1;
            if text.get(place..)?.starts_with(mark) {
                return Some(place);
            }
        }
        None
    })
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

fn is_version(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'~')
}

/// A version begins with a digit and has a dot: what else follows a name is part of a sentence.
fn plausible(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches(['.', '-', '_']);
    (text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.')).then(|| text.to_owned())
}

/// The longest seen is OpenJDK's with its vendor's mark.
const VERSION_BYTES_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::tests::{built, opened};

    #[test]
    fn versions_are_found_in_the_texts() {
        for (path, text, expected) in [
            ("opt/nginx/sbin/nginx", "nginx/%s\0server: nginx/1.24.0\0", "nginx 1.24.0"),
            ("opt/nginx/sbin/nginx", "nginx/1.21.4\0openresty/1.21.4.1\0", "openresty 1.21.4.1"),
            ("opt/lib/libcrypto.so.1.1", "OpenSSL \0OpenSSL 1.1.1k  25 Mar 2021\0", "openssl 1.1.1k"),
            ("usr/local/bin/redis-server", "redis\x006.2.6\x00x1.2\0", "redis 6.2.6"),
            ("usr/local/bin/redis-server", "6.2.6\x001.2.3\0", ""),
            ("opt/jre/lib/server/libjvm.so", "for linux JRE (17.0.2+8-86), built", "openjdk 17.0.2+8-86"),
            ("opt/haproxy", "HA-Proxy\0", ""),
            ("opt/sbin/haproxy", "2.6.1-f6ca66d, released 2022/06/21\0", "haproxy 2.6.1-f6ca66d"),
            ("opt/mysqld", "11.2.2-MariaDB\0", "mariadb 11.2.2"),
            ("opt/php-fpm8.2", "X-Powered-By: PHP/8.2.13\0", "php 8.2.13"),
            ("opt/unknown", "nginx/1.24.0\0", ""),
        ] {
            let mut out = Parsed::default();
            let elf = opened(&built(&[(".rodata", text.as_bytes())])).expect("elf");
            let seen = Servers.executable(&elf, path, &mut out);
            let found: Vec<_> = out.accepted.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
            assert_eq!(found.concat(), expected, "{path}");
            assert_eq!(seen, !expected.is_empty());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_hurts(text: Vec<u8>) {
            for known in KNOWN {
                known.version(&text);
            }
        }
    }
}

//! Where does a kind of server write its logs unless it is told otherwise?

use super::{How, Located, Log, Subject};

pub(super) fn find(subject: &Subject, found: &mut Located) {
    let program = subject.program();
    for (programs, paths) in LAYOUTS {
        if !programs.iter().any(|name| program == *name || program.starts_with(&format!("{name}-"))) {
            continue;
        }
        for path in *paths {
            let log = Log { path: path.into(), root: subject.root(), how: How::Layout, pattern: None };
            if super::open(&log).is_ok() {
                found.add(log);
            }
        }
    }
}

/// Programs, and the paths of their packages' logs (Debian's, then Red Hat's, then upstream's).
const LAYOUTS: &[(&[&str], &[&str])] = &[
    (&["nginx", "openresty"], &["/var/log/nginx/access.log", "/var/log/nginx/error.log"]),
    (
        &["apache2", "httpd"],
        &[
            "/var/log/apache2/access.log",
            "/var/log/apache2/error.log",
            "/var/log/apache2/other_vhosts_access.log",
            "/var/log/apache2/modsec_audit.log",
            "/var/log/httpd/access_log",
            "/var/log/httpd/error_log",
            "/usr/local/apache2/logs/access_log",
            "/usr/local/apache2/logs/error_log",
        ],
    ),
    (&["sshd", "sshd-session", "dropbear"], &["/var/log/auth.log", "/var/log/secure"]),
    (&["haproxy"], &["/var/log/haproxy.log"]),
    (&["exim4", "exim"], &["/var/log/exim4/mainlog", "/var/log/exim4/rejectlog", "/var/log/exim/main.log"]),
    (
        &["master", "smtpd", "postscreen", "dovecot", "imap-login", "pop3-login"],
        &["/var/log/mail.log", "/var/log/maillog"],
    ),
    (&["mysqld", "mariadbd"], &["/var/log/mysql/error.log", "/var/log/mariadb/mariadb.log", "/var/log/mysqld.log"]),
    (&["redis-server", "valkey-server"], &["/var/log/redis/redis-server.log", "/var/log/redis/redis.log"]),
    (&["vsftpd"], &["/var/log/vsftpd.log"]),
    (&["proftpd"], &["/var/log/proftpd/proftpd.log"]),
    (&["caddy"], &["/var/log/caddy/access.log"]),
    (&["traefik"], &["/var/log/traefik/access.log", "/var/log/traefik.log"]),
    (&["squid"], &["/var/log/squid/access.log"]),
    (&["named"], &["/var/log/named/named.log"]),
    (&["mongod"], &["/var/log/mongodb/mongod.log"]),
];

//! Who was refused by databases and directories?

use super::{Row, accepted, failed, refused, unknown};

pub(super) const ROWS: &[Row] = &[
    // [MySQL: Error messages ER_ACCESS_DENIED_ERROR]
    failed(
        "mysqld",
        "Access denied for user ",
        r"Access denied for user '(?P<user>.*)'@'(?P<ip>[^']+)'(?: \(using password: (?:YES|NO)\))?\s*$",
    ),
    // What stands before is as `log_line_prefix` says; the peer is taken from there. [PostgreSQL: auth.c]
    failed(
        "postgres",
        " authentication failed for user ",
        r#"FATAL:  \w+(?: \w+)? authentication failed for user "(?P<user>.*)""#,
    ),
    failed(
        "postgres",
        "no pg_hba.conf entry for host ",
        r#"FATAL:  no pg_hba.conf entry for host "<peer>", user "(?P<user>.*?)""#,
    ),
    unknown("postgres", r#"FATAL:  role ""#, r#"FATAL:  role "(?P<user>.*)" does not exist"#),
    // [Redis: acl.c]
    failed("redis", "AUTH failed", r"AUTH failed.* addr=<peer>"),
    failed("redis", "ACL LOG: auth", r#"ACL LOG: auth .*addr=<peer>.*user=(?P<user>\S*)"#),
    refused(
        "redis",
        "Possible SECURITY ATTACK detected",
        r"^Possible SECURITY ATTACK detected\..* Connection from <peer> aborted",
    ),
    // [SQL Server: error 18456]
    failed(
        "mssql",
        "Login failed for user ",
        r"^Logon\s+Login failed for user '(?P<user>.*)'\. Reason: .*\[CLIENT: (?P<ip>[^\]]+)\]\s*$",
    ),
    failed(
        "mongodb",
        "Failed to authenticate ",
        r"ACCESS\s+\[conn\d+\] .*Failed to authenticate (?P<user>\S+) from client (?P<ip>[\da-fA-F.:]+)",
    ),
    accepted(
        "mongodb",
        "Successfully authenticated",
        r"Successfully authenticated as principal (?P<user>\S+) on .* from client (?P<ip>[\da-fA-F.:]+)",
    ),
    failed("openldap", " RESULT tag=97 err=49", r"IP=(?P<ip>[\d.]+):\d+.* RESULT tag=97 err=49 "),
];

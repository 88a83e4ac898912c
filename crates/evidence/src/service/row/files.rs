//! Who tried to log in to file transfer?

use super::{Row, accepted, failed, unknown};

pub(super) const ROWS: &[Row] = &[
    // [vsftpd: vsf_log_do_log]
    failed("vsftpd", "FAIL LOGIN: Client ", r#"^(?:\[pid \d+\] )?\[(?P<user>.*)\] FAIL LOGIN: Client "<peer>""#),
    accepted("vsftpd", "OK LOGIN: Client ", r#"^(?:\[pid \d+\] )?\[(?P<user>.*)\] OK LOGIN: Client "<peer>""#),
    // The address in brackets behind the name is ProFTPD's own. [ProFTPD: mod_auth, mod_log]
    unknown(
        "proftpd",
        ": no such user found from ",
        r"^(?:.*? )?[\w.-]+ \(\S+\[(?P<ip>[\da-fA-F.:]+)\]\)(?: -|:) USER (?P<user>.*): no such user found from \S+ \[[\da-fA-F.:]+\] to \S+\s*$",
    ),
    failed(
        "proftpd",
        "(Login failed): ",
        r"^(?:.*? )?[\w.-]+ \(\S+\[(?P<ip>[\da-fA-F.:]+)\]\)(?: -|:) USER (?P<user>.*) \(Login failed\): ",
    ),
    failed(
        "proftpd",
        "SECURITY VIOLATION: ",
        r"^(?:.*? )?[\w.-]+ \(\S+\[(?P<ip>[\da-fA-F.:]+)\]\)(?: -|:) SECURITY VIOLATION: (?P<user>[Rr]oot) login attempted",
    ),
    failed(
        "proftpd",
        "Maximum login attempts",
        r"^(?:.*? )?[\w.-]+ \(\S+\[(?P<ip>[\da-fA-F.:]+)\]\)(?: -|:) Maximum login attempts \(\d+\) exceeded",
    ),
    accepted(
        "proftpd",
        ": Login successful.",
        r"^(?:.*? )?[\w.-]+ \(\S+\[(?P<ip>[\da-fA-F.:]+)\]\)(?: -|:) USER (?P<user>.*): Login successful\.",
    ),
    // [Pure-FTPd: MSG_AUTH_FAILED_LOG]
    failed(
        "pure-ftpd",
        "Authentication failed for user [",
        r"^\((?P<ruser>[^()]*)@(?P<ip>[^()@]+)\) \[WARNING\] Authentication failed for user \[(?P<user>.*)\]\s*$",
    ),
];

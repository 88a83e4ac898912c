//! Whom did firewalls, resolvers, tunnels and proxies refuse?

use super::{Row, failed, refused};

pub(super) const ROWS: &[Row] = &[
    // What was asked for is the port. [Linux: nf_log_ipv4]
    refused("firewall", " DPT=", r"(?:^|\s)IN=\S* OUT=\S* .*SRC=(?P<ip>[\da-fA-F.:]+) DST=.* DPT=(?P<user>\d+) "),
    refused(
        "firewall",
        "connection-state:new",
        r"in:\S+ out:.*connection-state:new .*proto \w+(?: \(\w+\))?, (?P<ip>[\da-fA-F.:]+):\d+->[\da-fA-F.:]+:(?P<user>\d+),",
    ),
    refused(
        "bind",
        " denied",
        r"client (?:@0x[\da-f]+ )?(?P<ip>[\da-fA-F.:]+)#\d+(?: \(.*?\))?:(?: view \w+:)? (?:query(?: \(cache\))?|zone transfer|update) '(?P<user>[^']*)' denied",
    ),
    refused(
        "bind",
        "zone transfer request",
        r"client (?:@0x[\da-f]+ )?(?P<ip>[\da-fA-F.:]+)#\d+(?: \(.*?\))?: bad zone transfer request: '(?P<user>[^']*)'",
    ),
    failed("charon", "deleting half open IKE_SA with ", r"deleting half open IKE_SA with <peer> after timeout"),
    failed(
        "dante",
        "authentication failed for user ",
        r#"tcp/accept \]: (?P<ip>\d+\.\d+\.\d+\.\d+)\.\d+ .*authentication failed for user "(?P<user>.*)""#,
    ),
    failed(
        "dante",
        "could not access user ",
        r#"tcp/accept \]: (?P<ip>\d+\.\d+\.\d+\.\d+)\.\d+ .*could not access user "(?P<user>.*)"'s records"#,
    ),
    failed(
        "dante",
        "pam_authenticate() for user ",
        r#"tcp/accept \]: (?P<ip>\d+\.\d+\.\d+\.\d+)\.\d+ .*pam_authenticate\(\) for user "(?P<user>.*)" failed"#,
    ),
    refused(
        "stunnel",
        "SSL_accept from ",
        r"SSL_accept from (?P<ip>[\da-fA-F.:]+):\d+ : .*peer did not return a certificate",
    ),
    refused("palo-alto", ",THREAT,vulnerability,", r",THREAT,vulnerability,[^,]*,[^,]*,(?P<ip>[\da-fA-F.:]+),"),
];

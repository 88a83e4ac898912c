//! Who tried to come in by remote access and administration?

use super::{Row, accepted, failed, refused, unknown};

pub(super) const ROWS: &[Row] = &[
    failed("xrdp", "AUTHFAIL: user=", r"^(?:\[INFO \] )?AUTHFAIL: user=(?P<user>.*) ip=<peer> time=\d+\s*$"),
    failed("dropbear", "assword attempt for '", r"[Bb]ad (?:PAM )?password attempt for '(?P<user>.*)' from <peer>\s*$"),
    unknown("dropbear", "ogin attempt for nonexistent user", r"[Ll]ogin attempt for nonexistent user from <peer>\s*$"),
    failed(
        "dropbear",
        "Max auth tries reached",
        r"^(?:.* )?[Ee]xit before auth from <<peer>>: .*Max auth tries reached - user '(?P<user>.*)'",
    ),
    failed(
        "dropbear",
        "Max auth tries reached",
        r"^[Ee]xit before auth \(user '(?P<user>.*)', \d+ fails\): Max auth tries reached - user '.*' from <peer>\s*$",
    ),
    failed("webmin", "Invalid login as ", r"^Invalid login as (?P<user>.*) from <peer>\s*$"),
    unknown("webmin", "Non-existent login as ", r"^Non-existent login as (?P<user>.*) from <peer>\s*$"),
    failed(
        "proxmox",
        "authentication failure; rhost=",
        r"^authentication failure; rhost=<peer>(?::\d+)? user=(?P<user>\S+) msg=(?:[^n]|n[^o]).*",
    ),
    unknown(
        "proxmox",
        "msg=no such user",
        r"^authentication failure; rhost=<peer>(?::\d+)? user=(?P<user>\S+) msg=no such user",
    ),
    failed("routeros", "login failure for user ", r"login failure for user (?P<user>.*) from <peer> via \w+\s*$"),
    failed(
        "pfsense",
        "webConfigurator authentication error",
        r"webConfigurator authentication error for user '(?P<user>.*)' from: <peer>\s*$",
    ),
    failed("cpanel", "FAILED LOGIN ", r#"\[\w+\] (?P<ip>[\da-fA-F.:]+) - (?P<user>\S*) ".*" FAILED LOGIN \w+: "#),
    failed(
        "directadmin",
        " failed login attempt",
        r"^(?:[\d:-]+: )?'(?P<ip>[\da-fA-F.:]+)' \d+ failed login attempts?\. Account '(?P<user>.*?)'",
    ),
    unknown(
        "directadmin",
        "Invalid account '",
        r"^(?:[\d:-]+: )?'(?P<ip>[\da-fA-F.:]+)' \d+ failed login attempts?\. Invalid account '(?P<user>.*)'",
    ),
    failed("hestiacp", " failed to login", r"^(?P<user>\S+) (?P<ip>[\da-fA-F.:]+) failed to login\s*$"),
    failed(
        "froxlor",
        "tried to login with wrong password",
        r"\[Login Action <peer>\] User '(?P<user>.*)' tried to login with wrong password",
    ),
    unknown("froxlor", "' tried to login", r"\[Login Action <peer>\] Unknown user '(?P<user>.*)' tried to login"),
    failed(
        "froxlor",
        "tried to login with wrong password",
        r#"User tried to login with wrong password\. \{"source":"login","action":"\d+","user":"(?P<ip>[^"]+)"\}"#,
    ),
    unknown(
        "froxlor",
        "Unknown user tried to login",
        r#"Unknown user tried to login\. \{"source":"login","action":"\d+","user":"(?P<ip>[^"]+)"\}"#,
    ),
    failed(
        "guacamole",
        "Authentication attempt from ",
        r#"Authentication attempt from \[?(?P<ip>[\da-fA-F.:]+)(?:, [^\]]*)?\]? for user "(?P<user>.*)" failed\."#,
    ),
    // A honeypot lets everybody in: who comes is guessing.
    failed(
        "sshesame",
        "authentication for user ",
        r#"^\[(?P<ip>[\da-fA-F.:]+):\d+\] authentication for user "(?P<user>.*)" (?:with(?:out)? .*) (?:accepted|rejected)"#,
    ),
    refused(
        "sshesame",
        "] command ",
        r#"^\[(?P<ip>[\da-fA-F.:]+):\d+\] \[channel \d+\] command (?P<user>.*) requested"#,
    ),
    failed("endlessh", "ACCEPT host=", r"(?:^|\] )ACCEPT host=<peer> port=\d+"),
    failed(
        "pterodactyl",
        "failed to validate user credentials",
        r"failed to validate user credentials .*? ip=<peer>(?: subsystem=\w+)? username=(?P<user>\S*)",
    ),
    accepted(
        "directadmin",
        "successful login to ",
        r"^(?:[\d:-]+: )?'(?P<ip>[\da-fA-F.:]+)' successful login to '(?P<user>.*)' after",
    ),
    failed(
        "windows",
        "<EventID>4625</EventID>",
        r#"<EventID>4625</EventID>.*<Data Name="TargetUserName">(?P<user>[^<]*)</Data>.*<Data Name="IpAddress">(?P<ip>[^<]+)</Data>"#,
    ),
    accepted(
        "windows",
        "<EventID>4624</EventID>",
        r#"<EventID>4624</EventID>.*<Data Name="TargetUserName">(?P<user>[^<]*)</Data>.*<Data Name="IpAddress">(?P<ip>[^<]+)</Data>"#,
    ),
    refused("nrpe", "is not allowed to talk to us", r"^Host <peer> is not allowed to talk to us!"),
    refused(
        "xinetd",
        "FAIL: ",
        r"^FAIL: (?P<user>\S+) (?:address|libwrap|service_limit|per_source_limit) from=<peer>\s*$",
    ),
];

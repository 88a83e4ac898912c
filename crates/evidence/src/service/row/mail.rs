//! Who tried to log in to mail servers, or was refused by them?

use super::{Row, accepted, failed, refused, unknown};

pub(super) const ROWS: &[Row] = &[
    // Exim. [Exim: spec, Log files, SMTP authentication]
    failed(
        "exim",
        "authenticator failed for ",
        r"authenticator failed for (?:[^\[]\S* )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\].*?: 535 Incorrect authentication data(?: \(set_id=(?P<user>[^)]*)\))?",
    ),
    refused(
        "exim",
        " rejected RCPT ",
        r"(?:^|\s)H=(?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\].* rejected RCPT (?P<user>\S+): .*$",
    ),
    refused(
        "exim",
        "sender verify fail for",
        r"H=(?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\](?::\d+)?(?: I=\S+)? sender verify fail for (?P<user>\S+)",
    ),
    refused(
        "exim",
        "SMTP protocol synchronization error",
        r"SMTP protocol synchronization error \(.*?\): rejected (?:connection from|.*?) H=(?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\]",
    ),
    refused(
        "exim",
        "SMTP call from ",
        r"SMTP call from (?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\].* dropped: too many ",
    ),
    refused(
        "exim",
        "SMTP protocol error in ",
        r#"SMTP protocol error in ".*" H=(?:[^\s\[(]\S* )?(?:\([^()]*\) )?\[(?P<ip>[\da-fA-F.:]+)\].* (?:AUTH command used when not advertised|authentication mechanism not supported)"#,
    ),
    refused(
        "exim",
        "no MAIL in SMTP connection from ",
        r"no MAIL in SMTP connection from (?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\]",
    ),
    refused(
        "exim",
        "closed by DROP in ACL",
        r"SMTP connection from (?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\].* closed by DROP in ACL",
    ),
    refused("exim", "dropped by '", r"H=(?:\S+ )?(?:\(.*?\) )?\[(?P<ip>[\da-fA-F.:]+)\].* dropped by '\w+' ACL"),
    // Postfix. [Postfix: smtpd(8), SASL]
    failed(
        "postfix",
        "SASL ",
        r"^(?:warning: )?[\w.-]*\[(?P<ip>[\da-fA-F.:]+)\]: SASL [\w-]+ authentication failed:?(?:.*sasl_username=(?P<user>\S+))?",
    ),
    refused(
        "postfix",
        "Relay access denied",
        r"^(?:\w+: )?reject: RCPT from [\w.-]*\[(?P<ip>[\da-fA-F.:]+)\].*: Relay access denied",
    ),
    refused(
        "postfix",
        "reject: RCPT from ",
        r"^(?:\w+: )?reject: RCPT from [\w.-]*\[(?P<ip>[\da-fA-F.:]+)\](?::\d+)?: [45]\d\d ",
    ),
    // Dovecot. [Dovecot: Logging, Login processes]
    failed(
        "dovecot",
        "auth failed, ",
        r"^(?:[\w-]+-login|managesieve-login): (?:Info: )?.*?auth failed, \d+ attempts.*?\):(?: user=<(?P<user>[^>]*)>,)?.*? rip=(?P<ip>[\da-fA-F.:]+), lip=",
    ),
    unknown(
        "dovecot",
        "nknown user",
        r"^auth(?:-worker)?(?:\([\w,=]+\))?: .*?\b[\w-]+\((?P<user>[^,]*),(?P<ip>[\da-fA-F.:]+)(?:,<[^>]*>)?\): [Uu]nknown user",
    ),
    failed(
        "dovecot",
        "assword mismatch",
        r"^auth(?:-worker)?(?:\([\w,=]+\))?: .*?\b[\w-]+\((?P<user>[^,]*),(?P<ip>[\da-fA-F.:]+)(?:,<[^>]*>)?\): .*[Pp]assword mismatch",
    ),
    failed(
        "dovecot",
        "pam_authenticate() failed",
        r"^auth(?:-worker)?(?:\([\w,=]+\))?: .*?\bpam\((?P<user>[^,]*),(?P<ip>[\da-fA-F.:]+)(?:,<[^>]*>)?\): pam_authenticate\(\) failed",
    ),
    accepted(
        "dovecot",
        "-login: ",
        r"^[\w-]+-login: (?:Info: )?(?:Login|Logged in): user=<(?P<user>[^>]*)>, .*?rip=(?P<ip>[\da-fA-F.:]+), lip=",
    ),
    // Courier, Cyrus, qmail and others.
    failed(
        "courier",
        "LOGIN FAILED, ",
        r"^LOGIN FAILED, (?:user=(?P<user>.*)|method=\w+), ip=<peer>(?:, port=\[\d+\])?$",
    ),
    refused("courier", "error,relay=", r"^error,relay=<peer>,.*(?:550 User |535 Authentication failed)"),
    failed(
        "cyrus",
        "badlogin: ",
        r"^badlogin: (?:\S*? ?)\[(?P<ip>[\da-fA-F.:]+)\] [\w-]+ (?:(?P<user>\S+) )?(?:\[?SASL|.*)",
    ),
    failed(
        "solid-pop3d",
        "authentication failed",
        r"^(?:APOP )?authentication failed(?: for (?:mapped )?user|: no such user:|: can't map user name:) (?P<user>.*) - <peer>$",
    ),
    failed("solid-pop3d", "can't find APOP secret", r"^can't find APOP secret for user (?P<user>.*) - <peer>$"),
    failed("solid-pop3d", "login not allowed", r"^(?P<user>root) login not allowed - <peer>$"),
    failed(
        "perdition",
        "Auth: ",
        r#"^Auth: (?P<ip>[\d.]+):\d+->.* authentication_id="(?P<user>[^"]*)".* status="failed"#,
    ),
    failed(
        "perdition",
        "authentication information",
        r"^Fatal Error reading authentication information from client (?P<ip>[\d.]+):\d+->",
    ),
    failed(
        "domino",
        "uthentication failed for user",
        r"(?:^|SMTP Server(?: \[[\w:-]+\]|:) )Authentication failed for user (?P<user>.*) ; connecting host <peer>\s*$",
    ),
    failed(
        "domino",
        "authentication failure using internet password",
        r"(?:^|smtp: )(?P<user>.*) \[?(?P<ip>[\da-fA-F.:]+)\]? authentication failure using internet password\s*$",
    ),
    refused(
        "domino",
        "rejected for policy reasons",
        r"Connection from \[?(?P<ip>[\da-fA-F.:]+)\]? rejected for policy reasons",
    ),
    failed(
        "oracle-ims",
        r#"mi="Bad password""#,
        r#" tr="\w+\|[\d.]+\|\d+\|(?P<ip>[\d.]+)\|\d+" .* mi="Bad password" us="(?P<user>[^"]*)""#,
    ),
    failed(
        "sogo",
        "might not have worked",
        r"SOGoRootPage Login from '(?P<ip>[\da-fA-F.:]+)(?:, [^']*)?' for user '(?P<user>.*)' might not have worked",
    ),
    failed(
        "zimbra",
        "authentication failed for [",
        r"[\[;]oip=<peer>;.*authentication failed for \[(?P<user>[^\]]*)\], (?:invalid password|account lockout)",
    ),
    unknown(
        "zimbra",
        "account not found",
        r"[\[;]oip=<peer>;.*authentication failed for \[(?P<user>[^\]]*)\], account not found",
    ),
    failed(
        "exchange",
        "Authentication unsuccessful",
        r"^[^,]*,[^,]+,\w+,\d+,[\da-fA-F.:]+:\d+,(?P<ip>[\da-fA-F.:]+):\d+,>,535 5\.7\.3 Authentication unsuccessful",
    ),
    failed(
        "exchange",
        "AuthFailed:",
        r"^(?:[^,]*,){2}\d+,[\da-fA-F.:]+:\d+,(?P<ip>[\da-fA-F.:]+):\d+,(?P<user>[^,]*),.*AuthFailed:",
    ),
    refused("mailscanner", "is spam (black", r"^Message \w+ from (?P<ip>[\da-fA-F.:]+) \("),
    refused("qmail", "rblsmtpd: ", r"rblsmtpd: (?:\S+ blocked )?<peer> "),
    failed("mailu", "has been rate-limited", r"Authentication attempt from <peer>(?: for \S+)? has been rate-limited"),
];

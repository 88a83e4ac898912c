//! Who tried to register with telephony and chat servers?

use super::{Row, failed, unknown};

pub(super) const ROWS: &[Row] = &[
    // [Asterisk: Security Event Framework]
    unknown(
        "asterisk",
        r#"SecurityEvent="InvalidAccountID""#,
        r#"SecurityEvent="InvalidAccountID",.*AccountID="(?P<user>[^"]*)".*RemoteAddress="IPV[46]/\w+/(?P<ip>[\da-fA-F.:]+)/\d+""#,
    ),
    failed(
        "asterisk",
        r#"SecurityEvent="InvalidPassword""#,
        r#"SecurityEvent="InvalidPassword",.*AccountID="(?P<user>[^"]*)".*RemoteAddress="IPV[46]/\w+/(?P<ip>[\da-fA-F.:]+)/\d+""#,
    ),
    failed(
        "asterisk",
        r#"SecurityEvent="ChallengeResponseFailed""#,
        r#"SecurityEvent="ChallengeResponseFailed",.*AccountID="(?P<user>[^"]*)".*RemoteAddress="IPV[46]/\w+/(?P<ip>[\da-fA-F.:]+)/\d+""#,
    ),
    failed(
        "freeswitch",
        "SIP auth failure (",
        r"SIP auth failure \((?:REGISTER|INVITE)\) on sofia profile '.*' for \[(?P<user>.*)\] from ip <peer>\s*$",
    ),
    failed(
        "freeswitch",
        "SIP auth challenge (",
        r"SIP auth challenge \((?:REGISTER|INVITE)\) on sofia profile '.*' for \[(?P<user>.*)\] from ip <peer>\s*$",
    ),
    unknown("freeswitch", "Can't find user [", r"Can't find user \[(?P<user>.*)\] from <peer>\s*$"),
    failed("ejabberd", "Failed authentication for ", r"Failed authentication for (?P<user>\S+) from (?:IP )?<peer>"),
    failed(
        "ejabberd",
        "authentication for ",
        r"Failed c2s \S+ authentication for (?P<user>\S+) from (?:::FFFF:|::ffff:)?<peer>",
    ),
    failed("counter-strike", "Bad Rcon: ", r#"Bad Rcon: ".*" from "(?P<ip>[\d.]+):\d+"\s*$"#),
];

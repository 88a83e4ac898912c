//! Who tried to end a header or a request early and write one of their own?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "crlf-injection",
    attack: &["T1190", "T1557"],
    signs: &[
        Sign::exploit("header-behind-line-end", r"[\r\n\x{560a}\x{560d}] ?(?:set-cookie|location|content-type|content-length|content-disposition|content-security-policy|host|refresh|status|transfer-encoding|link|cache-control|expires|last-modified|server|cookie) ?:|[\r\n\x{560a}\x{560d}] ?(?:http/[0-9]|access-control-[a-z-]{3,30} ?:|x-[a-z-]{3,30} ?:)").within(Part::Target),
        Sign::exploit("request-behind-line-end", r"[\r\n]+\s?(?:get|post|put|delete|head|options|trace|connect|patch|propfind) (?:/|https?:)[^\n]{0,200} http/\d").within(Part::Target),
        Sign::exploit("header-in-argument", r"[\r\n] ?(?:set-cookie|location|content-type|content-length|content-disposition|refresh|injected) ?[: ] ?\S|[\r\n] ?(?:http/[0-9]\.[0-9]|x-[a-z]{1,20}-[a-z]{1,20} ?:)").within(Part::Arguments).unless("(?s)content-disposition: ?form-data|^--"),
        Sign::exploit("smuggled-request", r"\b(?:get|post|put|delete|head|options|trace|connect|patch|track) (?:/|https?://)[^\s\n]* http/[0-9]").within(Part::Arguments),
        Sign::exploit("smuggled-request-in-body", r"(?:^|\n) ?(?:get|post|put|delete|head|options|trace|connect|patch) [^\s?]+(?:\?[^\s]*)? http/\d").within(Part::Body),
        Sign::exploit("both-lengths", r"transfer-encoding:[^\n]*chunked[^\n]*\n[^\n]*\n?transfer-encoding:|content-length:[^\n]*\n(?:[^\n]*\n)*transfer-encoding: ?chunked|transfer-encoding :|transfer-encoding: ?(?:x?chunked\W|identity, ?chunked)").within(Part::Headers),
        Sign::exploit("mail-header", r"[\r\n] ?(?:bcc|cc|to|from|subject|reply-to|mime-version|content-transfer-encoding) ?: ?\S{0,40}[@\w]").within(Part::Target),
        Sign::exploit("mail-command", r"[\r\n](?:mail from:|rcpt to:|ehlo \w|helo \w|vrfy \w|expn \w|data\s?[\r\n]|quit\s?[\r\n]|starttls\b|v\d{3} (?:capability|fetch|list|select|create|delete|rename|logout|login)|a\d{3,4} (?:capability|list|select|fetch|login|logout)|(?:dele \d|retr \d|uidl|top \d+ \d)\s?[\r\n])").within(Part::Any),
        Sign::exploit("split-attribute", r"(?:[\r\n]|\bhttp/1\.[01] 200 ok\b)[^\n]{0,20}(?:<html|<script|content-length: ?0|http/1\.[01] \d{3})").within(Part::Target),
        Sign::known("nginx-null-path", r"\.(?:jpe?g|png|gif|txt)(?:\x00|%00| /)\S*\.php", &["CVE-2013-4547"]),
        Sign::known("grafana-crlf-redirect", r"/(?:redirect|logout|login)\?[^\n]*\r\n\s?(?:location|set-cookie):", &["CVE-2019-9740"]).within(Part::Any),
    ],
};

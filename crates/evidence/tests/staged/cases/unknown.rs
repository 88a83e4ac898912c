//! Of which connections can the cause not be known?

use tripoint_model::why::Cause::Unknown;

use crate::stage::{CASE, Case};

pub const CASES: &[Case] = &[
    // What cannot be known.
    Case { name: "program without a package, named nowhere", ..CASE },
    Case { name: "packaged program, named nowhere", run: &["/bin/bash", "/opt/go.sh"], ..CASE },
    Case { name: "address in a comment", files: &[("/opt/app/app.conf", "# peer = ADDR\n")], ..CASE },
    Case { name: "address that is refused", files: &[("/opt/app/app.conf", "deny ADDR;\n")], ..CASE },
    Case { name: "address of a neighbour", files: &[("/opt/app/app.conf", "peer = ADDR0\npeer = 1ADDR\n")], ..CASE },
    Case {
        name: "job of another program",
        files: &[("/etc/cron.d/other", "1 * * * * root /opt/other --to ADDR\n")],
        ..CASE
    },
    Case {
        name: "log that it writes",
        files: &[("/opt/app/run.sh", "exec 4>>/srv/out.txt; echo met ADDR >&4; GO")],
        run: &["/opt/app/app", "-c", "exec 4>>/srv/out.txt; GO"],
        ..CASE
    },
    Case {
        name: "own name for a program that hides in a session",
        cause: Unknown,
        run: &["/usr/sbin/sshd", "-c", "/bin/bash -c 'TEMP/tmp/tool /opt/go.sh; :'; :"],
        ..CASE
    },
];

//! Which connections are caused by who started the program?

use tripoint_model::why::Cause::{NameDriven, PackageManager, ScheduledJob, UserAction};

use super::CONNECT;
use crate::stage::{CASE, Case};

pub const CASES: &[Case] = &[
    // Package managers.
    Case {
        name: "apt itself",
        cause: PackageManager,
        files: &[
            ("/opt/apt/s.list", "deb [trusted=yes] http://ADDR:PORT/ ./\n"),
            ("/opt/apt/lists/partial/.keep", ""),
            ("/opt/apt/cache/archives/partial/.keep", ""),
        ],
        run: &[
            "/usr/bin/apt-get",
            "-o",
            "Dir::Etc::SourceList=/opt/apt/s.list",
            "-o",
            "Dir::Etc::SourceParts=/dev/null",
            "-o",
            "Dir::State::Lists=/opt/apt/lists",
            "-o",
            "Dir::Cache=/opt/apt/cache",
            "-o",
            "APT::Sandbox::User=root",
            "update",
        ],
        ..CASE
    },
    Case {
        name: "unattended upgrade",
        cause: PackageManager,
        run: &["/usr/sbin/unattended-upgrade", "-c", "/bin/bash /opt/go.sh; :"],
        ..CASE
    },
    Case {
        name: "package manager in a session",
        cause: PackageManager,
        run: &["/usr/sbin/sshd", "-c", "/bin/bash -c '/usr/sbin/dnf /opt/go.sh; :'; :"],
        package: Some("dnf"),
        ..CASE
    },
    Case {
        name: "script of a package",
        cause: PackageManager,
        run: &["/usr/sbin/dpkg", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    // Scheduled.
    Case {
        name: "job of cron",
        cause: ScheduledJob,
        files: &[("/etc/cron.d/sync", "*/5 * * * * root /opt/job.sh ADDR\n")],
        run: &["/usr/sbin/cron", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    Case {
        name: "script of a job",
        cause: ScheduledJob,
        files: &[("/opt/job.sh", CONNECT)],
        run: &["/usr/sbin/cron", "-c", "/bin/bash /opt/job.sh; :"],
        ..CASE
    },
    Case {
        name: "job of crontab that outlived cron",
        cause: ScheduledJob,
        files: &[("/etc/crontab", "1 * * * * root /opt/tools/pusher --to ADDR\n")],
        run: &["/opt/tools/pusher", "/opt/go.sh"],
        ..CASE
    },
    Case {
        name: "job of at",
        cause: ScheduledJob,
        run: &["/usr/sbin/atd", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    Case {
        name: "timer",
        cause: ScheduledJob,
        files: &[("/etc/systemd/system/push.timer", "[Timer]\nOnCalendar=daily\n")],
        unit: Some("push.service"),
        ..CASE
    },
    Case {
        name: "job of continuous integration",
        cause: ScheduledJob,
        run: &["/usr/sbin/gitlab-runner", "-c", "/bin/bash -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    // People.
    Case {
        name: "person over ssh",
        cause: UserAction,
        run: &["/usr/sbin/sshd", "-c", "/bin/bash -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    Case {
        name: "person over ssh, address typed",
        cause: UserAction,
        run: &["/usr/sbin/sshd", "-c", "/bin/bash -c 'exec 3<>/dev/tcp/ADDR/PORT; read -r _ <&3; :'; :"],
        ..CASE
    },
    Case {
        name: "person at the console",
        cause: UserAction,
        run: &["/usr/sbin/login", "-c", "/bin/bash -c '/usr/bin/curl -s http://ADDR:PORT/; :'; :"],
        ..CASE
    },
    Case {
        name: "person in tmux",
        cause: UserAction,
        run: &["/usr/sbin/tmux", "-c", "/bin/bash -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
    // Names that nobody configured.
    Case {
        name: "name that was asked for",
        cause: NameDriven,
        run: &["/bin/bash", "/opt/go.sh"],
        dns: Some("page.stranger.example"),
        ..CASE
    },
    Case {
        name: "name asked for by a packaged program",
        cause: NameDriven,
        run: &["/usr/sbin/browser", "/opt/go.sh"],
        dns: Some("page.stranger.example"),
        package: Some("browser"),
        ..CASE
    },
];

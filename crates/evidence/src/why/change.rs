//! Which is the smallest change after which it would not come again?
//!
//! `tripoint alerts advise` has what blocks and patches; here stands what the cause itself suggests. Only what needs no
//! quoting goes into a command.

use tripoint_model::Direction;
use tripoint_model::why::{Cause, Change, Mention, Why};

use super::{Owner, Question, Subject, is_plain};

pub(super) fn suggest(question: &Question<'_>, subject: &Subject, why: &Why) -> Vec<Change> {
    let mut changes = Vec::new();
    match why.cause {
        Cause::ConfiguredDependency | Cause::ScheduledJob => {
            changes.extend(
                why.mentions.iter().filter(|one| one.counts).take(LINES_MAX).filter_map(|one| line(question, one)),
            );
            changes.extend(unit(question));
        }
        Cause::Implant => changes.push(keep_evidence(question)),
        Cause::InboundReaction => {
            changes.extend(patch(question, subject));
            changes.extend(unit(question));
            changes.extend(egress(question));
        }
        Cause::ExposedService => changes.extend(listener(question, why)),
        Cause::PackageManager => changes.push(Change {
            what: "look at where packages come from, and take out the source that names the peer".to_owned(),
            commands: vec![
                "grep -rn . /etc/apt/sources.list /etc/apt/sources.list.d /etc/yum.repos.d 2>/dev/null".to_owned(),
            ],
        }),
        Cause::UserAction | Cause::NameDriven | Cause::Unknown => {
            changes.extend(unit(question).or_else(|| egress(question)))
        }
    }
    changes
}

/// Lines that are named at most.
const LINES_MAX: usize = 3;

/// The line that names the peer. In files whose comments begin with `#` it can be switched off by a command.
fn line(question: &Question<'_>, one: &Mention) -> Option<Change> {
    let (file, line) = (&one.file, one.line);
    if one.place == "environment" || one.place == "command line" || one.place == "executable" {
        let start =
            question.process.unit.as_ref().map_or("whatever starts it".to_owned(), |unit| format!("the unit {unit}"));
        return (one.place != "executable").then(|| Change {
            what: format!("take {} out of its {}: {start} gives it", one.matched, one.place),
            commands: Vec::new(),
        });
    }
    let ends = [
        ".conf",
        ".cfg",
        ".ini",
        ".env",
        ".properties",
        ".service",
        ".toml",
        ".sh",
        ".yml",
        ".yaml",
        ".cnf",
        "crontab",
    ];
    let is_hash =
        ends.iter().any(|end| file.ends_with(end)) || one.place == "cron" || file.starts_with("/etc/default/");
    let in_container = question.process.container.is_some() && one.place != "unit" && one.place != "container";
    let commands = if is_plain(file) && is_hash && line > 0 && !in_container {
        let mut commands = vec![format!("sed -n '{line}p' {file}"), format!("sed -i.before '{line}s/^/# /' {file}")];
        commands.extend(restart(question, one));
        commands
    } else {
        Vec::new()
    };
    Some(Change { what: format!("drop or change this line: {file}:{line}"), commands })
}

/// What makes the change count.
fn restart(question: &Question<'_>, one: &Mention) -> Vec<String> {
    let Some(unit) = question.process.unit.as_deref().filter(|unit| is_plain(unit) && unit.ends_with(".service"))
    else {
        return Vec::new();
    };
    let mut commands = Vec::new();
    if one.place == "unit" {
        commands.push("systemctl daemon-reload".to_owned());
    }
    if one.place != "cron" {
        commands.push(format!("systemctl restart {unit}"));
    }
    commands
}

/// The unit may not talk to the peer any more.
fn unit(question: &Question<'_>) -> Option<Change> {
    let unit = question.process.unit.as_deref().filter(|unit| is_plain(unit) && unit.ends_with(".service"))?;
    let is_users = question.process.cgroup.contains("/user@");
    (question.process.container.is_none() && !is_users).then(|| Change {
        what: format!("forbid {unit} to talk to {} (a drop-in with IPAddressDeny=)", question.peer),
        commands: vec![
            format!("mkdir -p /etc/systemd/system/{unit}.d"),
            format!(
                "printf '%s\\n' '[Service]' 'IPAddressDeny={}' > /etc/systemd/system/{unit}.d/peer.conf",
                question.peer
            ),
            "systemctl daemon-reload".to_owned(),
        ],
    })
}

/// Without a unit: the user that it runs as may not talk to the peer. Not for root, as that is everybody.
fn egress(question: &Question<'_>) -> Option<Change> {
    let uid = question.process.uid;
    let family = if question.peer.is_ipv4() { "ip" } else { "ip6" };
    (uid != 0 && question.direction == Direction::Outbound && question.process.container.is_none()).then(|| Change {
        what: format!("forbid user {uid} to talk to {}", question.peer),
        commands: vec![
            "nft add table inet peers".to_owned(),
            "nft add chain inet peers output '{ type filter hook output priority 0; policy accept; }'".to_owned(),
            format!("nft add rule inet peers output meta skuid {uid} {family} daddr {} reject", question.peer),
        ],
    })
}

fn patch(question: &Question<'_>, subject: &Subject) -> Option<Change> {
    if let Some(alert) = question.alert.as_deref().filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Some(Change {
            what: "close the hole that was used: the patch commands".to_owned(),
            commands: vec![format!("tripoint alerts advise {alert} --kind package")],
        });
    }
    let Owner::Package(package) = &subject.owner else { return None };
    is_plain(package).then(|| Change {
        what: format!("bring {package} up to date, if it is what was attacked"),
        commands: vec![format!("apt-get install --only-upgrade {package}")],
    })
}

/// An implant is kept as it is before anything else: what is killed cannot be looked at.
fn keep_evidence(question: &Question<'_>) -> Change {
    let pid = question.process.key.pid;
    Change {
        what: "halt it and keep what it runs, before it is ended".to_owned(),
        commands: vec![
            format!("kill -STOP {pid}"),
            format!("cp /proc/{pid}/exe /root/evidence-{pid}.exe"),
            format!("cp /proc/{pid}/maps /root/evidence-{pid}.maps"),
        ],
    }
}

/// How known servers are told to listen on loopback alone.
const LISTENERS: &[(&[&str], &str)] = &[
    (&["nginx", "openresty", "angie"], "listen 127.0.0.1:PORT;"),
    (&["apache2", "httpd"], "Listen 127.0.0.1:PORT"),
    (&["redis-server", "valkey-server"], "bind 127.0.0.1 ::1"),
    (&["postgres"], "listen_addresses = 'localhost'"),
    (&["mysqld", "mariadbd"], "bind-address = 127.0.0.1"),
    (&["sshd"], "ListenAddress ADDRESS (of the management network)"),
    (&["mongod"], "net.bindIp: 127.0.0.1"),
    (&["memcached"], "-l 127.0.0.1"),
    (&["haproxy"], "bind 127.0.0.1:PORT"),
    (&["docker-proxy"], "ports: 127.0.0.1:PORT:PORT"),
];

fn listener(question: &Question<'_>, why: &Why) -> Vec<Change> {
    let Some(local) = question.local else { return Vec::new() };
    let port = local.port();
    let mut changes = Vec::new();
    let is_open = why.exposure.as_ref().is_some_and(|exposure| exposure.scope != "loopback");
    let program = question.process.exe.rsplit('/').next().unwrap_or_default();
    if is_open {
        let words = LISTENERS
            .iter()
            .find(|(programs, _)| programs.contains(&program))
            .map(|(_, words)| words.replace("PORT", &port.to_string()));
        let how = words.map(|words| format!(": {words}")).unwrap_or_default();
        changes.push(Change {
            what: format!("if only this host needs port {port}, let it listen on loopback{how}"),
            commands: Vec::new(),
        });
        let family = if question.peer.is_ipv4() { "ip" } else { "ip6" };
        let protocol = match question.protocol {
            tripoint_model::Protocol::Tcp => "tcp",
            tripoint_model::Protocol::Udp => "udp",
        };
        changes.push(Change {
            what: format!("refuse {} on port {port}", question.peer),
            commands: vec![
                "nft add table inet peers".to_owned(),
                "nft add chain inet peers input '{ type filter hook input priority -10; policy accept; }'".to_owned(),
                format!("nft add rule inet peers input {family} saddr {} {protocol} dport {port} drop", question.peer),
            ],
        });
    }
    changes
}

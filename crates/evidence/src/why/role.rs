//! What does a program do among those that start others: is it a shell, a server, a scheduler?

/// What a kind of program does among those that start others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Role {
    Shell,
    Interpreter,
    Downloader,
    Server,
    PackageManager,
    Scheduler,
    Ci,
    Session,
    Init,
    Container,
}

impl Role {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Interpreter => "interpreter",
            Self::Downloader => "downloader",
            Self::Server => "server",
            Self::PackageManager => "package manager",
            Self::Scheduler => "scheduler",
            Self::Ci => "continuous integration",
            Self::Session => "log-in session",
            Self::Init => "init",
            Self::Container => "container runtime",
        }
    }
}

/// Programs by role; a version at the end of a name is left out.
const ROLES: &[(Role, &[&str])] = &[
    (
        Role::Shell,
        &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox", "pwsh", "rbash"],
    ),
    (
        Role::Interpreter,
        &[
            "python", "perl", "ruby", "php", "node", "nodejs", "lua", "luajit", "tclsh", "java", "deno", "bun",
            "Rscript", "awk", "gawk", "mawk",
        ],
    ),
    (
        Role::Downloader,
        &[
            "curl",
            "wget",
            "nc",
            "ncat",
            "netcat",
            "nc.openbsd",
            "nc.traditional",
            "socat",
            "telnet",
            "ftp",
            "tftp",
            "lftp",
            "aria2c",
            "fetch",
        ],
    ),
    (
        Role::Server,
        &[
            "nginx",
            "openresty",
            "angie",
            "apache2",
            "httpd",
            "lighttpd",
            "caddy",
            "traefik",
            "haproxy",
            "envoy",
            "tomcat",
            "catalina",
            "php-fpm",
            "php-cgi",
            "uwsgi",
            "gunicorn",
            "unicorn",
            "puma",
            "fcgiwrap",
            "postgres",
            "mysqld",
            "mariadbd",
            "redis-server",
            "valkey-server",
            "mongod",
            "exim",
            "exim4",
            "smtpd",
            "dovecot",
            "vsftpd",
            "proftpd",
            "pure-ftpd",
            "smbd",
            "named",
            "squid",
            "jenkins",
            "gitea",
            "gitlab-workhorse",
            "memcached",
            "elasticsearch",
            "rabbitmq-server",
            "beam.smp",
            "jetty",
            "weblogic",
            "litespeed",
            "openlitespeed",
            "w3wp",
            "xinetd",
            "inetd",
            "cupsd",
            "snmpd",
            "slapd",
            "asterisk",
            "openvpn",
            "cgi",
        ],
    ),
    (
        Role::PackageManager,
        &[
            "apt",
            "apt-get",
            "aptitude",
            "dpkg",
            "unattended-upgrade",
            "unattended-upgrades",
            "unattended-upgr",
            "apt.systemd.daily",
            "packagekitd",
            "dnf",
            "dnf5",
            "yum",
            "rpm",
            "microdnf",
            "zypper",
            "pacman",
            "apk",
            "snap",
            "snapd",
            "flatpak",
            "fwupd",
            "fwupdmgr",
            "fwupdtool",
            "pip",
            "pip3",
            "pipx",
            "uv",
            "poetry",
            "npm",
            "npx",
            "yarn",
            "pnpm",
            "gem",
            "bundle",
            "composer",
            "cargo",
            "rustup",
            "go",
            "mvn",
            "gradle",
            "nix",
            "nix-daemon",
            "guix",
            "brew",
            "conda",
            "mamba",
            "freshclam",
            "debootstrap",
            "update-manager",
            "do-release-upgrade",
            "apt-check",
            "gnome-software",
        ],
    ),
    (Role::Scheduler, &["cron", "crond", "anacron", "atd", "fcron", "run-parts", "supercronic"]),
    (
        Role::Ci,
        &[
            "gitlab-runner",
            "Runner.Worker",
            "Runner.Listener",
            "buildkite-agent",
            "jenkins-agent",
            "drone-runner-docker",
            "concourse",
            "circleci-agent",
            "woodpecker-agent",
            "act_runner",
            "teamcity-agent",
        ],
    ),
    (
        Role::Session,
        &[
            "sshd",
            "sshd-session",
            "sshd-auth",
            "dropbear",
            "login",
            "su",
            "sudo",
            "doas",
            "tmux",
            "screen",
            "mosh-server",
            "gnome-shell",
            "gnome-terminal-server",
            "konsole",
            "xterm",
            "kitty",
            "alacritty",
            "gdm-session-worker",
            "lightdm",
            "sddm-helper",
            "plasmashell",
            "xfce4-terminal",
            "pkexec",
            "runuser",
            "telnetd",
            "in.telnetd",
            "agetty",
            "code",
            "code-server",
            "xrdp-sesman",
            "wezterm-gui",
            "foot",
            "tmux: server",
        ],
    ),
    (
        Role::Init,
        &[
            "systemd",
            "init",
            "runit",
            "runsv",
            "s6-supervise",
            "s6-svscan",
            "supervisord",
            "openrc-init",
            "tini",
            "dumb-init",
            "pm2",
            "monit",
        ],
    ),
    (
        Role::Container,
        &[
            "containerd-shim",
            "containerd-shim-runc-v2",
            "conmon",
            "runc",
            "crun",
            "dockerd",
            "containerd",
            "docker-init",
            "kubelet",
            "lxc-start",
            "podman",
            "crio",
            "catatonit",
        ],
    ),
];

/// Words of a command line by which a program of many uses is known: `python3 -m pip`, `java … catalina`.
const TELLING: &[(Role, &[&str])] = &[
    (
        Role::PackageManager,
        &[
            "/usr/bin/unattended-upgrade",
            "/usr/lib/apt/apt.systemd.daily",
            "/usr/bin/dnf",
            "/usr/bin/yum",
            "/usr/share/unattended-upgrades/unattended-upgrade-shutdown",
        ],
    ),
    (
        Role::Server,
        &[
            "org.apache.catalina.startup.Bootstrap",
            "weblogic.Server",
            "org.eclipse.jetty.start.Main",
            "gunicorn",
            "uwsgi",
            "uvicorn",
        ],
    ),
];

/// What a program does, by its name, and of interpreters by what they run; nothing where no table knows it.
/// Modules and scripts that an interpreter runs count as a program of the table: `python -m pip`, `/usr/bin/pip`.
pub fn role_of(exe: &str, argv: &[String]) -> Option<Role> {
    let name = base(exe);
    let role = by_name(name);
    if role != Some(Role::Interpreter) && role != Some(Role::Shell) {
        return role;
    }
    for (role, words) in TELLING {
        if argv.iter().skip(1).take(64).any(|word| words.contains(&word.as_str()) || words.contains(&base(word))) {
            return Some(*role);
        }
    }
    // `python -m pip`; `python /usr/bin/pip`. A script anywhere else may be called anything.
    let mut words = argv.iter().skip(1);
    let first = words.by_ref().find(|word| !word.starts_with('-') || *word == "-m");
    let program = match first.map(String::as_str) {
        Some("-m") => words.next().map(String::as_str),
        Some(path) if is_of_system(path) => Some(base(path)),
        _ => None,
    };
    let as_script = program.and_then(by_name).filter(|role| matches!(role, Role::PackageManager | Role::Server));
    as_script.or(role)
}

/// Package managers that run programs for people too: what is below them is seldom their own work.
const RUNNERS: &[&str] = &[
    "npm", "npx", "yarn", "pnpm", "bundle", "poetry", "pipx", "uv", "cargo", "go", "mvn", "gradle", "composer", "nix",
    "conda", "snap", "flatpak",
];

/// Whether a program, or the script that an interpreter runs, is one of these.
pub(super) fn is_runner(exe: &str, command: &str) -> bool {
    let words = command.split(' ').take(3).map(base);
    std::iter::once(base(exe)).chain(words).any(|name| RUNNERS.contains(&name))
}

pub(super) fn base(path: &str) -> &str {
    let path = path.trim_end_matches(" (deleted)");
    path.rsplit('/').next().unwrap_or(path)
}

fn by_name(name: &str) -> Option<Role> {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    ROLES.iter().find(|(_, names)| names.contains(&name) || names.contains(&plain)).map(|(role, _)| *role)
}

/// Whether a program is where only root installs: who excuses others must not be named so by them.
pub(super) fn is_of_system(exe: &str) -> bool {
    ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/snap/", "/nix/store/", "/gnu/store/", "/var/lib/snapd/"]
        .iter()
        .any(|start| exe.starts_with(start))
        && !exe.contains("/.")
        && !exe.ends_with(" (deleted)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(exe: &str, argv: &[&str]) -> Option<Role> {
        role_of(exe, &argv.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn programs_are_known_by_name_and_interpreters_by_what_they_run() {
        assert_eq!(role("/usr/bin/python3.11", &["python3"]), Some(Role::Interpreter));
        assert_eq!(role("/usr/sbin/php-fpm8.2", &[]), Some(Role::Server));
        assert_eq!(role("/usr/bin/python3.11", &["python3", "-m", "pip", "install"]), Some(Role::PackageManager));
        assert_eq!(
            role("/usr/bin/python3", &["/usr/bin/python3", "/usr/bin/unattended-upgrade"]),
            Some(Role::PackageManager)
        );
        assert_eq!(role("/usr/bin/python3", &["python3", "/tmp/pip"]), Some(Role::Interpreter));
        assert_eq!(role("/usr/bin/python3", &["python3", "-c", "x", "pip"]), Some(Role::Interpreter));
        assert_eq!(role("/usr/bin/java", &["java", "org.apache.catalina.startup.Bootstrap"]), Some(Role::Server));
        assert_eq!(role("/opt/app/app", &[]), None);
        assert!(is_runner("/usr/bin/node", "node /usr/bin/npm start") && !is_runner("/usr/bin/apt", "apt update"));
        assert!(is_of_system("/usr/bin/apt") && !is_of_system("/tmp/apt") && !is_of_system("apt"));
    }
}

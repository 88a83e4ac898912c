//! Do servers' own configurations lead to their logs?

use std::fs;
use std::path::Path;

use super::find;
use crate::locate::{How, Located, Subject};

/// What a program with this command line is found to write, where `ROOT` is a folder with these files.
fn found(exe: &str, argv: &[&str], files: &[(&str, &str)]) -> (tempfile::TempDir, Located) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("ROOT", &root)).unwrap();
    }
    let argv = argv.iter().map(|word| word.replace("ROOT", &root)).collect();
    let subject = Subject { pid: Some(std::process::id()), exe: exe.into(), argv, ..Subject::default() };
    let mut found = Located::default();
    find(&subject, &mut found);
    (folder, found)
}

fn shown(folder: &Path, found: &Located) -> Vec<String> {
    let of = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let logs = found.logs.iter().map(|log| match &log.how {
        How::Configuration { file, line } => format!("{} by {}:{line}", of(&log.path), of(file)),
        how => format!("{} by {how:?}", of(&log.path)),
    });
    logs.collect()
}

#[test]
fn apache_says_where_and_how_it_writes() {
    let (folder, found) = found(
        "/usr/sbin/apache2",
        &["apache2", "-d", "ROOT", "-f", "ROOT/apache2.conf"],
        &[
            ("envvars", "export APACHE_LOG_DIR=ROOT/log$SUFFIX\n"),
            (
                "apache2.conf",
                "# x\nErrorLog ${APACHE_LOG_DIR}/error.log\nLogFormat \"%h %l \\\"%r\\\" %>s\" own\nIncludeOptional sites/*.conf\n",
            ),
            (
                "sites/a.conf",
                "<VirtualHost *:80>\n  CustomLog ${APACHE_LOG_DIR}/access.log \\\n    own\n  CustomLog \"|/bin/x\" own\n  ErrorLog syslog:local1\n</VirtualHost>\n",
            ),
        ],
    );
    assert_eq!(shown(folder.path(), &found), ["log/error.log by apache2.conf:2", "log/access.log by sites/a.conf:2"]);
    assert_eq!(found.logs[1].pattern.as_deref(), Some("%h %l \"%r\" %>s"));
}

#[test]
fn tomcat_says_it_by_its_valves() {
    let (folder, found) = found(
        "/usr/bin/java",
        &["java", "-Dcatalina.base=ROOT"],
        &[
            (
                "conf/server.xml",
                "<Server>\n<!-- <Valve className=\"x.AccessLogValve\" prefix=\"no\"/> -->\n<Valve className=\"org.apache.catalina.valves.AccessLogValve\" directory=\"logs\" prefix=\"acc\" suffix=\".txt\" pattern=\"%h &quot;%r&quot;\" />\n</Server>\n",
            ),
            ("logs/acc.2026-01-01.txt", ""),
            ("logs/acc.2026-01-02.txt", ""),
            ("logs/no.2026-01-02.txt", ""),
            ("logs/catalina.2026-01-02.log", ""),
            ("logs/catalina.out", ""),
        ],
    );
    assert_eq!(
        shown(folder.path(), &found),
        [
            "logs/acc.2026-01-02.txt by conf/server.xml:3",
            "logs/acc.2026-01-01.txt by conf/server.xml:3",
            "logs/catalina.2026-01-02.log by Layout",
            "logs/catalina.out by Layout",
        ]
    );
    assert_eq!(found.logs[0].pattern.as_deref(), Some("%h \"%r\""));
}

#[test]
fn postgresql_says_it_by_its_collector() {
    let (folder, found) = found(
        "/usr/lib/postgresql/15/bin/postgres",
        &["postgres", "-D", "ROOT"],
        &[
            (
                "postgresql.conf",
                "#logging_collector = off\nlogging_collector = on # yes\nlog_directory = 'pg_log'\nlog_filename = 'db-%Y.log'\n",
            ),
            ("pg_log/db-2025.log", ""),
            ("pg_log/db-2026.log", ""),
            ("pg_log/other.csv", ""),
        ],
    );
    assert_eq!(
        shown(folder.path(), &found),
        ["pg_log/db-2026.log by postgresql.conf:3", "pg_log/db-2025.log by postgresql.conf:3"]
    );
}

#[test]
fn redis_says_where_it_writes() {
    let (folder, found) = found(
        "/usr/bin/redis-server",
        &["redis-server", "ROOT/redis.conf"],
        &[("redis.conf", "port 1\nlogfile \"ROOT/r.log\"\n")],
    );
    assert_eq!(shown(folder.path(), &found), ["r.log by redis.conf:2"]);
    let (_folder, quiet) =
        self::found("/usr/bin/redis-server", &["redis-server", "ROOT/redis.conf"], &[("redis.conf", "logfile \"\"\n")]);
    assert!(quiet.logs.is_empty() && quiet.missing[0].contains("output"));
}

#[test]
fn haproxy_says_to_whom_it_sends() {
    let (_folder, found) = found(
        "/usr/sbin/haproxy",
        &["haproxy", "-f", "ROOT/h.cfg"],
        &[("h.cfg", "global\n log stdout local0\n log 192.0.2.7:514 local1\n")],
    );
    assert_eq!(found.missing.len(), 2, "{:?}", found.missing);
    assert!(found.missing[1].contains("192.0.2.7:514"));
}

/// What is served, who is believed, and where a proxy tells truly for whom it speaks.
#[test]
fn servers_say_what_they_serve_and_whom_they_believe() {
    let (_folder, nginx) = found(
        "/usr/sbin/nginx",
        &["nginx", "-p", "ROOT"],
        &[(
            "nginx.conf",
            "http {\n set_real_ip_from 192.0.2.0/24;\n set_real_ip_from unix:;\n server {\n  listen 80 proxy_protocol;\n  root /srv/www;\n  location /f { alias /srv/files; }\n  location /$x { root $y; }\n  location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host;\n   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }\n }\n}\n",
        )],
    );
    assert_eq!(nginx.served, [Path::new("/srv/www"), Path::new("/srv/files")]);
    assert_eq!(
        nginx.proxies.iter().map(|one| (one.net.to_string(), one.line)).collect::<Vec<_>>(),
        [("192.0.2.0/24".into(), 2)]
    );
    assert!(nginx.is_proxy("192.0.2.7".parse().unwrap()) && !nginx.is_proxy("192.0.3.7".parse().unwrap()));
    assert_eq!(nginx.tells.map(|(_, line)| line), Some(10));
    assert!(nginx.missing.is_empty(), "{:?}", nginx.missing);

    let (_folder, open) = found(
        "/usr/sbin/nginx",
        &["nginx", "-p", "ROOT"],
        &[(
            "nginx.conf",
            "server { listen 80 proxy_protocol; proxy_set_header X-Forwarded-For $http_x_forwarded_for; }",
        )],
    );
    assert!(open.tells.is_none() && open.missing[0].contains("what whoever connects says"), "{:?}", open.missing);

    let (_folder, apache) = found(
        "/usr/sbin/apache2",
        &["apache2", "-d", "ROOT", "-f", "ROOT/a.conf"],
        &[(
            "a.conf",
            "DocumentRoot /var/www/html\nScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\nRemoteIPInternalProxy 10.0.0.0/8 2001:db8::1\nProxyPass / http://127.0.0.1:8080/\n",
        )],
    );
    assert_eq!(apache.served, [Path::new("/var/www/html"), Path::new("/usr/lib/cgi-bin/")]);
    assert_eq!((apache.proxies.len(), apache.tells.map(|(_, line)| line)), (2, Some(4)));

    let (_folder, haproxy) = found(
        "/usr/sbin/haproxy",
        &["haproxy", "-f", "ROOT/h.cfg"],
        &[("h.cfg", "frontend f\n bind :80 accept-proxy\nbackend b\n server s 127.0.0.1:81 check send-proxy-v2\n")],
    );
    assert_eq!(haproxy.tells.map(|(_, line)| line), Some(4));
    assert!(haproxy.missing[0].contains("h.cfg:2: HAProxy takes the PROXY protocol"), "{:?}", haproxy.missing);
}

#[test]
fn what_includes_itself_again_and_again_and_words_that_double_are_bounded() {
    let files = [
        ("nginx.conf", "include ROOT/*.conf;\ninclude ROOT/nginx.conf;\naccess_log /var/log/a.log;\n"),
        ("b.conf", "include ROOT/nginx.conf;\n"),
    ];
    let (_folder, circles) = found("/usr/sbin/nginx", &["nginx", "-c", "ROOT/nginx.conf"], &files);
    assert_eq!(circles.logs.len(), 1, "the same log is one");
    assert!(circles.missing.iter().any(|one| one.contains("too many files")), "{:?}", circles.missing);

    let doubled = "Define A ${A}${A}\n".repeat(200);
    let text = format!("Define A 0123456789\n{doubled}DocumentRoot /srv/${{A}}\nErrorLog /var/log/e.log\n");
    let files = [("apache2.conf", text.as_str())];
    let (_folder, apache) = found("/usr/sbin/apache2", &["apache2", "-d", "ROOT", "-f", "ROOT/apache2.conf"], &files);
    assert_eq!(apache.logs.len(), 1, "{:?}", apache.missing);
    assert!(apache.served.iter().all(|folder| folder.as_os_str().len() <= 17 << 10));

    let many = (0..3000).map(|number| format!("set_real_ip_from 10.{}.{}.0/24;\n", number / 256, number % 256));
    let text = many.collect::<String>();
    let (_folder, many) = found("/usr/sbin/nginx", &["nginx", "-c", "ROOT/nginx.conf"], &[("nginx.conf", &text)]);
    assert!(many.proxies.len() <= 2000 && !many.proxies.is_empty());
    assert!(many.missing.iter().any(|one| one.contains("1000 more than 2000")), "{:?}", many.missing);
}

//! Can somebody's configuration harm who looks into it, or say a secret?

use std::fs;
use std::path::Path;

use tripoint_evidence::locate::{Subject, locate};
use tripoint_evidence::why::redact::{self, REDACTED};
use tripoint_evidence::why::{Owner, Question, mentioned};
use tripoint_model::process::Container;
use tripoint_model::why::MENTIONS_MAX;
use tripoint_model::{Direction, Process, Protocol};

use super::Target;
use crate::seed;

/// Lines, and a secret behind them.
pub const REDACTOR: Target = Target { name: "redactor", run: redactor, seeds: lines };
/// The configuration of a server, which the first byte chooses, and what it includes.
pub const SERVER: Target = Target { name: "server-configuration", run: server, seeds: servers };
/// Units, jobs, compose files, variables, volumes, each a file.
pub const PLACES: Target = Target { name: "configuration-places", run: places, seeds: systems };

const SECRET: &str = "Zq7Wm2Lr9Tx4Vb8Nc3Kd";
const PEER: &str = "203.0.113.66";

fn redactor(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Whatever stands before it, a secret that is named is hidden.
    for line in
        [format!("password={SECRET}"), format!("  api_key: \"{SECRET}\""), format!("https://u:{SECRET}@a.example/")]
    {
        let shown = redact::text(&format!("{text}\n{line}\n"), &|_| Vec::new());
        let last = shown.lines().last().unwrap_or_default();
        assert!(!last.contains(SECRET) && last.contains(REDACTED), "{last}");
    }
    // What was searched for stays, wherever it stands, and what is kept is never cut within a character.
    let keep = |line: &str| line.match_indices(PEER).map(|(at, found)| at..at + found.len()).collect();
    let shown = redact::text(&text, &keep);
    assert!(shown.len() <= (text.len() + 1) * (2 * REDACTED.len() + 1), "bounded by what was there");
}

const SERVERS: &[(&str, &str, &[&str])] = &[
    ("nginx", "nginx.conf", &["-p", "FOLDER", "-c", "FOLDER/nginx.conf"]),
    ("apache2", "apache2.conf", &["-d", "FOLDER", "-f", "FOLDER/apache2.conf"]),
    ("haproxy", "haproxy.cfg", &["-f", "FOLDER/haproxy.cfg"]),
    ("postgres", "postgresql.conf", &["-D", "FOLDER"]),
    ("redis-server", "redis.conf", &["FOLDER/redis.conf"]),
    ("java", "conf/server.xml", &["-Dcatalina.base=FOLDER"]),
];

/// Files of one input stand between lines like this one.
const BETWEEN: &str = "\n=====\n";

fn server(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let (program, file, argv) = SERVERS[usize::from(*first) % SERVERS.len()];
    let folder = tempfile::tempdir().expect("a folder");
    let text = String::from_utf8_lossy(rest);
    for (number, part) in text.split(BETWEEN).take(FILES_MAX).enumerate() {
        let name = if number == 0 { file.to_owned() } else { format!("conf.d/{number}.conf") };
        write(folder.path(), &name, part);
    }
    let place = folder.path().display().to_string();
    let argv = [program].iter().chain(argv).map(|word| word.replace("FOLDER", &place)).collect();
    // Without a number: nothing of this machine's processes.
    let subject = Subject { pid: None, exe: format!("/usr/sbin/{program}"), argv, ..Subject::default() };
    let found = locate(&subject);
    assert!(found.missing.iter().all(|reason| !reason.is_empty()));
    std::hint::black_box(found);
}

const PLACES_READ: &[&str] = &[
    "etc/systemd/system/app@x.service",
    "etc/systemd/system/app@.service.d/more.conf",
    "etc/app/variables",
    "etc/crontab",
    "etc/cron.d/job",
    "srv/app/compose.yaml",
    "srv/app/.env",
    "var/lib/docker/containers/c0ffee/config.v2.json",
    "proc/mountinfo",
    "proc/environ",
    "etc/config/settings.yml",
    "etc/hosts",
    "etc/nginx/nginx.conf",
];

fn places(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = String::from_utf8_lossy(data);
    for (name, part) in PLACES_READ.iter().zip(text.split(BETWEEN)) {
        write(folder.path(), name, part);
    }
    let container = Container { id: "c0ffee".into(), runtime: "docker".into(), ..Container::default() };
    for container in [None, Some(container)] {
        let process = Process {
            exe: "/usr/sbin/nginx".into(),
            cwd: Some("/srv/app".into()),
            argv: vec!["nginx".into(), format!("--password={SECRET}")],
            unit: Some("app@x.service".into()),
            container,
            ..Process::default()
        };
        let question = Question {
            process: &process,
            peer: PEER.parse().expect("an address"),
            port: 443,
            direction: Direction::Outbound,
            protocol: Protocol::Tcp,
            names: Vec::new(),
            local: None,
            attempted: None,
            owner: Owner::NotKnown,
            ruleset: Err("not asked".into()),
            alert: None,
            is_over: &|| false,
        };
        let why = mentioned(&question, folder.path());
        assert!(why.mentions.len() <= MENTIONS_MAX);
        for mention in &why.mentions {
            assert!(!mention.matched.is_empty() && mention.text.len() <= 512, "{mention:?}");
            assert!(!mention.text.contains(SECRET), "{mention:?}");
        }
    }
}

const FILES_MAX: usize = 8;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    fs::write(path, text).expect("a file is written");
}

fn lines() -> Vec<Vec<u8>> {
    let lines = [
        "DATABASE_URL=postgres://shop:Vb8Nc3Kd9Tx4@203.0.113.66:5432/shop\n",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
        "secret: |\n  first line\n  second\nhost: 203.0.113.66\n",
        "apiVersion: v1\ndata:\n  password: cGFzc3dvcmQ=\n",
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl\n",
        "curl -u me:hunter2hunter2 --header 'X-Api-Key: 0123456789abcdef0123456789abcdef' http://203.0.113.66/\n",
        "\"password\":\n  \"x\"\n{\"token\": \"\\u00e4\\\"quoted\"}\n",
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

fn servers() -> Vec<Vec<u8>> {
    let texts = [
        (
            0,
            "include conf.d/*.conf;\nlog_format a '$remote_addr \"$request\"';\naccess_log /var/log/a.log a;\nset_real_ip_from 192.0.2.0/24;\n=====\ninclude nginx.conf; server { root /srv; listen 80 proxy_protocol; access_log off; }\n",
        ),
        (
            1,
            "Define A b\nServerRoot /etc/apache2\nInclude conf.d/*.conf\nLogFormat \"%h %t \\\"%r\\\"\" x\nCustomLog ${A}/a.log x\n=====\nIncludeOptional apache2.conf\nDocumentRoot \"/srv\"\nRemoteIPInternalProxy 192.0.2.1\n",
        ),
        (2, "global\n  log /dev/log local0\ndefaults\n  option forwardfor\n  log-format \"%ci:%cp\"\n"),
        (3, "log_directory = 'log'\nlogging_collector = on\nlog_filename = 'p-%Y.log'\ninclude_dir 'conf.d'\n"),
        (4, "logfile /var/log/redis.log\ninclude conf.d/1.conf\n=====\nlogfile \"\"\n"),
        (
            5,
            "<Server><Host appBase=\"webapps\"><Valve className=\"x.AccessLogValve\" directory=\"logs\" pattern=\"%h\"/></Host></Server>",
        ),
    ];
    texts.iter().map(|(member, text)| seed::chosen(*member, text.as_bytes())).collect()
}

fn systems() -> Vec<Vec<u8>> {
    let files = [
        "[Service]\nEnvironmentFile=-/etc/app/variables\nExecStart=/usr/bin/app --to 203.0.113.66 \\\n  --more\n",
        "[Service]\nEnvironment=\"A=203.0.113.66\" B=c\n",
        "UPSTREAM=http://u:secretsecret@203.0.113.66/\n",
        "* * * * * root curl http://203.0.113.66/\n",
        "@daily root /usr/local/bin/job\n",
        "services:\n  a:\n    environment:\n      - TARGET=203.0.113.66\n      - PASSWORD=hunter2hunter2\n",
        "TARGET=203.0.113.66\n",
        "{\"Config\":{\"Labels\":{\"com.docker.compose.project.working_dir\":\"/srv/app\",\"com.docker.compose.project.config_files\":\"compose.yaml\"}}}",
        "30 20 0:1 /var/lib/kubelet/pods/x/volumes/kubernetes.io~configmap/a /etc/config rw - tmpfs tmpfs rw\n",
        "A=b\0TARGET=203.0.113.66\0",
        "upstream: MjAzLjAuMTEzLjY2\n",
        "203.0.113.66 bad.example\n",
        "upstream x { server 203.0.113.66:443; }\n",
    ];
    vec![files.join(BETWEEN).into_bytes(), files.iter().rev().copied().collect::<Vec<_>>().join(BETWEEN).into_bytes()]
}

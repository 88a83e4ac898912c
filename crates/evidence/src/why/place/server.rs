//! Does the configuration of a known server name the peer, with the files that it includes?

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::Place;
use crate::why::look::{Files, Look};

pub(super) struct Server;

/// Programs, the options that name their configuration, and where it is without them.
const SERVERS: &[(&[&str], &[&str], &[&str])] = &[
    (
        &["nginx", "openresty", "angie"],
        &["-c"],
        &["/etc/nginx/nginx.conf", "/etc/nginx/conf.d/*", "/etc/nginx/sites-enabled/*"],
    ),
    (
        &["apache2", "httpd"],
        &["-f"],
        &[
            "/etc/apache2/apache2.conf",
            "/etc/apache2/sites-enabled/*",
            "/etc/apache2/conf-enabled/*",
            "/etc/httpd/conf/httpd.conf",
            "/etc/httpd/conf.d/*",
        ],
    ),
    (&["haproxy"], &["-f"], &["/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d/*"]),
    (&["caddy"], &["--config", "-conf"], &["/etc/caddy/Caddyfile", "/etc/caddy/conf.d/*"]),
    (
        &["traefik"],
        &["--configFile"],
        &["/etc/traefik/traefik.yml", "/etc/traefik/traefik.toml", "/etc/traefik/conf.d/*"],
    ),
    (&["envoy"], &["-c", "--config-path"], &["/etc/envoy/envoy.yaml"]),
    (&["squid"], &["-f"], &["/etc/squid/squid.conf", "/etc/squid/conf.d/*"]),
    (&["varnishd"], &["-f"], &["/etc/varnish/default.vcl"]),
    (&["redis-server", "valkey-server"], &[], &["/etc/redis/redis.conf", "/etc/redis.conf", "/etc/valkey/valkey.conf"]),
    (
        &["mysqld", "mariadbd"],
        &["--defaults-file"],
        &["/etc/my.cnf", "/etc/mysql/my.cnf", "/etc/mysql/conf.d/*", "/etc/mysql/mariadb.conf.d/*"],
    ),
    (
        &["named"],
        &["-c"],
        &["/etc/bind/named.conf", "/etc/bind/named.conf.options", "/etc/bind/named.conf.local", "/etc/named.conf"],
    ),
    (&["unbound"], &["-c"], &["/etc/unbound/unbound.conf", "/etc/unbound/unbound.conf.d/*"]),
    (&["dnsmasq"], &["-C"], &["/etc/dnsmasq.conf", "/etc/dnsmasq.d/*"]),
    (&["rsyslogd"], &["-f"], &["/etc/rsyslog.conf", "/etc/rsyslog.d/*"]),
    (
        &["chronyd"],
        &["-f"],
        &["/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/chrony/sources.d/*", "/etc/chrony/conf.d/*"],
    ),
    (
        &["ntpd", "systemd-timesyncd"],
        &["-c"],
        &["/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/systemd/timesyncd.conf"],
    ),
    (&["systemd-resolved"], &[], &["/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d/*", "/etc/resolv.conf"]),
    (&["master", "smtp"], &[], &["/etc/postfix/main.cf", "/etc/postfix/transport"]),
    (
        &["exim4", "exim"],
        &["-C"],
        &["/etc/exim4/update-exim4.conf.conf", "/etc/exim4/exim4.conf", "/etc/exim/exim.conf"],
    ),
    (&["filebeat", "metricbeat"], &["-c"], &["/etc/filebeat/filebeat.yml", "/etc/metricbeat/metricbeat.yml"]),
    (&["prometheus"], &["--config.file"], &["/etc/prometheus/prometheus.yml"]),
    (&["telegraf"], &["--config"], &["/etc/telegraf/telegraf.conf", "/etc/telegraf/telegraf.d/*"]),
    (
        &["zabbix_agentd", "zabbix_agent2"],
        &["-c"],
        &["/etc/zabbix/zabbix_agentd.conf", "/etc/zabbix/zabbix_agent2.conf"],
    ),
    (&["puppet", "salt-minion"], &[], &["/etc/puppet/puppet.conf", "/etc/salt/minion"]),
    (&["postgres"], &[], &["/etc/postgresql/*"]),
    (&["php-fpm"], &["-y", "--fpm-config"], &["/etc/php-fpm.conf", "/etc/php-fpm.d/*"]),
];

const FILES_MAX: usize = 500;

impl Place for Server {
    fn name(&self) -> &'static str {
        "server"
    }

    fn search(&self, look: &mut Look<'_>) {
        let exe = look.subject.exe_path().to_owned();
        let program = exe.rsplit('/').next().unwrap_or_default();
        for (programs, options, paths) in SERVERS.iter().filter(|server| server.0.contains(&program)) {
            let argv = &look.question.process.argv;
            // A master's title holds the command line in one word.
            let words: Vec<&str> = argv.iter().flat_map(|word| word.split(' ')).collect();
            let named = words.iter().enumerate().find_map(|(at, word)| {
                let option = options.iter().find(|option| word.starts_with(**option))?;
                let joined = word.strip_prefix(option)?.trim_start_matches('=');
                if joined.is_empty() { words.get(at + 1).copied() } else { Some(joined) }
            });
            let is_file =
                |word: &&&str| word.starts_with('/') && word.ends_with(".conf") && programs.contains(&"redis-server");
            let positional = words.get(1).filter(is_file);
            let given: Vec<&str> = named.into_iter().chain(positional.copied()).collect();
            let starts: Vec<PathBuf> = match given.is_empty() {
                false => given.iter().map(|path| absolute(Path::new(path), paths[0], look)).collect(),
                true => paths.iter().map(PathBuf::from).collect(),
            };
            self.follow(look, starts);
        }
    }
}

/// A relative path is meant from the working folder, or from the folder of the usual file.
fn absolute(path: &Path, usual: &str, look: &Look<'_>) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    let usual = Path::new(usual).parent().unwrap_or(Path::new("/"));
    let cwd = look.question.process.cwd.as_deref().map_or(usual, Path::new);
    if look.root(Files::Own).join(cwd.strip_prefix("/").unwrap_or(cwd)).join(path).exists() {
        cwd.join(path)
    } else {
        usual.join(path)
    }
}

impl Server {
    fn follow(&self, look: &mut Look<'_>, starts: Vec<PathBuf>) {
        let mut queue: VecDeque<PathBuf> = starts.into();
        let mut files = 0;
        let base = queue.front().and_then(|path| path.parent()).unwrap_or(Path::new("/etc")).to_owned();
        while let Some(path) = queue.pop_front() {
            files += 1;
            if files > FILES_MAX || look.is_over() {
                return;
            }
            if path.to_string_lossy().contains('*') {
                queue.extend(matching(look, &path));
                continue;
            }
            let path = look.resolved(Files::Own, &path);
            if let Some(text) = look.file(self.name(), Files::Own, &path) {
                queue.extend(includes(&text).map(|path| if path.is_absolute() { path } else { base.join(path) }));
            }
        }
    }
}

/// The files that a path with `*` in its last part names.
fn matching(look: &Look<'_>, pattern: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else { return Vec::new() };
    let fits = |name: &String| name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end);
    look.names(Files::Own, folder).into_iter().filter(fits).map(|name| folder.join(name)).collect()
}

/// `include FILE;`, `Include FILE`, `!include FILE`, `import FILE`, `include: "FILE"`.
fn includes(text: &str) -> impl Iterator<Item = PathBuf> + '_ {
    text.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches(['!', '@']);
        let (word, rest) = line.split_once(|c: char| c.is_whitespace() || c == ':' || c == '=')?;
        let lower = word.to_ascii_lowercase();
        if !matches!(
            lower.as_str(),
            "include" | "includeoptional" | "import" | "include_dir" | "includedir" | "conf-dir"
        ) {
            return None;
        }
        let path = rest.trim().trim_end_matches(';').trim_matches(['"', '\'', ' ']);
        let path = if lower.ends_with("dir") { format!("{path}/*") } else { path.to_owned() };
        (!path.is_empty()).then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_of_several_servers_are_seen() {
        let text = "http {\n  include /etc/nginx/conf.d/*.conf;\n}\nIncludeOptional sites/*.conf\n!includedir /etc/mysql/conf.d/\n# include no\n";
        let found: Vec<_> = includes(text).map(|path| path.display().to_string()).collect();
        assert_eq!(found, ["/etc/nginx/conf.d/*.conf", "sites/*.conf", "/etc/mysql/conf.d//*"]);
    }
}

//! Which lines does a `logsource` mean here?

use rsigma_parser::LogSource;

use super::super::source::{Sort, Source};
use super::Unused;

/// Services of Linux, and under which names their programs write to the system's log. One that does not stand here is
/// called as its program is; one without names writes all of it.
const SERVICES: &[(&str, &[&str])] = &[
    ("syslog", &[]),
    ("auth", &[]),
    ("authpriv", &[]),
    ("messages", &[]),
    ("journald", &[]),
    ("sshd", &["sshd", "sshd-session"]),
    ("cron", &["cron", "crond", "anacron"]),
    ("clamav", &["clamd", "clamav", "freshclam", "clamscan"]),
    ("guacamole", &["guacd", "guacamole"]),
];

/// Databases' logs: their rules look for words of SQL, which stand in many other lines.
const DATABASE_FORMATS: &[&str] = &["mysql", "postgresql"];
const DATABASES: &[&str] = &["mysqld", "mysql", "mariadbd", "mariadb", "postgres", "postgresql"];

/// Web servers' logs of errors.
const SERVERS: &[(&str, &str, &[&str])] =
    &[("apache", "apache-error", &["apache", "apache2", "httpd"]), ("nginx", "nginx-error", &["nginx"])];

/// Applications whose messages are read, by `product`.
const APPLICATIONS: &[&str] = &[
    "jvm",
    "java",
    "spring",
    "velocity",
    "django",
    "python",
    "ruby_on_rails",
    "ruby",
    "nodejs",
    "sql",
    "php",
    "dotnet",
];

/// The lines that are meant, or why none is read.
pub(super) fn source(asked: &LogSource) -> Result<Source, Unused> {
    let small = |text: &Option<String>| text.as_ref().map(|text| text.to_ascii_lowercase()).filter(|text| text != "*");
    let (category, product, service) = (small(&asked.category), small(&asked.product), small(&asked.service));
    let of = |kinds: &[Sort]| Source { kinds: kinds.to_vec(), ..Source::default() };
    if !asked.custom.is_empty() {
        return Err(Unused::Skip("its logsource has keys that are not known here".into()));
    }
    let server = |name: &Option<String>| SERVERS.iter().find(|(known, ..)| name.as_deref() == Some(*known));
    match (category.as_deref(), product.as_deref(), service.as_deref()) {
        (Some("webserver"), ..) => Ok(of(&[Sort::Request, Sort::Forwarded])),
        // Their rules name ordinary browsers and crawlers, which mean something only where one's own hosts ask.
        (Some("proxy"), ..) => Ok(of(&[Sort::Forwarded])),
        (Some("database"), ..) => {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Ok(Source { kinds: vec![Sort::Message], formats: owned(DATABASE_FORMATS), programs: owned(DATABASES) })
        }
        (Some("application"), Some(product), None) if APPLICATIONS.contains(&product) => Ok(of(&[Sort::Message])),
        (None, None | Some("linux" | "apache" | "nginx"), _) if server(&service).or(server(&product)).is_some() => {
            let (_, format, programs) = server(&service).or(server(&product)).unwrap_or(&SERVERS[0]);
            let programs = programs.iter().map(|name| (*name).to_owned()).collect();
            Ok(Source {
                kinds: vec![Sort::Request, Sort::Forwarded, Sort::Message],
                formats: vec![(*format).to_owned()],
                programs,
            })
        }
        (None, Some("linux"), None) => Ok(of(&[Sort::Audit, Sort::Message])),
        (None, None | Some("linux"), Some("auditd")) => Ok(of(&[Sort::Audit])),
        (None, None | Some("linux" | "modsecurity"), Some("modsecurity")) => {
            let formats = vec!["modsecurity".to_owned()];
            Ok(Source { kinds: vec![Sort::Request, Sort::Forwarded], formats, programs: vec!["modsecurity".into()] })
        }
        (None, Some("linux"), Some(service)) => {
            let known = SERVICES.iter().find(|(known, _)| *known == service);
            let programs = match known {
                Some((_, programs)) => programs.iter().map(|name| (*name).to_owned()).collect(),
                None => vec![service.to_owned()],
            };
            Ok(Source { kinds: vec![Sort::Message], formats: Vec::new(), programs })
        }
        _ => Err(Unused::Skip(format!("no log of this source is read here ({})", shown(asked)))),
    }
}

fn shown(asked: &LogSource) -> String {
    let named = [("category", &asked.category), ("product", &asked.product), ("service", &asked.service)];
    let parts: Vec<String> =
        named.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}"))).collect();
    if parts.is_empty() { "it names none".into() } else { parts.join(", ") }
}

/// Whether what a filter names holds a rule's source.
pub(super) fn holds(filter: &LogSource, rule: &LogSource) -> bool {
    let same = |wide: &Option<String>, narrow: &Option<String>| {
        wide.as_ref().is_none_or(|wide| narrow.as_ref().is_some_and(|narrow| narrow.eq_ignore_ascii_case(wide)))
    };
    same(&filter.category, &rule.category)
        && same(&filter.product, &rule.product)
        && same(&filter.service, &rule.service)
}

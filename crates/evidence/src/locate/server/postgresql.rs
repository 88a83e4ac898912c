//! Where does PostgreSQL write? `logging_collector`, `log_directory` and `log_filename` of `postgresql.conf`; without
//! the collector, where Debian's wrapper sends its output. [PostgreSQL: Error Reporting and Logging]

use std::path::{Path, PathBuf};

use super::{Server, matching, option, text};
use crate::locate::{How, Located, Log, Subject};

pub(super) struct Postgresql;

impl Server for Postgresql {
    fn programs(&self) -> &'static [&'static str] {
        &["postgres", "postmaster"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        let Some(data) = option(&subject.argv, &["-D"]).map(PathBuf::from) else {
            return found
                .missing
                .push("PostgreSQL's data folder is not on its command line: a worker's is not its own".into());
        };
        let named = subject.argv.iter().find_map(|word| word.strip_prefix("config_file=")).map(PathBuf::from);
        let path = named.unwrap_or_else(|| data.join("postgresql.conf"));
        let text = match text(subject, &path) {
            Ok(text) => text,
            Err(reason) => return found.missing.push(format!("PostgreSQL's configuration: {reason}")),
        };
        let collects =
            setting(&text, "logging_collector").is_some_and(|(_, value)| matches!(value, "on" | "true" | "yes" | "1"));
        if !collects {
            return debian(subject, &data, found);
        }
        let (line, folder) = setting(&text, "log_directory").unwrap_or((1, "log"));
        let (_, name) = setting(&text, "log_filename").unwrap_or((1, "postgresql-%Y-%m-%d_%H%M%S.log"));
        let folder = if folder.starts_with('/') { PathBuf::from(folder) } else { data.join(folder) };
        // The name holds the time: what stands before and after it is the same in all.
        let pattern = match (name.find('%'), name.rfind('%')) {
            (Some(first), Some(last)) => format!("{}*{}", &name[..first], name.get(last + 2..).unwrap_or_default()),
            _ => name.to_owned(),
        };
        let mut paths = matching(subject, &folder.join(pattern));
        paths.sort();
        let how = How::Configuration { file: path, line };
        for path in paths.into_iter().rev().take(NEWEST_MAX) {
            found.add(Log { path, root: subject.root(), how: how.clone(), pattern: None });
        }
    }
}

const NEWEST_MAX: usize = 3;

/// `/var/lib/postgresql/15/main` writes to `/var/log/postgresql/postgresql-15-main.log`.
fn debian(subject: &Subject, data: &Path, found: &mut Located) {
    let mut parts = data.iter().rev().filter_map(|part| part.to_str());
    let (Some(cluster), Some(version)) = (parts.next(), parts.next()) else { return };
    let path = PathBuf::from(format!("/var/log/postgresql/postgresql-{version}-{cluster}.log"));
    let log = Log { path, root: subject.root(), how: How::Layout, pattern: None };
    if crate::locate::open(&log).is_ok() {
        found.add(log);
    }
}

/// The last `name = 'value'` counts.
fn setting<'t>(text: &'t str, name: &str) -> Option<(u64, &'t str)> {
    let lines = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let rest = line.trim().strip_prefix(name)?;
        let value = rest.trim_start().trim_start_matches('=').trim_start();
        // A longer name begins the same way.
        if value.len() == rest.len() {
            return None;
        }
        let value = match value.strip_prefix('\'') {
            Some(quoted) => quoted.split('\'').next()?,
            None => value.split(['#', ' ', '\t']).next()?,
        };
        Some((number, value))
    });
    lines.last()
}

//! Where does a server's own configuration say that its logs are?
//!
//! A server is one file and one line in `SERVERS`.

mod apache;
mod haproxy;
mod includes;
mod nginx;
mod postgresql;
mod redis;
mod tomcat;

use std::io::Read;
use std::path::{Path, PathBuf};

use super::opened::open_in;
use super::{Located, Subject};

/// Every server whose configuration is read.
const SERVERS: &[&dyn Server] =
    &[&nginx::Nginx, &apache::Apache, &tomcat::Tomcat, &haproxy::Haproxy, &postgresql::Postgresql, &redis::Redis];

/// A kind of server.
trait Server: Sync {
    /// The names of its program.
    fn programs(&self) -> &'static [&'static str];
    /// Reads its configuration and adds the logs that it names.
    fn find(&self, subject: &Subject, found: &mut Located);
}

/// Whether a program can stand before others and says in its configuration for whom it speaks.
pub(super) fn is_proxy(program: &str) -> bool {
    let proxies: [&dyn Server; 3] = [&nginx::Nginx, &apache::Apache, &haproxy::Haproxy];
    proxies.iter().any(|server| server.programs().contains(&program))
}

pub(super) fn find(subject: &Subject, found: &mut Located) {
    let program = subject.program();
    for server in SERVERS.iter().filter(|server| server.programs().contains(&program)) {
        server.find(subject, found);
    }
}

/// A file of the configuration, as the process sees it; bounded.
fn text(subject: &Subject, path: &Path) -> Result<String, String> {
    let file = open_in(&subject.root(), path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(CONFIGURATION_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const CONFIGURATION_BYTES_MAX: u64 = 4 << 20;

/// The value behind an option of the command line: `-c FILE`, `-cFILE`, `--config=FILE`.
fn option<'a>(argv: &'a [String], names: &[&str]) -> Option<&'a str> {
    for (at, argument) in argv.iter().enumerate() {
        for name in names {
            if argument == name {
                return argv.get(at + 1).map(String::as_str);
            }
            if let Some(rest) = argument.strip_prefix(name) {
                let value = rest.strip_prefix('=').unwrap_or(rest);
                if !value.is_empty() && (rest.starts_with('=') || !name.starts_with("--")) {
                    return Some(value);
                }
            }
        }
    }
    None
}

/// The files that `pattern` names: a path whose last part may hold `*`.
fn matching(subject: &Subject, pattern: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else { return vec![pattern.to_owned()] };
    let inside = subject.root().join(folder.strip_prefix("/").unwrap_or(folder));
    let names = std::fs::read_dir(inside)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let fits = |name: &String| name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end);
    let mut paths: Vec<PathBuf> = names.filter(fits).take(FILES_MAX).map(|name| folder.join(name)).collect();
    paths.sort();
    paths
}

const FILES_MAX: usize = 1000;

#[cfg(test)]
mod tests;

//! Where does Redis write? `logfile` of its configuration. [Redis: redis.conf]

use std::path::{Path, PathBuf};

use super::{Server, text};
use crate::locate::{How, Located, Log, Subject};

pub(super) struct Redis;

const USUAL: &[&str] =
    &["/etc/redis/redis.conf", "/etc/redis.conf", "/etc/valkey/valkey.conf", "/usr/local/etc/redis/redis.conf"];

impl Server for Redis {
    fn programs(&self) -> &'static [&'static str] {
        &["redis-server", "valkey-server"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        // Its title replaces the command line: the file may be lost from it.
        let given = subject.argv.get(1).filter(|word| word.starts_with('/')).map(PathBuf::from);
        let paths = given.map_or_else(|| USUAL.iter().map(PathBuf::from).collect(), |path| vec![path]);
        let read = paths.iter().find_map(|path| text(subject, path).ok().map(|text| (path, text)));
        let Some((path, text)) = read else {
            return found.missing.push(format!("Redis's configuration: none of {} can be read", shown(&paths)));
        };
        let lines = (1..).zip(text.lines()).filter_map(|(number, line)| {
            let (name, value) = line.trim().split_once(char::is_whitespace)?;
            (name.eq_ignore_ascii_case("logfile")).then(|| (number, value.trim().trim_matches(['"', '\''])))
        });
        match lines.last() {
            Some((line, file)) if file.starts_with('/') => {
                let how = How::Configuration { file: path.clone(), line };
                found.add(Log { path: Path::new(file).to_owned(), root: subject.root(), how, pattern: None });
            }
            _ => found.missing.push(format!("{}: Redis logs to its output, or to syslog", path.display())),
        }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

//! Where does Tomcat write? In `catalina.base`, by the access log valves of `server.xml`, and as `logging.properties`
//! says. [Apache Tomcat: Access Log Valve; JULI]

use std::path::{Path, PathBuf};

use super::{Server, text};
use crate::locate::{How, Located, Log, Subject};

pub(super) struct Tomcat;

impl Server for Tomcat {
    fn programs(&self) -> &'static [&'static str] {
        &["java"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        let property = |name: &str| subject.argv.iter().find_map(|word| word.strip_prefix(&format!("-D{name}=")));
        let Some(base) = property("catalina.base").or_else(|| property("catalina.home")).map(PathBuf::from) else {
            return;
        };
        let configuration = base.join("conf/server.xml");
        match text(subject, &configuration) {
            Ok(text) => valves(subject, &base, &configuration, &text, found),
            Err(reason) => found.missing.push(format!("Tomcat's configuration: {reason}")),
        }
        found.serve(base.join("webapps"));
        let logs = base.join("logs");
        add_newest(subject, &logs, "catalina.", ".log", &How::Layout, None, found);
        add_newest(subject, &logs, "localhost.", ".log", &How::Layout, None, found);
        let out = Log { path: logs.join("catalina.out"), root: subject.root(), how: How::Layout, pattern: None };
        if crate::locate::open(&out).is_ok() {
            found.add(out);
        }
    }
}

/// Each `<Valve className="…AccessLogValve" directory= prefix= suffix= pattern=>`.
fn valves(subject: &Subject, base: &Path, file: &Path, text: &str, found: &mut Located) {
    let mut from = 0;
    while let Some(at) = text[from..].find("<Valve").map(|at| at + from) {
        let end = text[at..].find('>').map_or(text.len(), |end| at + end);
        from = end;
        let valve = &text[at..end];
        let is_comment = text[..at].rfind("<!--").is_some_and(|open| !text[open..at].contains("-->"));
        if is_comment || !valve.contains("AccessLogValve") {
            continue;
        }
        let line = 1 + text[..at].matches('\n').count() as u64;
        let attribute = |name: &str| attribute(valve, name);
        let folder = base.join(attribute("directory").unwrap_or_else(|| "logs".to_owned()));
        let prefix = attribute("prefix").unwrap_or_else(|| "access_log".to_owned());
        let suffix = attribute("suffix").unwrap_or_default();
        let pattern = attribute("pattern").filter(|pattern| pattern.contains('%'));
        let how = How::Configuration { file: file.to_owned(), line };
        add_newest(subject, &folder, &prefix, &suffix, &how, pattern, found);
    }
}

fn attribute(element: &str, name: &str) -> Option<String> {
    let (_, rest) = element.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = rest[1..].split(quote).next()?;
    Some(value.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
}

/// A log of each day has the day in its name: the newest few.
fn add_newest(
    subject: &Subject,
    folder: &Path,
    prefix: &str,
    suffix: &str,
    how: &How,
    pattern: Option<String>,
    found: &mut Located,
) {
    let mut paths = super::matching(subject, &folder.join(format!("{prefix}*{suffix}")));
    paths.sort();
    for path in paths.into_iter().rev().take(DAYS_MAX) {
        found.add(Log { path, root: subject.root(), how: how.clone(), pattern: pattern.clone() });
    }
}

const DAYS_MAX: usize = 3;

//! What does a file of configuration say, and on which line?

use std::path::Path;

use toml::Table;

use super::ConfigError;

pub(super) fn parse(path: &Path, text: &str) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        ConfigError::Content { origin: format!("{}:{line}", path.display()), reason: error.message().to_owned() }
    })
}

pub(super) fn content_error(path: &Path, text: &str, name: &str, reason: &str) -> ConfigError {
    let line = text.lines().position(|line| line.trim_start().starts_with(name)).map_or(1, |at| at + 1);
    ConfigError::Content { origin: format!("{}:{line}", path.display()), reason: format!("{name} {reason}") }
}

/// The line on which `name` stands inside `[section]`; 1 when it is written in another way.
pub(super) fn line_of(text: &str, section: &str, name: &str) -> usize {
    let header = format!("[{section}]");
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.starts_with(&header);
        }
        if (inside && line.split('=').next().is_some_and(|key| key.trim() == name))
            || line.starts_with(&format!("{section}.{name}"))
            || line.starts_with(&format!("[[{section}.{name}]]"))
        {
            return at + 1;
        }
    }
    1
}

/// The lines of each `[[key]]`, as `key[0]`, and of what is set in it, as `key[0].name`.
pub(super) fn lines_of_tables(text: &str, key: &str) -> Vec<(String, usize)> {
    let header = format!("[[{key}]]");
    let (mut places, mut count, mut inside) = (Vec::new(), 0_usize, None);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(&header) {
            let table = format!("{key}[{count}]");
            count += 1;
            places.push((table.clone(), at + 1));
            inside = Some(table);
        } else if line.starts_with('[') {
            inside = None;
        } else if let (Some(table), Some((name, _))) = (&inside, line.split_once('=')) {
            places.push((format!("{table}.{}", name.trim()), at + 1));
        }
    }
    places
}

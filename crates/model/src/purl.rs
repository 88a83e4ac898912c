//! What does a package URL say, and how is it written in its one canonical way?

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A package URL in its parts, decoded. Reading is lenient: what a type asks for or forbids beyond
/// its syntax is not held against a document that names its packages carelessly.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    /// `deb`, `npm`; lower case.
    pub kind: String,
    /// Segments joined by `/`; empty where there are none.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Empty where there is none.
    pub version: String,
    /// By key, in lower case; none is empty.
    pub qualifiers: BTreeMap<String, String>,
    /// Segments joined by `/`; empty where there are none.
    pub subpath: String,
}

/// Why a text is no package URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// Another scheme, or none.
    #[error("it does not begin with pkg:")]
    Scheme,
    /// The type is missing or has other signs than letters, digits, `.` and `-`.
    #[error("it has no type")]
    Type,
    /// No name after the type.
    #[error("it has no name")]
    Name,
    /// A qualifier's key has signs that none may have.
    #[error("a qualifier has no proper key")]
    Qualifier,
    /// Longer than any real one.
    #[error("it is longer than 8 KiB")]
    Length,
}

impl Purl {
    /// The value of a qualifier; empty where it is not given.
    pub fn qualifier(&self, key: &str) -> &str {
        self.qualifiers.get(key).map_or("", String::as_str)
    }

    /// Brings the parts into the spelling that the type prescribes.
    pub fn normalize(&mut self) {
        self.kind.make_ascii_lowercase();
        let Some((_, lower)) = TYPES.iter().find(|(kind, _)| *kind == self.kind) else { return };
        let parts = [&mut self.namespace, &mut self.name, &mut self.version, &mut self.subpath];
        for (part, _) in parts.into_iter().zip("nmvs".chars()).filter(|(_, sign)| lower.contains(*sign)) {
            *part = part.to_lowercase();
        }
        match self.kind.as_str() {
            "pypi" => self.name = self.name.replace('_', "-"),
            "pub" => self.name = self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
            "mlflow" if self.qualifier("repository_url").contains("databricks") => {
                self.name = self.name.to_lowercase();
            }
            "cpan" => self.namespace = self.namespace.to_uppercase(),
            _ => {}
        }
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        if text.len() > PURL_BYTES_MAX {
            return Err(PurlError::Length);
        }
        let rest = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("pkg:")).ok_or(PurlError::Scheme)?;
        let rest = text[rest.len()..].trim_start_matches('/');
        let (rest, subpath) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = rest.split_once('/').ok_or(PurlError::Type)?;
        let proper = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        if !kind.starts_with(|c: char| c.is_ascii_alphabetic()) || !kind.chars().all(proper) {
            return Err(PurlError::Type);
        }
        // An `@` right after a `/` begins the namespace of npm, written without its escape.
        let (path, version) = match path.trim_end_matches('/').rsplit_once('@') {
            Some((before, version)) if !version.contains('/') || !(before.is_empty() || before.ends_with('/')) => {
                (before, version)
            }
            _ => (path, ""),
        };
        if path.ends_with('/') && !version.is_empty() {
            return Err(PurlError::Name);
        }
        let segments = || path.split('/').filter(|segment| !segment.is_empty()).map(decode);
        let name = segments().next_back().filter(|name| !name.is_empty()).ok_or(PurlError::Name)?;
        let count = segments().count();
        let mut out = Self {
            kind: kind.to_ascii_lowercase(),
            namespace: segments().take(count - 1).collect::<Vec<_>>().join("/"),
            name,
            version: decode(version),
            qualifiers: qualifiers(query)?,
            subpath: subpath
                .split('/')
                .map(decode)
                .filter(|segment| !matches!(segment.as_str(), "" | "." | ".."))
                .collect::<Vec<_>>()
                .join("/"),
        };
        out.normalize();
        Ok(out)
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.kind)?;
        for segment in self.namespace.split('/').filter(|segment| !segment.is_empty()) {
            write!(f, "/{}", Encoded(segment))?;
        }
        write!(f, "/{}", Encoded(&self.name))?;
        if !self.version.is_empty() {
            write!(f, "@{}", Encoded(&self.version))?;
        }
        for (at, (key, value)) in self.qualifiers.iter().filter(|(_, value)| !value.is_empty()).enumerate() {
            let sign = if at == 0 { '?' } else { '&' };
            write!(f, "{sign}{key}={}", Encoded(value))?;
        }
        for (at, segment) in self.subpath.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            let sign = if at == 0 { '#' } else { '/' };
            write!(f, "{sign}{}", Encoded(segment))?;
        }
        Ok(())
    }
}

/// A text with all escaped but what may stand in every part.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            let plain = byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte);
            if plain {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

fn qualifiers(query: &str) -> Result<BTreeMap<String, String>, PurlError> {
    let mut out = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let proper = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if key.is_empty() || !key.chars().all(proper) {
            return Err(PurlError::Qualifier);
        }
        let value = decode(value);
        if !value.is_empty() {
            out.insert(key.to_ascii_lowercase(), value);
        }
    }
    Ok(out)
}

/// Undoes percent escapes; a broken one stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Types of which parts are written in lower case: namespace (n), name (m), version (v), subpath (s).
const TYPES: &[(&str, &str)] = &[
    ("alpm", "nm"),
    ("apk", "nm"),
    ("bitbucket", "nm"),
    ("bitnami", "m"),
    ("brew", "nm"),
    ("chrome-extension", "m"),
    ("composer", "nm"),
    ("cpan", ""),
    ("deb", "nm"),
    ("github", "nm"),
    ("hex", "nm"),
    ("huggingface", "v"),
    ("luarocks", "nm"),
    ("mlflow", ""),
    ("oci", "mv"),
    ("otp", "ms"),
    ("pub", "m"),
    ("pypi", "mv"),
    ("qpkg", "n"),
    ("rpm", "n"),
    ("vscode-extension", "nmv"),
    ("yocto", "n"),
];

/// Real ones are under one.
const PURL_BYTES_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests;

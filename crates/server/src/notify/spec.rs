//! Is a channel's configuration whole, and where are its secrets?

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::channel::{self, Channel};
use super::config::ChannelConfig;
use super::template::Template;

/// One receiver, checked and with its secrets.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) kind: &'static dyn Channel,
    pub(crate) url: Secret,
    pub(crate) secret: Secret,
    pub(crate) token: Secret,
    pub(crate) password: Secret,
    pub(crate) user: String,
    pub(crate) private: bool,
    /// Whether it may be spoken to in the clear beyond this host.
    pub(crate) unencrypted: bool,
    /// 0: as many as there are.
    pub(crate) per_minute: u32,
    /// Nothing where the kind has no text.
    pub(crate) template: Option<Template>,
    pub(crate) format: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Host and port.
    pub(crate) server: (String, u16),
    pub(crate) tls: String,
    pub(crate) transport: String,
    pub(crate) project: String,
    pub(crate) issue_type: String,
    pub(crate) index: String,
    pub(crate) facility: Option<u8>,
}

/// A text that is shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "…" })
    }
}

impl Spec {
    /// Reads what files hold and checks that everything is there and fits.
    pub(crate) fn new(config: &ChannelConfig) -> Result<Self, String> {
        let kind = channel::find(&config.kind).ok_or_else(|| {
            let known: Vec<&str> = channel::KINDS.iter().map(|kind| kind.name()).collect();
            format!("there is no kind {:?}; known: {}", config.kind, known.join(", "))
        })?;
        check_keys(kind, config)?;
        let url = match (config.url.is_empty(), is_set(&config.url_file)) {
            (false, true) => return Err("url and url_file say the same: keep one".into()),
            (_, true) => read(&config.url_file)?,
            _ => Secret(config.url.clone()),
        };
        let spec = Self {
            name: config.name.clone(),
            kind,
            url: Secret(url.0.trim_end_matches('/').to_owned()),
            secret: read(&config.secret_file)?,
            token: read(&config.token_file)?,
            password: read(&config.password_file)?,
            user: config.user.clone(),
            private: config.private,
            unencrypted: config.unencrypted,
            per_minute: config.per_minute.unwrap_or(if kind.is_for_people() { PER_MINUTE } else { 0 }),
            template: template(kind, config)?,
            format: config.format.clone(),
            from: config.from.clone(),
            to: config.to.clone(),
            server: server(&config.server)?,
            tls: config.tls.clone(),
            transport: config.transport.clone(),
            project: config.project.clone(),
            issue_type: config.issue_type.clone(),
            index: config.index.clone(),
            facility: config.facility,
        };
        spec.check_url()?;
        kind.check(&spec)?;
        Ok(spec)
    }

    /// Whether `format` is one of these; nothing said is the first.
    pub(crate) fn format_is(&self, known: &[&str]) -> Result<(), String> {
        match self.format.is_empty() || known.contains(&self.format.as_str()) {
            true => Ok(()),
            false => Err(format!("format {:?} is none of {}", self.format, known.join(", "))),
        }
    }

    /// Whether the server stands on this host.
    pub(crate) fn is_here(&self) -> bool {
        is_here(&self.server.0)
    }

    /// The TCP port that it is reached at; none where it is spoken to otherwise.
    pub(crate) fn port(&self) -> Option<u16> {
        match (self.url.is_empty(), self.server.1, self.kind.name()) {
            (false, ..) => tripoint_fetch::port_of(self.url.text()),
            (true, _, "syslog") if matches!(self.transport.as_str(), "" | "udp") => None,
            // Of a kind that has an address of its own, by https.
            (true, 0, _) => Some(443),
            (true, port, _) => Some(port),
        }
    }

    /// What proves who we are: user and password, or the token by this scheme.
    pub(crate) fn authorization(&self, scheme: &str) -> Option<(&'static str, String)> {
        let pass = if self.password.is_empty() { &self.token } else { &self.password };
        let value = match (self.user.is_empty(), pass.is_empty()) {
            (_, true) => return None,
            (true, false) => format!("{scheme} {}", pass.text()),
            (false, false) => format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, pass.text()))),
        };
        Some(("authorization", value))
    }

    /// The text without anything that is secret, nor the way behind the host.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if !self.url.is_empty() {
            text = text.replace(self.url.text(), &shown_url(self.url.text()));
            // As a parser of URLs writes it.
            text = text.replace(&format!("{}/", self.url.text()), &shown_url(self.url.text()));
        }
        let basic = self.authorization("Bearer").map(|(_, value)| value).unwrap_or_default();
        let basic = basic.rsplit(' ').next().unwrap_or_default().to_owned();
        for secret in [self.secret.text(), self.token.text(), self.password.text(), &basic] {
            if secret.len() >= 4 {
                text = text.replace(secret, "…");
            }
        }
        text
    }

    /// A secret goes over TLS, or stays on this host.
    fn check_url(&self) -> Result<(), String> {
        if self.url.is_empty() {
            return Ok(());
        }
        let rest = match self.url.text().split_once("://") {
            Some(("https", _)) => return Ok(()),
            Some(("http", rest)) => rest,
            _ => return Err("the URL begins with neither https:// nor http://".into()),
        };
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let shows =
            !self.token.is_empty() || !self.password.is_empty() || ["slack", "teams"].contains(&self.kind.name());
        match (is_here(host), shows) {
            (true, _) => Ok(()),
            (false, true) => Err("what proves who we are would go over http for everybody to read: use https".into()),
            (false, false) => self.clear("http"),
        }
    }

    /// What is told beyond this host in the clear has to be asked for in so many words.
    pub(crate) fn clear(&self, by: &str) -> Result<(), String> {
        if self.unencrypted {
            tracing::warn!(channel = self.name, by, "what this channel is told can be read on the way");
            return Ok(());
        }
        Err(format!("everybody on the way could read what is told by {by}: encrypt it, or say unencrypted = true"))
    }
}

/// `https://hooks.example/…`.
fn shown_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.len() == rest.len() { url.to_owned() } else { format!("{scheme}://{host}/…") }
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn check_keys(kind: &'static dyn Channel, config: &ChannelConfig) -> Result<(), String> {
    let set: Vec<&str> = KEYS.iter().filter(|(_, is_set)| is_set(config)).map(|(key, _)| *key).collect();
    if let Some(missing) = kind.needs().iter().find(|key| !set.contains(key)) {
        let file = if SECRET.contains(missing) { "_file" } else { "" };
        return Err(format!("a channel of kind {} needs {missing}{file}", kind.name()));
    }
    let text = if kind.template().is_some() { &["template"][..] } else { &[] };
    let known = |key: &&&str| !kind.needs().contains(*key) && !kind.takes().contains(*key) && !text.contains(*key);
    match set.iter().find(known) {
        Some(foreign) => Err(format!("a channel of kind {} has no {foreign}", kind.name())),
        None => Ok(()),
    }
}

fn template(kind: &'static dyn Channel, config: &ChannelConfig) -> Result<Option<Template>, String> {
    let Some(default) = kind.template() else { return Ok(None) };
    let (own, origin) = match (config.template.is_empty(), is_set(&config.template_file)) {
        (false, true) => return Err("template and template_file say the same: keep one".into()),
        (_, true) => (read(&config.template_file)?.0, format!("{}: ", config.template_file.display())),
        _ => (config.template.clone(), String::new()),
    };
    let own = Some(own.as_str()).filter(|text| !text.trim().is_empty());
    Template::new(own, default).map(Some).map_err(|error| format!("{origin}{error}"))
}

/// Host and port of `smtp.example:587`; nothing of nothing.
fn server(text: &str) -> Result<(String, u16), String> {
    if text.is_empty() {
        return Ok((String::new(), 0));
    }
    let bad = || format!("{text:?} is no HOST:PORT");
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let port = port.parse().map_err(|_| bad())?;
    let is_name = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    let is_literal = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || !(is_name(host) || is_literal) {
        return Err(bad());
    }
    Ok((host.to_owned(), port))
}

fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

/// A bounded file without the blanks around what it says; nothing of no file.
fn read(path: &Path) -> Result<Secret, String> {
    if !is_set(path) {
        return Ok(Secret::default());
    }
    let failed = |error: std::io::Error| format!("read {}: {error}", path.display());
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
    match text.trim() {
        "" => Err(format!("{} is empty", path.display())),
        text => Ok(Secret(text.to_owned())),
    }
}

type IsSet = fn(&ChannelConfig) -> bool;

/// How kinds call keys, and whether one is set.
const KEYS: &[(&str, IsSet)] = &[
    ("url", |config| !config.url.is_empty() || is_set(&config.url_file)),
    ("secret", |config| is_set(&config.secret_file)),
    ("token", |config| is_set(&config.token_file)),
    ("user", |config| !config.user.is_empty()),
    ("password", |config| is_set(&config.password_file)),
    ("template", |config| !config.template.is_empty() || is_set(&config.template_file)),
    ("format", |config| !config.format.is_empty()),
    ("from", |config| !config.from.is_empty()),
    ("to", |config| !config.to.is_empty()),
    ("server", |config| !config.server.is_empty()),
    ("tls", |config| !config.tls.is_empty()),
    ("transport", |config| !config.transport.is_empty()),
    ("project", |config| !config.project.is_empty()),
    ("issue_type", |config| !config.issue_type.is_empty()),
    ("index", |config| !config.index.is_empty()),
    ("facility", |config| config.facility.is_some()),
];
const SECRET: &[&str] = &["secret", "token", "password"];
/// What a person reads in a minute; more comes as one.
const PER_MINUTE: u32 = 60;
const FILE_MAX: u64 = 64 << 10;

//! What does this URL say now, if it says anything new?

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use ureq::http::{Response, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy};

use crate::address::{CheckedResolver, look_up};
use crate::download::Rest;
use crate::error::{FetchError, explain};
use crate::pace::Paced;
use crate::url;

/// What holds for every fetch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Longest time for one attempt, body and redirects included.
    pub total_timeout: Duration,
    /// Longest time without a byte; in so much of it a body brings at least some (`pace::BYTES_MIN`), else the attempt
    /// ends.
    pub stall_timeout: Duration,
    /// Attempts in all, for errors that may pass.
    pub attempts: u32,
    /// Pause before the second attempt; doubles each time, give or take half.
    pub pause: Duration,
    /// `http://host:port`; nothing is taken from the environment.
    /// The proxy then resolves names, so what they may lead to is its policy; literals are still judged.
    pub proxy: Option<String>,
    /// Certificates (PEM) trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `User-Agent`.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(300),
            stall_timeout: Duration::from_secs(60),
            attempts: 3,
            pause: Duration::from_secs(1),
            proxy: None,
            ca_file: None,
            user_agent: concat!("tripoint/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A header whose value is a secret in a file.
#[derive(Clone, Copy, Debug)]
pub struct KeyHeader<'a> {
    /// The header's name.
    pub name: &'a str,
    /// The file; blanks around its content are dropped.
    pub file: &'a Path,
}

/// One conditional GET.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What to fetch.
    pub url: &'a str,
    /// Tag of the copy at hand.
    pub etag: Option<&'a str>,
    /// Date of the copy at hand, as the server wrote it.
    pub last_modified: Option<&'a str>,
    /// Sent to the server that `url` names, and to no other.
    pub key: Option<KeyHeader<'a>>,
    /// Whether names may lead to private addresses.
    pub permit_private: bool,
    /// Largest body, bytes.
    pub bytes_max: u64,
    /// The media type that is wanted; nothing: any.
    pub accept: Option<&'a str>,
    /// A header of the answer that the caller wants to see.
    pub note: Option<&'a str>,
    /// Whether a redirect to another server is refused.
    pub stays: bool,
}

impl<'a> Request<'a> {
    /// An unconditional request for at most 64 MiB.
    pub fn new(url: &'a str) -> Self {
        Self {
            url,
            etag: None,
            last_modified: None,
            key: None,
            permit_private: false,
            bytes_max: 64 << 20,
            accept: None,
            note: None,
            stays: false,
        }
    }
}

/// What the server said.
#[derive(Debug)]
pub enum Answer {
    /// The copy at hand is still right.
    NotModified,
    /// A new copy.
    Body(Body),
}

/// A new copy.
#[derive(Debug)]
pub struct Body {
    /// As sent: still compressed if it was.
    pub bytes: Vec<u8>,
    /// Its tag.
    pub etag: Option<String>,
    /// Its date, in the server's words.
    pub last_modified: Option<String>,
    /// Its media type, in the server's words.
    pub content_type: Option<String>,
    /// The header that the request asked about, in the server's words.
    pub note: Option<String>,
    /// Where it came from in the end.
    pub url: String,
}

/// The client. Holds the trusted certificates; no connection outlives a fetch.
#[derive(Debug)]
pub struct Fetcher {
    pub(crate) settings: Settings,
    tls: TlsConfig,
    /// The same trust for conversations that are no HTTP.
    pub(crate) secure: Arc<rustls::ClientConfig>,
    proxy: Option<Proxy>,
}

/// Redirects followed.
const REDIRECTS_MAX: usize = 3;

impl Fetcher {
    /// Reads certificates and checks the proxy.
    pub fn new(settings: Settings) -> Result<Self, FetchError> {
        let proxy = match &settings.proxy {
            Some(text) => Some(Proxy::new(text).map_err(|_| FetchError::Proxy(without_password(text)))?),
            None => None,
        };
        let trusted = certificates(settings.ca_file.as_deref())?;
        let secure = crate::talk::config(&trusted)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&trusted))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        Ok(Self { settings, tls, secure, proxy })
    }

    /// Fetches, tries again when that may help, and follows redirects by hand.
    pub fn get(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        let key = match request.key {
            Some(key) => Some((key.name, header_value(key.name, read_key(key.file)?))),
            None => None,
        };
        let mut pause = self.settings.pause;
        let mut attempt = 1;
        loop {
            match self.attempt(request, key.as_ref()) {
                Err(error) if error.is_transient() && attempt < self.settings.attempts => {
                    std::thread::sleep(jittered(pause));
                    pause = pause.saturating_mul(2);
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn attempt(&self, request: &Request<'_>, key: Option<&(&str, String)>) -> Result<Answer, FetchError> {
        match self.respond(request, key, None)? {
            None => Ok(Answer::NotModified),
            Some((response, at)) if response.status() == 200 => self.body(response, &at, request),
            Some((response, at)) => Err(refusal(response, &at, request)),
        }
    }

    /// Asks once, redirects included: the answer with a body and where it came from, or `None` where the copy at
    /// hand is still right. With `rest`, 206 and 416 are answers too.
    pub(crate) fn respond(
        &self,
        request: &Request<'_>,
        key: Option<&(&str, String)>,
        rest: Option<&Rest>,
    ) -> Result<Option<(Response<ureq::Body>, Uri)>, FetchError> {
        let deadline = Instant::now() + self.settings.total_timeout;
        let first = url::parse(request.url)?;
        let mut at = first.clone();
        for _ in 0..=REDIRECTS_MAX {
            // The user's own word for a private place does not pass on to where it redirects.
            let named = url::names_address(&first) && at.host() == first.host();
            let own_server = url::same_server(&at, &first);
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let agent = self.agent(request.permit_private || named, left);
            let mut ask = agent.get(at.clone());
            if let Some(etag) = request.etag {
                ask = ask.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(date) = request.last_modified {
                ask = ask.header(header::IF_MODIFIED_SINCE, date);
            }
            if let Some(accept) = request.accept {
                ask = ask.header(header::ACCEPT, accept);
            }
            if let Some((name, value)) = key.filter(|_| own_server) {
                ask = ask.header(*name, value.as_str());
            }
            if let Some(rest) = rest {
                ask = ask.header(header::RANGE, format!("bytes={}-", rest.from));
                ask = ask.header(header::IF_RANGE, rest.validator.as_str());
            }
            let response = ask.call().map_err(|error| explain(&at, error))?;
            match response.status().as_u16() {
                200 => return Ok(Some((response, at))),
                206 | 416 if rest.is_some() => return Ok(Some((response, at))),
                304 if request.etag.is_some() || request.last_modified.is_some() => return Ok(None),
                301 | 302 | 303 | 307 | 308 => {
                    let location = header_text(&response, header::LOCATION)
                        .ok_or_else(|| FetchError::Redirect { url: at.to_string(), reason: "to nowhere" })?;
                    at = url::follow(&at, &location)?;
                    if request.stays && !url::same_server(&at, &first) {
                        return Err(FetchError::Redirect { url: first.to_string(), reason: "to another server" });
                    }
                    self.check_literal(&at, request.permit_private, &first)?;
                }
                _ => return Err(refusal(response, &at, request)),
            }
        }
        Err(FetchError::Redirect { url: request.url.to_owned(), reason: "too often" })
    }

    /// Behind a proxy the resolver never sees the target: a literal is judged here.
    fn check_literal(&self, at: &Uri, permit_private: bool, first: &Uri) -> Result<(), FetchError> {
        let host = at.host().unwrap_or("");
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let named = url::names_address(first) && at.host() == first.host();
        match bare.parse() {
            Ok(address) if !permit_private && !named && !crate::address::is_public(address) => {
                Err(FetchError::Private { host: host.to_owned(), address })
            }
            _ => Ok(()),
        }
    }

    fn body(&self, response: Response<ureq::Body>, at: &Uri, request: &Request<'_>) -> Result<Answer, FetchError> {
        let bytes_max = request.bytes_max;
        let text = |name| header_text(&response, name);
        let (etag, last_modified, content_type) =
            (text(header::ETAG), text(header::LAST_MODIFIED), text(header::CONTENT_TYPE));
        let note = request.note.and_then(|name| response.headers().get(name)?.to_str().ok().map(str::to_owned));
        let too_big = || FetchError::TooBig { url: at.to_string(), bytes_max };
        if response.body().content_length().is_some_and(|length| length > bytes_max) {
            return Err(too_big());
        }
        let mut bytes = Vec::new();
        let reader = Paced::new(response.into_body().into_reader(), self.settings.stall_timeout);
        let mut reader = reader.take(bytes_max.saturating_add(1));
        reader.read_to_end(&mut bytes).map_err(|error| explain(at, ureq::Error::from(error)))?;
        if bytes.len() as u64 > bytes_max {
            return Err(too_big());
        }
        Ok(Answer::Body(Body { bytes, etag, last_modified, content_type, note, url: at.to_string() }))
    }

    pub(crate) fn agent(&self, permit_private: bool, left: Duration) -> Agent {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(self.proxy.clone())
            .tls_config(self.tls.clone())
            .user_agent(self.settings.user_agent.as_str())
            .max_idle_connections(0)
            .timeout_connect(Some(self.settings.connect_timeout))
            .timeout_resolve(Some(self.settings.connect_timeout))
            .timeout_per_read(Some(self.settings.stall_timeout))
            .timeout_global(Some(left))
            .build();
        let proxy_host = self.proxy.as_ref().map(|proxy| proxy.host().to_owned());
        Agent::with_parts(config, DefaultConnector::default(), CheckedResolver { permit_private, proxy_host, look_up })
    }
}

/// The proxy's address alone: errors are shown and logged.
fn without_password(proxy: &str) -> String {
    proxy.rsplit_once('@').map_or_else(|| proxy.to_owned(), |(_, address)| format!("…@{address}"))
}

/// A header in the server's words.
pub(crate) fn header_text(response: &Response<ureq::Body>, name: header::HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// An error as the server put it; `said` only for those who can read it.
fn refusal(response: Response<ureq::Body>, at: &Uri, request: &Request<'_>) -> FetchError {
    let status = response.status().as_u16();
    let retry_after_s = header_text(&response, header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    let mut said = Vec::new();
    if request.accept.is_some() {
        // What cannot be read of an error is not said.
        let _ = response.into_body().into_reader().take(SAID_MAX).read_to_end(&mut said);
    }
    FetchError::Status { url: at.to_string(), status, said, retry_after_s }
}

/// Bytes of an error's body that are kept: errors are a few sentences.
const SAID_MAX: u64 = 16 << 10;

/// Where distributions keep the certificates that their administrator trusts.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Certificates (PEM) of the authorities that the system trusts; empty where it has none.
pub fn system_certificates() -> Vec<u8> {
    SYSTEM_BUNDLES.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default()
}

fn certificates(extra: Option<&Path>) -> Result<Vec<Certificate<'static>>, FetchError> {
    let mut certificates = pem(&system_certificates());
    if let Some(path) = extra {
        let bad = |reason: String| FetchError::File { path: path.to_owned(), reason };
        let own = pem(&fs::read(path).map_err(|error| bad(error.to_string()))?);
        if own.is_empty() {
            return Err(bad("it holds no certificate in PEM form".to_owned()));
        }
        certificates.extend(own);
    }
    Ok(certificates)
}

fn pem(text: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}

pub(crate) fn read_key(path: &Path) -> Result<String, FetchError> {
    let bad = |reason: String| FetchError::File { path: path.to_owned(), reason };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| bad(error.to_string()))?;
    file.take(64 << 10).read_to_string(&mut text).map_err(|error| bad(error.to_string()))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_control) {
        return Err(bad("it holds no key: one line of text is expected".to_owned()));
    }
    Ok(key.to_owned())
}

/// What stands in the header. Of `user:password`, which is no value of `Authorization`, its Basic form (RFC 7617).
pub(crate) fn header_value(name: &str, key: String) -> String {
    let has_scheme = !key.split(' ').next().unwrap_or_default().contains(':');
    if has_scheme || !name.eq_ignore_ascii_case("authorization") {
        return key;
    }
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(key))
}

/// Half to one and a half of the pause, so that many clients do not return in step.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0_u8) % 1000;
    // At most 999.
    pause.mul_f64(0.5 + chance as f64 / 1000.0)
}

#[cfg(test)]
pub(crate) mod tests;

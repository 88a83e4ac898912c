//! What does the provider say of itself, and which keys does it sign with?

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tripoint_fetch::{Answer, Call, Fetcher, Method, Request, is_same_server};

use super::jwt::Key;
use super::{OidcError, OidcOptions};

/// Where the provider is asked what (OpenID Connect Discovery section 3).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Discovery {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// The provider, as last heard of. Its functions wait for the network: they are called where that may be.
pub(super) struct Provider {
    options: OidcOptions,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    discovery: Option<(Arc<Discovery>, Instant)>,
    keys: Option<(Arc<[Key]>, Instant)>,
}

impl Provider {
    pub(super) fn new(options: OidcOptions) -> Self {
        Self { options, known: Mutex::default() }
    }

    /// What it says of itself, at most an hour old.
    pub(super) fn discovery(&self) -> Result<Arc<Discovery>, OidcError> {
        let fresh = self.known().discovery.clone().filter(|(_, at)| at.elapsed() < FRESH_FOR);
        if let Some((discovery, _)) = fresh {
            return Ok(discovery);
        }
        let issuer = &self.options.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found: Discovery = self.get(&url)?;
        if found.issuer != *issuer {
            return Err(OidcError::Provider("it says to be another issuer than the configured one".to_owned()));
        }
        for url in [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri] {
            self.judge(url)?;
        }
        if found.code_challenge_methods_supported.as_ref().is_some_and(|ways| !ways.iter().any(|way| way == "S256")) {
            return Err(OidcError::Provider("it does not take PKCE with S256".to_owned()));
        }
        let found = Arc::new(found);
        self.known().discovery = Some((Arc::clone(&found), Instant::now()));
        Ok(found)
    }

    /// Its keys; asked for again where none of this name is known, but not more often than once in a while.
    pub(super) fn keys(&self, discovery: &Discovery, wanted: Option<&str>) -> Result<Arc<[Key]>, OidcError> {
        if let Some((keys, at)) = self.known().keys.clone() {
            let is_there = wanted.is_none_or(|wanted| keys.iter().any(|key| key.name() == Some(wanted)));
            if at.elapsed() < if is_there { FRESH_FOR } else { ASKED_AGAIN_AFTER } {
                return Ok(keys);
            }
        }
        let found: Keys = self.get(&discovery.jwks_uri)?;
        // Keys of kinds that we do not know are the provider's business.
        let known = found.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok());
        let keys: Arc<[Key]> = known.collect();
        self.known().keys = Some((Arc::clone(&keys), Instant::now()));
        Ok(keys)
    }

    /// Gives a code back and gets the token that says who signed in.
    pub(super) fn redeem(&self, discovery: &Discovery, code: &str, verifier: &str) -> Result<String, OidcError> {
        let OidcOptions { client_id, secret, redirect, .. } = &self.options;
        let mut form = form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ]);
        let ways = discovery.token_endpoint_auth_methods_supported.as_ref();
        let by_body =
            secret.is_empty() || ways.is_some_and(|ways| !ways.iter().any(|way| way == "client_secret_basic"));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
        let basic = super::basic(client_id, secret);
        if by_body {
            form.push_str(&format!("&{}", self::form(&[("client_id", client_id)])));
            if !secret.is_empty() {
                form.push_str(&format!("&{}", self::form(&[("client_secret", secret)])));
            }
        } else {
            headers.push(("authorization", basic.as_str()));
        }
        let call = Call {
            method: Method::Post,
            url: &discovery.token_endpoint,
            permit_private: self.options.private,
            bearer: None,
            json: Some(form.as_bytes()),
            headers: &headers,
        };
        let said = self.fetcher().call(&call).map_err(|error| OidcError::Provider(error.to_string()))?;
        if said.status != 200 {
            return Err(OidcError::Refused(format!("the provider did not take the code ({})", said.status)));
        }
        let tokens: Tokens = serde_json::from_slice(&said.body)
            .map_err(|_| OidcError::Refused("the provider gave no token that says who signed in".to_owned()))?;
        Ok(tokens.id_token)
    }

    fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, OidcError> {
        let request = Request {
            permit_private: self.options.private,
            bytes_max: DOCUMENT_MAX,
            accept: Some("application/json"),
            stays: true,
            ..Request::new(url)
        };
        let failed = |why: String| OidcError::Provider(format!("{url}: {why}"));
        match self.fetcher().get(&request).map_err(|error| failed(error.to_string()))? {
            Answer::Body(body) => serde_json::from_slice(&body.bytes).map_err(|error| failed(error.to_string())),
            Answer::NotModified => Err(failed("nothing came".to_owned())),
        }
    }

    /// What the provider names is on its own server, or elsewhere by https and a name: a name is judged when it is
    /// resolved, an address would be taken as the administrator's word.
    fn judge(&self, url: &str) -> Result<(), OidcError> {
        let parsed: axum::http::Uri =
            url.parse().map_err(|_| OidcError::Provider("it names an endpoint that is no URL".to_owned()))?;
        let host = parsed.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        // Also addresses that are written in another way (`0x7f.1`, `2130706433`).
        let last = bare.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_name = !bare.contains(':')
            && last.starts_with(|first: char| first.is_ascii_alphabetic())
            && !last.eq_ignore_ascii_case("localhost");
        let by_https = parsed.scheme_str() == Some("https");
        if is_same_server(url, &self.options.issuer) || (by_https && is_name) {
            return Ok(());
        }
        Err(OidcError::Provider(format!("it names an endpoint at {host:?}, which is neither its own nor public")))
    }

    fn fetcher(&self) -> &Fetcher {
        &self.options.fetcher
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pairs as a form sends them.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

const FRESH_FOR: Duration = Duration::from_secs(3600);
/// Whoever sends tokens with names of keys that are not there makes no more questions than this.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(30);
const DOCUMENT_MAX: u64 = 256 << 10;
const KEYS_MAX: usize = 64;

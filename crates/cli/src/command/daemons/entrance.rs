//! What does the configuration say of the server's TCP address (where, shown by which certificate, how much) and of whom
//! it speaks with?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tripoint_agent::config::{Config, Server};
use tripoint_fetch::{Fetcher, Settings};
use tripoint_server::{Limits, OidcOptions, OwnFiles, Push, RoleRule, TlsOptions};

use crate::arguments::Listen;
use crate::context::{fetch_settings, own_addresses};
use crate::exit::WrongUsage;

/// The certificate that is shown: the administrator's, else one of ours for every name that this host is known by.
pub(super) fn tls(config: &Server, listen: Option<SocketAddr>) -> anyhow::Result<TlsOptions> {
    let (certificate, key) = (config.tls_certificate.clone(), config.tls_key.clone());
    let own = match (certificate.as_os_str().is_empty(), key.as_os_str().is_empty()) {
        (true, true) => None,
        (false, false) => Some(OwnFiles { certificate, key }),
        _ => bail!("server.tls_certificate and server.tls_key belong together: one is empty"),
    };
    let mut names = config.tls_names.clone();
    let host = config.public_url.strip_prefix("https://").unwrap_or_default();
    names.extend(host.split(':').next().filter(|host| !host.is_empty()).map(str::to_owned));
    if listen.is_some_and(|listen| listen.ip().is_unspecified()) {
        names.extend(own_addresses().iter().map(ToString::to_string));
    }
    Ok(TlsOptions { own, names, apart_below: !config.hsts_subdomains })
}

pub(super) fn listen_address(listen: &Listen, configured: &str) -> anyhow::Result<Option<SocketAddr>> {
    let text = listen.listen.as_deref().unwrap_or(configured);
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    match text.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) if listen.listen.is_some() => Err(WrongUsage(format!("--listen: {text:?} is no ADDRESS:PORT")).into()),
        Err(error) => Err(error).with_context(|| format!("server.listen: {text:?} is no ADDRESS:PORT")),
    }
}

/// How much may be asked there.
pub(super) fn limits(config: &Server) -> Limits {
    Limits {
        open_max: config.open_max,
        open_per_source: config.open_per_source,
        requests_per_minute: config.requests_per_minute,
        strangers_per_minute: config.strangers_per_minute,
    }
}

/// The provider that people may sign in with. Its secret is read while we may.
pub(super) fn oidc(config: &Config) -> anyhow::Result<Option<OidcOptions>> {
    let own = &config.oidc;
    if own.issuer.is_empty() {
        return Ok(None);
    }
    if own.client_id.is_empty() {
        bail!("oidc.issuer needs oidc.client_id");
    }
    if own.role.is_empty() {
        bail!("oidc.issuer needs [[oidc.role]]: without it nobody whom the provider knows may anything");
    }
    let path = &own.client_secret_file;
    let secret = match path.as_os_str().is_empty() {
        true => String::new(),
        false => std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?,
    };
    let host = own.issuer.split("://").nth(1).unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    let name = if own.name.is_empty() { host } else { &own.name };
    // A person waits for it.
    let settings = Settings { total_timeout: Duration::from_secs(10), attempts: 1, ..fetch_settings(config) };
    let rule = |rule: &tripoint_agent::config::OidcRole| RoleRule {
        claim: rule.claim.clone(),
        role: rule.role,
        groups: rule.groups.clone(),
    };
    Ok(Some(OidcOptions {
        name: name.to_owned(),
        issuer: own.issuer.clone(),
        client_id: own.client_id.clone(),
        secret: secret.trim().to_owned(),
        redirect: String::new(),
        scopes: own.scopes.clone(),
        groups_claim: own.groups_claim.clone(),
        roles: own.role.iter().map(rule).collect(),
        private: own.private,
        fetcher: Arc::new(Fetcher::new(settings)?),
    }))
}

/// The CrowdSec that is told of our blocks, where one is configured.
pub(super) fn push(config: &Config) -> anyhow::Result<Option<Push>> {
    let crowdsec = &config.crowdsec;
    if !crowdsec.push {
        return Ok(None);
    }
    let path = &crowdsec.password_file;
    let needed = [
        ("url", crowdsec.url.is_empty()),
        ("machine_id", crowdsec.machine_id.is_empty()),
        ("password_file", path.as_os_str().is_empty()),
    ];
    if let Some((key, _)) = needed.iter().find(|(_, is_empty)| *is_empty) {
        bail!("crowdsec.push needs crowdsec.{key}");
    }
    if tripoint_fetch::is_clear(&crowdsec.url) {
        bail!("crowdsec.url: everybody on the way could read the password: use https beyond this host");
    }
    let password = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    // A program beside us answers at once or not at all; a slow one is tried again.
    let settings = Settings { total_timeout: Duration::from_secs(20), ..fetch_settings(config) };
    Ok(Some(Push {
        url: crowdsec.url.clone(),
        machine: crowdsec.machine_id.clone(),
        password: password.trim().to_owned(),
        fetcher: Fetcher::new(settings)?,
    }))
}

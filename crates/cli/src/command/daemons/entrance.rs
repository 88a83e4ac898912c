//! What does the configuration say of the server's TCP address: where, shown by which certificate, how much?

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tripoint_agent::config::Server;
use tripoint_server::{Limits, OwnFiles, TlsOptions};

use crate::arguments::Listen;
use crate::context::own_addresses;

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
    Ok(TlsOptions { own, names })
}

pub(super) fn listen_address(listen: &Listen, configured: &str) -> anyhow::Result<Option<SocketAddr>> {
    let text = listen.listen.as_deref().unwrap_or(configured);
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).with_context(|| format!("{text:?} is no ADDRESS:PORT"))
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

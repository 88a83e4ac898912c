//! Where does the server listen over TCP, and with which certificate?

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::auth::Auth;
use crate::auth::origin::{Origins, is_this_host};
use crate::door::behind::Proxies;
use crate::door::crowd::Crowd;
use crate::door::{self, Door, Seen};
use crate::listen::{self, Ready};
use crate::state::now;
use crate::tls::{self, Tls};
use crate::{ServeError, ServerOptions};

/// An address that is listened on, before anybody is let in.
pub(crate) struct Entrance {
    listener: TcpListener,
    address: SocketAddr,
    url: String,
    tls: Arc<Tls>,
    config: Arc<ServerConfig>,
    strict: HeaderValue,
    proxies: Proxies,
    watch: Watch,
}

/// What can be told of the door.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) tls: Arc<Tls>,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) seen: Arc<Seen>,
}

impl Entrance {
    /// Binds the address, has a certificate for it, and tells who asks which pages are ours; `None` without an address.
    pub(crate) async fn open(options: &ServerOptions, own: &Path, auth: &mut Auth) -> Result<Option<Self>, ServeError> {
        let public = options.public_url.as_deref();
        let Some(wanted) = options.listen else {
            auth.origins = Origins::of(None, &[], public);
            return Ok(None);
        };
        door::permit_files();
        let listener = listen::tcp(wanted).await?;
        let address = listener.local_addr().unwrap_or(wanted);
        let names = tls::names(address.ip(), &options.tls.names);
        auth.origins = Origins::of(Some(address), &names, public);
        let tls = Tls::load(own, Arc::clone(&auth.sealer), options.tls.own.clone(), names, now())?;
        let tls = Arc::new(tls);
        let (config, strict) = (tls.config()?, door::http::strict(options.tls.apart_below));
        let proxies = Proxies::new(&options.trusted_proxies);
        let crowd = Crowd::new(options.limits.open_max, options.limits.open_per_source, proxies.clone());
        let watch = Watch { tls: Arc::clone(&tls), crowd, seen: Arc::default() };
        let url = listen::url_of(address, public);
        Ok(Some(Self { listener, address, url, tls, config, strict, proxies, watch }))
    }

    /// How a browser asks there.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Lets in until the server stops; the certificate stays a good one.
    pub(crate) async fn run(self, router: Router, stopped: watch::Receiver<bool>) {
        let Watch { crowd, seen, .. } = self.watch;
        let (plain, strict) = (is_this_host(self.address), self.strict);
        let door = Door { router, tls: self.config, plain, strict, proxies: self.proxies, crowd, seen };
        tokio::join!(door::run(self.listener, door, stopped.clone()), self.tls.keep(stopped, now));
    }
}

/// Where the server can be asked.
pub(crate) fn ready(data_dir: &Path, entrance: Option<&Entrance>) -> Ready {
    Ready {
        socket: crate::socket_path(data_dir),
        address: entrance.map(|entrance| entrance.address),
        url: entrance.map(|entrance| entrance.url.clone()),
        fingerprint: entrance.map(|entrance| entrance.tls.fingerprint.clone()),
    }
}

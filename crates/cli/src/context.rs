//! What do all commands share: the data folder, the output form, the way to the server?

use std::future::Future;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use tripoint_agent::config::{self, Loaded};
use tripoint_api::client::Trust;
use tripoint_api::{Client, ClientError};
use tripoint_model::Timestamp;

use crate::arguments::Global;
use crate::exit::WrongUsage;

/// The global flags, resolved.
pub struct Context {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Print JSON.
    pub json: bool,
    /// Say only what is wrong.
    pub quiet: bool,
    /// How much more is said.
    pub verbose: u8,
    server: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl Context {
    /// From the command line.
    pub fn new(global: Global) -> Self {
        Self {
            data_dir: global.data_dir,
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            server: global.server,
            token_file: global.token_file,
            ca: global.ca,
            config: global.config,
        }
    }

    /// An instance in a folder of its own.
    pub fn for_folder(folder: &Path) -> Self {
        Self {
            data_dir: folder.to_owned(),
            json: false,
            quiet: true,
            verbose: 0,
            server: None,
            token_file: None,
            ca: None,
            config: None,
        }
    }

    /// The configuration of this instance.
    pub fn config(&self) -> anyhow::Result<Loaded> {
        Ok(config::load(&self.data_dir, self.config.as_deref())?)
    }

    /// An extra configuration file, where one was named.
    pub fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The server that was named, where one was.
    pub fn server_url(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Files that were named for asking the server.
    pub fn named_files(&self) -> impl Iterator<Item = &Path> {
        self.token_file.iter().chain(&self.ca).map(PathBuf::as_path)
    }

    /// Whether the instance on this host is meant, and no server elsewhere.
    pub fn is_local(&self) -> bool {
        self.server.is_none()
    }

    /// The way to the server: `--server`, else the Unix socket of the data folder.
    pub fn client(&self) -> anyhow::Result<Client> {
        let Some(url) = &self.server else {
            return Ok(Client::unix(&tripoint_server::socket_path(&self.data_dir)));
        };
        let token = self.named_token()?;
        let own = token.is_none().then(|| self.own_token()).filter(|own| !own.is_empty());
        if url.starts_with("https://") {
            let authorities = match &own {
                Some(_) => self.own_authority(url)?,
                None => self.authorities()?,
            };
            let token = own.or(token).unwrap_or_default();
            return Client::tls(url, token.trim(), Trust::Authorities(authorities)).map_err(|error| match error {
                // Nobody was asked: it is the address that cannot be meant.
                ClientError::Trust(why) => WrongUsage(format!("{url:?} is no server's address: {why}")).into(),
                other => other.into(),
            });
        }
        Ok(Client::from_url(url, own.or(token).unwrap_or_default().trim())?)
    }

    /// The token that was named for this command.
    fn named_token(&self) -> anyhow::Result<Option<String>> {
        match (std::env::var("TRIPOINT_TOKEN"), &self.token_file) {
            (Ok(token), _) => Ok(Some(token)),
            (Err(_), Some(path)) => {
                let read = std::fs::read_to_string(path);
                read.map(Some).with_context(|| format!("read the token {}", path.display()))
            }
            (Err(_), None) => Ok(None),
        }
    }

    /// The token of the own data folder, which opens its own server. Without one the server says whether it needs one,
    /// and a server that is not there is said first.
    fn own_token(&self) -> String {
        std::fs::read_to_string(tripoint_server::token_path(&self.data_dir)).unwrap_or_default()
    }

    fn is_shown_own_token(&self) -> bool {
        matches!(self.named_token(), Ok(None)) && !self.own_token().is_empty()
    }

    /// Whose word is taken for a server that is shown the own token: the authority of the own data folder's and nobody
    /// else's. Whoever runs another server would have an administrator's token of this one.
    fn own_authority(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let own = std::fs::read(tripoint_server::ca_path(&self.data_dir)).unwrap_or_default();
        let fingerprint = tripoint_server::fingerprint_of_pem(&String::from_utf8_lossy(&own));
        let pinned = url.split_once("#sha256=").map(|(_, pin)| pin.replace(':', "").to_ascii_lowercase());
        anyhow::ensure!(pinned.is_none() || pinned == fingerprint, OWN_TOKEN);
        if let Some(path) = &self.ca {
            let named = std::fs::read(path).with_context(|| format!("read the certificates {}", path.display()))?;
            anyhow::ensure!(named.trim_ascii() == own.trim_ascii(), OWN_TOKEN);
        }
        Ok(own)
    }

    /// Whose word is taken for a server: what `--ca` names, else what the system trusts and our own authority.
    fn authorities(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(path) = &self.ca {
            return std::fs::read(path).with_context(|| format!("read the certificates {}", path.display()));
        }
        let mut pem = tripoint_fetch::system_certificates();
        pem.push(b'\n');
        pem.extend(std::fs::read(tripoint_server::ca_path(&self.data_dir)).unwrap_or_default());
        Ok(pem)
    }

    /// Waits for the server's answer.
    pub fn ask<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let answer = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work);
        answer.map_err(|error| match error.downcast_ref::<ClientError>() {
            Some(ClientError::Unreachable(_, source)) if source.kind() == ErrorKind::PermissionDenied => {
                error.context(NOT_LET_IN)
            }
            Some(client) if client.is_unreachable() => error.context(NO_SERVER),
            Some(ClientError::Problem(problem)) if problem.status == 401 => error.context(NO_TOKEN),
            Some(ClientError::Trust(_)) if self.is_shown_own_token() => error.context(OWN_TOKEN),
            _ => error,
        })
    }
}

const NO_SERVER: &str = "no server answers; start one with `tripoint up`, or name one with --server";
const NOT_LET_IN: &str =
    "the server's socket is not open to this user; be root, or name the server with --server and its token";
const OWN_TOKEN: &str = "the token of this data folder is shown to its own server only, as its own authority vouches for \
    it: name the other server's with --token-file FILE or TRIPOINT_TOKEN";
const NO_TOKEN: &str = "the server wants its token: give --token-file FILE or set TRIPOINT_TOKEN";

/// How everything is fetched that this instance fetches.
pub fn fetch_settings(config: &config::Config) -> tripoint_fetch::Settings {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    tripoint_fetch::Settings {
        total_timeout: config.fetch.timeout,
        proxy: given(&config.fetch.proxy),
        ca_file: given(&config.fetch.ca_file).map(PathBuf::from),
        ..tripoint_fetch::Settings::default()
    }
}

/// The moment.
pub fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Addresses of this host, which no feed may list.
pub fn own_addresses() -> Vec<IpAddr> {
    tripoint_linux::route::surroundings().map(|found| found.addresses.into_iter().collect()).unwrap_or_default()
}

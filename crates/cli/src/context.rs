//! What do all commands share: the data folder, the output form, the way to the server?

use std::future::Future;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use tripoint_agent::config::{self, Loaded};
use tripoint_api::Client;
use tripoint_model::Timestamp;

use crate::arguments::Global;

/// The global flags, resolved.
pub struct Context {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Print JSON.
    pub json: bool,
    /// Say only what is wrong.
    pub quiet: bool,
    server: Option<String>,
    token_file: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl Context {
    /// From the command line.
    pub fn new(global: Global) -> Self {
        Self {
            data_dir: global.data_dir,
            json: global.json,
            quiet: global.quiet,
            server: global.server,
            token_file: global.token_file,
            config: global.config,
        }
    }

    /// An instance in a folder of its own.
    pub fn for_folder(folder: &Path) -> Self {
        Self { data_dir: folder.to_owned(), json: false, quiet: true, server: None, token_file: None, config: None }
    }

    /// The configuration of this instance.
    pub fn config(&self) -> anyhow::Result<Loaded> {
        Ok(config::load(&self.data_dir, self.config.as_deref())?)
    }

    /// An extra configuration file, where one was named.
    pub fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The way to the server: `--server`, else the Unix socket of the data folder.
    pub fn client(&self) -> anyhow::Result<Client> {
        let Some(url) = &self.server else {
            return Ok(Client::unix(&tripoint_server::socket_path(&self.data_dir)));
        };
        let default = tripoint_server::token_path(&self.data_dir);
        let path = self.token_file.as_deref().unwrap_or(&default);
        let token = match std::env::var("TRIPOINT_TOKEN") {
            Ok(token) => token,
            Err(_) => std::fs::read_to_string(path).with_context(|| format!("read the token {}", path.display()))?,
        };
        Ok(Client::from_url(url, token.trim())?)
    }

    /// Waits for the server's answer.
    pub fn ask<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
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

//! Who may ask, how do they prove it, what may they, and how is it kept what they did?
//!
//! # Start here
//! `gate` is what each request passes: it finds the `caller`, looks the request up in the table of `permits`, and has
//! what it changes written down by `audit`. The rest is what those need: `password`, `totp`, `tries`, `quota`, `setup`,
//! `origin`, and `seal` for secrets that have to be read again.

pub mod audit;
pub(crate) mod breached;
pub(crate) mod caller;
pub(crate) mod device;
pub(crate) mod factor;
pub(crate) mod gate;
pub(crate) mod identity;
mod most_used;
pub(crate) mod names;
pub(crate) mod origin;
pub(crate) mod password;
pub mod permits;
pub(crate) mod quota;
pub mod seal;
pub(crate) mod secret;
pub(crate) mod setup;
pub(crate) mod totp;
pub(crate) mod tries;
mod weak;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use seal::{KEY_BYTES, KeyError, Sealer};

/// What all requests share that is about who asks.
#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) passwords: password::Passwords,
    /// What no password may be, where the administrator has a file of it.
    pub(crate) breached: Option<breached::Breached>,
    pub(crate) demand: factor::Demand,
    pub(crate) tries: tries::Tries,
    pub(crate) quota: quota::Quota,
    pub(crate) setup: setup::SetupCode,
    pub(crate) origins: origin::Origins,
    pub(crate) sealer: Arc<Sealer>,
    /// Counts changes of rights, to wake whoever answers for long.
    pub(crate) rights: watch::Sender<u64>,
}

impl Auth {
    /// For a data folder, with its own key of secrets or the one that was given.
    pub(crate) fn load(data_dir: &Path, key: Option<&[u8; KEY_BYTES]>) -> Result<Self, KeyError> {
        let sealer = match key {
            Some(key) => Sealer::new(key),
            None => Sealer::load(&data_dir.join("server").join(seal::FILE))?,
        };
        Ok(Self {
            passwords: password::Passwords::default(),
            breached: None,
            demand: factor::Demand::default(),
            tries: tries::Tries::default(),
            quota: quota::Quota::new(0, 0),
            setup: setup::SetupCode::none(data_dir),
            origins: origin::Origins::default(),
            sealer: Arc::new(sealer),
            rights: watch::channel(0).0,
        })
    }
}

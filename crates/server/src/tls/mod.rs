//! With which certificate does the server answer, and how is it always a good one?
//!
//! # Start here
//! `Tls` holds the certificate that is shown to the next client. Without configuration `authority` vouches for a `leaf`,
//! and both are made here; with it, `own` files of the administrator are shown. `Tls::keep` renews the one and reads the
//! other anew, without a restart.

mod authority;
mod ends;
mod leaf;
mod own;
mod span;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio::sync::watch;

use tripoint_model::Timestamp;

use authority::{Authority, Made};
use leaf::Leaf;
pub use own::OwnFiles;

use crate::auth::seal::Sealer;
use crate::auth::secret::{NoRandom, hex};

/// Seals the authority's key with another key; whether there is one. A certificate that cannot be opened any more is no
/// loss: the authority vouches for the next.
pub(crate) fn reseal(server_folder: &Path, both: &Sealer, next: &Sealer) -> Result<bool, TlsError> {
    authority::reseal(&server_folder.join(FOLDER), both, next)
}

/// Has the files of certificates and keys, and their names, on the disk when it returns.
pub(crate) fn sync(server_folder: &Path) -> io::Result<()> {
    let folder = server_folder.join(FOLDER);
    let files = match std::fs::read_dir(&folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for file in files {
        std::fs::File::open(file?.path())?.sync_all()?;
    }
    std::fs::File::open(folder)?.sync_all()
}

/// Which certificate the server shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Files of the administrator's; without, one of the server's own authority.
    pub own: Option<OwnFiles>,
    /// Names and addresses by which clients know this server, besides its host's name, the address that it listens on,
    /// and those of this host.
    pub names: Vec<String>,
    /// Whether names below the server's own may be asked by plain HTTP: others answer there.
    pub apart_below: bool,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{0}")]
    File(PathBuf, #[source] io::Error),
    /// A file that was sealed does not open.
    #[error("{0}: {1}; it opens with the key it was sealed with; without it, move it away and a new authority is made")]
    Sealed(PathBuf, String),
    /// What is there cannot be shown.
    #[error("{0}")]
    Unusable(String),
    /// A name that no certificate can hold, or no key.
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The clock is before the year 1 or after 9999.
    #[error("the system's clock is at no day that a certificate can name")]
    Clock,
}

/// What is shown to the next client.
#[derive(Debug)]
pub(crate) struct Tls {
    shown: RwLock<Arc<CertifiedKey>>,
    /// SHA-256 of the authority's certificate in hex; of the certificate itself where an administrator put it.
    pub(crate) fingerprint: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Own(OwnFiles),
    Ours { folder: PathBuf, sealer: Arc<Sealer>, names: Vec<String> },
}

impl Tls {
    /// Of a data folder's server, for a server that is known by these names.
    pub(crate) fn load(
        server_folder: &Path,
        sealer: Arc<Sealer>,
        own: Option<OwnFiles>,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        if let Some(files) = own {
            let shown = files.read()?;
            let fingerprint = shown.cert.first().map(fingerprint).unwrap_or_default();
            return Ok(Self { shown: RwLock::new(shown), fingerprint, source: Source::Own(files) });
        }
        let folder = server_folder.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| TlsError::File(folder.clone(), error))?;
        let (shown, fingerprint, _) = ours(&folder, &sealer, &names, (Made::WhereNone, now))?;
        Ok(Self { shown: RwLock::new(shown), fingerprint, source: Source::Ours { folder, sealer, names } })
    }

    /// When what is shown ends: the server's certificate, and what vouches for it where that is shown too.
    pub(crate) fn ends(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let shown = Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner));
        let of = |at: usize| shown.cert.get(at).and_then(ends::ends);
        (of(0), (1..shown.cert.len()).filter_map(of).min())
    }

    /// What has to be said of the server's own authority at this moment.
    pub(crate) fn trouble(&self, now: Timestamp) -> Option<String> {
        let ends = self.ends().1.filter(|_| matches!(self.source, Source::Ours { .. }))?;
        ends::of_authority(ends, now)
    }

    /// What a listener needs: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(crate) fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| TlsError::Unusable(error.to_string()))?;
        let mut config =
            builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Renews what ends and reads changed files, until the server stops. What cannot be read leaves the former shown.
    pub(crate) async fn keep(self: Arc<Self>, stopped: watch::Receiver<bool>, clock: fn() -> Timestamp) {
        let stop = crate::listen::until(stopped);
        tokio::pin!(stop);
        let (mut stamp, mut told) = (self.stamp(), None::<Instant>);
        let every = if matches!(self.source, Source::Own(_)) { LOOKED_AT_EVERY } else { RENEWED_EVERY };
        loop {
            if told.is_none_or(|at| at.elapsed() >= TOLD_EVERY)
                && let Some(trouble) = self.trouble(clock())
            {
                tracing::warn!("{trouble}");
                told = Some(Instant::now());
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(every) => {}
            }
            let own = Arc::clone(&self);
            // It reads files and opens keys.
            let looked = tokio::task::spawn_blocking(move || {
                let new = own.stamp();
                (new, own.look(stamp != new, clock()))
            });
            let Ok((new, looked)) = looked.await else { continue };
            stamp = new;
            if let Err(error) = looked {
                tracing::warn!(error = %error, "the former certificate is shown on");
            }
        }
    }

    fn stamp(&self) -> own::Stamp {
        match &self.source {
            Source::Own(files) => files.stamp(),
            Source::Ours { .. } => own::Stamp::default(),
        }
    }

    /// Shows a new certificate where there is one.
    fn look(&self, changed: bool, now: Timestamp) -> Result<(), TlsError> {
        let new = match &self.source {
            Source::Own(_) if !changed => return Ok(()),
            Source::Own(files) => files.read()?,
            Source::Ours { folder, sealer, names } => ours(folder, sealer, names, (Made::Never, now))?.0,
        };
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if shown.cert != new.cert {
            *shown = new;
            tracing::info!("another certificate is shown from now on");
        }
        Ok(())
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn ours(
    folder: &Path,
    sealer: &Sealer,
    names: &[String],
    (made, now): (Made, Timestamp),
) -> Result<(Arc<CertifiedKey>, String, Leaf), TlsError> {
    let authority = Authority::load(folder, sealer, made, now)?;
    let leaf = Leaf::load(folder, (sealer, &authority), names, now)?;
    Ok((leaf.certified(&authority)?, fingerprint(&authority.certificate), leaf))
}

/// A chain and a key that fits its first certificate.
fn certified(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>, TlsError> {
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let certified = CertifiedKey::new(chain, any_supported_type(&key).map_err(unusable)?);
    certified.keys_match().map_err(unusable)?;
    Ok(Arc::new(certified))
}

/// SHA-256 of a certificate in hex.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, certificate).as_ref())
}

/// By which names a server is known that listens there: each once, in one order.
pub(crate) fn names(listen: IpAddr, more: &[String]) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.push(host);
    if !listen.is_unspecified() {
        names.push(listen.to_canonical().to_string());
    }
    names.extend(more.iter().map(|name| name.to_ascii_lowercase()));
    // What the system calls itself may be no name at all.
    names.retain(|name| name.parse::<IpAddr>().is_ok() || is_name(name));
    names.sort();
    names.dedup();
    names
}

/// Whether a certificate can hold it as a name of DNS, a wildcard first.
fn is_name(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
        fits && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    plain.len() <= 253 && plain.split('.').all(is_label)
}

/// Where the certificate of this data folder's authority lies (PEM); whoever trusts it trusts the server.
pub fn ca_path(data_dir: &Path) -> PathBuf {
    authority::certificate_file(&data_dir.join("server").join(FOLDER))
}

/// SHA-256 in hex of the certificate in a PEM text; `None` where it holds none.
pub fn fingerprint_of_pem(text: &str) -> Option<String> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(text.as_bytes()).ok().map(|certificate| fingerprint(&certificate))
}

/// When the first certificate in a PEM text ends; `None` where it holds none.
pub fn end_of_pem(text: &str) -> Option<Timestamp> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(text.as_bytes()).ok().and_then(|certificate| ends::ends(&certificate))
}

/// What is to be said of the data folder's own authority in its last year.
pub fn authority_trouble(data_dir: &Path, now: Timestamp) -> Option<String> {
    let text = std::fs::read_to_string(ca_path(data_dir)).ok()?;
    ends::of_authority(end_of_pem(&text)?, now)
}

const FOLDER: &str = "tls";
/// What is said for a year is not said each hour.
const TOLD_EVERY: Duration = Duration::from_secs(86_400);
/// An administrator's files.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(10);
/// One of ours has thirty days left then.
const RENEWED_EVERY: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;

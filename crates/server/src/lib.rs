//! What does the fleet know, who may ask, and how are orders brought to the agents?
//!
//! # Start here
//! `serve` opens the store, listens and runs until it is told to stop. `route` has a file for each
//! kind of request, `store` keeps everything, `merge` says what becomes of people's work when an
//! agent reports an alert anew.
//!
//! # What it never knows
//! Kernels, packets, packages, feeds: agents judge, the server keeps, shows and asks. What no agent knows any more is
//! judged anew by the same functions, which whoever starts it brings along (`rejudge`).
//!
//! # Why it is so
//! - It runs without privileges: what speaks HTTP must not be able to block anything by itself.
//!   It asks an agent, and the agent's own guard decides.
//! - What has been acknowledged is durable: one writer gathers waiting requests into one
//!   transaction and answers after the commit.
//! - What runs beside the requests runs all the time, or the server ends: `tasks`.
//! - Who asks is read from the socket by the kernel, or proven by a token; there is no default
//!   password, and other hosts are answered by TLS alone.

mod access;
mod auth;
mod console;
mod content;
mod door;
mod entrance;
mod images;
mod lapi;
mod limits;
mod listen;
mod live;
pub mod merge;
mod narrow;
mod next_step;
mod notify;
mod oidc;
#[cfg(feature = "openapi")]
pub mod openapi;
mod overdue;
mod packed;
mod past;
mod preview;
mod refuse;
mod rejudge;
mod retire;
mod route;
mod spans;
mod state;
pub mod store;
mod tasks;
mod taxii;
mod tls;
#[cfg(feature = "otel")]
mod traces;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use tripoint_api::{Confinement, FeedHealth, SecondFactor};
use tripoint_model::ServiceLevels;

pub use access::{AccessError, group_id};
pub use auth::audit;
pub use auth::breached::BreachedError;
pub use auth::permits;
pub use auth::seal;
pub use auth::setup::setup_path;
pub use images::{ImageFile, ReadImages};
pub use lapi::Push;
pub use limits::Limits;
pub use listen::{ListenError, Ready};
pub use notify::config as notify_config;
pub use notify::{Notify, NotifyError};
pub use oidc::{OidcOptions, RoleRule};
pub use rejudge::{Editions, Rejudge};
pub use store::{KeepContacts, StoreError, Tell};
pub use taxii::WriteIndicators;
pub use tls::{OwnFiles, TlsError, TlsOptions, authority_trouble, ca_path, end_of_pem, fingerprint_of_pem};
#[cfg(feature = "otel")]
pub use traces::Traces;

use crate::state::App;

/// How a server is to run.
#[derive(Default)]
pub struct ServerOptions {
    /// Everything the server keeps lies below this folder.
    pub data_dir: PathBuf,
    /// TCP address to listen on besides the Unix socket; on loopback plain HTTP and TLS, elsewhere TLS alone.
    pub listen: Option<SocketAddr>,
    /// The certificate that is shown there.
    pub tls: TlsOptions,
    /// How browsers ask where that is not the address: `https://NAME`, through a proxy.
    pub public_url: Option<String>,
    /// Of whom an authenticator is demanded who signs in by a password.
    pub second_factor: SecondFactor,
    /// A file of breached passwords, none of which may be anybody's.
    pub breached: Option<PathBuf>,
    /// Proxies whose word (`X-Forwarded-For`) is taken for who asks through them.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// A provider that people may sign in with.
    pub oidc: Option<OidcOptions>,
    /// How many connections may be open, and how much is answered.
    pub limits: Limits,
    /// Told once the server can be asked.
    pub ready: Option<oneshot::Sender<Ready>>,
    /// Written once the server can be asked.
    pub ready_file: Option<PathBuf>,
    /// Users who may ask through the Unix socket, besides root and the server's own.
    pub admin_uids: Vec<u32>,
    /// Members of this group may ask too, and the socket belongs to it.
    pub admin_group: Option<String>,
    /// Users who may speak as agents, besides root.
    pub agent_uids: Vec<u32>,
    /// Writes what the feeds in force call bad, for the TAXII collection of it; without, there is none.
    pub indicators: Option<WriteIndicators>,
    /// Says how the feeds are; without, nothing is known of any.
    pub feeds: Option<ReadFeeds>,
    /// Says which networks an autonomous system has; without, exceptions cannot name one.
    pub systems: Option<FindSystem>,
    /// Reads images of indicators, for agents with data folders of their own; without, there are none for them.
    pub images: Option<Arc<dyn ReadImages>>,
    /// Judges alerts anew with the images of the data folder; without, only agents do.
    pub judge: Option<Arc<dyn Rejudge>>,
    /// The shortest IPv4 prefix that bouncers which hold addresses only are told as addresses; 24 when nothing is said.
    pub expand_prefix: Option<u8>,
    /// A CrowdSec that is told of our blocks.
    pub push: Option<Push>,
    /// Who is told what happens; without, nobody is.
    pub notify: Option<Notify>,
    /// What secrets are sealed with; without, a key in the data folder, made where there is none.
    pub secret_key: Option<[u8; seal::KEY_BYTES]>,
    /// How many connections are kept, and how long.
    pub contacts: KeepContacts,
    /// How long closed alerts are kept; for ever where it is nothing.
    pub alerts_for: Duration,
    /// How long messages that were given up are kept; as long as newer ones leave room where it is nothing.
    pub dead_letters_for: Duration,
    /// How long rows of the audit are kept; for ever where it is nothing.
    pub audit_for: Duration,
    /// What people have promised about alerts.
    pub levels: ServiceLevels,
    /// What whoever starts it has had the process give up to touch, for who asks how it is.
    pub confined: Option<Confinement>,
}

/// Reads how the feeds are at this moment.
pub type ReadFeeds = Arc<dyn Fn() -> Vec<FeedHealth> + Send + Sync>;

/// Finds the networks of an autonomous system, sorted and without overlap, or says why there are none.
pub type FindSystem = Arc<dyn Fn(u32) -> Result<Vec<ipnet::IpNet>, String> + Send + Sync>;

/// Where the Unix socket of a data folder is.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run/tripoint.sock")
}

/// Where the token for TCP of a data folder is.
pub fn token_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run/token")
}

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store could not be opened.
    #[error("open the store")]
    Store(#[from] StoreError),
    /// The addresses could not be listened on.
    #[error("listen")]
    Listen(#[from] ListenError),
    /// Who may ask could not be found out.
    #[error("read who may ask")]
    Access(#[from] AccessError),
    /// The key that secrets are sealed with.
    #[error("read the key of secrets")]
    Key(#[from] seal::KeyError),
    /// The file of breached passwords.
    #[error(transparent)]
    Breached(#[from] auth::breached::BreachedError),
    /// The certificate.
    #[error("TLS")]
    Tls(#[from] TlsError),
    /// Something that has to run all the time has ended unasked.
    #[error("{0} ended unasked; everything acknowledged is kept, and a new start goes on")]
    Ended(&'static str),
    /// The key of the audit, its heads, or the code of the first sign-in.
    #[error("{0}")]
    Io(&'static str, #[source] std::io::Error),
}

/// Who may ask, as the options have it.
fn auth_of(options: &ServerOptions) -> Result<auth::Auth, ServeError> {
    let mut auth = auth::Auth::load(&options.data_dir, options.secret_key.as_ref())?;
    let behind_proxy = options.public_url.is_some();
    auth.demand = auth::factor::Demand { of: options.second_factor, behind_proxy };
    auth.breached = options.breached.as_deref().map(auth::breached::Breached::open).transpose()?;
    auth.quota = auth::quota::Quota::new(options.limits.requests_per_minute, options.limits.strangers_per_minute);
    Ok(auth)
}

/// Runs until `shutdown` completes. Everything acknowledged before is durable.
pub async fn serve(options: ServerOptions, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
    let run = options.data_dir.join("run");
    listen::create_folder(&run)?;
    let held = store::Hold::take(&options.data_dir).map_err(|e| ServeError::Io("lock the data folder", e))?;
    let Some(_held) = held else { return Err(ListenError::InUse(socket_path(&options.data_dir)).into()) };
    let access = access::Access::load(&options)?;
    let own = options.data_dir.join("server");
    listen::create_folder(&own)?;
    let tell = options.notify.as_ref().map(Notify::tell).unwrap_or_default();
    let keep = store::Keep { contacts: options.contacts, tell, levels: options.levels };
    let store = store::Sqlite::open(&own.join("server.sqlite"), keep).await?;
    let mut auth = auth_of(&options)?;
    let entrance = entrance::Entrance::open(&options, &own, &mut auth).await?;
    let images = options.data_dir.join("images");
    let indicators = options.indicators.map(|write| taxii::indicators::Indicators::new(write, images, &own));
    let (stop, stopped) = watch::channel(false);
    let kept = options.images.map(|reader| Arc::new(images::Images::new(reader, &own)));
    let mut app = App::new(store, (access, auth), stopped.clone(), indicators, options.feeds, &options.data_dir);
    app.images = kept;
    app.expand_prefix = options.expand_prefix.unwrap_or(app.expand_prefix);
    app.push = options.push.as_ref().map(|push| lapi::push::PushState::new(&push.url));
    app.systems = options.systems;
    app.judging = options.judge.map(|judge| Arc::new(rejudge::Judging::new(judge)));
    app.notify = options.notify.map(|notify| Arc::new(notify::Board::new(notify)));
    app.oidc = oidc::of(options.oidc, entrance.as_ref().map(|entrance| entrance.url()), &app.auth.sealer);
    (app.levels, app.confined) = (options.levels, options.confined);
    app.url = entrance.as_ref().map(|entrance| entrance.url().to_owned());
    app.door = entrance.as_ref().map(|entrance| entrance.watch());
    let app = Arc::new(app);
    app.hand_on_trust().await;
    let router = route::router(Arc::clone(&app));
    let unix = listen::unix(&socket_path(&options.data_dir), options.admin_group.as_deref())?;
    let signer = audit::sign::Signer::start(app.accounts.clone(), &own).await?;
    let ready = entrance::ready(&options.data_dir, entrance.as_ref());
    // Whoever may say who may what has set the data folder up.
    if entrance.is_some() && !app.accounts.has_admin().await? {
        let made = app.auth.setup.make(ready.url.as_deref(), Instant::now());
        made.map_err(|error| ServeError::Io("make the code of the first sign-in", error))?;
    }
    let mut tasks = tasks::Tasks::default();
    tasks.start("the signer of the audit", signer.clone().run(stopped.clone()));
    let images = options.data_dir.join("images");
    tasks.start("the watch over images", content::watch(images, Arc::clone(&app), stopped.clone()));
    let (alerts, dead_letters, audit) = (options.alerts_for, options.dead_letters_for, options.audit_for);
    let forgetting =
        retire::run(Arc::clone(&app), signer.clone(), retire::KeepFor { alerts, dead_letters, audit }, stopped.clone());
    tasks.start("the forgetting of what is old", forgetting);
    tend_alerts(&mut tasks, &app, &stopped);
    tasks.start("the Unix socket", listen::run_unix(unix, router.clone(), stopped.clone()));
    if let Some((push, state)) = options.push.zip(app.push.clone()) {
        tasks.start("the telling of a CrowdSec", lapi::push::run(push, Arc::clone(&app.store), state, stopped.clone()));
    }
    if let Some(board) = &app.notify {
        tasks.start("the sending of messages", notify::run(Arc::clone(board), Arc::clone(&app), own, stopped.clone()));
    }
    if let Some(entrance) = entrance {
        tasks.start("the TCP port", entrance.run(router, stopped.clone()));
    }
    tasks.start("the writing", writing(app.accounts.clone(), stopped.clone()));
    listen::announce(ready, options.ready, options.ready_file.as_deref())?;
    let unasked = tasks.until(shutdown).await;
    let _ = stop.send(true);
    if tokio::time::timeout(listen::FAREWELL, tasks.end()).await.is_err() {
        tracing::warn!("some connections were cut off");
    }
    signer.sign().await;
    let _ = std::fs::remove_file(socket_path(&options.data_dir));
    unasked.map_err(ServeError::Ended)
}

/// What is done about alerts that nobody asks for.
fn tend_alerts(tasks: &mut tasks::Tasks, app: &Arc<App>, stopped: &watch::Receiver<bool>) {
    if let Some(judging) = &app.judging {
        tasks.start("the judging anew", rejudge::run(Arc::clone(app), Arc::clone(judging), stopped.clone()));
    }
    tasks.start("the watch over service levels", overdue::run(Arc::clone(app), stopped.clone()));
    tasks.start("the telling of changes", live::run(Arc::clone(app), stopped.clone()));
}

/// As long as something is written, or until the server stops.
async fn writing(accounts: store::Accounts, stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = accounts.ended() => {}
        () = listen::until(stopped) => {}
    }
}

//! `tripoint up`, `agent`, `server`: what runs until it is told to stop.

mod confined;
mod entrance;

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tripoint_linux::child;
use tripoint_server::{KeepContacts, ServerOptions};

use super::{intel, vulns};
use crate::arguments::Listen;
use crate::context::Context;
use crate::exit::{Exit, NeedsRoot};
use crate::judge::Judge;
use crate::log;

/// The user that the server runs as where an administrator made it.
const SERVER_USER: &str = "tripoint";
/// Ids that systemd sets aside for services that run for a while (DynamicUser).
const PRIVATE_IDS: std::ops::Range<u32> = 61_184..65_520;

/// `tripoint agent`: becomes the agent program that lies beside this one.
pub fn agent(context: &Context, ready_file: Option<&Path>) -> anyhow::Result<Exit> {
    let mut command = agent_command(context)?;
    if let Some(path) = ready_file {
        command.arg("--ready-file").arg(path);
    }
    let error = command.exec();
    Err(error).context("start tripoint-agent")
}

fn agent_command(context: &Context) -> anyhow::Result<Command> {
    let program = beside("tripoint-agent")?;
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(&context.data_dir);
    if let Some(config) = context.config_file() {
        command.arg("--config").arg(config);
    }
    if context.quiet {
        command.env("TRIPOINT_LOG", "error");
    }
    if log::is_json(context.json) {
        command.env(log::FORMAT, "json");
    }
    Ok(command)
}

/// A program of ours: in the folder of this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program's own path")?;
    let path = own.with_file_name(name);
    if !path.exists() {
        bail!("{} is not there; build it with `cargo build -p {name}`", path.display());
    }
    Ok(path)
}

/// `tripoint server`.
pub fn server(context: &Context, listen: &Listen) -> anyhow::Result<Exit> {
    let loaded = context.config()?;
    let config = &loaded.config;
    let address = entrance::listen_address(listen, &config.server.listen)?;
    // Password and certificates are read while we may.
    let (push, notify) = (entrance::push(config)?, super::notify::of(&loaded)?);
    let secret_key = secret_key(std::env::var_os("CREDENTIALS_DIRECTORY").as_deref())?;
    let oidc = entrance::oidc(config)?;
    let started_by = rustix::process::getuid().as_raw();
    if let Some(user) = &listen.user {
        give_up_root(user, &config.server.group)?;
    }
    if let Err(error) = child::without_core_dumps() {
        tracing::warn!(%error, "what lies in memory may be written to the disk when this program dies");
    }
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let mut options = ServerOptions {
        data_dir: context.data_dir.clone(),
        listen: address,
        tls: entrance::tls(&config.server, address)?,
        public_url: Some(config.server.public_url.clone()).filter(|url| !url.is_empty()),
        trusted_proxies: config.server.trusted_proxies.clone(),
        limits: entrance::limits(&config.server),
        second_factor: config.auth.second_factor,
        breached: Some(&config.auth.breached_passwords).filter(|path| !path.as_os_str().is_empty()).cloned(),
        oidc,
        ready: Some(ready),
        ready_file: listen.ready_file.clone(),
        admin_uids: vec![started_by],
        admin_group: Some(config.server.group.clone()).filter(|group| !group.is_empty()),
        agent_uids: vec![started_by],
        indicators: Some(crate::command::intel::indicators_of(&context.data_dir)),
        feeds: Some(crate::command::intel::feeds_of(&context.data_dir)),
        systems: Some(crate::command::intel::systems_of(&context.data_dir)),
        images: Some(crate::command::intel::images_of(&context.data_dir)),
        judge: Some(Arc::new(Judge::new(&context.data_dir, config.correlator.weights()?))),
        expand_prefix: Some(config.bouncers.expand_prefix),
        push,
        notify,
        secret_key,
        contacts: KeepContacts { span: config.server.connections_for, rows_max: config.server.connections_max },
        alerts_for: config.server.alerts_for,
        dead_letters_for: config.server.dead_letters_for,
        audit_for: config.server.audit_for,
        levels: config.sla.levels().map_err(anyhow::Error::msg)?,
        confined: None,
    };
    // More than one: a long question of one person holds up no agent.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
    options.confined = Some(confined::begin(&options, config)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let (quiet, data_dir, is_json) = (context.quiet, context.data_dir.clone(), log::is_json(context.json));
    let served = runtime.block_on(async {
        tokio::spawn(async move {
            if let Ok(ready) = is_ready.await
                && !quiet
            {
                announce(&ready, &data_dir, is_json);
            }
        });
        tripoint_server::serve(options, stop_signal()).await
    });
    // A CrowdSec that does not answer holds nothing up.
    runtime.shutdown_background();
    served?;
    Ok(Exit::Fine)
}

/// Becomes this user, and a member of the group that may ask.
fn give_up_root(user: &str, group: &str) -> anyhow::Result<()> {
    let (uid, gid) = ids(user)?;
    // Whoever is no member cannot give the socket to the group.
    let group = Some(group).filter(|group| !group.is_empty());
    let group = group.map(tripoint_server::group_id).transpose()?;
    child::become_user(uid, gid, group.as_slice()).context("give up root")
}

/// What secrets are sealed with, where the service manager gives it: 32 bytes in the credential `tripoint.key`.
fn secret_key(folder: Option<&std::ffi::OsStr>) -> anyhow::Result<Option<[u8; 32]>> {
    let Some(path) = folder.map(|folder| Path::new(folder).join("tripoint.key")).filter(|path| path.exists()) else {
        return Ok(None);
    };
    let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let key = <[u8; 32]>::try_from(bytes.as_slice());
    key.map(Some).map_err(|_| anyhow::anyhow!("{} holds {} bytes; 32 are a key", path.display(), bytes.len()))
}

/// Where the server is and how one signs in.
fn announce(ready: &tripoint_server::Ready, data_dir: &Path, is_json: bool) {
    let mut lines = vec![format!("listening on {}", ready.socket.display())];
    if let Some(url) = &ready.url {
        let token = tripoint_server::token_path(data_dir);
        lines.push(format!("listening on {url}; sign in with the token in {}", token.display()));
    }
    if let Some(fingerprint) = &ready.fingerprint {
        lines.push(format!("TLS: certificate sha256={fingerprint} (`tripoint server ca`)"));
    }
    // Nobody can sign in yet: whoever reads this makes the first admin.
    let setup = std::fs::read_to_string(tripoint_server::setup_path(data_dir)).unwrap_or_default();
    if let Some(address) = setup.lines().find_map(|line| line.strip_prefix("address ")) {
        lines.push(format!(
            "first sign-in: {address} (once, within an hour), or `tripoint users add NAME --role admin`"
        ));
    }
    for line in lines {
        match is_json {
            true => eprintln!("{}", serde_json::json!({ "level": "INFO", "message": line })),
            false => eprintln!("{line}"),
        }
    }
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    // A terminal that is closed is an end like another.
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hang_up.recv() => {} }
}

/// Agent and server as children; ended together.
pub struct Daemons {
    server: Child,
    agent: Child,
}

impl Daemons {
    /// Starts both and waits until both are ready.
    pub fn start(context: &Context, listen: &Listen, log: Option<&Path>) -> anyhow::Result<Self> {
        let run = context.data_dir.join("run");
        let own = context.data_dir.join("server");
        let user = server_user();
        for folder in [&context.data_dir, &run, &own] {
            std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        for folder in [&run, &own] {
            std::os::unix::fs::chown(folder, Some(user.0), Some(user.1))
                .with_context(|| format!("give {} to the server's user", folder.display()))?;
        }
        // The server's user has to reach its own folders; it can list nothing here.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&context.data_dir, std::fs::Permissions::from_mode(0o711))?;
        let server_ready = run.join("server.ready");
        let agent_ready = context.data_dir.join("agent.ready");
        let _ = (std::fs::remove_file(&server_ready), std::fs::remove_file(&agent_ready));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["server", "--data-dir"]).arg(&context.data_dir);
        command.arg("--ready-file").arg(&server_ready);
        if let Some(address) = &listen.listen {
            command.args(["--listen", address]);
        }
        if let Some(config) = context.config_file() {
            command.arg("--config").arg(config);
        }
        command.args(std::iter::repeat_n("-v", context.verbose.into()));
        if log::is_json(context.json) {
            command.env(log::FORMAT, "json");
        }
        command.arg("--user").arg(format!("{}:{}", user.0, user.1));
        let server = spawn(&mut command, log).context("start the server")?;
        let mut command = agent_command(context)?;
        command.arg("--ready-file").arg(&agent_ready);
        let agent = spawn(&mut command, log).context("start the agent")?;
        let mut daemons = Self { server, agent };
        daemons.wait_ready(&server_ready, "server")?;
        daemons.wait_ready(&agent_ready, "agent")?;
        Ok(daemons)
    }

    fn wait_ready(&mut self, file: &Path, who: &str) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(30);
        while !file.exists() {
            if let Some(end) = self.ended()? {
                bail!("{end} before it was ready");
            }
            if Instant::now() > until {
                bail!("the {who} was not ready after 30 seconds");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_file(file);
        Ok(())
    }

    /// Says who ended, if one did.
    pub fn ended(&mut self) -> anyhow::Result<Option<String>> {
        for (name, child) in [("the server", &mut self.server), ("the agent", &mut self.agent)] {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(format!("{name} ended ({status})")));
            }
        }
        Ok(None)
    }

    /// The agent's process id.
    pub fn agent_pid(&self) -> u32 {
        self.agent.id()
    }

    /// Asks both to end and waits; what does not end in ten seconds is killed.
    pub fn stop(&mut self) {
        for child in [&mut self.agent, &mut self.server] {
            child::terminate(child);
            let until = Instant::now() + Duration::from_secs(10);
            while matches!(child.try_wait(), Ok(None)) {
                if Instant::now() > until {
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(command: &mut Command, log: Option<&Path>) -> anyhow::Result<Child> {
    command.stdin(Stdio::null());
    if let Some(log) = log {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdout(file.try_clone()?).stderr(file);
    }
    child::ends_with_parent(command);
    Ok(command.spawn()?)
}

/// User and group of the server: the user `tripoint`, else an id that nobody else has. Never a shared
/// one such as `nobody`: whoever shares it could read the token and replace the socket.
fn server_user() -> (u32, u32) {
    let entries = users();
    if let Some((_, uid, gid)) = entries.iter().find(|(name, _, _)| name == SERVER_USER) {
        return (*uid, *gid);
    }
    let free = PRIVATE_IDS.into_iter().find(|id| is_free(&entries, *id)).unwrap_or(PRIVATE_IDS.start);
    (free, free)
}

/// User and group of what only reads strangers' files for a moment: not the server's, for the same reason.
pub(super) fn reader_user() -> (u32, u32) {
    let entries = users();
    let free = PRIVATE_IDS.rev().find(|id| is_free(&entries, *id)).unwrap_or(PRIVATE_IDS.end - 1);
    (free, free)
}

/// Name, uid and gid of each user of the host.
fn users() -> Vec<(String, u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = |line: &str| -> Option<(String, u32, u32)> {
        let fields: Vec<&str> = line.split(':').collect();
        Some(((*fields.first()?).to_owned(), fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    passwd.lines().filter_map(entry).collect()
}

fn is_free(users: &[(String, u32, u32)], id: u32) -> bool {
    !users.iter().any(|(_, uid, gid)| *uid == id || *gid == id)
}

/// Reads what `--user` says.
pub(super) fn ids(user: &str) -> anyhow::Result<(u32, u32)> {
    let ids = user.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    ids.with_context(|| format!("{user:?} is no UID:GID"))
}

/// `tripoint up`.
pub fn up(context: &Context, listen: &Listen) -> anyhow::Result<Exit> {
    if !tripoint_linux::capability::is_root() {
        return Err(NeedsRoot("`tripoint up`: sensing and blocking").into());
    }
    let config = context.config()?.config;
    // A rule that cannot be used keeps nobody from sensing and blocking.
    if let Err(error) = super::evidence::apart::compile_configured(context) {
        eprintln!("tripoint: evidence.rules: {error:#}; logs are asked by the former rules");
    }
    let mut daemons = Daemons::start(context, listen, None)?;
    if let Some(path) = &listen.ready_file {
        std::fs::write(path, b"ready\n").with_context(|| path.display().to_string())?;
    }
    greet(context, listen, &config);
    let stopping = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    child::on_stop_signal(std::sync::Arc::clone(&stopping))?;
    while !stopping.load(std::sync::atomic::Ordering::Relaxed) {
        if let Some(end) = daemons.ended()? {
            bail!("{end}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    daemons.stop();
    eprintln!("stopped. Blocks in force hold until their time is up; `tripoint release-all` lifts them at once.");
    Ok(Exit::Fine)
}

fn greet(context: &Context, listen: &Listen, config: &tripoint_agent::config::Config) {
    if context.quiet {
        return;
    }
    eprintln!(
        "tripoint is up in {} mode. Socket: {}",
        config.response.mode.as_str(),
        tripoint_server::socket_path(&context.data_dir).display()
    );
    let address = listen.listen.clone().unwrap_or_else(|| config.server.listen.clone());
    if !address.is_empty() && address != "none" {
        let token = tripoint_server::token_path(&context.data_dir);
        // On this host plain HTTP is answered too.
        let is_here = address.parse().is_ok_and(|address: SocketAddr| address.ip().to_canonical().is_loopback());
        let scheme = if is_here { "http" } else { "https" };
        eprintln!("API: {scheme}://{address} with the token in {}", token.display());
    }
    if intel::nothing_loaded(context) {
        eprintln!("{}", intel::NOTHING_LOADED);
    }
    if tripoint_vuln::image_files(&context.data_dir).is_empty() {
        eprintln!("{}", vulns::NOTHING_LOADED);
    }
    eprintln!("Next: `tripoint alerts watch`, `tripoint doctor`. Ctrl-C stops.");
}

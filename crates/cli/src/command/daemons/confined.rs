//! What may the server touch, by its configuration?

use std::path::Path;

use anyhow::Context as _;
use tripoint_agent::config::Config;
use tripoint_api::Confinement;
use tripoint_linux::confine::{Confined, Policy, places_of};
use tripoint_server::ServerOptions;

use crate::confine::{as_far_as_it_goes, asking, read_data};

/// Gives up for good what the server does not need, and says so. Threads that run already keep what they have: call it
/// before the runtime is made.
pub(super) fn begin(options: &ServerOptions, config: &Config) -> anyhow::Result<Confinement> {
    for folder in FOLDERS.map(|folder| options.data_dir.join(folder)) {
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let confined = as_far_as_it_goes(&policy(options, config));
    let ports = || policy(options, config).ports().map(|port| port.to_string()).collect::<Vec<_>>().join(" ");
    match confined.lost.is_empty() {
        true => tracing::info!(how = %confined, connects_to = ports(), "the server has given up what it does not need"),
        false => tracing::warn!(how = %confined, "the server could not give up all that it does not need"),
    }
    let state = confined.state().to_owned();
    let Confined { abi, lost } = confined;
    Ok(Confinement { state, abi, lost })
}

/// Everything that the configuration makes the server touch.
fn policy(options: &ServerOptions, config: &Config) -> Policy {
    let mut policy = asking(config);
    read_data(&mut policy, &options.data_dir);
    for folder in FOLDERS {
        policy.write(options.data_dir.join(folder));
    }
    // It is written beside and renamed.
    if let Some(folder) = options.ready_file.as_deref().and_then(Path::parent) {
        policy.write(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    }
    if let Some(own) = &options.tls.own {
        // Looked at again and again, and replaced by who renews them.
        for place in [&own.certificate, &own.key].into_iter().flat_map(|file| places_of(file).unwrap_or_default()) {
            policy.read(place);
        }
    }
    if let Some(file) = &options.breached {
        policy.read(file);
    }
    if let Some(address) = options.listen {
        policy.bind(address.port());
    }
    let channels = options.notify.iter().flat_map(|notify| notify.ports());
    let crowdsec = options.push.iter().filter_map(|push| tripoint_fetch::port_of(&push.url));
    // Where the provider's own endpoints are is known when it is asked; on another server they are at https.
    let provider = options.oidc.iter().flat_map(|oidc| [tripoint_fetch::port_of(&oidc.issuer), Some(443)]).flatten();
    channels.chain(crowdsec).chain(provider).chain(collector()).for_each(|port| {
        policy.connect(port);
    });
    policy
}

/// Who is told what the server does and how long it takes, where the environment names it.
fn collector() -> Option<u16> {
    let named = |name: &&str| std::env::var(name).ok().filter(|url| !url.is_empty());
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .iter()
        .find_map(named)
        .filter(|_| cfg!(feature = "otel"))
        .and_then(|url| tripoint_fetch::port_of(&url))
}

/// What the server writes of the data folder.
const FOLDERS: [&str; 2] = ["run", "server"];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, ErrorKind};
    use std::net::{TcpListener, TcpStream};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use std::process::Command;

    use rustix::process::{Pid, Signal, kill_process};
    use tripoint_linux::capability::{LANDLOCK_WHOLE, landlock_abi};
    use tripoint_server::OwnFiles;

    use super::*;

    #[track_caller]
    fn is_refused<T>(done: io::Result<T>) {
        assert_eq!(done.map(drop).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

    /// Promise S8: what somebody could do who has taken the server over, by the same function that confines the real one.
    #[test]
    fn s8_whoever_takes_the_server_over_touches_nothing_else() {
        if landlock_abi() < LANDLOCK_WHOLE {
            assert!(std::env::var_os("RUN_KERNEL_TESTS").is_none(), "the kernel offers landlock {}", landlock_abi());
            println!("skipped: the kernel offers landlock {}; 6 is needed", landlock_abi());
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (data_dir, certs) = (folder.path().join("data"), folder.path().join("certs"));
        [data_dir.join("images"), certs.clone()].iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (channel, stranger) = (listener(), listener());
        let [channel, stranger] = [&channel, &stranger].map(|listener| listener.local_addr().unwrap());
        let secret = folder.path().join("secret");
        fs::write(&secret, "a secret").unwrap();
        let webhook = format!("[notify]\nwebhook = \"http://{channel}/\"\nsecret_file = {secret:?}\n");
        fs::write(data_dir.join("server.toml"), webhook).unwrap();
        let loaded = tripoint_agent::config::load(&data_dir, None).unwrap();
        let own = OwnFiles { certificate: certs.join("chain.pem"), key: certs.join("key.pem") };
        let options = ServerOptions {
            tls: tripoint_server::TlsOptions { own: Some(own), ..Default::default() },
            notify: crate::command::notify::of(&loaded).unwrap(),
            data_dir: data_dir.clone(),
            ..ServerOptions::default()
        };
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let theirs = SocketAddr::from_abstract_name(format!("tripoint-server-{}", child.id())).unwrap();
        let _theirs = UnixListener::bind_addr(&theirs).unwrap();
        std::thread::scope(|scope| {
            let held = scope.spawn(|| {
                let told = begin(&options, &loaded.config).unwrap();
                // In a test it is one thread of others.
                assert!(told.abi >= LANDLOCK_WHOLE && told.lost.len() == 1, "{told:?}");
                fs::write(data_dir.join("server/file"), "").unwrap();
                fs::write(certs.join("chain.pem"), "").unwrap_err();
                assert_eq!(fs::read_dir(&certs).unwrap().count(), 0, "what will lie there is read");
                fs::read("/etc/hosts").unwrap();
                TcpStream::connect(channel).unwrap();

                is_refused(fs::read("/etc/shadow"));
                is_refused(fs::read(&secret));
                is_refused(fs::read("/proc/self/environ"));
                is_refused(fs::read_dir("/home"));
                is_refused(fs::write(folder.path().join("file"), ""));
                is_refused(fs::write(data_dir.join("images/intel.9"), ""));
                is_refused(fs::write(data_dir.join("server.toml"), ""));
                is_refused(Command::new("/bin/sh").status());
                is_refused(TcpStream::connect(stranger));
                is_refused(TcpListener::bind("127.0.0.1:0"));
                is_refused(kill_process(pid, Signal::TERM).map_err(io::Error::from));
                is_refused(UnixStream::connect_addr(&theirs));
            });
            held.join().unwrap();
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

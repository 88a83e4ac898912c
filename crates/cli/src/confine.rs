//! What do the commands that ask other servers go on needing, and what do they give up before they ask?
//!
//! Whatever a publisher or a receiver sends, and whatever it makes of the program that reads it, reaches the files and
//! ports named here and nothing else (`docs/reference/security.md`).

use std::path::{Path, PathBuf};

use tripoint_agent::config::Config;
use tripoint_linux::capability::is_root;
use tripoint_linux::confine::{Confined, Policy, confine, places_of};

use crate::context::Context;

/// A command that fetches, before it is confined.
pub struct Fetching {
    policy: Policy,
    made: Vec<PathBuf>,
}

impl Fetching {
    /// Reads the data folder and writes into these folders of it, and into no other.
    pub fn new(context: &Context, config: &Config, writes: &[&str]) -> Self {
        let mut policy = asking(config);
        read_data(&mut policy, &context.data_dir);
        Self { policy, made: writes.iter().map(|folder| context.data_dir.join(folder)).collect() }
    }

    /// Connects to where these URLs lead, and by default ports to where they redirect.
    pub fn at<'u>(mut self, urls: impl IntoIterator<Item = &'u str>) -> Self {
        self.policy.connect(80).connect(443);
        urls.into_iter().filter_map(tripoint_fetch::port_of).for_each(|port| {
            self.policy.connect(port);
        });
        self
    }

    /// Reads these files.
    pub fn read<'p>(mut self, files: impl IntoIterator<Item = &'p Path>) -> Self {
        for file in files {
            self.policy.read(file);
        }
        self
    }

    /// From here on. What the kernel does not hold back `doctor` says; a command that runs each hour does not.
    pub fn begin(self) {
        let Self { mut policy, made } = self;
        // Where one cannot be made, whoever writes there says so.
        for folder in made.into_iter().filter(|folder| std::fs::create_dir_all(folder).is_ok()) {
            policy.write(folder);
        }
        let confined = as_far_as_it_goes(&policy);
        tracing::info!(how = %confined, "fetching gives up what it does not need");
    }
}

/// Confines the process; a kernel that refuses costs safety and not the work.
pub fn as_far_as_it_goes(policy: &Policy) -> Confined {
    confine(policy).unwrap_or_else(|error| Confined {
        abi: 0,
        lost: vec![format!("anything ({})", crate::output::causes(&error.into()))],
    })
}

/// What everything needs that looks up names and connects.
pub fn asking(config: &Config) -> Policy {
    let mut policy = Policy::default();
    LIBRARIES.iter().chain(AUTHORITIES).for_each(|path| {
        policy.read(path);
    });
    // Of what is replaced by another file the folder is needed. Who is not root reads nothing secret there.
    if is_root() {
        NAMES.iter().for_each(|path| {
            policy.read(path);
        });
    } else {
        policy.read(ETC);
    }
    let resolver = places_of(Path::new(RESOLVER)).unwrap_or_default();
    resolver.into_iter().filter(|folder| folder != Path::new(ETC)).for_each(|folder| {
        policy.read(folder);
    });
    policy.connect(DNS);
    if let Some(port) = tripoint_fetch::port_of_proxy(&config.fetch.proxy) {
        policy.connect(port);
    }
    config.fetch.ports.iter().for_each(|port| {
        policy.connect(*port);
    });
    policy
}

/// The data folder, and what its own folders lead to where they are links. Whoever runs the server may not list it.
pub fn read_data(policy: &mut Policy, data_dir: &Path) {
    policy.read(data_dir);
    let links = FOLDERS.iter().map(|name| data_dir.join(name)).filter(|path| path.is_symlink());
    links.filter_map(|path| path.canonicalize().ok()).for_each(|place| {
        policy.read(place);
    });
}

/// What anybody keeps elsewhere of it.
const FOLDERS: &[&str] = &["bundle", "images", "intel", "networks", "online", "run", "server", "vuln"];
/// The system's resolver loads what it is configured to ask by.
const LIBRARIES: &[&str] = &["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
/// Whom the system trusts, without the keys beside them.
const AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted/pem",
    "/etc/ca-certificates/extracted",
    "/usr/share/ca-certificates",
    "/var/lib/ca-certificates",
];
const ETC: &str = "/etc";
const RESOLVER: &str = "/etc/resolv.conf";
/// What is read of `/etc`, where not all of it is.
const NAMES: &[&str] = &[
    RESOLVER,
    tripoint_agent::config::SYSTEM_FOLDER,
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/services",
];
/// Long answers of a name server come by TCP.
const DNS: u16 = 53;

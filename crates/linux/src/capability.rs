//! What does this kernel offer, and what is lost where it does not?

use std::fs;
use std::path::Path;

use crate::faults::{self, Lack};
use crate::{cgroup, netns, sock_diag};

/// One ability of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Short name.
    pub name: &'static str,
    /// Whether it is there.
    pub present: bool,
    /// What is lost without it.
    pub lost: &'static str,
}

/// `uname -r`.
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The host's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A number that is new with each boot.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Whether the process runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Probes everything that Tripoint can make use of, without changing the host.
pub fn probe() -> Vec<Capability> {
    let effective = effective_capabilities();
    let has = |bit: u32| effective >> bit & 1 == 1;
    vec![
        Capability { name: "root", present: is_root(), lost: "sensing and blocking; only scans and look-ups work" },
        Capability {
            name: "btf",
            present: Path::new("/sys/kernel/btf/vmlinux").exists(),
            lost: "kernel programs: connections are polled, short ones are missed",
        },
        Capability { name: "cap_bpf", present: has(39) || has(21), lost: "kernel programs" },
        Capability {
            name: "cap_net_admin",
            present: has(12),
            lost: "ending sockets, blocking, namespaces of containers",
        },
        Capability {
            name: "cgroup_v2",
            present: cgroup::root().is_some(),
            lost: "refusing connections before the first packet",
        },
        Capability {
            name: "sock_diag",
            present: sock_diag::SockDiag::open().is_ok(),
            lost: "listing and ending sockets",
        },
        Capability {
            name: "sock_destroy",
            present: sock_diag::SockDiag::open().is_ok_and(|mut diag| diag.can_destroy()),
            lost: "ending open connections at once: behind a block they carry nothing more and time out",
        },
        Capability {
            name: "network_namespaces",
            present: has(21) && netns::NetNs::of_thread().is_ok(),
            lost: "the live demonstration; sockets of containers",
        },
        Capability {
            name: "nftables",
            present: crate::nft::is_offered(),
            lost: "blocking by a table of our own where kernel programs do not go in (ipset is left)",
        },
        Capability {
            name: "conntrack",
            present: crate::conntrack::Conntrack::open().is_ok(),
            lost: "translated addresses",
        },
        Capability {
            name: "landlock",
            present: landlock_abi() >= LANDLOCK_WHOLE,
            lost: "holding the server and what fetches to the files and ports that they need (all of it, or a part on an \
                   older kernel)",
        },
    ]
}

/// Which version of landlock the kernel offers; 0: none.
pub fn landlock_abi() -> u32 {
    if faults::refuse(Lack::Landlock).is_err() {
        return 0;
    }
    const VERSION: libc::c_long = 1;
    let nothing: *const libc::c_void = std::ptr::null();
    // SAFETY: asks for a number alone; with this flag nothing is read and no descriptor made.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    u32::try_from(abi).unwrap_or(0)
}

/// From this version on files, TCP ports, devices, signals and abstract sockets are all held (Linux 6.12).
pub const LANDLOCK_WHOLE: u32 = 6;

fn effective_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

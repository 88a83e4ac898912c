//! Which programs are attached all the time, and which only while somebody needs them?

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use aya::programs::links::{CgroupAttachMode, FdLink, PinnedLink};
use aya::programs::{CgroupSkbAttachType, Program};
use aya::{Btf, Ebpf};

use super::attached::{Hook, attached};
use super::{chain, pins};

/// Program, how it is attached, and what is lost without it. The first three are essential. What
/// sees a beginning comes before what sees an end.
pub(super) const PROGRAMS: &[(&str, Kind, &str)] = &[
    ("tp_connect4", Kind::SockAddr, "outbound connections over IPv4 before the first packet"),
    ("tp_connect6", Kind::SockAddr, "outbound connections over IPv6 before the first packet"),
    ("tp_state", Kind::Tracepoint("inet_sock_set_state"), "TCP connections"),
    ("tp_sendmsg4", Kind::SockAddr, "unconnected UDP over IPv4"),
    ("tp_sendmsg6", Kind::SockAddr, "unconnected UDP over IPv6"),
    ("tp_recvmsg4", Kind::SockAddr, "inbound UDP over IPv4"),
    ("tp_recvmsg6", Kind::SockAddr, "inbound UDP over IPv6"),
    ("tp_release", Kind::Sock, "the end of UDP conversations"),
    ("tp_egress", Kind::Packets, "blocking of packets that leave"),
    ("tp_ingress", Kind::Packets, "blocking of packets that arrive; DNS answers"),
    ("tp_exec", Kind::Tracepoint("sched_process_exec"), "command lines of short-lived processes"),
    ("tp_fork", Kind::Tracepoint("sched_process_fork"), "processes that fork without a new program"),
    ("tp_exit", Kind::Tracepoint("sched_process_exit"), "the end of processes"),
    ("tp_found", Kind::Iterator("task_file"), "owners of connections open before the start"),
    ("tp_alive", Kind::Iterator("bpf_sk_storage_map"), "the proof that no connection ended unseen"),
];
pub(super) const ESSENTIAL: usize = 3;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Tracepoint(&'static str),
    Iterator(&'static str),
    SockAddr,
    Sock,
    /// Loaded at once, so that what is missing is known; attached by `Kernel::watch_packets`.
    Packets,
}

// A cgroup link without flags stands beside other programs; it replaces none.
const MODE: CgroupAttachMode = CgroupAttachMode::Single;

/// Loads the program; attaches it unless that waits until it is needed.
pub(super) fn bring_in(program: &mut Program, kind: Kind, btf: &Btf, cgroup: &File) -> Result<(), String> {
    let run = || -> Result<(), aya::programs::ProgramError> {
        match (program, kind) {
            (Program::BtfTracePoint(program), Kind::Tracepoint(point)) => {
                program.load(point, btf)?;
                program.attach()?;
            }
            (Program::Iter(program), Kind::Iterator(over)) => program.load(over, btf)?,
            (Program::CgroupSockAddr(program), Kind::SockAddr) => {
                program.load()?;
                program.attach(cgroup, MODE)?;
            }
            (Program::CgroupSock(program), Kind::Sock) => {
                program.load()?;
                program.attach(cgroup, MODE)?;
            }
            (Program::CgroupSkb(program), Kind::Packets) => program.load()?,
            _ => unreachable!("PROGRAMS names each program with its section's kind"),
        }
        Ok(())
    };
    run().map_err(|error| chain(&error))
}

/// The programs, and where they are attached.
pub(super) struct Kernel {
    pub(super) ebpf: Ebpf,
    cgroup: File,
    /// What is attached all the time, and can be taken out by others: program and how it is attached.
    lasting: Vec<(&'static str, Kind)>,
    /// The link of the program on each way, once it is attached: out, in.
    packets: [Option<Wall>; 2],
}

/// The link of a program that looks at packets.
enum Wall {
    /// Ends with us.
    Held(FdLink),
    /// Outlives us.
    Kept(PinnedLink),
}

const PACKETS: [(&str, CgroupSkbAttachType); 2] =
    [("tp_egress", CgroupSkbAttachType::Egress), ("tp_ingress", CgroupSkbAttachType::Ingress)];

impl Kernel {
    /// Over the programs as they were loaded, but for the `missing`.
    pub(super) fn new(ebpf: Ebpf, cgroup: File, missing: &[&str]) -> Self {
        let lasts = |(name, kind): (&'static str, Kind)| {
            matches!(kind, Kind::SockAddr | Kind::Sock) && !missing.contains(&name)
        };
        let lasting = PROGRAMS.iter().map(|(name, kind, _)| (*name, *kind)).filter(|one| lasts(*one)).collect();
        Self { ebpf, cgroup, lasting, packets: [None, None] }
    }

    /// Attaches anew what others have taken out; returns what that was. What looked at packets did not do so meanwhile.
    fn mend(&mut self) -> Result<Vec<&'static str>, String> {
        let gone = |kernel: &Self, name: &str| {
            let id = kernel.ebpf.program(name).and_then(|program| program.info().ok()).map(|info| info.id());
            let there = Hook::of(name).map(|hook| attached(&kernel.cgroup, hook));
            // What cannot be asked counts as there: it was, when we attached it.
            matches!((id, there), (Some(id), Some(Ok(ids))) if !ids.contains(&id))
        };
        let lost: Vec<(&'static str, Kind)> =
            self.lasting.iter().filter(|(name, _)| gone(self, name)).copied().collect();
        let walls: Vec<usize> =
            (0..PACKETS.len()).filter(|at| self.packets[*at].is_some() && gone(self, PACKETS[*at].0)).collect();
        for (name, kind) in &lost {
            let Some(program) = self.ebpf.program_mut(name) else { continue };
            let done = match (program, kind) {
                (Program::CgroupSockAddr(program), Kind::SockAddr) => program.attach(&self.cgroup, MODE).map(drop),
                (Program::CgroupSock(program), Kind::Sock) => program.attach(&self.cgroup, MODE).map(drop),
                _ => continue,
            };
            done.map_err(|error| format!("{name}: {}", chain(&error)))?;
        }
        for wall in &walls {
            // Its link is dead; the file that kept it keeps nothing.
            if let Some(Wall::Kept(link)) = self.packets[*wall].take() {
                let _ = link.unpin();
            }
        }
        if !walls.is_empty() {
            self.watch_packets()?;
        }
        Ok(lost.into_iter().map(|(name, _)| name).chain(walls.into_iter().map(|at| PACKETS[at].0)).collect())
    }

    /// Has every packet looked at from now on. One that did not load is already told as missing,
    /// and connects and sends are refused without it. Returns whether those that leave are looked at.
    fn watch_packets(&mut self) -> Result<bool, String> {
        for ((name, direction), attached) in PACKETS.iter().zip(&mut self.packets) {
            let Some(Program::CgroupSkb(program)) = self.ebpf.program_mut(name) else { continue };
            if attached.is_some() || program.fd().is_err() {
                continue;
            }
            let link = program.attach(&self.cgroup, *direction, MODE).and_then(|id| program.take_link(id));
            let link = link.map_err(|error| chain(&error))?;
            *attached = Some(Wall::Held(FdLink::try_from(link).map_err(|error| chain(&error))?));
        }
        Ok(self.packets[0].is_some())
    }

    /// Keeps what looks at packets in `folder`, so that it outlives us. What cannot be kept goes on with us.
    fn keep(&mut self, folder: &Path) -> Result<(), String> {
        let mut done = Ok(());
        for ((name, _), slot) in PACKETS.iter().zip(&mut self.packets) {
            let file = folder.join(name);
            let link = match slot.take() {
                Some(Wall::Held(link)) => link,
                // Somebody has removed the file.
                Some(Wall::Kept(link)) if !file.exists() => link.into(),
                other => {
                    *slot = other;
                    continue;
                }
            };
            match fs::create_dir_all(folder) {
                Ok(()) => match link.pin(&file) {
                    Ok(kept) => *slot = Some(Wall::Kept(kept)),
                    Err(error) => done = Err(chain(&error)),
                },
                Err(error) => {
                    *slot = Some(Wall::Held(link));
                    done = Err(format!("{}: {error}", folder.display()));
                }
            }
        }
        // A link that could not be kept is gone with its attempt: it is attached anew at once.
        if done.is_err() {
            self.watch_packets()?;
        }
        done
    }

    /// Whether everything that looks at packets is kept there.
    fn is_kept(&self, folder: &Path) -> bool {
        let mut each = PACKETS.iter().zip(&self.packets);
        each.all(|((name, _), slot)| match slot {
            None => true,
            Some(Wall::Held(_)) => false,
            Some(Wall::Kept(_)) => folder.join(name).exists(),
        })
    }

    /// Lets it end with us again.
    fn let_go(&mut self, folder: &Path) -> Result<(), String> {
        for slot in &mut self.packets {
            *slot = match slot.take() {
                Some(Wall::Kept(link)) => Some(Wall::Held(link.into())),
                other => other,
            };
        }
        match pins::let_go(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
            _ => Ok(()),
        }
    }
}

/// The programs, for as long as this is held. No state is left half changed by a panic.
pub(super) fn hold(kernel: &Mutex<Kernel>) -> MutexGuard<'_, Kernel> {
    kernel.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what looks at packets in `folder`, if the programs still live.
pub(super) fn keep(kernel: &Weak<Mutex<Kernel>>, folder: &Path) -> Result<(), String> {
    kernel.upgrade().map_or(Ok(()), |kernel| hold(&kernel).keep(folder))
}

/// Whether it is kept there; true where nothing lives any more.
pub(super) fn is_kept(kernel: &Weak<Mutex<Kernel>>, folder: &Path) -> bool {
    kernel.upgrade().is_none_or(|kernel| hold(&kernel).is_kept(folder))
}

/// Attaches anew what others have taken out; returns what that was.
pub(super) fn mend(kernel: &Weak<Mutex<Kernel>>) -> Result<Vec<&'static str>, String> {
    kernel.upgrade().map_or(Ok(Vec::new()), |kernel| hold(&kernel).mend())
}

/// Lets it end with us again.
pub(super) fn let_go(kernel: &Weak<Mutex<Kernel>>, folder: &Path) -> Result<(), String> {
    kernel.upgrade().map_or(Ok(()), |kernel| hold(&kernel).let_go(folder))
}

/// Has every packet looked at, if the programs still live; returns whether those that leave are.
pub(super) fn watch_packets(kernel: &Weak<Mutex<Kernel>>) -> Result<bool, String> {
    let Some(kernel) = kernel.upgrade() else { return Err("the programs were taken out".into()) };
    hold(&kernel).watch_packets()
}

//! What did the kernel programs see? Records in, connections with their owners out.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use tripoint_linux::bpf::{Programs, Ring};
use tripoint_linux::cgroup::CgroupPaths;
use tripoint_linux::clock::BootClock;
use tripoint_linux::conntrack::Conntrack;
use tripoint_linux::contract::{ConnRecord, Record, address, flag, kind, text};
use tripoint_model::{Connection, ConnectionId, ConnectionState, Direction, Process, ProcessKey, Protocol, Timestamp};

use crate::names::Names;
use crate::table::{ProcessTable, device};
use crate::{Seen, container, dns, procfs};

/// How many records of the event ring are read between two looks at the match ring.
const BATCH: usize = 4096;
const TCP_SYN_SENT: u8 = 2;

/// The sensor over the kernel programs. Runs on one thread, which calls `poll` for ever.
pub struct BpfSensor {
    matches: Ring,
    events: Ring,
    programs: Programs,
    table: ProcessTable,
    names: Names,
    cgroups: CgroupPaths,
    clock: BootClock,
    conntrack: Option<Conntrack>,
    listeners: HashSet<(u32, u16)>,
    /// Direction of connections that were open at the start, by cookie.
    found: std::collections::HashMap<u64, Direction>,
    /// An inbound connection still belongs to the service manager that opened its listener.
    handed_over: bool,
    own_pid: u32,
}

impl BpfSensor {
    /// Takes over the rings. `root` is where container runtimes' files lie (`/`).
    pub fn new(programs: Programs, matches: Ring, events: Ring, root: &str) -> Self {
        Self {
            matches,
            events,
            programs,
            table: ProcessTable::new(root),
            names: Names::default(),
            cgroups: CgroupPaths::default(),
            clock: BootClock::new(),
            conntrack: Conntrack::open().ok(),
            listeners: HashSet::new(),
            found: std::collections::HashMap::new(),
            handed_over: false,
            own_pid: std::process::id(),
        }
    }

    /// Everything that was there before: living processes, then open connections.
    pub fn start(&mut self) -> io::Result<Vec<Seen>> {
        let now = self.clock.wall(tripoint_linux::clock::boot_ns());
        let mut out: Vec<Seen> =
            self.table.scan().into_iter().map(|process| Seen::Started { process, at: now }).collect();
        out.extend(self.sweep()?);
        Ok(out)
    }

    /// Every connection that is open now, in its present state, and the ends of processes that
    /// nobody told. Finds what was missed when a ring overflowed.
    pub fn sweep(&mut self) -> io::Result<Vec<Seen>> {
        let records = self.programs.find_open()?;
        self.listeners = records
            .iter()
            .filter(|record| record.kind == kind::CONN_LISTENER)
            .map(|record| (record.netns, record.local_port))
            .collect();
        // A UDP socket that was connected and never used has no connection.
        let used = |record: &&ConnRecord| record.remote_port != 0 && record.flags & flag::UNTOLD == 0;
        let open = records.iter().filter(|record| record.kind == kind::CONN_FOUND).filter(used);
        let mut seen: Vec<Seen> = open.map(|record| self.connection(record)).collect();
        let at = self.clock.wall(tripoint_linux::clock::boot_ns());
        seen.extend(self.table.reap().into_iter().map(|key| Seen::Ended { key, at }));
        Ok(seen)
    }

    /// Waits up to `timeout` for a match and returns all that was seen. Without a match the rest
    /// is read when the time is up, so it never wakes anybody.
    pub fn poll(&mut self, timeout: Duration, out: &mut Vec<Seen>) -> io::Result<()> {
        let wait = rustix::time::Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(1),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut fds = [
            rustix::event::PollFd::new(&self.matches, rustix::event::PollFlags::IN),
            rustix::event::PollFd::new(&self.events, rustix::event::PollFlags::IN),
        ];
        match rustix::event::poll(&mut fds, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.clock.refresh();
        loop {
            self.take_matches(out);
            if self.take_events(out) < BATCH {
                return Ok(());
            }
        }
    }

    /// Matches first; one whose owner is not known yet waits for the records before it.
    fn take_matches(&mut self, out: &mut Vec<Seen>) {
        let mut records = Vec::new();
        self.matches.drain(BATCH, &mut |record| {
            if let Record::Conn(record) = record {
                records.push(record);
            }
        });
        let unknown = records.iter().any(|record| self.is_unknown(record));
        if unknown {
            while self.take_events(out) == BATCH {}
        }
        self.report(&records, out);
    }

    /// Whether records that tell of the owner are still on the way.
    fn is_unknown(&self, record: &ConnRecord) -> bool {
        let key = procfs::key(record.tgid, record.start_ns);
        record.tgid != 0 && (!self.table.knows(key) || self.table.is_other_program(key, record.exe_inode))
    }

    fn report(&mut self, records: &[ConnRecord], out: &mut Vec<Seen>) {
        let own_pid = self.own_pid;
        for record in records.iter().filter(|record| record.tgid != own_pid) {
            let seen = self.connection(record);
            out.push(seen);
        }
    }

    fn take_events(&mut self, out: &mut Vec<Seen>) -> usize {
        let Self { events, table, names, clock, .. } = self;
        let mut connections = Vec::new();
        let read = events.drain(BATCH, &mut |record| match record {
            Record::Conn(record) => connections.push(record),
            Record::Exec(head, argv) => {
                let process = resolve_exe(table.exec(&head, argv), table);
                out.push(Seen::Started { process, at: clock.wall(head.at_ns) });
            }
            Record::Fork(record) => table.fork(&record),
            Record::Exit(record) => {
                out.push(Seen::Ended { key: table.exit(&record), at: clock.wall(record.at_ns) });
            }
            Record::Dns(head, bytes) => {
                let (netns, at) = (u64::from(head.netns), clock.wall(head.at_ns));
                let mut learn = |message: &[u8]| {
                    let Some(answer) = dns::parse(message) else { return };
                    let missed = names.learn(netns, &answer.name, &answer.addresses, at);
                    out.push(Seen::Resolved { name: answer.name, addresses: answer.addresses, netns, at, missed });
                };
                if head.tcp == 1 { dns::messages(bytes).for_each(learn) } else { learn(bytes) }
            }
        });
        self.report(&connections, out);
        read
    }

    fn connection(&mut self, record: &ConnRecord) -> Seen {
        let at = self.clock.wall(record.at_ns);
        let matched = record.flags & flag::MATCHED != 0;
        let remote = SocketAddr::new(address(record.remote), record.remote_port);
        let local = SocketAddr::new(address(record.local), record.local_port);
        let protocol = if record.protocol == 17 { Protocol::Udp } else { Protocol::Tcp };
        let state = state(record, protocol);
        let direction = self.direction(record);
        self.handed_over |= direction == Direction::Inbound && is_activator(record);
        let process = self.owner(record, matched);
        let translated = if matched && state == ConnectionState::Established && protocol == Protocol::Tcp {
            let conntrack = self.conntrack.as_mut();
            conntrack.and_then(|c| c.translated(record.protocol, local, remote).ok().flatten())
        } else {
            None
        };
        if !state.is_open() {
            self.found.remove(&record.cookie);
        }
        let netns = u64::from(record.netns);
        let remote_name = self.names.name(netns, remote.ip()).map(str::to_owned);
        if matched && remote_name.is_none() {
            self.names.miss(netns, remote.ip());
        }
        let connection = Connection {
            id: ConnectionId { cookie: record.cookie, peer: peer_number(protocol, remote) },
            protocol,
            direction,
            local,
            remote,
            translated,
            state,
            opened: self.clock.wall(record.opened_ns),
            closed: (!state.is_open()).then_some(at),
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            netns,
            predates_sensor: record.flags & flag::PREDATES != 0,
            remote_name,
            process,
        };
        Seen::Connection { connection: Arc::new(connection), matched, at }
    }

    /// Who started it. For a connection older than the sensor: inbound if we listen on its port.
    fn direction(&mut self, record: &ConnRecord) -> Direction {
        match record.direction {
            1 => Direction::Inbound,
            2 => Direction::Outbound,
            _ => {
                let inbound = self.listeners.contains(&(record.netns, record.local_port));
                let guess = if inbound { Direction::Inbound } else { Direction::Outbound };
                *self.found.entry(record.cookie).or_insert(guess)
            }
        }
    }

    /// The owner, with ancestry and working directory when the connection matched.
    fn owner(&mut self, record: &ConnRecord, whole: bool) -> Option<Arc<Process>> {
        if record.tgid == 0 {
            return None;
        }
        let key = procfs::key(record.tgid, record.start_ns);
        // Another program than the record's: said as unknown, never guessed.
        if self.table.is_other_program(key, record.exe_inode) {
            return Some(Arc::new(bare(key, record)));
        }
        let Some(known) = self.table.get(key) else { return Some(Arc::new(bare(key, record))) };
        let moved = record.cgroup_id != 0 && known.cgroup_id != 0 && known.cgroup_id != record.cgroup_id;
        let other_user = record.uid != known.uid;
        if !(whole || moved || other_user) {
            return Some(known);
        }
        let mut process = Process::clone(&known);
        process.uid = record.uid;
        if moved {
            self.enter_cgroup(&mut process, record.cgroup_id);
        }
        if whole {
            process.ancestry = self.table.ancestry(key);
            process.started = Some(self.clock.wall(key.start_ns));
            process.netns = u64::from(record.netns);
            if process.cwd.is_none() && procfs::key_of(key.pid) == Some(key) {
                process.cwd = fs::read_link(format!("/proc/{}/cwd", key.pid)).ok().map(|p| p.to_string_lossy().into());
            }
        } else {
            return Some(self.table.replace(process));
        }
        Some(Arc::new(process))
    }

    /// The process was moved after its program began.
    fn enter_cgroup(&mut self, process: &mut Process, id: u64) {
        process.cgroup_id = id;
        let Some(path) = self.cgroups.path(id) else { return };
        let place = container::place(path);
        process.cgroup = path.to_owned();
        process.unit = place.unit;
        process.container = place.container;
    }

    /// Whether an inbound connection was seen whose owner is only the service manager that opened the
    /// listener: a sweep finds the service that holds it. Forgets it.
    pub fn take_handed_over(&mut self) -> bool {
        std::mem::take(&mut self.handed_over)
    }

    /// How many conversations the kernel remembers as begun and not ended.
    pub fn alive(&self) -> io::Result<u64> {
        self.programs.alive()
    }

    /// The newest name known for an address, for facts that come from elsewhere.
    pub fn name_of(&self, netns: u64, address: std::net::IpAddr) -> Option<&str> {
        self.names.name(netns, address)
    }

    /// The wall-clock moment of a boot-clock one, by the sensor's clock.
    pub fn wall(&self, boot_ns: u64) -> Timestamp {
        self.clock.wall(boot_ns)
    }

    /// Records that could not be read: a kernel object that does not fit this program.
    pub fn unreadable(&self) -> u64 {
        self.matches.unreadable() + self.events.unreadable()
    }

    /// Ids of the kernel programs, for measuring their run time.
    pub fn program_ids(&self) -> Vec<(String, u32)> {
        self.programs.ids()
    }
}

fn state(record: &ConnRecord, protocol: Protocol) -> ConnectionState {
    match record.kind {
        kind::CONN_REFUSED => ConnectionState::Refused,
        kind::CONN_CLOSE if protocol == Protocol::Udp || record.flags & flag::WAS_ESTABLISHED != 0 => {
            ConnectionState::Closed
        }
        kind::CONN_CLOSE => ConnectionState::Failed,
        kind::CONN_OPEN if record.direction == 2 && protocol == Protocol::Tcp => ConnectionState::Opening,
        kind::CONN_FOUND if protocol == Protocol::Tcp && record.state == TCP_SYN_SENT => ConnectionState::Opening,
        _ => ConnectionState::Established,
    }
}

/// Whether the owner opens sockets for others (`is_activator` of the kernel programs).
fn is_activator(record: &ConnRecord) -> bool {
    record.tgid == 1 || record.comm.starts_with(b"systemd")
}

/// Tells the peers of one UDP socket apart (FNV-1a over address and port); 0 for TCP.
fn peer_number(protocol: Protocol, remote: SocketAddr) -> u64 {
    if protocol == Protocol::Tcp {
        return 0;
    }
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut mix = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    match remote.ip() {
        std::net::IpAddr::V4(v4) => v4.octets().into_iter().for_each(&mut mix),
        std::net::IpAddr::V6(v6) => v6.octets().into_iter().for_each(&mut mix),
    }
    remote.port().to_be_bytes().into_iter().for_each(&mut mix);
    hash
}

/// What the record alone tells: the exec record was lost and the process is gone.
fn bare(key: ProcessKey, record: &ConnRecord) -> Process {
    Process {
        key,
        parent: record.parent,
        command: text(&record.comm),
        exe_device: device(record.exe_device),
        exe_inode: record.exe_inode,
        uid: record.uid,
        login_uid: procfs::login_uid(record.login_uid),
        cgroup_id: record.cgroup_id,
        netns: u64::from(record.netns),
        ..Process::default()
    }
}

/// The kernel gives the path as it was called; the alert shows the file it really is.
fn resolve_exe(process: Arc<Process>, table: &mut ProcessTable) -> Arc<Process> {
    let link = format!("/proc/{}/exe", process.key.pid);
    let same = |path: &str| fs::metadata(path).is_ok_and(|m| m.ino() == process.exe_inode);
    let real = if same(&link) {
        fs::read_link(&link).ok()
    } else {
        fs::canonicalize(&process.exe).ok().filter(|p| same(&p.to_string_lossy()))
    };
    let real = real.map(|path| path.to_string_lossy().trim_end_matches(" (deleted)").to_owned());
    match real {
        Some(exe) if exe != process.exe => table.replace(Process { exe, ..Process::clone(&process) }),
        _ => process,
    }
}

#[cfg(test)]
mod tests;

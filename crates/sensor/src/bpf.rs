//! What did the kernel programs see? Records in, connections with their owners out.

mod record;

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
use tripoint_linux::contract::{ConnRecord, HelloHead, Record, address, flag, kind};
use tripoint_model::{Connection, ConnectionId, ConnectionState, Direction, Process, Protocol, Timestamp};

use crate::hello::Given;
use crate::names::Names;
use crate::table::ProcessTable;
use crate::{Seen, container, dns, procfs};
use record::{bare, is_activator, peer_number, state};

/// How many records of the event ring are read between two looks at the match ring.
const BATCH: usize = 4096;

/// Says whether somebody waits for a connection to this name.
pub type Wanted = Box<dyn Fn(&str) -> bool + Send>;

/// A record of a connection, as it came out of a ring.
enum Told {
    Conn(ConnRecord),
    Hello(Box<HelloHead>, Vec<u8>),
}

impl Told {
    fn conn(&self) -> &ConnRecord {
        match self {
            Self::Conn(record) => record,
            Self::Hello(head, _) => &head.conn,
        }
    }
}

/// The sensor over the kernel programs. Runs on one thread, which calls `poll` for ever.
pub struct BpfSensor {
    matches: Ring,
    events: Ring,
    programs: Programs,
    table: ProcessTable,
    names: Names,
    given: Given,
    wanted: Wanted,
    /// A wanted name was answered with an address: somebody may be connected to it by now.
    answered: bool,
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
            given: Given::default(),
            wanted: Box::new(|_| false),
            answered: false,
            cgroups: CgroupPaths::default(),
            clock: BootClock::new(),
            conntrack: Conntrack::open().ok(),
            listeners: HashSet::new(),
            found: std::collections::HashMap::new(),
            handed_over: false,
            own_pid: std::process::id(),
        }
    }

    /// Outbound connections to the names that `wanted` is true of are told as matched ones are.
    pub fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// Everything that was there before: living processes, then open connections.
    pub fn start(&mut self) -> io::Result<Vec<Seen>> {
        let now = self.clock.wall(tripoint_linux::clock::boot_ns());
        let mut out: Vec<Seen> =
            self.table.scan().into_iter().map(|process| Seen::Started { process, at: now, found: true }).collect();
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
        self.matches.drain(BATCH, &mut |record| match record {
            Record::Conn(record) => records.push(Told::Conn(record)),
            Record::Hello(head, words) => records.push(Told::Hello(head, words.to_vec())),
            _ => {}
        });
        let unknown = records.iter().any(|record| self.is_unknown(record.conn()));
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

    fn report(&mut self, records: &[Told], out: &mut Vec<Seen>) {
        let own_pid = self.own_pid;
        for told in records.iter().filter(|told| told.conn().tgid != own_pid) {
            if let Told::Hello(head, words) = told
                && !self.given.take(head.conn.cookie, words, head.part != 0)
            {
                continue;
            }
            let seen = self.connection(told.conn());
            out.push(seen);
        }
    }

    fn take_events(&mut self, out: &mut Vec<Seen>) -> usize {
        let Self { events, table, names, clock, wanted, answered, .. } = self;
        let mut connections = Vec::new();
        let read = events.drain(BATCH, &mut |record| match record {
            Record::Conn(record) => connections.push(Told::Conn(record)),
            Record::Hello(head, words) => connections.push(Told::Hello(head, words.to_vec())),
            Record::Exec(head, argv) => {
                let process = resolve_exe(table.exec(&head, argv), table);
                out.push(Seen::Started { process, at: clock.wall(head.at_ns), found: false });
            }
            Record::Fork(record) => table.fork(&record),
            Record::Exit(record) => {
                out.push(Seen::Ended { key: table.exit(&record), at: clock.wall(record.at_ns) });
            }
            Record::Dns(head, bytes) => {
                let (netns, at) = (u64::from(head.netns), clock.wall(head.at_ns));
                let mut learn = |message: &[u8]| {
                    let Some(answer) = dns::parse(message) else { return };
                    *answered |= wanted(&answer.name);
                    let missed = names.learn(netns, &answer.name, &answer.addresses, at);
                    let dns::Answer { name, aliases, addresses, ttl_s } = answer;
                    out.push(Seen::Resolved { name, aliases, addresses, ttl_s, netns, at, missed });
                };
                if head.tcp == 1 { dns::messages(bytes).for_each(learn) } else { learn(bytes) }
            }
        });
        self.report(&connections, out);
        read
    }

    fn connection(&mut self, record: &ConnRecord) -> Seen {
        let at = self.clock.wall(record.at_ns);
        let remote = SocketAddr::new(address(record.remote), record.remote_port);
        let local = SocketAddr::new(address(record.local), record.local_port);
        let protocol = if record.protocol == 17 { Protocol::Udp } else { Protocol::Tcp };
        let state = state(record, protocol);
        let direction = self.direction(record);
        self.handed_over |= direction == Direction::Inbound && is_activator(record);
        let netns = u64::from(record.netns);
        let remote_name = self.names.name(netns, remote.ip()).map(str::to_owned);
        let named = self.given.name(record.cookie).filter(|_| direction == Direction::Outbound).cloned();
        let listed = record.flags & flag::MATCHED != 0;
        if listed && remote_name.is_none() {
            self.names.miss(netns, remote.ip());
        }
        let names = || remote_name.as_deref().into_iter().chain(named.as_ref().map(|named| named.name.as_str()));
        let matched = listed || (direction == Direction::Outbound && names().any(|name| (self.wanted)(name)));
        let process = self.owner(record, matched);
        let translated = if matched && state == ConnectionState::Established && protocol == Protocol::Tcp {
            let conntrack = self.conntrack.as_mut();
            conntrack.and_then(|c| c.translated(record.protocol, local, remote).ok().flatten())
        } else {
            None
        };
        if !state.is_open() {
            self.found.remove(&record.cookie);
            self.given.forget(record.cookie);
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
            named,
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

    /// Whether a wanted name was answered with an address: a sweep finds who is connected to it. Forgets it.
    pub fn take_answered(&mut self) -> bool {
        std::mem::take(&mut self.answered)
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

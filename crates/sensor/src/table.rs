//! Which process was it, also when it has ended: a table kept by the exec, fork and exit stream.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tripoint_linux::contract::{ExecHead, ExitRecord, ForkRecord, text};
use tripoint_model::process::Ancestor;
use tripoint_model::{Process, ProcessKey};

use crate::container::{self, Runtimes};
use crate::{procfs, redact};

/// How many ended processes are remembered, for records that arrive after the end and for
/// ancestry; the oldest go first.
const ENDED_MAX: usize = 8192;
/// A longer chain of parents is not followed.
const ANCESTRY_MAX: usize = 16;

struct Entry {
    process: Arc<Process>,
    parent: ProcessKey,
    /// Read from `/proc` or told by an exec record; a fork copies its parent until it execs.
    completed: bool,
    /// Inode of the executable in the kernel's own words, from an exec record; 0 when it is not known (`stat` may
    /// tell another one on layered filesystems).
    kernel_inode: u64,
}

/// Every living process and the most recent dead ones.
pub struct ProcessTable {
    entries: HashMap<ProcessKey, Entry>,
    living: HashMap<u32, ProcessKey>,
    ended: VecDeque<ProcessKey>,
    runtimes: Runtimes,
}

impl ProcessTable {
    /// An empty table; `root` is where the container runtimes' files lie (`/`).
    pub fn new(root: &str) -> Self {
        Self { entries: HashMap::new(), living: HashMap::new(), ended: VecDeque::new(), runtimes: Runtimes::new(root) }
    }

    /// Reads every living process from `/proc`.
    pub fn scan(&mut self) -> Vec<Arc<Process>> {
        procfs::pids().into_iter().filter_map(|pid| self.read(pid, None)).collect()
    }

    fn read(&mut self, pid: u32, expected: Option<ProcessKey>) -> Option<Arc<Process>> {
        let mut process = procfs::read(pid, expected)?;
        self.name_container(&mut process);
        let parent = self.living.get(&process.parent).copied().or_else(|| procfs::key_of(process.parent));
        Some(self.insert(process, parent.unwrap_or_default(), true))
    }

    fn name_container(&mut self, process: &mut Process) {
        if let Some(container) = &process.container {
            process.container = Some(self.runtimes.complete(container));
        }
    }

    fn insert(&mut self, process: Process, parent: ProcessKey, completed: bool) -> Arc<Process> {
        let key = process.key;
        let kernel_inode = self.entries.get(&key).map_or(0, |entry| entry.kernel_inode);
        let process = Arc::new(process);
        self.living.insert(key.pid, key);
        self.entries.insert(key, Entry { process: Arc::clone(&process), parent, completed, kernel_inode });
        process
    }

    /// A program began. All that identifies it was captured by the kernel.
    pub fn exec(&mut self, head: &ExecHead, argv: &[u8]) -> Arc<Process> {
        let key = procfs::key(head.tgid, head.start_ns);
        let cgroup = cgroup_tail(&head.cgroup);
        let place = container::place(&cgroup);
        let mut process = Process {
            key,
            started: None,
            parent: head.parent,
            command: text(&head.comm),
            exe: text(&head.exe),
            exe_device: device(head.exe_device),
            exe_inode: head.exe_inode,
            exe_sha256: None,
            argv: redact::argv(&procfs::words(argv)),
            cwd: None,
            uid: head.uid,
            login_uid: procfs::login_uid(head.login_uid),
            cgroup_id: head.cgroup_id,
            cgroup,
            netns: u64::from(head.netns),
            unit: place.unit,
            container: place.container,
            ancestry: Vec::new(),
        };
        self.name_container(&mut process);
        let process = self.insert(process, procfs::key(head.parent, head.parent_start_ns), true);
        self.set_kernel_inode(key, head.exe_inode);
        process
    }

    fn set_kernel_inode(&mut self, key: ProcessKey, inode: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.kernel_inode = inode;
        }
    }

    /// Whether the table's entry is known to be of another program than the one with this inode: its exec record is
    /// still on the way, or was lost.
    pub fn is_other_program(&self, key: ProcessKey, kernel_inode: u64) -> bool {
        let known = self.entries.get(&key).map_or(0, |entry| entry.kernel_inode);
        known != 0 && kernel_inode != 0 && known != kernel_inode
    }

    /// A process was made; until it execs it is its parent's double.
    pub fn fork(&mut self, record: &ForkRecord) {
        let parent = procfs::key(record.parent, record.parent_start_ns);
        let Some(entry) = self.entries.get(&parent) else { return };
        let mut process = Process::clone(&entry.process);
        process.key = procfs::key(record.tgid, record.start_ns);
        process.parent = record.parent;
        let (completed, kernel_inode) = (entry.completed, entry.kernel_inode);
        let key = process.key;
        self.insert(process, parent, completed);
        self.set_kernel_inode(key, kernel_inode);
    }

    /// A process ended; it is remembered for a while.
    pub fn exit(&mut self, record: &ExitRecord) -> ProcessKey {
        let key = procfs::key(record.tgid, record.start_ns);
        self.end(key);
        key
    }

    /// Processes that are gone although no record told their end: the ring was full.
    pub fn reap(&mut self) -> Vec<ProcessKey> {
        let gone = |(pid, key): (&u32, &ProcessKey)| (procfs::key_of(*pid) != Some(*key)).then_some(*key);
        let gone: Vec<ProcessKey> = self.living.iter().filter_map(gone).collect();
        gone.iter().for_each(|key| self.end(*key));
        gone
    }

    fn end(&mut self, key: ProcessKey) {
        if self.living.get(&key.pid) == Some(&key) {
            self.living.remove(&key.pid);
        }
        if self.entries.contains_key(&key) {
            self.ended.push_back(key);
        }
        while self.ended.len() > ENDED_MAX {
            if let Some(oldest) = self.ended.pop_front()
                && self.living.get(&oldest.pid) != Some(&oldest)
            {
                self.entries.remove(&oldest);
            }
        }
    }

    /// The process with this key, from the table or, while it lives, from `/proc`; never a
    /// different process that has its pid now.
    pub fn get(&mut self, key: ProcessKey) -> Option<Arc<Process>> {
        if let Some(entry) = self.entries.get(&key)
            && entry.completed
        {
            return Some(Arc::clone(&entry.process));
        }
        self.read(key.pid, Some(key)).or_else(|| self.entries.get(&key).map(|entry| Arc::clone(&entry.process)))
    }

    /// Whether the table has it without asking `/proc`.
    pub fn knows(&self, key: ProcessKey) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.completed)
    }

    /// The process that has this pid now.
    pub fn living(&mut self, pid: u32) -> Option<Arc<Process>> {
        match self.living.get(&pid).copied() {
            Some(key) => self.get(key),
            None => self.read(pid, None),
        }
    }

    /// Replaces what is known of a process (its container was entered after its exec).
    pub fn replace(&mut self, process: Process) -> Arc<Process> {
        let Some(entry) = self.entries.get_mut(&process.key) else {
            return self.insert(process, ProcessKey::default(), true);
        };
        // It may have ended meanwhile: it must not come to life again.
        entry.process = Arc::new(process);
        entry.completed = true;
        Arc::clone(&entry.process)
    }

    /// Parent, grandparent and so on, nearest first, as far as they are known.
    pub fn ancestry(&mut self, key: ProcessKey) -> Vec<Ancestor> {
        let mut chain = Vec::new();
        let mut next = self.entries.get(&key).map(|entry| entry.parent);
        while let Some(parent) = next.filter(|parent| parent.pid != 0 && chain.len() < ANCESTRY_MAX) {
            let Some(process) = self.get(parent) else { break };
            let exe = if process.exe.is_empty() { process.command.clone() } else { process.exe.clone() };
            chain.push(Ancestor { pid: parent.pid, start_ns: parent.start_ns, exe, argv: process.argv.clone() });
            next = self.entries.get(&parent).map(|entry| entry.parent).filter(|above| *above != parent);
        }
        chain
    }

    /// Living and remembered processes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The path that the captured names of leaf, parent and grandparent make.
fn cgroup_tail(names: &[[u8; 128]; 3]) -> String {
    let parts: Vec<String> =
        names.iter().rev().map(|name| text(name)).filter(|name| !name.is_empty() && name != "/").collect();
    format!("/{}", parts.join("/"))
}

/// The kernel's internal device number (major << 20 | minor) in the form that `stat` gives.
pub fn device(raw: u32) -> u64 {
    rustix::fs::makedev(raw >> 20, raw & 0xf_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(key: ProcessKey) -> ExitRecord {
        ExitRecord { kind: 18, tgid: key.pid, at_ns: 0, start_ns: key.start_ns }
    }

    #[test]
    fn a_fork_is_its_parents_double_and_outlives_it() {
        let mut table = ProcessTable::new("/");
        let parent = table.living(std::process::id()).unwrap();
        let fork = ForkRecord {
            kind: 17,
            tgid: 4_000_000,
            at_ns: 0,
            start_ns: 77 * procfs::TICK_NS + 5,
            parent_start_ns: parent.key.start_ns,
            parent: parent.key.pid,
            pad: 0,
        };
        table.fork(&fork);
        let child = table.get(procfs::key(4_000_000, fork.start_ns)).unwrap();
        assert_eq!((child.exe.as_str(), child.parent), (parent.exe.as_str(), parent.key.pid));
        assert_eq!(table.ancestry(child.key)[0].pid, parent.key.pid);
        table.exit(&exit(child.key));
        assert!(table.get(child.key).is_some());
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let mut table = ProcessTable::new("/");
        let own = table.living(std::process::id()).unwrap();
        let other = ProcessKey { pid: own.key.pid, start_ns: own.key.start_ns + procfs::TICK_NS };
        assert!(table.get(other).is_none());
    }

    #[test]
    fn ended_processes_are_forgotten_in_order() {
        let mut table = ProcessTable::new("/");
        for pid in 0..2 * u32::try_from(ENDED_MAX).unwrap() {
            let key = ProcessKey { pid: 5_000_000 + pid, start_ns: 0 };
            table.insert(Process { key, ..Process::default() }, ProcessKey::default(), true);
            table.exit(&exit(key));
        }
        assert_eq!(table.len(), ENDED_MAX);
    }

    #[test]
    fn what_ended_without_a_record_is_noticed_and_stays_ended() {
        let mut table = ProcessTable::new("/");
        let own = table.living(std::process::id()).unwrap();
        let key = ProcessKey { pid: 5_000_000, start_ns: 0 };
        let process = Process { key, ..Process::default() };
        table.insert(process.clone(), ProcessKey::default(), true);
        assert_eq!(table.reap(), [key]);
        table.replace(process);
        assert!(table.reap().is_empty());
        assert!(table.get(key).is_some() && table.get(own.key).is_some());
    }
}

//! How do the kernel programs get into the kernel, and what did not go in?

mod alive;
mod attached;
mod blocks;
mod isolation;
mod kernel;
pub mod pins;
mod set;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};

use aya::maps::{Map, MapData, PerCpuArray, RingBuf};
use aya::programs::{Iter, Program};
use aya::{Btf, Ebpf, EbpfLoader};

pub use blocks::{BlockError, Blocks, KernelBlock};
pub use isolation::Isolation;
use kernel::{ESSENTIAL, Kernel, PROGRAMS};
pub use set::{SetError, SetMaps, SetParts};

use crate::cgroup;
use crate::contract::{COUNTERS, ConnRecord, Record, conn_records};
use crate::faults::{self, Lack};

/// The compiled programs, checked in so that building needs no clang; `cargo xtask bpf` renews
/// them and the gate compares.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/sensor.bpf.o");

/// How large the maps shall be.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Non-empty /24 networks that one generation of the set can hold.
    pub nodes_capacity: u32,
    /// /24 networks with more than three listed hosts that one generation can hold.
    pub blocks_capacity: u32,
    /// Bytes of the ring for what matched nothing; a power of two.
    pub events_bytes: u32,
    /// Bytes of the ring for matches; a power of two.
    pub matches_bytes: u32,
    /// Addresses that can be refused to vulnerable processes, of each family.
    pub enforce_capacity: u32,
    /// Report DNS answers.
    pub dns: bool,
    /// Report what clients say first.
    pub hello: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            nodes_capacity: 65_536,
            blocks_capacity: 8_192,
            events_bytes: 1 << 23,
            matches_bytes: 1 << 20,
            enforce_capacity: 1024,
            dns: true,
            hello: false,
        }
    }
}

impl LoadOptions {
    /// Nodes of one generation: even, because two share an element of the kernel's array.
    fn nodes(&self) -> u32 {
        self.nodes_capacity.max(2).next_multiple_of(2)
    }
}

/// Why the programs are not in the kernel.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel has no BTF, or none that can be read.
    #[error("kernel type information (/sys/kernel/btf/vmlinux) cannot be read: {0}")]
    Btf(String),
    /// The object was refused.
    #[error("the kernel refused the programs' maps: {0}")]
    Object(String),
    /// Not even outbound TCP can be seen.
    #[error("program {program} cannot be loaded: {reason}")]
    Program {
        /// Which one.
        program: String,
        /// What the kernel said.
        reason: String,
    },
    /// No cgroup v2 hierarchy.
    #[error("no cgroup v2 hierarchy is mounted")]
    NoCgroup,
    /// A map could not be used.
    #[error("map {map}: {reason}")]
    Map {
        /// Which one.
        map: &'static str,
        /// What went wrong.
        reason: String,
    },
}

/// A program that is not in the kernel, and what the sensor cannot do without it.
#[derive(Clone, Debug)]
pub struct Missing {
    /// The program.
    pub program: &'static str,
    /// What is lost.
    pub lost: &'static str,
    /// What the kernel said.
    pub reason: String,
}

/// The programs in the kernel and every door to them. Dropping `programs` takes them out again.
pub struct Loaded {
    /// Keeps the programs attached.
    pub programs: Programs,
    /// Matches.
    pub matches: Ring,
    /// Everything else.
    pub events: Ring,
    /// The set of listed addresses.
    pub set: SetMaps,
    /// Blocks.
    pub blocks: Blocks,
    /// The isolation of the host.
    pub isolation: Isolation,
    /// Exact counts of what was sent, lost and refused.
    pub counters: Counters,
    /// What could not be loaded.
    pub missing: Vec<Missing>,
}

/// Keeps the programs attached, and runs the iterator over open sockets.
///
/// The two programs that look at every packet are attached while somebody needs them: from the
/// first block or the first wish for DNS answers or first words on. Bytes of UDP conversations and their local
/// ends are known from then on only; those of TCP always are.
pub struct Programs {
    kernel: Arc<Mutex<Kernel>>,
}

/// Loads and attaches everything that this kernel takes.
pub fn load(options: &LoadOptions) -> Result<Loaded, LoadError> {
    faults::refuse(Lack::Programs).map_err(|error| LoadError::Object(error.to_string()))?;
    let btf = Btf::from_sys_fs().map_err(|error| LoadError::Btf(error.to_string()))?;
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(&btf))
        .map_max_entries("nodes4", options.nodes())
        .map_max_entries("blocks4", options.blocks_capacity.max(1) * 2)
        .map_max_entries("enforce4", options.enforce_capacity.max(1))
        .map_max_entries("enforce6", options.enforce_capacity.max(1))
        .map_max_entries("events", options.events_bytes)
        .map_max_entries("matches", options.matches_bytes);
    let mut ebpf = loader.load(OBJECT).map_err(|error| LoadError::Object(chain(&error)))?;
    let cgroup = File::open(cgroup::root().ok_or(LoadError::NoCgroup)?).map_err(|_| LoadError::NoCgroup)?;
    let mut missing = Vec::new();
    for (index, (name, kind, lost)) in PROGRAMS.iter().enumerate() {
        let Some(program) = ebpf.program_mut(name) else { continue };
        if let Err(reason) = kernel::bring_in(program, *kind, &btf, &cgroup) {
            if index < ESSENTIAL {
                return Err(LoadError::Program { program: (*name).to_owned(), reason });
            }
            missing.push(Missing { program: name, lost, reason });
        }
    }
    let absent: Vec<&str> = missing.iter().map(|missing| missing.program).collect();
    let mut set = SetMaps::take(&mut ebpf, options)?;
    let (matches, events) = (Ring::take(&mut ebpf, "matches")?, Ring::take(&mut ebpf, "events")?);
    let mut blocks = Blocks::take(&mut ebpf, set.config())?;
    let mut isolation = Isolation::take(&mut ebpf, set.config())?;
    let counters = Counters::take(&mut ebpf)?;
    let kernel = Arc::new(Mutex::new(Kernel::new(ebpf, cgroup, &absent)));
    set.look_at_packets_through(Arc::downgrade(&kernel));
    blocks.look_at_packets_through(Arc::downgrade(&kernel));
    isolation.look_at_packets_through(Arc::downgrade(&kernel));
    set.set_dns(options.dns);
    set.set_hello(options.hello);
    Ok(Loaded { programs: Programs { kernel }, matches, events, set, blocks, isolation, counters, missing })
}

/// Ids of the programs that a process holds open.
pub fn held_by(pid: u32) -> Vec<u32> {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return Vec::new() };
    let texts = files.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let id = |text: String| text.lines().find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok());
    texts.filter_map(id).collect()
}

/// Which of these programs are in the kernel.
pub fn still_loaded(ids: &[u32]) -> Vec<u32> {
    let loaded = aya::programs::loaded_programs().filter_map(Result::ok).map(|info| info.id());
    loaded.filter(|id| ids.contains(id)).collect()
}

/// An error with its causes, one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    // The verifier's log can be long: its end names the reason.
    if text.len() > 2000 {
        let start = (text.len() - 1000..).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text = format!("… {}", &text[start..]);
    }
    text
}

fn take_map(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, LoadError> {
    ebpf.take_map(name).ok_or(LoadError::Map { map: name, reason: "not in the object".into() })
}

fn map_error(name: &'static str) -> impl Fn(aya::maps::MapError) -> LoadError {
    move |error| LoadError::Map { map: name, reason: chain(&error) }
}

impl Programs {
    /// Walks every socket that any process holds: gives each an owner in the kernel and returns
    /// one record per connection or listener.
    pub fn find_open(&mut self) -> io::Result<Vec<ConnRecord>> {
        let mut kernel = kernel::hold(&self.kernel);
        let program: &mut Iter = kernel
            .ebpf
            .program_mut("tp_found")
            .ok_or_else(|| io::Error::other("the iterator is not in the object"))?
            .try_into()
            .map_err(io::Error::other)?;
        let link = program.attach().map_err(io::Error::other)?;
        let mut file = program.take_link(link).map_err(io::Error::other)?.into_file().map_err(io::Error::other)?;
        // A block must not wait until all sockets are walked.
        drop(kernel);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(conn_records(&bytes).collect())
    }

    /// Ids of the programs in the kernel, with their names.
    pub fn ids(&self) -> Vec<(String, u32)> {
        let named = |(name, program): (&str, &Program)| Some((name.to_owned(), program.info().ok()?.id()));
        kernel::hold(&self.kernel).ebpf.programs().filter_map(named).collect()
    }

    /// The kernel's account of each program; it can be read for as long as the programs are loaded.
    pub fn account(&self) -> Account {
        let file = |(name, program): (&str, &Program)| Some((name.to_owned(), program.info().ok()?.fd().ok()?));
        Account { programs: kernel::hold(&self.kernel).ebpf.programs().filter_map(file).collect() }
    }
}

/// What the kernel writes down about the programs.
pub struct Account {
    programs: Vec<(String, aya::programs::ProgramFd)>,
}

/// What one program has cost, and how often it did not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTime {
    /// The program.
    pub program: String,
    /// Time spent in it, with the kernel's own clock reading. Zero unless `kernel.bpf_stats_enabled` is set.
    pub nanoseconds: u64,
    /// How often it ran. Zero unless `kernel.bpf_stats_enabled` is set.
    pub runs: u64,
    /// How often the kernel left it out, because an interrupt met the same program at work on that processor.
    pub missed: u64,
}

impl Account {
    /// As it stands now.
    pub fn read(&self) -> Vec<RunTime> {
        let read = |(name, file): &(String, aya::programs::ProgramFd)| {
            let number = std::os::fd::AsRawFd::as_raw_fd(&file.as_fd());
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
            let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            RunTime {
                program: name.clone(),
                nanoseconds: field("run_time_ns:").unwrap_or(0),
                runs: field("run_cnt:").unwrap_or(0),
                missed: field("recursion_misses:").unwrap_or(0),
            }
        };
        self.programs.iter().map(read).collect()
    }
}

/// One ring buffer.
pub struct Ring {
    ring: RingBuf<MapData>,
    unreadable: u64,
}

impl Ring {
    fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Self, LoadError> {
        let ring = RingBuf::try_from(take_map(ebpf, name)?).map_err(map_error(name))?;
        Ok(Self { ring, unreadable: 0 })
    }

    /// Records so far that were too short or of an unknown kind: none, unless the programs and this
    /// crate disagree.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Hands up to `most` waiting records to `visit`; returns how many there were.
    pub fn drain(&mut self, most: usize, visit: &mut dyn FnMut(Record<'_>)) -> usize {
        let mut read = 0;
        while read < most {
            let Some(item) = self.ring.next() else { break };
            read += 1;
            match Record::parse(&item) {
                Some(record) => visit(record),
                None => self.unreadable += 1,
            }
        }
        read
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

impl std::os::fd::AsRawFd for Ring {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.ring)
    }
}

/// Exact counts, summed over the processors.
pub struct Counters {
    array: PerCpuArray<MapData, u64>,
}

impl Counters {
    fn take(ebpf: &mut Ebpf) -> Result<Self, LoadError> {
        let array = PerCpuArray::try_from(take_map(ebpf, "counters")?).map_err(map_error("counters"))?;
        Ok(Self { array })
    }

    /// Every counter by name.
    pub fn read(&self) -> Vec<(&'static str, u64)> {
        let sum = |index: usize| {
            let index = u32::try_from(index).unwrap_or(0);
            self.array.get(&index, 0).map_or(0, |values| values.iter().sum())
        };
        COUNTERS.iter().enumerate().map(|(index, name)| (*name, sum(index))).collect()
    }
}

#[cfg(test)]
mod tests;

//! How does a set of a million listed addresses get into the kernel, and swap in one step?

use std::sync::{Arc, Mutex, Weak};

use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData};

use super::kernel::{self, Kernel};
use super::{LoadError, LoadOptions, chain, map_error, take_map};
use crate::contract::{CELLS, Config};
use crate::mapped::SharedArray;

/// The parts of a set, little-endian as the image holds them. Layout: `intel/src/table/v4.rs`; filters:
/// `intel/src/kernel_set.rs`.
#[derive(Clone, Copy)]
pub struct SetParts<'a> {
    /// Which /24 networks hold a listed address: u64 × `CELLS`.
    pub bitmap: &'a [u8],
    /// Bits before each word: u32 × `CELLS`.
    pub rank: &'a [u8],
    /// One u32 per non-empty /24.
    pub nodes: &'a [u8],
    /// 32 bytes per /24 with more than three listed hosts.
    pub blocks: &'a [u8],
    /// IPv6 filter by the top 32 bits: u64 × `CELLS`.
    pub filter6_32: &'a [u8],
    /// IPv6 filter by the top 48 bits: u64 × `CELLS`.
    pub filter6_48: &'a [u8],
}

/// Why a set was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A part has the wrong size.
    #[error("part {part} of the set has {bytes} bytes, expected {expected}")]
    Shape {
        /// Which part.
        part: &'static str,
        /// What it has.
        bytes: usize,
        /// What it should have.
        expected: usize,
    },
    /// A kernel map refused.
    #[error("kernel map: {0}")]
    Map(String),
}

/// What all doors share: the configuration word that the programs read.
pub(super) struct SharedConfig {
    value: Config,
    map: SharedArray,
}

impl SharedConfig {
    /// What the programs see.
    pub(super) fn value(&self) -> &Config {
        &self.value
    }

    /// Changes the configuration and shows it to the programs.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.value);
        // SAFETY: `Config` is a `repr(C)` structure of integers without padding.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const self.value).cast::<u8>(), size_of::<Config>()) };
        // The map is a page, the structure 64 bytes: it always fits.
        let _ = self.map.write(0, bytes);
    }
}

/// The maps of the set. Two generations: one is live while the other is written.
pub struct SetMaps {
    config: Arc<Mutex<SharedConfig>>,
    bitmap: SharedArray,
    rank: SharedArray,
    nodes: SharedArray,
    blocks: SharedArray,
    filter6_32: SharedArray,
    filter6_48: SharedArray,
    enforce4: HashMap<MapData, [u8; 4], u8>,
    enforce6: HashMap<MapData, [u8; 16], u8>,
    vulnerable: HashMap<MapData, u32, u64>,
    /// Where the programs are that look at packets.
    kernel: Weak<Mutex<Kernel>>,
    /// Kept so that the mapped maps live as long as the doors to them.
    _arrays: Vec<Map>,
}

impl SetMaps {
    pub(super) fn take(ebpf: &mut Ebpf, options: &LoadOptions) -> Result<Self, LoadError> {
        let mut arrays = Vec::new();
        let mut share = |name: &'static str, bytes: usize| share(ebpf, name, bytes, &mut arrays);
        let nodes_capacity = options.nodes();
        let blocks_capacity = options.blocks_capacity.max(1);
        let mut config = SharedConfig { value: Config::default(), map: share("config", size_of::<Config>())? };
        config.change(|config| {
            config.nodes_capacity = nodes_capacity;
            config.blocks_capacity = blocks_capacity;
        });
        let bitmap = share("bitmap4", CELLS * 16)?;
        let rank = share("rank4", CELLS * 8)?;
        let nodes = share("nodes4", nodes_capacity as usize * 8)?;
        let blocks = share("blocks4", blocks_capacity as usize * 64)?;
        let filter6_32 = share("filter6_32", CELLS * 16)?;
        let filter6_48 = share("filter6_48", CELLS * 16)?;
        Ok(Self {
            config: Arc::new(Mutex::new(config)),
            bitmap,
            rank,
            nodes,
            blocks,
            filter6_32,
            filter6_48,
            enforce4: HashMap::try_from(take_map(ebpf, "enforce4")?).map_err(map_error("enforce4"))?,
            enforce6: HashMap::try_from(take_map(ebpf, "enforce6")?).map_err(map_error("enforce6"))?,
            vulnerable: HashMap::try_from(take_map(ebpf, "vulnerable")?).map_err(map_error("vulnerable"))?,
            kernel: Weak::new(),
            _arrays: arrays,
        })
    }

    pub(super) fn config(&self) -> Arc<Mutex<SharedConfig>> {
        Arc::clone(&self.config)
    }

    pub(super) fn look_at_packets_through(&mut self, kernel: Weak<Mutex<Kernel>>) {
        self.kernel = kernel;
    }

    fn change(&self, change: impl FnOnce(&mut Config)) {
        if let Ok(mut config) = self.config.lock() {
            config.change(change);
        }
    }

    /// Writes the set beside the live one, then makes it live in one step. Returns whether it is
    /// exact; when it does not fit, every listed /24 counts as listed and user space decides.
    pub fn swap(&mut self, parts: &SetParts<'_>) -> Result<bool, SetError> {
        for (part, bytes, expected) in [
            ("bitmap", parts.bitmap.len(), CELLS * 8),
            ("rank", parts.rank.len(), CELLS * 4),
            ("filter6_32", parts.filter6_32.len(), CELLS * 8),
            ("filter6_48", parts.filter6_48.len(), CELLS * 8),
        ] {
            if bytes != expected {
                return Err(SetError::Shape { part, bytes, expected });
            }
        }
        let next = self.generation() ^ 1;
        let half = next as usize;
        let write = |map: &mut SharedArray, bytes: &[u8]| {
            let offset = half * (map.len() / 2);
            map.write(offset, bytes).map_err(|error| SetError::Map(error.to_string()))
        };
        write(&mut self.bitmap, parts.bitmap)?;
        write(&mut self.rank, parts.rank)?;
        write(&mut self.filter6_32, parts.filter6_32)?;
        write(&mut self.filter6_48, parts.filter6_48)?;
        let exact = parts.nodes.len() <= self.nodes.len() / 2 && parts.blocks.len() <= self.blocks.len() / 2;
        if exact {
            write(&mut self.nodes, parts.nodes)?;
            write(&mut self.blocks, parts.blocks)?;
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        self.change(|config| {
            config.generation = next;
            config.serial = config.serial.wrapping_add(1);
            config.exact4 = u32::from(exact);
            config.active = 1;
        });
        Ok(exact)
    }

    fn generation(&self) -> u32 {
        self.config.lock().map_or(0, |config| config.value.generation)
    }

    /// Forgets the set: nothing is listed.
    pub fn clear(&mut self) {
        self.change(|config| config.active = 0);
    }

    /// Whether DNS answers are reported. Once they are, packets are looked at until the programs go.
    pub fn set_dns(&mut self, on: bool) {
        self.look(on, |config| config.dns = u32::from(on));
    }

    /// Whether the first words of clients are reported, from the connections on that begin now.
    pub fn set_hello(&mut self, on: bool) {
        self.look(on, |config| config.hello = u32::from(on));
    }

    fn look(&mut self, at_packets: bool, change: impl FnOnce(&mut Config)) {
        // What does not go in now is tried again, and told, with the first block.
        let looked_at = at_packets && kernel::watch_packets(&self.kernel).unwrap_or(false);
        self.change(|config| {
            change(config);
            config.packets |= u32::from(looked_at);
        });
    }

    /// Refuses the addresses in `listed` to vulnerable processes from now on; empty switches off.
    pub fn enforce(&mut self, listed: impl Iterator<Item = std::net::IpAddr>) -> Result<u64, SetError> {
        // What fits is in force also when not all does.
        let mut failed = None;
        let stale4: Vec<[u8; 4]> = self.enforce4.keys().filter_map(Result::ok).collect();
        let stale6: Vec<[u8; 16]> = self.enforce6.keys().filter_map(Result::ok).collect();
        let mut fresh4 = std::collections::HashSet::new();
        let mut fresh6 = std::collections::HashSet::new();
        for address in listed {
            match address {
                std::net::IpAddr::V4(v4) => {
                    let done = self.enforce4.insert(v4.octets(), 1, 0);
                    failed = done.err().or(failed);
                    fresh4.insert(v4.octets());
                }
                std::net::IpAddr::V6(v6) => {
                    let done = self.enforce6.insert(v6.octets(), 1, 0);
                    failed = done.err().or(failed);
                    fresh6.insert(v6.octets());
                }
            }
        }
        for key in stale4.iter().filter(|key| !fresh4.contains(*key)) {
            let _ = self.enforce4.remove(key);
        }
        for key in stale6.iter().filter(|key| !fresh6.contains(*key)) {
            let _ = self.enforce6.remove(key);
        }
        let count = fresh4.len() as u64 + fresh6.len() as u64;
        self.change(|config| config.enforce = u32::from(count > 0));
        failed.map_or(Ok(count), |error| Err(SetError::Map(chain(&error))))
    }

    /// Says whether a process runs vulnerable code (for `enforce`).
    pub fn set_vulnerable(&mut self, pid: u32, start_ns: u64, vulnerable: bool) {
        if vulnerable {
            let _ = self.vulnerable.insert(pid, start_ns, 0);
        } else {
            let _ = self.vulnerable.remove(&pid);
        }
    }

    /// Bytes of kernel memory that the set's arrays take.
    pub fn memory_bytes(&self) -> u64 {
        [&self.bitmap, &self.rank, &self.nodes, &self.blocks, &self.filter6_32, &self.filter6_48]
            .iter()
            .map(|map| map.len() as u64)
            .sum()
    }
}

fn share(ebpf: &mut Ebpf, name: &'static str, bytes: usize, keep: &mut Vec<Map>) -> Result<SharedArray, LoadError> {
    let map = take_map(ebpf, name)?;
    let Map::Array(data) = &map else {
        return Err(LoadError::Map { map: name, reason: "not an array".into() });
    };
    let shared =
        SharedArray::open(data.fd(), bytes).map_err(|error| LoadError::Map { map: name, reason: error.to_string() })?;
    keep.push(map);
    Ok(shared)
}

//! Which peers does the kernel refuse now, for whom, and until when?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{HashMap, MapData};
use ipnet::IpNet;

use super::kernel::{self, Kernel};
use super::set::SharedConfig;
use super::{LoadError, chain, map_error, take_map};
use crate::contract::{Block4Key, Block6Key, BlockValue};

/// A block as the kernel holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelBlock {
    /// What is refused.
    pub net: IpNet,
    /// Only this port; 0 = all.
    pub port: u16,
    /// Only this cgroup; 0 = the whole host.
    pub cgroup_id: u64,
    /// Until when, nanoseconds of the boot clock.
    pub expires_ns: u64,
    /// Connects, sends and packets refused so far.
    pub hits: u64,
    /// The action's number.
    pub id: u64,
}

/// Why the kernel did not take a block.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The map refused.
    #[error("the kernel's block table: {0}")]
    Map(String),
    /// The programs that look at packets did not go in.
    #[error("the programs that drop packets could not be attached: {0}")]
    Packets(String),
    /// The programs could not be kept, or not be let go.
    #[error("the programs that drop packets and the file system of BPF: {0}")]
    Kept(String),
    /// A shape that the tables cannot hold.
    #[error("a network can only be blocked for the whole host and all ports")]
    Unsupported,
}

/// The block tables. Expiry is enforced by the programs, whether or not an agent lives.
pub struct Blocks {
    config: Arc<Mutex<SharedConfig>>,
    hosts4: HashMap<MapData, Block4Key, BlockValue>,
    hosts6: HashMap<MapData, Block6Key, BlockValue>,
    nets4: LpmTrie<MapData, [u8; 4], BlockValue>,
    nets6: LpmTrie<MapData, [u8; 16], BlockValue>,
    /// Every block that we put in: to ask a large table whether it is empty costs a walk through it.
    held: BTreeSet<(IpNet, u16, u64)>,
    /// Blocks scoped to a cgroup, so that the programs look for them only while there are some.
    scoped: BTreeSet<(IpNet, u16, u64)>,
    /// The same for blocks of a single port.
    ported: BTreeSet<(IpNet, u16, u64)>,
    /// Blocked networks and when each ends: the programs find the narrowest only, so each is told of the wider ones.
    nets: Nets,
    /// Where the programs are that look at packets.
    kernel: Weak<Mutex<Kernel>>,
}

impl Blocks {
    pub(super) fn take(ebpf: &mut Ebpf, config: Arc<Mutex<SharedConfig>>) -> Result<Self, LoadError> {
        Ok(Self {
            config,
            hosts4: HashMap::try_from(take_map(ebpf, "block4")?).map_err(map_error("block4"))?,
            hosts6: HashMap::try_from(take_map(ebpf, "block6")?).map_err(map_error("block6"))?,
            nets4: LpmTrie::try_from(take_map(ebpf, "block_net4")?).map_err(map_error("block_net4"))?,
            nets6: LpmTrie::try_from(take_map(ebpf, "block_net6")?).map_err(map_error("block_net6"))?,
            held: BTreeSet::new(),
            scoped: BTreeSet::new(),
            ported: BTreeSet::new(),
            nets: Nets::default(),
            kernel: Weak::new(),
        })
    }

    pub(super) fn look_at_packets_through(&mut self, kernel: Weak<Mutex<Kernel>>) {
        self.kernel = kernel;
    }

    /// Adds the block, or replaces the one with the same target (a later expiry wins over an
    /// earlier one only because the caller says so). When it returns, packets are looked at too.
    pub fn insert(&mut self, block: &KernelBlock) -> Result<(), BlockError> {
        if host_key(block).is_none() && (block.port != 0 || block.cgroup_id != 0) {
            return Err(BlockError::Unsupported);
        }
        let looked_at = kernel::watch_packets(&self.kernel).map_err(BlockError::Packets)?;
        if let Ok(mut config) = self.config.lock() {
            config.change(|config| config.packets |= u32::from(looked_at));
        }
        let value = BlockValue {
            expires_ns: block.expires_ns,
            hits: block.hits,
            id: block.id,
            covered_ns: self.nets.covered(block.net),
            ..BlockValue::default()
        };
        match host_key(block) {
            Some(HostKey::V4(key)) => {
                self.hosts4.insert(key, value, 0).map_err(|error| BlockError::Map(chain(&error)))?
            }
            Some(HostKey::V6(key)) => {
                self.hosts6.insert(key, value, 0).map_err(|error| BlockError::Map(chain(&error)))?
            }
            None => {
                self.write_net(block.net, value)?;
                self.nets.0.insert(block.net, block.expires_ns);
                self.cover_inside(block.net)?;
            }
        }
        self.held.insert((block.net, block.port, block.cgroup_id));
        if block.cgroup_id != 0 {
            self.scoped.insert((block.net, block.port, block.cgroup_id));
        }
        if block.port != 0 {
            self.ported.insert((block.net, block.port, block.cgroup_id));
        }
        self.switch();
        Ok(())
    }

    fn write_net(&mut self, net: IpNet, value: BlockValue) -> Result<(), BlockError> {
        let done = match net {
            IpNet::V4(net) => self.nets4.insert(&net4_key(net), value, 0),
            IpNet::V6(net) => self.nets6.insert(&net6_key(net), value, 0),
        };
        done.map_err(|error| BlockError::Map(chain(&error)))
    }

    /// Tells every blocked network inside this one when its wider ones end now.
    fn cover_inside(&mut self, outer: IpNet) -> Result<(), BlockError> {
        for net in self.nets.inside(outer) {
            let held = match net {
                IpNet::V4(net) => self.nets4.get(&net4_key(net), 0),
                IpNet::V6(net) => self.nets6.get(&net6_key(net), 0),
            };
            // A look-up finds the narrowest around the key: the network itself, as it is in the table.
            let Ok(value) = held else { continue };
            self.write_net(net, BlockValue { covered_ns: self.nets.covered(net), ..value })?;
        }
        Ok(())
    }

    /// Removes the block on this target; says whether there was one.
    pub fn remove(&mut self, net: IpNet, port: u16, cgroup_id: u64) -> Result<bool, BlockError> {
        let block = KernelBlock { net, port, cgroup_id, expires_ns: 0, hits: 0, id: 0 };
        let done = match host_key(&block) {
            Some(HostKey::V4(key)) => self.hosts4.remove(&key),
            Some(HostKey::V6(key)) => self.hosts6.remove(&key),
            None => match net {
                IpNet::V4(net) => self.nets4.remove(&net4_key(net)),
                IpNet::V6(net) => self.nets6.remove(&net6_key(net)),
            },
        };
        self.held.remove(&(net, port, cgroup_id));
        self.scoped.remove(&(net, port, cgroup_id));
        self.ported.remove(&(net, port, cgroup_id));
        if self.nets.0.remove(&net).is_some() {
            self.cover_inside(net)?;
        }
        self.switch();
        match done {
            Ok(()) => Ok(true),
            Err(aya::maps::MapError::KeyNotFound) => Ok(false),
            Err(aya::maps::MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(error) => Err(BlockError::Map(chain(&error))),
        }
    }

    /// Every block that the kernel holds, expired ones too.
    pub fn list(&self) -> Vec<KernelBlock> {
        let mut all = Vec::new();
        for (key, value) in self.hosts4.iter().filter_map(Result::ok) {
            let net = IpNet::from(IpAddr::from(key.address));
            all.push(listed(net, key.port, key.cgroup_id, &value));
        }
        for (key, value) in self.hosts6.iter().filter_map(Result::ok) {
            let net = IpNet::from(IpAddr::from(key.address));
            all.push(listed(net, key.port, key.cgroup_id, &value));
        }
        for (key, value) in self.nets4.iter().filter_map(Result::ok) {
            let length = u8::try_from(key.prefix_len()).unwrap_or(32);
            if let Ok(net) = IpNet::new(IpAddr::from(key.data()), length) {
                all.push(listed(net, 0, 0, &value));
            }
        }
        for (key, value) in self.nets6.iter().filter_map(Result::ok) {
            let length = u8::try_from(key.prefix_len()).unwrap_or(128);
            if let Ok(net) = IpNet::new(IpAddr::from(key.data()), length) {
                all.push(listed(net, 0, 0, &value));
            }
        }
        all.sort_by_key(|block| (block.net, block.port, block.cgroup_id));
        all
    }

    /// Whether the kernel holds no block at all.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Keeps the programs that drop packets in `folder` (of `pins`): they and their tables then outlive this process,
    /// each block until its end.
    pub fn keep(&self, folder: &Path) -> Result<(), BlockError> {
        kernel::keep(&self.kernel, folder).map_err(BlockError::Kept)
    }

    /// Whether everything that drops packets lies in `folder`.
    pub fn is_kept(&self, folder: &Path) -> bool {
        kernel::is_kept(&self.kernel, folder)
    }

    /// Attaches anew whatever of the programs somebody has taken out; returns which. Until now what those refuse was
    /// not refused.
    pub fn mend(&self) -> Result<Vec<&'static str>, BlockError> {
        kernel::mend(&self.kernel).map_err(BlockError::Packets)
    }

    /// Lets them end with this process again.
    pub fn let_go(&self, folder: &Path) -> Result<(), BlockError> {
        kernel::let_go(&self.kernel, folder).map_err(BlockError::Kept)
    }

    /// Removes everything.
    pub fn clear(&mut self) -> Result<usize, BlockError> {
        let all = self.list();
        for block in &all {
            self.remove(block.net, block.port, block.cgroup_id)?;
        }
        Ok(all.len())
    }

    /// Tells the programs which kinds of block exist, so that they look only where something is.
    fn switch(&mut self) {
        let (any, nets) = (!self.held.is_empty(), !self.nets.0.is_empty());
        let apps = !self.scoped.is_empty();
        let ports = !self.ported.is_empty();
        if let Ok(mut config) = self.config.lock() {
            config.change(|config| {
                config.blocking = u32::from(any);
                config.blocking_nets = u32::from(nets);
                config.blocking_apps = u32::from(apps);
                config.blocking_ports = u32::from(ports);
            });
        }
    }
}

/// Blocked networks, each with its end in nanoseconds of the boot clock.
#[derive(Default)]
struct Nets(BTreeMap<IpNet, u64>);

impl Nets {
    /// When the last of the wider ones around `net` ends; 0 without one.
    fn covered(&self, net: IpNet) -> u64 {
        let wider = (0..net.prefix_len()).filter_map(|length| IpNet::new(net.addr(), length).ok());
        wider.filter_map(|wider| self.0.get(&wider.trunc())).copied().max().unwrap_or(0)
    }

    /// Those inside `outer`, not itself.
    fn inside(&self, outer: IpNet) -> Vec<IpNet> {
        let Ok(first) = IpNet::new(outer.network(), 0) else { return Vec::new() };
        let last = IpNet::from(outer.broadcast());
        self.0.range(first..=last).map(|(net, _)| *net).filter(|net| *net != outer && outer.contains(net)).collect()
    }
}

enum HostKey {
    V4(Block4Key),
    V6(Block6Key),
}

fn host_key(block: &KernelBlock) -> Option<HostKey> {
    if block.net.prefix_len() != block.net.max_prefix_len() {
        return None;
    }
    Some(match block.net.addr() {
        IpAddr::V4(v4) => {
            HostKey::V4(Block4Key { address: v4.octets(), port: block.port, pad: 0, cgroup_id: block.cgroup_id })
        }
        IpAddr::V6(v6) => HostKey::V6(Block6Key {
            address: v6.octets(),
            port: block.port,
            cgroup_id: block.cgroup_id,
            ..Block6Key::default()
        }),
    })
}

fn net4_key(net: ipnet::Ipv4Net) -> Key<[u8; 4]> {
    Key::new(u32::from(net.prefix_len()), net.network().octets())
}

fn net6_key(net: ipnet::Ipv6Net) -> Key<[u8; 16]> {
    Key::new(u32::from(net.prefix_len()), net.network().octets())
}

fn listed(net: IpNet, port: u16, cgroup_id: u64, value: &BlockValue) -> KernelBlock {
    KernelBlock { net, port, cgroup_id, expires_ns: value.expires_ns, hits: value.hits, id: value.id }
}

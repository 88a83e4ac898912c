//! Is the host cut off from everybody but a few, and until when?

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Weak};

use aya::Ebpf;
use aya::maps::MapData;
use aya::maps::lpm_trie::{Key, LpmTrie};
use ipnet::IpNet;

use super::blocks::BlockError;
use super::kernel::{self, Kernel};
use super::set::SharedConfig;
use super::{LoadError, chain, map_error, take_map};
use crate::contract::BlockValue;

/// The isolation of the host. Its end is enforced by the programs, whether or not an agent lives.
pub struct Isolation {
    config: Arc<Mutex<SharedConfig>>,
    admit4: LpmTrie<MapData, [u8; 4], BlockValue>,
    admit6: LpmTrie<MapData, [u8; 16], BlockValue>,
    kernel: Weak<Mutex<Kernel>>,
}

impl Isolation {
    pub(super) fn take(ebpf: &mut Ebpf, config: Arc<Mutex<SharedConfig>>) -> Result<Self, LoadError> {
        Ok(Self {
            config,
            admit4: LpmTrie::try_from(take_map(ebpf, "admit_net4")?).map_err(map_error("admit_net4"))?,
            admit6: LpmTrie::try_from(take_map(ebpf, "admit_net6")?).map_err(map_error("admit_net6"))?,
            kernel: Weak::new(),
        })
    }

    pub(super) fn look_at_packets_through(&mut self, kernel: Weak<Mutex<Kernel>>) {
        self.kernel = kernel;
    }

    /// Lets only `admitted` peers pass until `until_ns` (boot clock), in both directions, also on connections that are
    /// open. Who was admitted before and is not any more is shut out last, so that nobody is in between.
    pub fn isolate(&mut self, admitted: &[IpNet], until_ns: u64) -> Result<(), BlockError> {
        kernel::watch_packets(&self.kernel).map_err(BlockError::Packets)?;
        let admitted: BTreeSet<IpNet> = admitted.iter().map(IpNet::trunc).collect();
        for net in &admitted {
            self.admit(*net)?;
        }
        self.set_end(until_ns);
        for net in self.admitted().into_iter().filter(|net| !admitted.contains(net)) {
            self.shut_out(net)?;
        }
        Ok(())
    }

    /// Ends the isolation; says whether there was one.
    pub fn rejoin(&mut self) -> Result<bool, BlockError> {
        let was = self.until_ns() != 0;
        self.set_end(0);
        for net in self.admitted() {
            self.shut_out(net)?;
        }
        Ok(was)
    }

    /// Until when the host is isolated, nanoseconds of the boot clock; 0 when it is not.
    pub fn until_ns(&self) -> u64 {
        self.config.lock().map_or(0, |config| config.value().isolated_until_ns)
    }

    /// Who is admitted, as the kernel has it.
    pub fn admitted(&self) -> Vec<IpNet> {
        let four = self.admit4.keys().filter_map(Result::ok).filter_map(|key| net(key.data().into(), key.prefix_len()));
        let six = self.admit6.keys().filter_map(Result::ok).filter_map(|key| net(key.data().into(), key.prefix_len()));
        four.chain(six).collect()
    }

    fn admit(&mut self, net: IpNet) -> Result<(), BlockError> {
        let length = u32::from(net.prefix_len());
        let value = BlockValue::default();
        let done = match net {
            IpNet::V4(net) => self.admit4.insert(&Key::new(length, net.network().octets()), value, 0),
            IpNet::V6(net) => self.admit6.insert(&Key::new(length, net.network().octets()), value, 0),
        };
        done.map_err(|error| BlockError::Map(chain(&error)))
    }

    fn shut_out(&mut self, net: IpNet) -> Result<(), BlockError> {
        let length = u32::from(net.prefix_len());
        let done = match net {
            IpNet::V4(net) => self.admit4.remove(&Key::new(length, net.network().octets())),
            IpNet::V6(net) => self.admit6.remove(&Key::new(length, net.network().octets())),
        };
        done.map_err(|error| BlockError::Map(chain(&error)))
    }

    fn set_end(&self, until_ns: u64) {
        if let Ok(mut config) = self.config.lock() {
            config.change(|config| config.isolated_until_ns = until_ns);
        }
    }
}

fn net(address: IpAddr, length: u32) -> Option<IpNet> {
    IpNet::new(address, u8::try_from(length).ok()?).ok()
}

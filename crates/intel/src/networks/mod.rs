//! Whose network is this address in, and in which country?
//!
//! Answered from tables that a person imported; nobody outside is asked. Each table is a file under
//! `DATA/networks`: owners and countries, for IPv4 and IPv6.

#[cfg(feature = "feeds")]
mod build;
#[cfg(feature = "feeds")]
mod csv;
#[cfg(feature = "feeds")]
mod import;
mod layer;
#[cfg(feature = "feeds")]
mod mmdb;

use std::fs;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;
use tripoint_model::address::canonical;

#[cfg(feature = "feeds")]
pub use import::{NetworksError, NetworksReport, check, import};
use layer::Layer;
pub use layer::LayerError;

/// Who an address belongs to, as far as the tables say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Number of the autonomous system that announces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First and last address around it with the same owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// Country, ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// A range of one autonomous system.
#[cfg(feature = "feeds")]
pub(crate) struct OwnedRange<'n> {
    /// When its table was imported.
    pub imported: Timestamp,
    /// 4 or 6.
    pub family: u8,
    /// The system's number.
    pub number: u32,
    /// Its name.
    pub name: &'n str,
    /// First address.
    pub first: u128,
    /// Last address.
    pub last: u128,
}

/// What a table tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Autonomous systems with their names.
    Owners,
    /// Countries.
    Countries,
}

/// A table at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// What it tells.
    pub kind: Kind,
    /// Of which addresses: 4 or 6.
    pub family: u8,
    /// Ranges that do not overlap.
    pub ranges: u64,
    /// When it was imported.
    pub imported: Option<Timestamp>,
    /// The files it was made from.
    pub source: String,
    /// Why it is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
}

/// The tables of an installation, in memory.
#[derive(Debug, Default)]
pub struct Networks {
    layers: Vec<(Kind, u8, Layer)>,
}

impl Networks {
    /// Reads every table that is whole; damaged ones count as absent (`tables` says why).
    pub fn open(data_dir: &Path) -> Self {
        let whole = PARTS.iter().filter_map(|(kind, family)| {
            let bytes = bytes(&path(data_dir, *kind, *family))?;
            Some((*kind, *family, Layer::open(bytes, *kind, *family).ok()?))
        });
        Self { layers: whole.collect() }
    }

    /// Whether nothing was imported.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Shows every range that the owners' tables give to these autonomous systems, in order within a family.
    #[cfg(feature = "feeds")]
    pub(crate) fn ranges_of(&self, wanted: &std::collections::BTreeSet<u32>, show: &mut dyn FnMut(OwnedRange<'_>)) {
        for (_, family, layer) in self.layers.iter().filter(|(kind, ..)| *kind == Kind::Owners) {
            let (imported, family) = (layer.built, *family);
            layer.ranges_of(wanted, &mut |number, name, first, last| {
                show(OwnedRange { imported, family, number, name, first, last });
            });
        }
    }

    /// Whether a table tells the owners of any address.
    #[cfg(feature = "feeds")]
    pub(crate) fn tells_owners(&self) -> bool {
        self.layers.iter().any(|(kind, ..)| *kind == Kind::Owners)
    }

    /// What the tables say of an address; nothing when none holds it.
    pub fn find(&self, address: IpAddr) -> Option<Network> {
        let (family, key) = key(address);
        let mut found = None;
        for (kind, _, layer) in self.layers.iter().filter(|(_, of, _)| *of == family) {
            let Some(hit) = layer.find(key) else { continue };
            let network: &mut Network = found.get_or_insert_default();
            match kind {
                Kind::Owners => {
                    network.asn = Some(hit.number);
                    network.name = (!hit.text.is_empty()).then(|| hit.text.to_owned());
                    network.range = Some(format!("{}-{}", address_of(hit.first, family), address_of(hit.last, family)));
                }
                Kind::Countries => network.country = Some(hit.text.to_owned()),
            }
        }
        found
    }
}

/// Every table with its age; what is wrong with a damaged one.
pub fn tables(data_dir: &Path) -> Vec<TableStatus> {
    let one = |(kind, family): &(Kind, u8)| {
        let bytes = bytes(&path(data_dir, *kind, *family))?;
        let status = |ranges, imported, source, alarm| TableStatus {
            kind: *kind,
            family: *family,
            ranges,
            imported,
            source,
            alarm,
        };
        Some(match Layer::open(bytes, *kind, *family) {
            Ok(layer) => status(layer.len(), Some(layer.built), layer.source().to_owned(), None),
            Err(error) => status(0, None, String::new(), Some(error.to_string())),
        })
    };
    PARTS.iter().filter_map(one).collect()
}

/// Every table that there can be.
const PARTS: [(Kind, u8); 4] = [(Kind::Owners, 4), (Kind::Owners, 6), (Kind::Countries, 4), (Kind::Countries, 6)];

/// Largest table that is read, bytes: twice what the most ranges and names make.
const TABLE_BYTES_MAX: u64 = 512 << 20;

fn bytes(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(TABLE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn path(data_dir: &Path, kind: Kind, family: u8) -> PathBuf {
    let kind = match kind {
        Kind::Owners => "owners",
        Kind::Countries => "countries",
    };
    data_dir.join("networks").join(format!("{kind}.v{family}"))
}

/// An address as its family and number.
pub(crate) fn key(address: IpAddr) -> (u8, u128) {
    match canonical(address) {
        IpAddr::V4(v4) => (4, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (6, u128::from(v6)),
    }
}

pub(crate) fn address_of(key: u128, family: u8) -> IpAddr {
    match (family, u32::try_from(key)) {
        (4, Ok(v4)) => IpAddr::V4(v4.into()),
        _ => IpAddr::V6(key.into()),
    }
}

#[cfg(all(test, feature = "feeds"))]
mod tests;

//! Whose word counts where several sources speak of the same package and the same CVE?
//!
//! Decided once, while the image is built, so that asking costs nothing: an entry loses each CVE
//! of which a source of more authority speaks for the same package, and goes when it has none left.

use std::collections::HashMap;

use super::NOWHERE;
use crate::advisory::Authority;
use crate::subject::NameKind;

/// An entry of a package, before it is written.
pub(super) struct Entry {
    pub(super) advisory: u32,
    pub(super) authority: Authority,
    pub(super) release: u32,
    pub(super) kind: NameKind,
    pub(super) module: u32,
    pub(super) arch: u32,
    pub(super) state: u8,
    /// Numbers of the advisory's CVEs.
    pub(super) cves: Vec<u32>,
    /// The CVEs are not all of the advisory's any more.
    pub(super) is_cut: bool,
    /// Event kinds and numbers of versions, sorted by version.
    pub(super) ranges: Vec<Vec<(u8, u32)>>,
    /// Numbers of the versions that no range covers.
    pub(super) versions: Vec<u32>,
}

/// Takes away what somebody of more authority speaks of.
pub(super) fn settle(entries: &mut Vec<Entry>) {
    let Some(highest) = entries.iter().map(|entry| entry.authority).max() else { return };
    if entries.iter().all(|entry| entry.authority == highest) {
        return;
    }
    let mut by_cve: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.authority > Authority::Upstream) {
        for cve in &entry.cves {
            by_cve.entry(*cve).or_default().push(at);
        }
    }
    let mut kept: Vec<Vec<u32>> = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        let is_outranked = |cve: &u32| {
            by_cve.get(cve).is_some_and(|others| others.iter().any(|other| outranks(&entries[*other], entry)))
        };
        kept.push(entry.cves.iter().filter(|cve| !is_outranked(cve)).copied().collect());
    }
    let mut kept = kept.into_iter();
    entries.retain_mut(|entry| {
        let left = kept.next().unwrap_or_default();
        let stays = entry.cves.is_empty() || !left.is_empty();
        if left.len() < entry.cves.len() {
            entry.is_cut = true;
            entry.cves = left;
        }
        stays
    });
}

/// Whether `other` speaks with more authority of everything that `entry` speaks of.
fn outranks(other: &Entry, entry: &Entry) -> bool {
    let covers = |wide: u32, narrow: u32| wide == NOWHERE || wide == narrow;
    other.authority > entry.authority
        && covers(other.release, entry.release)
        && covers(other.module, entry.module)
        // A keeper names the architectures that it builds: what it does not build is not there, so
        // its word stands against one that tells none apart.
        && (covers(other.arch, entry.arch) || entry.arch == NOWHERE)
        && other.kind.meets(entry.kind)
}

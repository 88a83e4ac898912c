//! How does a kernel that outlives its process look to one host's tests?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tripoint_model::{Cut, Scope, Target, Timestamp};

use crate::firewall::{Disconnected, Firewall, FirewallError, KernelBlock};
use crate::step::between;

type Blocks = Vec<(Target, Scope, Timestamp)>;

/// A firewall whose kernel is a file: each change is whole or not at all, as in the kernel.
pub struct KernelFile(PathBuf);

impl KernelFile {
    /// The kernel in this file; empty where there is none yet.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn read(&self) -> (u64, Blocks) {
        fs::read(&self.0).ok().map_or((0, Blocks::new()), |bytes| serde_json::from_slice(&bytes).unwrap())
    }

    /// How often it was changed.
    pub fn changes(&self) -> u64 {
        self.read().0
    }

    fn change(&self, with: impl FnOnce(&mut BTreeMap<(Target, Scope), Timestamp>)) {
        let (changes, blocks) = self.read();
        let mut blocks = blocks.into_iter().map(|(target, scope, end)| ((target, scope), end)).collect();
        with(&mut blocks);
        let blocks: Blocks = blocks.into_iter().map(|((target, scope), end)| (target, scope, end)).collect();
        let beside = self.0.with_extension("new");
        fs::write(&beside, serde_json::to_vec(&(changes + 1, blocks)).unwrap()).unwrap();
        between();
        fs::rename(&beside, &self.0).unwrap();
        between();
    }
}

impl Firewall for KernelFile {
    fn name(&self) -> &'static str {
        "file"
    }

    fn block(&mut self, target: &Target, scope: &Scope, end: Timestamp, _: Timestamp) -> Result<(), FirewallError> {
        self.change(|blocks| {
            let _ = blocks.insert((target.clone(), scope.clone()), end);
        });
        Ok(())
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let found = self.read().1.iter().any(|(own, far, _)| (own, far) == (target, scope));
        if found {
            self.change(|blocks| {
                let _ = blocks.remove(&(target.clone(), scope.clone()));
            });
        }
        Ok(found)
    }

    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let held = self.read().1.into_iter().filter(|(_, _, expires)| *expires > now);
        Ok(held.map(|(target, scope, expires)| KernelBlock { target, scope, expires }).collect())
    }

    fn disconnect(&mut self, _: &[Cut]) -> Result<Disconnected, FirewallError> {
        Ok(Disconnected::default())
    }
}

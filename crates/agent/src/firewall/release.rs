//! How does everything of ours leave the kernel at once, whoever put it there?

use tripoint_linux::bpf::pins;
use tripoint_linux::nft;
use tripoint_model::Target;

use super::choice::chain;
use super::ends::target;
use super::ipset;

/// What a mechanism had in the kernel, and has no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The mechanism.
    pub mechanism: &'static str,
    /// What was blocked.
    pub blocks: Vec<Target>,
}

/// Takes everything away that the instance of this name has in the network namespace of the calling thread, for each
/// mechanism that had anything.
pub fn release(name: &str) -> Vec<Result<Released, String>> {
    release_others(name, "")
}

/// The same but for one mechanism.
pub(super) fn release_others(name: &str, but: &str) -> Vec<Result<Released, String>> {
    let each: [(&'static str, Take); 3] = [("bpf", of_bpf), ("nft", of_nft), ("ipset", of_ipset)];
    each.into_iter()
        .filter(|(mechanism, _)| *mechanism != but)
        .filter_map(|(mechanism, take)| match take(name) {
            Ok(blocks) => blocks.map(|blocks| Ok(Released { mechanism, blocks })),
            Err(error) => Some(Err(error)),
        })
        .collect()
}

/// Takes what the name has away; nothing where there was nothing.
type Take = fn(&str) -> Result<Option<Vec<Target>>, String>;

/// Programs that were kept go, and their tables with them; nobody can read any more what was in those.
fn of_bpf(name: &str) -> Result<Option<Vec<Target>>, String> {
    let kept = pins::kept(name);
    kept.iter().try_for_each(|kept| pins::let_go(kept)).map_err(|error| format!("kernel programs: {error}"))?;
    Ok((!kept.is_empty()).then(Vec::new))
}

fn of_nft(name: &str) -> Result<Option<Vec<Target>>, String> {
    match nft::destroy(name) {
        Ok(held) => Ok(held.map(|blocks| blocks.into_iter().map(|block| target(block.net, block.port)).collect())),
        // A kernel without nftables has no table of ours.
        Err(nft::NftError::Kernel { source, .. }) if nft::is_unknown(&source) => Ok(None),
        Err(error) => Err(chain(&error)),
    }
}

fn of_ipset(name: &str) -> Result<Option<Vec<Target>>, String> {
    ipset::destroy(name).map_err(|error| chain(&error))
}

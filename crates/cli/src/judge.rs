//! How are alerts judged anew on the server: with the same index, the same advisories and the same sum as on a host?

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tripoint_correlator::Weights;
use tripoint_correlator::anew::{self, Advisories, Lists};
use tripoint_intel::{Index, images, trust};
use tripoint_inventory::sbom;
use tripoint_linux::mapped::MappedFile;
use tripoint_model::{Alert, Claim, Connection, Edition, Finding, GuardHit, Package, Timestamp};
use tripoint_server::{Editions, Rejudge};
use tripoint_vuln::{Database, match_package};

/// Judges with the newest images of a data folder.
pub struct Judge {
    data_dir: PathBuf,
    weights: Weights,
    images: RwLock<Images>,
}

/// The images in force, mapped.
#[derive(Clone, Default)]
struct Images {
    intel: Option<(Edition, Arc<Index>)>,
    vuln: Option<(Edition, Arc<Database>)>,
}

impl Judge {
    /// One that has no images yet.
    pub fn new(data_dir: &Path, weights: Weights) -> Self {
        Self { data_dir: data_dir.to_owned(), weights, images: RwLock::default() }
    }

    fn images(&self) -> Images {
        self.images.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn newer_intel(&self, than: Option<u64>) -> Option<(Edition, Arc<Index>)> {
        newest(&images::generations(&self.data_dir), than, |bytes| {
            // What verdicts taught counts from the next image on: a verdict alone judges nothing anew.
            let index = Index::open(bytes).ok()?.with_trust(trust::load(&self.data_dir));
            Some((index.built(), index))
        })
    }

    fn newer_vuln(&self, than: Option<u64>) -> Option<(Edition, Arc<Database>)> {
        newest(&tripoint_vuln::image_files(&self.data_dir), than, |bytes| {
            let database = Database::open(bytes).ok()?;
            Some((database.built(), database))
        })
    }
}

type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The newest image that opens, if it has another number than the one in force.
fn newest<T>(
    generations: &[(u64, PathBuf)],
    than: Option<u64>,
    open: impl Fn(Bytes) -> Option<(Timestamp, T)>,
) -> Option<(Edition, Arc<T>)> {
    for (number, path) in generations {
        if Some(*number) <= than {
            return None;
        }
        // One that is damaged is told by whoever else reads it; the former one stays.
        if let Some((built, image)) = mapped(path).ok().and_then(&open) {
            return Some((Edition { built, number: Some(*number) }, Arc::new(image)));
        }
    }
    None
}

fn mapped(path: &Path) -> io::Result<Bytes> {
    Ok(Arc::new(MappedFile::open(&File::open(path)?)?))
}

impl Rejudge for Judge {
    fn look(&self) -> Editions {
        let known = self.images();
        let number = |edition: Edition| edition.number;
        let intel = self.newer_intel(known.intel.as_ref().and_then(|(edition, _)| number(*edition)));
        let vuln = self.newer_vuln(known.vuln.as_ref().and_then(|(edition, _)| number(*edition)));
        let mut images = self.images.write().unwrap_or_else(PoisonError::into_inner);
        images.intel = intel.or(images.intel.take());
        images.vuln = vuln.or(images.vuln.take());
        Editions {
            intel: images.intel.as_ref().map(|(edition, _)| *edition),
            vuln: images.vuln.as_ref().map(|(edition, _)| *edition),
        }
    }

    fn anew(&self, alert: &Alert, now: Timestamp) -> Alert {
        let images = self.images();
        let judged = alert.judged.as_deref().cloned().unwrap_or_default();
        // With the same lists a host knows as much, and what verdicts taught since; of what has ended there, it has not
        // asked advisories again.
        let knows_more = |own: Edition| judged.intel.is_none_or(|theirs| theirs.built < own.built);
        let knows_as_much = |own: Edition| judged.vuln.is_none_or(|theirs| theirs.built <= own.built);
        let intel = images.intel.filter(|(own, _)| knows_more(*own));
        let vuln = images.vuln.filter(|(own, _)| knows_as_much(*own));
        let lists = intel.as_ref().map(|(_, index)| Said(index));
        let advisories = vuln.as_ref().map(|(_, database)| Known(database));
        let lists = lists.as_ref().map(|lists| lists as &dyn Lists);
        let advisories = advisories.as_ref().map(|advisories| advisories as &dyn Advisories);
        let mut out = anew::anew(alert, lists, advisories, &self.weights, now);
        let mut own = judged;
        own.intel = intel.map(|(edition, _)| edition).or(own.intel);
        own.vuln = vuln.map(|(edition, _)| edition).or(own.vuln);
        out.judged = Some(Box::new(own));
        out
    }
}

struct Said<'a>(&'a Index);

impl Lists for Said<'_> {
    fn said_of(&self, connection: &Connection) -> (Arc<[Claim]>, Vec<GuardHit>) {
        (self.0.claims_of(connection), self.0.guard_of(connection))
    }

    fn still_said(&self, claim: &Claim) -> Option<Claim> {
        self.0.still_said(claim)
    }
}

struct Known<'a>(&'a Database);

impl Advisories for Known<'_> {
    fn of_package(&self, finding: &Finding) -> Option<Vec<Finding>> {
        let package =
            Package { purl: finding.purl.clone(), state: finding.presence, ..sbom::package_of(&finding.purl)? };
        Some(match_package(self.0, &package))
    }
}

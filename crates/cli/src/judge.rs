//! How are alerts judged anew on the server: with the same index, the same advisories and the same sum as on a host?

mod images;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tripoint_correlator::Weights;
use tripoint_correlator::anew::{self, Advisories, Lists};
use tripoint_intel::{Index, images as intel_images, trust};
use tripoint_inventory::sbom;
use tripoint_model::judgement::Software;
use tripoint_model::{Alert, Claim, Connection, Edition, Finding, GuardHit, Package, Timestamp};
use tripoint_server::{Editions, Rejudge};
use tripoint_vuln::{Database, match_package};

use images::Damaged;

/// Judges with the newest images of a data folder.
pub struct Judge {
    data_dir: PathBuf,
    weights: Weights,
    images: RwLock<Images>,
    damaged: Damaged,
}

/// The images in force, mapped.
#[derive(Clone, Default)]
struct Images {
    intel: Option<(Edition, Arc<Index>)>,
    vuln: Option<(Edition, Arc<Database>)>,
    /// Feeds that any image of ours had, those before it too: what they said, we can tell that they say no longer.
    feeds: Arc<BTreeSet<String>>,
}

impl Judge {
    /// One that has no images yet.
    pub fn new(data_dir: &Path, weights: Weights) -> Self {
        Self { data_dir: data_dir.to_owned(), weights, images: RwLock::default(), damaged: Damaged::default() }
    }

    fn images(&self) -> Images {
        self.images.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn newer_intel(&self, than: Option<u64>) -> Option<(Edition, Arc<Index>)> {
        self.damaged.newest(&intel_images::generations(&self.data_dir), than, |bytes| {
            // What verdicts taught counts from the next image on: a verdict alone judges nothing anew.
            let index = Index::open(bytes).map_err(|error| error.to_string())?.with_trust(trust::load(&self.data_dir));
            Ok((index.built(), index))
        })
    }

    fn newer_vuln(&self, than: Option<u64>) -> Option<(Edition, Arc<Database>)> {
        self.damaged.newest(&tripoint_vuln::image_files(&self.data_dir), than, |bytes| {
            let database = Database::open(bytes).map_err(|error| error.to_string())?;
            Ok((database.built(), database))
        })
    }

    /// Feeds of images that are kept from before.
    fn former_feeds(&self) -> BTreeSet<String> {
        let all = intel_images::generations(&self.data_dir);
        let opened = all.iter().filter_map(|(_, path)| Index::open(images::mapped(path).ok()?).ok());
        opened.flat_map(|index| names(&index)).collect()
    }
}

fn names(index: &Index) -> Vec<String> {
    index.feeds().into_iter().map(str::to_owned).collect()
}

impl Rejudge for Judge {
    fn look(&self) -> Editions {
        let known = self.images();
        let number = |edition: Edition| edition.number;
        let intel = self.newer_intel(known.intel.as_ref().and_then(|(edition, _)| number(*edition)));
        let vuln = self.newer_vuln(known.vuln.as_ref().and_then(|(edition, _)| number(*edition)));
        let feeds = intel.as_ref().map(|(_, index)| {
            let mut feeds = if known.intel.is_none() { self.former_feeds() } else { (*known.feeds).clone() };
            feeds.extend(names(index));
            Arc::new(feeds)
        });
        let mut images = self.images.write().unwrap_or_else(PoisonError::into_inner);
        images.feeds = feeds.unwrap_or_else(|| Arc::clone(&images.feeds));
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
        // What advisories could not be asked of is not said to be judged with them.
        let vuln = images.vuln.filter(|(own, _)| knows_as_much(*own) && anew::can_ask_advisories(alert));
        let lists = intel.as_ref().map(|(_, index)| Said { index, feeds: &images.feeds });
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

    fn with_software(&self, alert: &Alert, software: &Software, now: Timestamp) -> Alert {
        self.anew(&anew::with_software(alert, software, &self.weights), now)
    }
}

struct Said<'a> {
    index: &'a Index,
    feeds: &'a BTreeSet<String>,
}

impl Lists for Said<'_> {
    fn said_of(&self, connection: &Connection) -> (Arc<[Claim]>, Vec<GuardHit>) {
        (self.index.claims_of(connection), self.index.guard_of(connection))
    }

    fn still_said(&self, claim: &Claim) -> Option<Claim> {
        self.index.still_said(claim)
    }

    fn knows(&self, feed: &str) -> bool {
        self.feeds.contains(feed)
    }
}

struct Known<'a>(&'a Database);

impl Advisories for Known<'_> {
    fn of_package(&self, finding: &Finding) -> Option<Vec<Finding>> {
        let package = Package {
            purl: finding.purl.clone(),
            state: finding.presence,
            installed: finding.installed,
            ..sbom::package_of(&finding.purl)?
        };
        Some(match_package(self.0, &package))
    }
}

//! What do the advisories together say of a package: one finding for each set of CVEs?

use std::collections::BTreeMap;

use tripoint_model::FindingState;

use crate::image::Database;
use crate::subject::{Asked, weight};

/// One finding, still borrowed from the image.
pub(crate) struct Said<'d> {
    pub(crate) id: &'d str,
    pub(crate) cves: Vec<&'d str>,
    pub(crate) state: FindingState,
    pub(crate) fixed: Option<&'d str>,
    pub(crate) severity: BTreeMap<String, String>,
    pub(crate) cvss_tenths: Option<u8>,
    pub(crate) known_exploited: bool,
    pub(crate) epss_bp: Option<u16>,
    pub(crate) source: &'d str,
}

/// What is said of a package under each of its names, by id. Advisories that speak of the same
/// CVEs become one: the heavier state, then the one that names a fix; severities are joined.
pub(crate) fn said<'d>(database: &'d Database, asked: &[Asked<'_>]) -> Vec<Said<'d>> {
    let mut out: Vec<Said<'d>> = Vec::new();
    for asked in asked {
        for hit in database.hits(asked) {
            let Some(advisory) = database.advisory(hit.advisory) else { continue };
            let cves = database.hit_cves(&hit).unwrap_or(advisory.cves);
            let known = |said: &Said<'_>| said.id == advisory.id || (!cves.is_empty() && said.cves == cves);
            let found = Said {
                id: advisory.id,
                state: hit.state,
                fixed: hit.fixed,
                severity: advisory.severity,
                cvss_tenths: advisory.cvss_tenths,
                known_exploited: false,
                epss_bp: None,
                source: advisory.source,
                cves: Vec::new(),
            };
            match out.iter_mut().find(|said| known(said)) {
                Some(said) => said.join(Said { cves, ..found }),
                None => out.push(Said { cves, ..found }),
            }
        }
    }
    for said in &mut out {
        said.rate(database);
    }
    out.sort_by(|a, b| a.id.cmp(b.id));
    out
}

impl<'d> Said<'d> {
    fn join(&mut self, other: Self) {
        let better = (weight(other.state), other.fixed.is_some()) > (weight(self.state), self.fixed.is_some());
        if better {
            (self.id, self.state, self.fixed, self.source) = (other.id, other.state, other.fixed, other.source);
        }
        if self.cves != other.cves {
            self.cves.extend(other.cves);
            self.cves.sort_unstable();
            self.cves.dedup();
        }
        for (source, value) in other.severity {
            self.severity.entry(source).or_insert(value);
        }
        self.cvss_tenths = self.cvss_tenths.max(other.cvss_tenths);
    }

    /// Adds what is known of its CVEs; of several the worst counts.
    fn rate(&mut self, database: &'d Database) {
        let mut worst: BTreeMap<&str, (Option<u8>, &str)> = BTreeMap::new();
        for cve in self.cves.iter().filter_map(|cve| database.cve(cve)) {
            self.known_exploited |= cve.known_exploited;
            self.epss_bp = self.epss_bp.max(cve.epss_bp);
            for (source, value, tenths) in database.cve_severities(&cve) {
                let slot = worst.entry(source).or_insert((tenths, value));
                if tenths > slot.0 {
                    *slot = (tenths, value);
                }
            }
        }
        for (source, (tenths, value)) in worst {
            self.severity.entry(source.to_owned()).or_insert_with(|| value.to_owned());
            self.cvss_tenths = self.cvss_tenths.max(tenths);
        }
    }
}

//! For which releases of which distribution is a definition written?

use tripoint_model::Ecosystem;

use super::{Criteria, Definition, Oval};
use crate::naming;

impl Oval {
    /// The distributions and releases that a definition is for; an empty release is any.
    pub fn releases(&self, definition: &Definition) -> Vec<(Ecosystem, String)> {
        let mut out: Vec<_> = definition.platforms.iter().filter_map(|platform| distribution(platform)).collect();
        out.extend(from_id(&definition.id));
        for (ecosystem, release) in &mut out {
            // This publisher's platform has no number; its packages' versions do.
            if *ecosystem == Ecosystem::AzureLinux && release.is_empty() {
                *release = definition.criteria.as_ref().and_then(|criteria| self.tag(criteria)).unwrap_or_default();
            }
        }
        out
    }

    /// Whether it is for that release, spelled as os-release or an advisory does.
    pub fn is_for(&self, definition: &Definition, ecosystem: Ecosystem, release: &str) -> bool {
        let release = naming::release(ecosystem, release);
        self.releases(definition)
            .iter()
            .any(|(known, wanted)| *known == ecosystem && (wanted.is_empty() || *wanted == release))
    }

    /// The release in the first version's tag: `3` of `2.6.7-3.azl3`, `2` of `1.0-1.cm2`.
    fn tag(&self, criteria: &Criteria) -> Option<String> {
        match criteria {
            Criteria::All(parts, _) | Criteria::Any(parts, _) => parts.iter().find_map(|part| self.tag(part)),
            Criteria::Other(..) => None,
            Criteria::Test { id, .. } => {
                let states = &self.tests.get(id)?.states;
                let (_, version) = states.iter().find_map(|state| self.states.get(state)?.field("evr"))?;
                let tag = version.rsplit('.').next()?;
                let number = tag.strip_prefix("azl").or_else(|| tag.strip_prefix("cm"))?;
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then(|| number.to_owned())
            }
        }
    }
}

/// `Oracle Linux 5`, `SUSE Linux Enterprise Server 15 SP1-BCL`, `Ubuntu 22.04 LTS`.
pub(crate) fn distribution(text: &str) -> Option<(Ecosystem, String)> {
    let (ecosystem, rest) =
        PLATFORMS.iter().find_map(|(start, ecosystem)| Some((*ecosystem, text.strip_prefix(start)?)))?;
    let rest = rest.trim();
    let has_number = rest.contains(|c: char| c.is_ascii_digit());
    let release = match ecosystem {
        Ecosystem::Suse | Ecosystem::OpenSuse if rest.contains("Tumbleweed") => "tumbleweed".to_owned(),
        // Azure's platform has no number; what follows is the name of a package.
        Ecosystem::AzureLinux => rest.split(' ').next().unwrap_or_default().to_owned(),
        _ if !has_number => return None,
        Ecosystem::Suse | Ecosystem::OpenSuse => rest.to_owned(),
        _ => rest.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?.to_owned(),
    };
    Some((ecosystem, naming::release(ecosystem, &release)))
}

/// Ubuntu's platform stands in the ids: `oval:com.ubuntu.jammy:def:…`.
fn from_id(id: &str) -> Option<(Ecosystem, String)> {
    let codename = id.strip_prefix("oval:com.ubuntu.")?.split(':').next()?;
    Some((Ecosystem::Ubuntu, naming::release(Ecosystem::Ubuntu, &codename.replace('_', "/"))))
}

const PLATFORMS: &[(&str, Ecosystem)] = &[
    ("Oracle Linux", Ecosystem::OracleLinux),
    ("Red Hat Enterprise Linux", Ecosystem::RedHat),
    ("AlmaLinux", Ecosystem::AlmaLinux),
    ("Rocky Linux", Ecosystem::RockyLinux),
    ("openSUSE", Ecosystem::OpenSuse),
    ("SUSE", Ecosystem::Suse),
    ("Azure Linux", Ecosystem::AzureLinux),
    ("CBL-Mariner", Ecosystem::AzureLinux),
    ("VMware Photon OS", Ecosystem::Photon),
    ("Photon OS", Ecosystem::Photon),
    ("VMware Photon", Ecosystem::Photon),
    ("Ubuntu", Ecosystem::Ubuntu),
    ("Debian", Ecosystem::Debian),
    ("Amazon Linux", Ecosystem::AmazonLinux),
    ("Fedora", Ecosystem::Fedora),
];

//! What does a host say of the software of an alert that nothing of it has connected since?

use serde::{Deserialize, Serialize};

use crate::alert::AlertId;
use crate::package::PackageState;

/// What became of the software of an alert. Packages that are not named stay as they were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Software {
    /// How its packages are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageNow>,
    /// Whether nothing of the application runs vulnerable code any more, nor would if it were begun.
    #[serde(default)]
    pub mended: bool,
}

/// How a package is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageNow {
    /// The package as the alert names it.
    pub purl: String,
    /// How present it is.
    pub presence: PackageState,
    /// The version that lies on disk, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<String>,
    /// Whether a running process has only to be begun anew to be rid of it.
    #[serde(default)]
    pub fixed_on_disk: bool,
}

/// An alert that is not closed, as far as its host has to know it to say what became of its software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenAlert {
    /// Its id.
    pub alert: AlertId,
    /// The application's key.
    pub application: String,
    /// Whether it is known to run no vulnerable code any more.
    #[serde(default)]
    pub mended: bool,
    /// The packages that it is vulnerable by, each once.
    pub packages: Vec<OpenPackage>,
}

/// A package of an alert as it was last told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenPackage {
    /// Package URL.
    pub purl: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How present it was.
    #[serde(default)]
    pub presence: PackageState,
    /// The version that lay on disk, where it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<String>,
    /// Where it was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

impl OpenAlert {
    /// What a host has to know of an alert; nothing where it is about no software.
    pub fn of(alert: &crate::Alert) -> Option<Self> {
        let mut packages: Vec<OpenPackage> = Vec::new();
        for finding in alert.findings.iter().filter(|finding| finding.state.is_vulnerable()) {
            if packages.iter().all(|known| known.purl != finding.purl) {
                packages.push(OpenPackage {
                    purl: finding.purl.clone(),
                    name: finding.name.clone(),
                    version: finding.version.clone(),
                    presence: finding.presence,
                    on_disk: finding.on_disk.clone(),
                    paths: finding.paths.clone(),
                });
            }
        }
        let is_mended = alert.severity.factors.iter().any(|factor| factor.name == super::MENDED);
        let (application, mended) = (alert.application.key(), is_mended);
        (!packages.is_empty()).then(|| Self { alert: alert.id.clone(), application, mended, packages })
    }

    /// Whether this is nothing but what is known already.
    pub fn says(&self, software: &Software) -> bool {
        let same = |now: &PackageNow| {
            let known = self.packages.iter().find(|known| known.purl == now.purl);
            known.is_none_or(|known| (known.presence, &known.on_disk) == (now.presence, &now.on_disk))
        };
        self.mended == software.mended && software.packages.iter().all(same)
    }

    /// Takes what was said for known.
    pub fn take(&mut self, software: &Software) {
        self.mended = software.mended;
        for now in &software.packages {
            for known in self.packages.iter_mut().filter(|known| known.purl == now.purl) {
                (known.presence, known.on_disk) = (now.presence, now.on_disk.clone());
            }
        }
    }
}

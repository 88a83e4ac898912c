//! What is the story made of: a component with a published vulnerability, an advisory, a feed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use zip::write::SimpleFileOptions;

/// The attacker's addresses; documentation ranges, permitted by the ordinary setting.
pub const ATTACKER4: &str = "203.0.113.66";
pub const ATTACKER6: &str = "2001:db8::66";
/// The vulnerability that everybody knows.
pub const CVE: &str = "CVE-2021-44228";

/// Paths of everything that was written.
pub struct Material {
    /// The application's program: a copy of this one under its own name.
    pub program: PathBuf,
    /// The component.
    pub library: PathBuf,
    /// A list in the plain format.
    pub feed: PathBuf,
    /// An OSV record.
    pub advisory: PathBuf,
    /// A list of exploited vulnerabilities in CISA's format.
    pub exploited: PathBuf,
}

/// Writes everything below `folder`, and the instance's configuration into it.
pub fn write(folder: &Path) -> anyhow::Result<Material> {
    let shop = folder.join("shop");
    fs::create_dir_all(shop.join("lib"))?;
    let material = Material {
        program: shop.join("shop-frontend"),
        library: shop.join("lib/log4j-core-2.14.1.jar"),
        feed: folder.join("attackers.txt"),
        advisory: folder.join("log4shell.json"),
        exploited: folder.join("exploited.json"),
    };
    fs::copy(std::env::current_exe()?, &material.program).context("copy the application's program")?;
    library(&material.library)?;
    fs::write(&material.feed, format!("# demonstration list\n{ATTACKER4}\n{ATTACKER6}\n"))?;
    fs::write(&material.advisory, ADVISORY)?;
    fs::write(&material.exploited, EXPLOITED)?;
    fs::write(folder.join("agent.toml"), CONFIGURATION)?;
    Ok(material)
}

/// A Java archive as the component's build lays it out.
fn library(path: &Path) -> anyhow::Result<()> {
    let mut jar = zip::ZipWriter::new(File::create(path)?);
    let entries = [
        (
            "META-INF/MANIFEST.MF",
            "Manifest-Version: 1.0\r\nImplementation-Title: Apache Log4j Core\r\nImplementation-Version: 2.14.1\r\n\r\n",
        ),
        (
            "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
            "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n",
        ),
        ("org/apache/logging/log4j/core/lookup/JndiLookup.class", "\u{1}"),
    ];
    for (name, content) in entries {
        jar.start_file(name, SimpleFileOptions::default())?;
        jar.write_all(content.as_bytes())?;
    }
    jar.finish()?;
    Ok(())
}

const CONFIGURATION: &str = "[intel]\npermit_ranges = [\"203.0.113.0/24\", \"198.51.100.0/24\", \"2001:db8::/32\"]\n";

/// Facts of the published record: identifiers, affected and fixed versions, score.
const ADVISORY: &str = r#"{
  "schema_version": "1.6.0",
  "id": "GHSA-jfh8-c2jp-5v3q",
  "modified": "2025-05-09T13:13:16Z",
  "published": "2021-12-10T00:40:56Z",
  "aliases": ["CVE-2021-44228"],
  "summary": "Remote code execution through message lookups in Log4j",
  "affected": [{
    "package": { "ecosystem": "Maven", "name": "org.apache.logging.log4j:log4j-core" },
    "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "2.13.0" }, { "fixed": "2.15.0" }] }]
  }],
  "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H" }]
}
"#;

const EXPLOITED: &str = r#"{
  "title": "known exploited vulnerabilities",
  "catalogVersion": "2021.12.10",
  "dateReleased": "2021-12-10T00:00:00.000Z",
  "count": 1,
  "vulnerabilities": [{
    "cveID": "CVE-2021-44228", "vendorProject": "Apache", "product": "Log4j2",
    "vulnerabilityName": "Log4j2 remote code execution", "dateAdded": "2021-12-10",
    "shortDescription": "Remote code execution.", "requiredAction": "Update.", "dueDate": "2021-12-24"
  }]
}
"#;

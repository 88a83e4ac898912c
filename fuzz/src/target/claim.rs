//! Does any VEX document, or any OVAL definition asked about packages, do harm?

use std::sync::OnceLock;

use tripoint_model::{Ecosystem, Finding, FindingState, Package, PackageState};
use tripoint_vuln::match_package;
use tripoint_vuln::oval::{RpmPackage, read};
use tripoint_vuln::vex::Vex;

use super::Target;
use crate::seed;

/// VEX of every format, read and applied.
pub const VEX: Target = Target { name: "vex", run: vex, seeds: vex_seeds };
/// OVAL's criteria, evaluated.
pub const OVAL_TRUTH: Target =
    Target { name: "oval-truth", run: truth, seeds: || seed::contents("crates/vuln/fixtures/advisory/oval") };

fn vex(data: &[u8]) {
    let vex = Vex::read("x.json", data);
    let mut findings: Vec<Finding> = Vec::new();
    for statement in vex.statements.iter().take(4) {
        for product in statement.products.iter().take(4) {
            findings.push(Finding {
                id: statement.id.clone(),
                purl: product.to_string(),
                state: FindingState::Affected,
                ..finding().clone()
            });
        }
    }
    let count = findings.len();
    for applied in vex.apply(&mut findings, &|_| true) {
        assert!(applied.finding < count && applied.statement < vex.statements.len());
    }
}

/// One as the database gives it.
fn finding() -> &'static Finding {
    static FINDING: OnceLock<Finding> = OnceLock::new();
    FINDING.get_or_init(|| {
        let package = Package {
            ecosystem: Ecosystem::PyPI,
            name: "demo".to_owned(),
            version: "1.5".to_owned(),
            purl: "pkg:pypi/demo@1.5".to_owned(),
            release: String::new(),
            source: "demo".to_owned(),
            source_version: "1.5".to_owned(),
            module: String::new(),
            paths: Vec::new(),
            state: PackageState::Installed,
            installed: None,
        };
        match_package(&super::image::database(), &package).remove(0)
    })
}

fn truth(data: &[u8]) {
    let mut input = data;
    let oval = read(&mut input, &mut |_, reason| assert!(!reason.is_empty()));
    let package = |name: &str, version: &str| RpmPackage {
        name: name.to_owned(),
        epoch: "0".to_owned(),
        version: version.to_owned(),
        release: "1.el9".to_owned(),
        arch: "x86_64".to_owned(),
        signature_keyid: String::new(),
    };
    let packages = [package("openssl", "3.0.7"), package("kernel", "5.14.0"), package("kernel", "5.15.0")];
    let answers = oval.evaluate(&packages).len();
    assert_eq!(answers, oval.definitions.len());
    for definition in &oval.definitions {
        let _ = oval.releases(definition);
    }
}

fn vex_seeds() -> Vec<Vec<u8>> {
    ["openvex", "cyclonedx-vex", "csaf"]
        .iter()
        .flat_map(|format| seed::contents(&format!("crates/vuln/fixtures/advisory/{format}")))
        .collect()
}

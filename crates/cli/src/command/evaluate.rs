//! `tripoint vulns evaluate`: which definitions of an OVAL file are true of a root filesystem?

use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tripoint_inventory::{Inventory, ScanOptions};
use tripoint_model::{Ecosystem, Package, Rejected};
use tripoint_unpack::{Limits, Source};
use tripoint_vuln::oval::{self, Oval, RpmPackage, Truth};

use crate::context::Context;
use crate::exit::Exit;
use crate::output;

#[derive(Serialize)]
struct Report {
    file: String,
    root: String,
    distro: Option<tripoint_inventory::Distro>,
    packages: usize,
    #[serde(rename = "true")]
    holds: usize,
    #[serde(rename = "false")]
    fails: usize,
    unknown: usize,
    definitions: Vec<Definition>,
    refused: Vec<Rejected>,
}

#[derive(Serialize)]
struct Definition {
    id: String,
    class: String,
    title: String,
    result: &'static str,
}

pub fn run(context: &Context, file: &Path, root: &Path, force: bool) -> anyhow::Result<Exit> {
    let (oval, refused) = read(file)?;
    let options = ScanOptions { walk: false, ..ScanOptions::default() };
    let inventory = tripoint_inventory::scan(root, &options, &mut |_| {})?;
    let packages: Vec<RpmPackage> = inventory.packages.iter().filter_map(rpm).collect();
    anyhow::ensure!(!packages.is_empty(), "{}: no rpm packages there, and OVAL asks for these", root.display());
    if !force {
        applies(&oval, &inventory)?;
    }
    let truths = oval.evaluate(&packages);
    let count = |wanted| truths.iter().filter(|(_, truth)| *truth == wanted).count();
    let report = Report {
        file: file.display().to_string(),
        root: inventory.root.clone(),
        distro: inventory.distro.clone(),
        packages: packages.len(),
        holds: count(Truth::True),
        fails: count(Truth::False),
        unknown: count(Truth::Unknown),
        definitions: oval.definitions.iter().zip(&truths).map(|(one, (_, truth))| shown(one, *truth)).collect(),
        refused,
    };
    print(context, &report)?;
    Ok(if report.refused.is_empty() { Exit::Fine } else { Exit::Partial })
}

/// A definition of another release would be judged by versions that mean nothing here.
fn applies(oval: &Oval, inventory: &Inventory) -> anyhow::Result<()> {
    let here = inventory.packages.iter().find(|package| package.ecosystem.is_distribution());
    let (ecosystem, release) =
        here.map_or((Ecosystem::RedHat, ""), |package| (package.ecosystem, package.release.as_str()));
    let foreign = oval.definitions.iter().find(|one| !oval.is_for(one, ecosystem, release));
    let Some(one) = foreign else { return Ok(()) };
    let named = |(ecosystem, release): &(Ecosystem, String)| format!("{} {release}", ecosystem.osv_name());
    let wanted: Vec<String> = oval.releases(one).iter().map(named).collect();
    let wanted = if wanted.is_empty() { "an unknown platform".to_owned() } else { wanted.join(", ") };
    anyhow::bail!(
        "{} is for {wanted}, but {} is {} {release}: its versions mean nothing here (--force evaluates all the same)",
        one.id,
        inventory.root,
        ecosystem.osv_name()
    )
}

fn read(file: &Path) -> anyhow::Result<(Oval, Vec<Rejected>)> {
    let shown = file.display().to_string();
    let (mut found, mut refused) = (None, Vec::new());
    tripoint_unpack::entries(Source::Path(file), &shown, &Limits::default(), &mut |_, content| {
        let mut refuse = |line, reason| refused.push(Rejected { file: shown.clone(), line, reason });
        found = Some(oval::read(&mut BufReader::new(content), &mut refuse));
        ControlFlow::Break(())
    })?;
    let oval = found.filter(|oval: &Oval| !oval.definitions.is_empty());
    let why = || refused.first().map_or(String::new(), |first: &Rejected| format!(": {}", first.reason));
    let oval = oval.with_context(|| format!("{shown}: no OVAL definition in it{}", why()))?;
    Ok((oval, refused))
}

/// What the definitions ask of an rpm package; who signed it is not in the inventory.
fn rpm(package: &Package) -> Option<RpmPackage> {
    let rest = package.purl.strip_prefix("pkg:rpm/")?;
    let (epoch, evr) = package.version.split_once(':').unwrap_or(("0", &package.version));
    let (version, release) = evr.rsplit_once('-')?;
    let arch = rest.split(['?', '&']).find_map(|part| part.strip_prefix("arch="));
    Some(RpmPackage {
        name: package.name.clone(),
        epoch: epoch.to_owned(),
        version: version.to_owned(),
        release: release.to_owned(),
        arch: arch.unwrap_or_default().to_owned(),
        signature_keyid: String::new(),
    })
}

fn shown(definition: &oval::Definition, truth: Truth) -> Definition {
    Definition {
        id: definition.id.clone(),
        class: definition.class.clone(),
        title: definition.title.clone(),
        result: match truth {
            Truth::True => "true",
            Truth::False => "false",
            Truth::Unknown => "unknown",
        },
    }
}

fn print(context: &Context, report: &Report) -> anyhow::Result<()> {
    if context.json {
        return output::json(report);
    }
    for definition in report.definitions.iter().filter(|one| one.result != "false") {
        output::line(&format!("{} {}: {}", definition.result, definition.id, definition.title))?;
    }
    output::line(&format!(
        "{} packages: {} true, {} false, {} unknown",
        report.packages, report.holds, report.fails, report.unknown
    ))?;
    output::refusals(&report.refused, report.refused.len() as u64);
    Ok(())
}

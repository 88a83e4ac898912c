//! Where do somebody's rules come from, and what is ready to be asked?
//!
//! A folder or file of Tripoint's rules (`.toml`) and of Sigma's (`.yml`, `.yaml`), or a rule image.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tripoint_evidence::attempt;
use tripoint_evidence::pack::Pack;
use tripoint_evidence::pack::folder::{self, Fault};
use tripoint_evidence::pack::written;
use tripoint_evidence::sigma::Sigma;
use tripoint_evidence::sigma::compile::{self, State};
use tripoint_evidence::sigma::image::Image;
use tripoint_evidence::sigma::rule::Correlation;
use tripoint_model::Timestamp;

use crate::exit::WrongUsage;
use crate::output;

/// What a folder or file holds.
#[derive(Default)]
pub struct Sources {
    /// Tripoint's rules.
    pub own: folder::Read,
    /// Sigma's.
    pub sigma: compile::Read,
}

/// The names of rules that come with Tripoint, which no other may have.
pub fn taken() -> BTreeSet<String> {
    attempt::rules().map(|rule| rule.id).collect()
}

/// What stands in a folder's files, or in a file; what it means nobody has asked yet.
pub struct Written {
    own: Vec<written::Written>,
    sigma: Vec<written::Written>,
}

/// Reads what is written down; of a folder that holds only one kind the other is empty.
pub fn written(path: &Path) -> anyhow::Result<Written> {
    let is_folder = path.is_dir();
    let said = || path.display().to_string();
    let is_asked = |is_sigma: bool| is_folder || is_sigma == compile::is_named_so(path);
    let own = if is_asked(false) { folder::written(path).with_context(said)? } else { Vec::new() };
    let sigma = if is_asked(true) { compile::written(path).with_context(said)? } else { Vec::new() };
    Ok(Written { own, sigma })
}

impl Written {
    /// What it means.
    pub fn read(self, taken: &mut BTreeSet<String>) -> Sources {
        let own = folder::read_written(self.own, taken);
        Sources { own, sigma: compile::read_written(self.sigma, taken) }
    }
}

/// Both at once.
pub fn read(path: &Path, taken: &mut BTreeSet<String>) -> anyhow::Result<Sources> {
    Ok(written(path)?.read(taken))
}

/// The rules that come with Tripoint and those of files and images; nothing where there are none.
pub fn pack(paths: &[PathBuf], quiet: bool) -> anyhow::Result<Option<Pack>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let mut rules: Vec<_> = attempt::rules().collect();
    let (mut sigma, mut correlations) = (Vec::new(), Vec::new());
    let mut taken = taken();
    for path in paths {
        let found = match image(path)? {
            Some(image) => image,
            None => usable(path, read(path, &mut taken)?, Timestamp(0), quiet)?,
        };
        let own = found.sigma.len();
        let counted = behind(found.correlations, sigma.len(), own);
        correlations.extend(counted.with_context(|| path.display().to_string())?);
        rules.extend(found.rules);
        sigma.extend(found.sigma);
    }
    Ok(Some(Pack::new(rules)?.with_sigma(Sigma::new(sigma, correlations)?)))
}

/// Correlations of a source whose `own` rules stand behind `before` others: the numbers of theirs are moved. One that
/// names a rule which its source does not have would name somebody else's.
fn behind(mut all: Vec<Correlation>, before: usize, own: usize) -> anyhow::Result<Vec<Correlation>> {
    for one in &mut all {
        for member in &mut one.of {
            let number = usize::try_from(member.rule)?;
            anyhow::ensure!(number < own, "{}: there is no rule {number} that it could count", one.about.id);
            member.rule = u32::try_from(before + number)?;
        }
    }
    Ok(all)
}

/// What of the sources is used; refused where a rule of ours cannot be. Of Sigma's, which others wrote for many
/// products, those that cannot be used are told and left out.
pub fn usable(path: &Path, found: Sources, built: Timestamp, quiet: bool) -> anyhow::Result<Image> {
    tell(&found.own.faults);
    if !found.own.faults.is_empty() {
        return Err(WrongUsage(format!("{}: not every rule can be used", path.display())).into());
    }
    tell(&found.sigma.faults);
    if !quiet && found.sigma.files > 0 {
        eprintln!("{}: {}", path.display(), counted(&found.sigma));
    }
    let compile::Read { rules: sigma, correlations, .. } = found.sigma;
    Ok(Image { built, rules: found.own.rules, sigma, correlations })
}

/// `3 Sigma rules, 1 correlation; 2 skipped: no log …; 0 refused`.
pub fn counted(read: &compile::Read) -> String {
    let skipped = read.listed.iter().filter(|rule| rule.state == State::Skipped).count() as u64;
    format!(
        "{}, {}; {skipped} skipped as nothing here could match them, {} refused",
        output::counted(read.rules.len() as u64, "Sigma rule"),
        output::counted(read.correlations.len() as u64, "correlation"),
        read.faults.len()
    )
}

pub fn tell(faults: &[Fault]) {
    for fault in faults {
        let said = format!("{}:{}: {}", fault.file, fault.line, fault.reason);
        eprintln!("{}", tripoint_model::text::visible(&said));
    }
}

/// The image in a file; nothing where it is something else.
fn image(path: &Path) -> anyhow::Result<Option<Image>> {
    if !std::fs::metadata(path).with_context(|| path.display().to_string())?.is_file() {
        return Ok(None);
    }
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(8).read_to_end(&mut head)?;
    if !Image::is_one(&head) {
        return Ok(None);
    }
    tripoint_agent::rules::read(path).map(Some).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(member: u32) -> Vec<Correlation> {
        let text = format!(
            r#"[{{"id":"x","title":"x","level":"low","family":"sigma","attack":[],"cves":[],"verdict":"probed",
            "kind":"event_count","of":[{{"rule":{member},"by":[]}}],"span_s":1,"at_least":1}}]"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_number_of_one_source_is_never_a_rule_of_another() {
        assert_eq!(behind(image(1), 5, 2).unwrap()[0].of[0].rule, 6);
        for number in [2, u32::MAX] {
            let refused = behind(image(number), 5, 2).unwrap_err().to_string();
            assert_eq!(refused, format!("x: there is no rule {number} that it could count"));
        }
    }
}

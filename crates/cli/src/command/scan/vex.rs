//! What do the documents given with `--vex` change, and who says so?

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tripoint_inventory::Inventory;
use tripoint_model::text::visible;
use tripoint_model::{Finding, Purl};
use tripoint_vuln::vex::{Vex, means};

use crate::output;
use crate::report::Word;

/// What was changed.
pub struct Words {
    /// Finding by finding, in the order of the documents.
    pub changes: Vec<Word>,
    /// Whether a part of a document was refused.
    pub partial: bool,
}

/// A document with the file that it was read from.
pub type Said = (String, Vex);

/// Reads the documents: a wrong one is told before the scan, which may take minutes.
pub fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Said>> {
    files
        .iter()
        .map(|file| {
            let shown = file.display().to_string();
            let vex = Vex::read(&shown, &bytes(file)?);
            if vex.statements.is_empty() {
                let first = vex.rejected.first().map_or("it says nothing", |first| first.reason.as_str());
                bail!("{shown}: {first}");
            }
            Ok((shown, vex))
        })
        .collect()
}

/// Applies the documents one after the other; of contrary words the later document's counts. A
/// finding is never removed: its state changes, and who said so is kept.
pub fn apply(documents: &[Said], of_image: bool, inventory: &Inventory, findings: &mut [Finding]) -> Words {
    let mut words = Words { changes: Vec::new(), partial: false };
    for (shown, vex) in documents {
        let applied = vex.apply(findings, &|product| is_here(product, of_image, inventory));
        let mut changed = 0;
        for one in applied {
            let (Some(finding), Some(statement)) = (findings.get(one.finding), vex.statements.get(one.statement))
            else {
                continue;
            };
            changed += 1;
            words.changes.push(Word {
                purl: finding.purl.clone(),
                id: finding.id.clone(),
                before: one.before,
                state: finding.state,
                author: vex.author.clone(),
                document: vex.id.clone(),
                file: shown.clone(),
                justification: statement.justification.clone(),
                note: statement.note.clone(),
            });
        }
        let count = output::counted(vex.statements.len() as u64, "statement");
        eprintln!("{}: {count}, {} changed", visible(shown), output::counted(changed, "finding"));
        if !vex.rejected.is_empty() {
            words.partial = true;
            output::refusals(&vex.rejected, vex.rejected.len() as u64);
        }
    }
    words
}

fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let opened = std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut bytes = Vec::new();
    opened.take(BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes)
}

/// Whether a product, of a part of which something is said, is what was scanned or lies in it. A
/// product that could have been catalogued has to be there. An image's name is in no catalog: who
/// hands in a document on images with the scan of an image means this one.
fn is_here(product: &str, of_image: bool, inventory: &Inventory) -> bool {
    let kind = product.parse::<Purl>().map(|purl| purl.kind).unwrap_or_default();
    match kind.as_str() {
        "oci" | "docker" => of_image,
        "" | "generic" | "github" => true,
        _ => inventory.packages.iter().any(|package| means(product, &package.purl)),
    }
}

/// Ubuntu's documents on the kernel have some 20 MB.
const BYTES_MAX: u64 = 256 << 20;

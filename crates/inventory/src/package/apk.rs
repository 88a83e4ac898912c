//! Which Alpine, Wolfi or Chainguard packages are installed (apk's database)?
//!
//! The format is that of apk-tools' `lib/apk/db/installed`: paragraphs of lines with a letter, a
//! colon and a value; `F:` names a folder, the `R:` lines after it the files in it.

use std::io::Read;

use tripoint_model::{Package, PackageState, Parsed};
use tripoint_unpack::{LineError, bounded_lines};

use super::{Cataloger, Reach, is_plain};
use crate::distro::Distro;
use crate::owner::Owners;
use crate::purl;
use crate::root::Root;

/// apk.
pub struct Apk;

impl Cataloger for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn reach(&self) -> Reach {
        Reach::Database
    }

    fn watched(&self) -> &'static [&'static str] {
        DATABASES
    }

    fn database(&self, root: &Root, out: &mut Parsed<Package>, owners: &mut Owners<'_>) -> bool {
        let distro = Distro::of(root).unwrap_or_else(|| Distro { id: "alpine".to_owned(), ..Distro::default() });
        let mut seen = Vec::new();
        for path in DATABASES {
            let Some(mark) = root.mark(path) else { continue };
            // `lib` may be a link to `usr/lib`.
            if seen.contains(&mark) {
                continue;
            }
            seen.push(mark);
            match root.file(path) {
                Ok(file) => {
                    out.expect(path, mark.size);
                    read_installed(file, path, &distro, out, owners);
                }
                Err(error) => out.refuse(path, 1, format!("cannot be read: {error}")),
            }
        }
        !seen.is_empty()
    }
}

/// The fields of a paragraph that matter, and where it began.
#[derive(Default)]
struct Paragraph {
    line: u64,
    package: String,
    version: String,
    origin: String,
    architecture: String,
    folder: String,
    files: Vec<String>,
    broken: Option<u64>,
    begun: bool,
    overfull: bool,
}

fn read_installed(input: impl Read, path: &str, distro: &Distro, out: &mut Parsed<Package>, owners: &mut Owners<'_>) {
    let mut lines = bounded_lines(input, LINE_BYTES_MAX);
    let mut paragraph = Paragraph::default();
    while let Some((number, line)) = lines.next_line() {
        match line {
            Ok("") => finish(std::mem::take(&mut paragraph), path, distro, out, owners),
            Ok(line) => paragraph.field(number, line),
            Err(error @ LineError::Io(_)) => {
                out.refuse(path, number, error.to_string());
                break;
            }
            Err(_) => paragraph.spoil(number),
        }
        if out.accepted.len() >= PACKAGES_MAX {
            return out.refuse(path, number, format!("more than {PACKAGES_MAX} packages"));
        }
    }
    finish(paragraph, path, distro, out, owners);
}

impl Paragraph {
    fn spoil(&mut self, number: u64) {
        self.begin(number);
        self.broken = self.broken.or(Some(number));
    }

    fn begin(&mut self, number: u64) {
        if !self.begun {
            self.begun = true;
            self.line = number;
        }
    }

    fn field(&mut self, number: u64, line: &str) {
        self.begin(number);
        let Some((letter, value)) = line.split_once(':').filter(|(letter, _)| letter.len() == 1) else {
            return self.spoil(number);
        };
        match letter {
            "P" => self.package = value.to_owned(),
            "V" => self.version = value.to_owned(),
            "A" => self.architecture = value.to_owned(),
            "o" => self.origin = value.to_owned(),
            "F" => self.folder = value.to_owned(),
            "R" if self.files.len() < FILES_MAX => self.files.push(format!("{}/{value}", self.folder)),
            "R" => self.overfull = true,
            _ => {}
        }
    }
}

fn finish(paragraph: Paragraph, path: &str, distro: &Distro, out: &mut Parsed<Package>, owners: &mut Owners<'_>) {
    if !paragraph.begun {
        return;
    }
    if let Some(line) = paragraph.broken {
        return out.refuse(path, line, "a line without a letter, a colon and a value");
    }
    if !is_plain(&paragraph.package) {
        return out.refuse(path, paragraph.line, "the paragraph has no usable package name (P:)");
    }
    if !is_plain(&paragraph.version) {
        return out.refuse(path, paragraph.line, format!("package {} has no usable version (V:)", paragraph.package));
    }
    if paragraph.overfull {
        out.refuse(path, paragraph.line, format!("package {} has more than {FILES_MAX} files", paragraph.package));
    }
    for file in &paragraph.files {
        owners.own(file, out.accepted.len());
    }
    out.accept(package(paragraph, path, distro));
}

fn package(paragraph: Paragraph, path: &str, distro: &Distro) -> Package {
    let Paragraph { package: name, version, origin, architecture, .. } = paragraph;
    let (ecosystem, release) = distro.apk_ecosystem();
    let source = if is_plain(&origin) { origin } else { name.clone() };
    let upstream = if source == name { "" } else { source.as_str() };
    let qualifiers = [("arch", architecture.as_str()), ("distro", &distro.qualifier()), ("upstream", upstream)];
    Package {
        purl: purl::build(ecosystem, &name, &version, &qualifiers),
        ecosystem,
        release,
        source_version: version.clone(),
        source,
        module: String::new(),
        name,
        version,
        paths: vec![path.to_owned()],
        state: PackageState::Installed,
        installed: None,
    }
}

const DATABASES: &[&str] = &["lib/apk/db/installed", "usr/lib/apk/db/installed"];
const LINE_BYTES_MAX: usize = 256 << 10;
/// Alpine has some 30,000 packages in all.
const PACKAGES_MAX: usize = 200_000;
/// Of one package.
const FILES_MAX: usize = 500_000;

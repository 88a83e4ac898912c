//! Which Java artifacts lie in an archive, and in the archives inside it?

mod held;

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::{Kind, Limits, Source, entries, kind};

use held::{Held, reopened};

use super::{Cataloger, entry, is_plain};
use crate::root::Root;

/// jar, war, ear and their kin.
pub struct Java;

impl Cataloger for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn wants(&self, path: &str) -> bool {
        is_archive(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        match root.file(path) {
            Ok(file) => read_file(&file, path, &Limits::default(), out),
            Err(error) => out.refuse(path, 1, format!("cannot be read: {error}")),
        }
    }
}

/// Reads an opened archive, and those inside it.
pub(crate) fn read_file(file: &File, path: &str, limits: &Limits, out: &mut Parsed<Package>) {
    let room = out.accepted.len() + ARTIFACTS_MAX;
    let budget = Budget { held: HELD_BYTES_MAX, total: TOTAL_BYTES_MAX };
    let mut reading = Reading { limits, budget, room, left_out: 0, out };
    reading.level(reopened(file).as_source(), path, 1);
    if reading.left_out > 0 {
        let reason = format!("{} artifacts left out: more than {ARTIFACTS_MAX} in one archive", reading.left_out);
        out.refuse(path, 0, reason);
    }
}

/// Whether the name is one of a Java archive.
pub(crate) fn is_archive(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(_, end)| matches!(end, "jar" | "war" | "ear" | "jpi" | "hpi" | "sar" | "par"))
}

/// What one archive says about itself.
#[derive(Default)]
struct Archive {
    poms: Vec<Coordinates>,
    manifest: Option<Manifest>,
    /// Holds the class that makes Log4j 2 exploitable (CVE-2021-44228), wherever it was moved.
    jndi_lookup: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Coordinates {
    group: String,
    artifact: String,
    version: String,
}

#[derive(Default)]
struct Manifest {
    title: String,
    version: String,
    vendor_id: String,
    symbolic_name: String,
    bundle_version: String,
}

/// One archive with all that lies inside it.
struct Reading<'r> {
    limits: &'r Limits,
    budget: Budget,
    /// How many packages there may be.
    room: usize,
    left_out: u64,
    out: &'r mut Parsed<Package>,
}

/// What may still be unpacked of the archives inside one. Each level has limits of its own, and
/// their product would be hours: what counts is the sum.
struct Budget {
    /// Bytes held at one time.
    held: u64,
    /// Bytes in all.
    total: u64,
}

impl Budget {
    /// An inner archive, whole; what was read of one that is too large or broken is used up too.
    fn take(&mut self, content: &mut dyn Read) -> Result<Held, String> {
        let mut counted = Counted { content, bytes: 0 };
        let taken = Held::read(&mut counted, self.held.min(self.total));
        self.total = self.total.saturating_sub(counted.bytes);
        let held = taken?;
        self.held -= held.bytes;
        Ok(held)
    }
}

struct Counted<'c> {
    content: &'c mut dyn Read,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.content.read(out)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl Reading<'_> {
    /// Reads one archive and those inside it, the outermost being the first of four levels.
    fn level(&mut self, source: Source<'_>, path: &str, level: u32) {
        match kind(source) {
            Ok(Kind::Zip) => {}
            Ok(_) => return self.out.refuse(path, 1, "not a zip archive"),
            Err(error) => return self.out.refuse(path, 1, format!("cannot be read: {error}")),
        }
        let mut archive = Archive::default();
        let outcome = entries(source, path, self.limits, &mut |name, content| {
            if let Err(reason) = self.entry(&mut archive, path, name, content, level) {
                let name = tripoint_model::text::truncate(name, NAME_BYTES_MAX).0;
                self.out.refuse(&format!("{path}!/{name}"), 1, reason);
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = outcome {
            self.out.refuse(path, 1, error.to_string());
        }
        archive.name(path, self);
    }

    fn entry(
        &mut self,
        archive: &mut Archive,
        path: &str,
        name: &str,
        content: &mut dyn Read,
        level: u32,
    ) -> Result<(), String> {
        if name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties") {
            if archive.poms.len() >= ARTIFACTS_MAX {
                self.left_out += 1;
            } else {
                archive.poms.extend(pom(&text(content)?));
            }
        } else if name == "META-INF/MANIFEST.MF" {
            archive.manifest = Some(manifest(&text(content)?));
        } else if name.ends_with("log4j/core/lookup/JndiLookup.class") {
            archive.jndi_lookup = true;
        } else if is_archive(name) {
            if level >= LEVELS_MAX {
                return Err(format!("lies deeper than {LEVELS_MAX} archives"));
            }
            if name.len() > NAME_BYTES_MAX {
                return Err("its name is longer than a file system allows".to_owned());
            }
            // Read at once, one at a time: one archive a level is held.
            let inner = self.budget.take(content)?;
            self.level(inner.as_source(), &format!("{path}!/{name}"), level + 1);
            self.budget.held += inner.bytes;
        }
        Ok(())
    }

    fn accept(&mut self, package: Package) {
        if self.out.accepted.len() < self.room { self.out.accept(package) } else { self.left_out += 1 }
    }
}

fn text(content: &mut dyn Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    content.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn pom(text: &str) -> Option<Coordinates> {
    let mut out = Coordinates::default();
    for line in text.lines() {
        match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("groupId", value)) => value.clone_into(&mut out.group),
            Some(("artifactId", value)) => value.clone_into(&mut out.artifact),
            Some(("version", value)) => value.clone_into(&mut out.version),
            _ => {}
        }
    }
    [&out.group, &out.artifact, &out.version].iter().all(|text| is_plain(text)).then_some(out)
}

fn manifest(text: &str) -> Manifest {
    // A line that begins with a space continues the one before.
    let joined = text.replace("\r\n", "\n").replace("\n ", "");
    let mut out = Manifest::default();
    for line in joined.lines() {
        // Only the main section speaks of the archive as a whole.
        if line.is_empty() {
            break;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match key {
            "Implementation-Title" => out.title = value,
            "Implementation-Version" => out.version = value,
            "Implementation-Vendor-Id" => out.vendor_id = value,
            "Bundle-SymbolicName" => out.symbolic_name = value.split(';').next().unwrap_or_default().trim().to_owned(),
            "Bundle-Version" => out.bundle_version = value,
            _ => {}
        }
    }
    out
}

impl Archive {
    /// Names what was found: pom.properties first, then the manifest, then the file's name.
    fn name(self, path: &str, out: &mut Reading<'_>) {
        let has_log4j = self.poms.iter().any(|pom| pom.artifact == LOG4J.1);
        let (artifact, version) = self.own_name(path);
        if self.jndi_lookup && !has_log4j {
            if artifact == LOG4J.1 && is_plain(&version) {
                out.accept(package(LOG4J.0, LOG4J.1, &version, path));
            } else {
                out.out.refuse(
                    path,
                    0,
                    "contains Log4j's JndiLookup class without saying which version of log4j-core it is",
                );
            }
        } else if self.poms.is_empty() && is_plain(&artifact) && is_plain(&version) {
            if let Some(group) = self.group(&artifact) {
                out.accept(package(&group, &artifact, &version, path));
            } else if path.contains("!/") || !artifact.is_empty() {
                out.accept(package("", &artifact, &version, path));
            }
        }
        for pom in self.poms {
            out.accept(package(&pom.group, &pom.artifact, &pom.version, path));
        }
    }

    /// Artifact and version by the file's name, the version by the manifest where the name has none.
    fn own_name(&self, path: &str) -> (String, String) {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let split = stem.match_indices('-').find(|(at, _)| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
        if let Some((at, _)) = split {
            return (stem[..at].to_owned(), stem[at + 1..].to_owned());
        }
        let version = self.manifest.as_ref().map(|manifest| {
            if manifest.version.is_empty() { manifest.bundle_version.clone() } else { manifest.version.clone() }
        });
        (stem.to_owned(), version.unwrap_or_default())
    }

    /// The Maven group, where the manifest lets it be told.
    fn group(&self, artifact: &str) -> Option<String> {
        let manifest = self.manifest.as_ref()?;
        if is_plain(&manifest.vendor_id) && manifest.vendor_id.contains('.') {
            return Some(manifest.vendor_id.clone());
        }
        let name =
            [&manifest.symbolic_name, &manifest.title].into_iter().find(|name| is_plain(name) && name.contains('.'))?;
        // `org.example.some-thing` of artifact `some-thing` belongs to `org.example`.
        let stem = name.strip_suffix(artifact).and_then(|stem| stem.strip_suffix('.'));
        Some(stem.or_else(|| name.rsplit_once('.').map(|(stem, _)| stem)).unwrap_or(name).to_owned())
    }
}

fn package(group: &str, artifact: &str, version: &str, path: &str) -> Package {
    let name = if group.is_empty() { artifact.to_owned() } else { format!("{group}:{artifact}") };
    entry::package(Ecosystem::Maven, &name, version, path)
}

const LOG4J: (&str, &str) = ("org.apache.logging.log4j", "log4j-core");
/// The outermost archive counts.
const LEVELS_MAX: u32 = 4;
const TEXT_BYTES_MAX: u64 = 256 << 10;
/// Bytes of inner archives held at one time.
const HELD_BYTES_MAX: u64 = 128 << 20;
/// Of all inner archives of one file: four times what the largest products ship.
const TOTAL_BYTES_MAX: u64 = 1 << 30;
const NAME_BYTES_MAX: usize = 4096;
/// Of one archive with all inside it; the largest servers come with some two thousand.
const ARTIFACTS_MAX: usize = 4000;

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("zip");
            zip.write_all(content).expect("zip");
        }
        zip.finish().expect("zip").into_inner()
    }

    #[test]
    fn all_inner_archives_together_have_a_limit() {
        let pom = |name: &str| format!("groupId=g\nartifactId={name}\nversion=1\n").into_bytes();
        let inner = |name: &str| zip(&[("META-INF/maven/g/x/pom.properties", &pom(name))]);
        let jars = [inner("one"), inner("two"), inner("six")];
        let outer = zip(&[("1.jar", &jars[0]), ("2.jar", &jars[1]), ("3.jar", &jars[2])]);
        let look = |total: u64| {
            let (mut out, limits) = (Parsed::default(), Limits::default());
            let budget = Budget { held: HELD_BYTES_MAX, total };
            let mut reading = Reading { limits: &limits, budget, room: 10, left_out: 0, out: &mut out };
            reading.level(Source::Bytes(&outer), "x.ear", 1);
            assert_eq!(reading.budget.held, HELD_BYTES_MAX, "nothing is held any more");
            let names: Vec<String> = out.accepted.iter().map(|package| package.name.clone()).collect();
            (names, out.refused)
        };
        let all: u64 = jars.iter().map(|jar| jar.len() as u64).sum();
        assert_eq!(look(all), (vec!["g:one".into(), "g:two".into(), "g:six".into()], 0));
        assert_eq!(look(jars[0].len() as u64 + 10), (vec!["g:one".into()], 2));
    }
}

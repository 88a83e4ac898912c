//! Is the checked-in kernel object the one that its source makes?

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::run;

const SOURCE: &str = "sensor.bpf.c";
const OBJECT: &str = "sensor.bpf.o";
const RECORD: &str = "sensor.bpf.sha256";

/// Any other clang gives other bytes.
const CLANG: &str = "clang-14";
const STRIP: &str = "llvm-strip-14";

/// Builds, or with `check` only compares.
pub fn run(check: bool) -> Result<ExitCode> {
    let folder = run::root().join("crates/linux/bpf");
    if check { self::check(&folder) } else { build(&folder) }?;
    Ok(ExitCode::SUCCESS)
}

fn build(folder: &Path) -> Result<()> {
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    compile(folder, &folder.join(OBJECT))?;
    fs::write(folder.join(RECORD), format!("{}\n", hash(folder)?))?;
    println!("{OBJECT} built; {RECORD} recorded");
    Ok(())
}

fn check(folder: &Path) -> Result<()> {
    compare(folder)?;
    let Some(missing) = missing() else {
        let fresh = std::env::temp_dir().join(format!("tripoint-bpf-{}.o", std::process::id()));
        let same = compile(folder, &fresh).and_then(|()| Ok(fs::read(&fresh)? == fs::read(folder.join(OBJECT))?));
        let _ = fs::remove_file(&fresh);
        if !same? {
            bail!("{OBJECT} is not what {CLANG} makes of {SOURCE}: run `cargo xtask bpf`");
        }
        println!("kernel object: source hash and rebuilt bytes agree");
        return Ok(());
    };
    println!("kernel object: source hash agrees; not rebuilt ({missing})");
    Ok(())
}

/// The sources against the hash that was recorded when the object was built.
fn compare(folder: &Path) -> Result<()> {
    let recorded = fs::read_to_string(folder.join(RECORD)).with_context(|| format!("{RECORD} is missing"))?;
    if recorded.trim() != hash(folder)? {
        bail!("the kernel programs changed since {OBJECT} was built: run `cargo xtask bpf`");
    }
    Ok(())
}

/// Name and content of every source, sorted by name.
fn hash(folder: &Path) -> Result<String> {
    let mut sources: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "c" || extension == "h"));
    sources.sort();
    let mut hasher = Sha256::new();
    for source in &sources {
        hasher.update(source.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.update([0]);
        hasher.update(fs::read(source)?);
        hasher.update([0]);
    }
    let mut hex = String::new();
    for byte in hasher.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// What has to be installed to build.
pub fn missing() -> Option<String> {
    let mut packages = Vec::new();
    if run::find(&[CLANG]).is_none() {
        packages.push("clang-14");
    }
    if run::find(&[STRIP]).is_none() {
        packages.push("llvm-14");
    }
    if !Path::new("/usr/include/bpf/bpf_helpers.h").exists() {
        packages.push("libbpf-dev");
    }
    (!packages.is_empty()).then(|| format!("to build the kernel programs: apt-get install {}", packages.join(" ")))
}

fn compile(folder: &Path, object: &Path) -> Result<()> {
    // The object's line information must not depend on where the repository lies.
    let options =
        ["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-D__TARGET_ARCH_x86", "-ffile-compilation-dir=."];
    let include = "-I/usr/include/x86_64-linux-gnu";
    let mut clang = run::command(CLANG);
    run::succeed(clang.current_dir(folder).args(options).args([include, "-c", SOURCE, "-o"]).arg(object))?;
    run::succeed(run::command(STRIP).arg("-g").arg(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_source_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("a.h", "one");
        write(SOURCE, "two");
        assert!(compare(folder.path()).is_err(), "nothing recorded");
        write(RECORD, &hash(folder.path()).unwrap());
        compare(folder.path()).unwrap();
        write("README", "not a source");
        compare(folder.path()).unwrap();
        write("a.h", "onf");
        assert!(compare(folder.path()).is_err());
    }
}

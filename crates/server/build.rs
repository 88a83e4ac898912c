//! Which files of the built console go into the server?
//!
//! Writes a table `FILES` of everything below `console/dist`, packed forms beside the plain ones. Where the console was
//! not built the table is empty, and the server says so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist");
    let dist = dist.canonicalize().unwrap_or(dist);
    // The folder itself is part of the repository, so that cargo has something to compare when it is empty.
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut table = String::from("const FILES: &[File] = &[\n");
    for file in &files {
        if is_packed(file) {
            continue;
        }
        let name = file.strip_prefix(&dist).unwrap_or(file).to_string_lossy().into_owned();
        let packed = |kind: &str| {
            let path = PathBuf::from(format!("{}.{kind}", file.display()));
            if files.contains(&path) { format!("Some(include_bytes!({path:?}))") } else { "None".to_owned() }
        };
        let (br, gz) = (packed("br"), packed("gz"));
        let _ = writeln!(table, "    File {{ name: {name:?}, plain: include_bytes!({file:?}), br: {br}, gz: {gz} }},");
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("console_files.rs");
    fs::write(out, table)
}

fn is_packed(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "br" || kind == "gz")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')) {
            files.push(path.canonicalize()?);
        }
    }
    Ok(())
}

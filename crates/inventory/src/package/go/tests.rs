//! Does the build info give what `go version -m` gives, and does nothing in it hurt?

use std::process::Command;

use super::*;
use crate::elf::tests::{built, opened};

fn names(out: &Parsed<Package>) -> Vec<String> {
    out.accepted.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

fn found(bytes: &[u8]) -> Parsed<Package> {
    let mut out = Parsed::default();
    if let Some(elf) = opened(bytes) {
        Go.executable(&elf, "app", &mut out);
    }
    out
}

const MODULES: &str = "path\texample.org/app\nmod\texample.org/app\t(devel)\t\ndep\texample.org/a\tv1.0.0\th1:x\n\
                       dep\texample.org/b\tv1.0.0\n=>\texample.org/c\tv2.0.0\th1:y\ndep\texample.org/d\tv1\n=>\t./d\n\
                       build\t-compiler=gc\n";

/// The inline form: two texts behind their lengths.
fn inline() -> Vec<u8> {
    let mut out = [MAGIC, &[8, 2], &[0; 16]].concat();
    let modules = [&[b'<'; 16][..], MODULES.as_bytes(), &[b'>'; 16]].concat();
    for text in [b"go1.20.3 X:none".as_slice(), &modules] {
        out.push((text.len() & 0x7f) as u8 | if text.len() > 127 { 0x80 } else { 0 });
        if text.len() > 127 {
            out.push((text.len() >> 7) as u8);
        }
        out.extend_from_slice(text);
    }
    out
}

/// The older form: two pointers to a pointer and a length, in memory at 0x400000.
fn pointers() -> Vec<u8> {
    let modules = [&[b'<'; 16][..], MODULES.as_bytes(), &[b'>'; 16]].concat();
    let mut out = [MAGIC, &[8, 0]].concat();
    let base = 0x40_0000_u64;
    out.extend([base + 32, base + 48, base + 64, 8, base + 72, modules.len() as u64].map(u64::to_le_bytes).concat());
    out.extend(b"go1.17.1");
    out.extend(modules);
    out
}

#[test]
fn both_forms_are_read() {
    for (info, version) in [(inline(), "1.20.3"), (pointers(), "1.17.1")] {
        for name in [".go.buildinfo", ".data"] {
            let out = found(&built(&[(name, &info)]));
            assert_eq!(names(&out), [&format!("stdlib {version}"), "example.org/a v1.0.0", "example.org/c v2.0.0"]);
            assert_eq!(out.refused, 1, "{:?}", out.rejected);
        }
    }
    assert_eq!(found(&built(&[(".go.buildinfo", b"nothing")])).read, 0);
}

proptest::proptest! {
    #[test]
    fn no_build_info_hurts(cut in 0_usize..1200, at in 0_usize..1200, byte: u8, old: bool) {
        let mut bytes = built(&[(".go.buildinfo", &if old { pointers() } else { inline() })]);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(cut.max(1));
        found(&bytes);
    }

    #[test]
    fn no_go_mod_hurts(text: String) {
        let mut out = Parsed::default();
        read_mod(text.as_bytes(), "go.mod", &mut out);
        proptest::prop_assert_eq!(out.accepted.len() as u64 + out.refused, out.read);
    }
}

#[test]
fn a_program_built_by_go_tells_its_toolchain() {
    let folder = tempfile::tempdir().expect("tempdir");
    std::fs::write(folder.path().join("go.mod"), "module example.org/app\n\ngo 1.18\n").expect("write");
    std::fs::write(folder.path().join("main.go"), "package main\n\nfunc main() {}\n").expect("write");
    let mut command = Command::new("go");
    command.args(["build", "-o", "app", "."]).current_dir(folder.path());
    let command =
        command.env("GOFLAGS", "-mod=mod").env("GOCACHE", folder.path().join("cache")).env("HOME", folder.path());
    if !command.output().is_ok_and(|out| out.status.success()) {
        println!("skipped: no Go toolchain here");
        return;
    }
    let told = Command::new("go").arg("version").arg(folder.path().join("app")).output().expect("go");
    let told = String::from_utf8_lossy(&told.stdout).trim().rsplit("go").next().unwrap_or_default().to_owned();
    let out = found(&std::fs::read(folder.path().join("app")).expect("app"));
    println!("{:?}", names(&out));
    assert_eq!(names(&out), [format!("stdlib {told}")]);
}

//! Which inputs break a parser of strangers' bytes? One program, every parser a target of it.
//!
//! # Start here
//! `TARGETS` lists them; `TRIPOINT_FUZZ_TARGET` chooses the one that this process feeds. `cargo xtask fuzz` builds,
//! seeds and runs it.
//!
//! # What it never knows
//! Which output is right: the fixtures' golden files say that. Here nothing may panic, overflow, hang or eat memory,
//! and where a law holds for every input (an order, a round trip), it is asserted.
//!
//! # Why it is so
//! Twenty programs with the sanitizer in them take twenty times as long to link as one.

#![no_main]

mod seed;
mod target;

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use target::{TARGETS, Target};

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

/// `TRIPOINT_FUZZ_LIST` prints the targets; `TRIPOINT_FUZZ_SEED=DIR` writes the chosen one's first inputs; without
/// either the chosen one is fed.
fn begin() {
    if std::env::var_os("TRIPOINT_FUZZ_LIST").is_some() {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    let wanted = std::env::var("TRIPOINT_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == wanted) else {
        eprintln!("TRIPOINT_FUZZ_TARGET={wanted:?} is none; TRIPOINT_FUZZ_LIST=1 lists them");
        std::process::exit(64);
    };
    if let Some(folder) = std::env::var_os("TRIPOINT_FUZZ_SEED") {
        match seed::write(target, Path::new(&folder)) {
            Ok(()) => std::process::exit(0),
            Err(error) => {
                eprintln!("{}: {error}", folder.display());
                std::process::exit(1);
            }
        }
    }
    let _ = CHOSEN.set(target);
}

fuzz_target!(init: begin(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.run)(data);
    }
});

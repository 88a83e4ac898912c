//! Is another local user kept out, and told why?

use std::fs::{Permissions, set_permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use crate::bench::finish;
use crate::rig::Rig;

#[test]
fn another_user_is_not_let_in() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: only root can try it as somebody else");
    }
    let rig = Rig::start("none");
    let bench = &rig.bench;
    // The socket's own rights must refuse, not the folders above it.
    for folder in ["", "data"] {
        set_permissions(bench.path(folder), Permissions::from_mode(0o755)).unwrap();
    }
    let mut stranger = bench.command(&["alerts", "list"]);
    stranger.uid(65_534).gid(65_534);
    bench.run(&["alerts", "list"]).expect(0);
    let told = match stranger.status() {
        // The program itself lies where others may not go.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        _ => Some(finish(stranger, b"")),
    };
    let Some(told) = told else { return println!("skipped: others may not run the program here") };
    assert!(told.expect(77).err.contains("not open to this user"));
}

//! Does the kernel hold a process to what its policy names, and to nothing less?

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// Whether the kernel offers all of it; said, or a failure where the kernel has to be there.
fn is_offered() -> bool {
    let offered = landlock_abi() >= LANDLOCK_WHOLE;
    if !offered {
        assert!(std::env::var_os("RUN_KERNEL_TESTS").is_none(), "the kernel offers landlock {}", landlock_abi());
        println!("skipped: the kernel offers landlock {}; 6 is needed", landlock_abi());
    }
    offered
}

/// What comes of `work` in a thread that may touch what the policy says. Landlock holds a thread, so that the test's own
/// can be asked for the opposite.
fn confined<T: Send>(policy: &Policy, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            let told = confine(policy).unwrap();
            assert!(told.abi >= LANDLOCK_WHOLE, "{told:?}");
            // The test's own threads, and nothing else.
            assert!(matches!(&told.lost[..], [one] if one.ends_with("threads that ran before")), "{told:?}");
            work()
        });
        held.join().unwrap()
    })
}

#[track_caller]
fn is_refused<T>(done: io::Result<T>) {
    let kind = done.map(drop).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::PermissionDenied);
}

#[test]
fn files_are_read_and_written_where_they_are_named_and_nowhere_else() {
    if !is_offered() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [own, shown, other] = ["own", "shown", "other"].map(|name| folder.path().join(name));
    for place in [&own, &shown, &other] {
        fs::create_dir(place).unwrap();
        fs::write(place.join("file"), "text").unwrap();
    }
    symlink(&other, own.join("link")).unwrap();
    let mut policy = Policy::default();
    policy.write(&own).read(&shown).read("/nowhere/at/all");
    confined(&policy, || {
        assert_eq!(fs::read(shown.join("file")).unwrap(), b"text");
        assert_eq!(fs::read_dir(&shown).unwrap().count(), 1);
        is_refused(fs::write(shown.join("file"), "changed"));
        is_refused(fs::write(shown.join("new"), ""));
        is_refused(fs::remove_file(shown.join("file")));
        is_refused(fs::OpenOptions::new().write(true).truncate(true).open(shown.join("file")));

        fs::write(own.join("new"), "a").unwrap();
        fs::create_dir(own.join("below")).unwrap();
        fs::rename(own.join("new"), own.join("below/moved")).unwrap();
        fs::OpenOptions::new().write(true).truncate(true).open(own.join("file")).unwrap();
        UnixListener::bind(own.join("socket")).unwrap();
        fs::remove_dir_all(own.join("below")).unwrap();
        is_refused(symlink("/etc/passwd", own.join("made")));

        for stranger in
            [&other.join("file"), &own.join("link/file"), Path::new("/etc/shadow"), Path::new("/proc/1/environ")]
        {
            is_refused(fs::read(stranger));
        }
        is_refused(fs::read_dir(&other));
        is_refused(fs::write(other.join("new"), ""));
        is_refused(fs::remove_file(other.join("file")));
        is_refused(fs::create_dir(other.join("new")));
        let moved = fs::rename(other.join("file"), own.join("taken")).unwrap_err().kind();
        assert!(matches!(moved, ErrorKind::PermissionDenied | ErrorKind::CrossesDevices), "{moved}");
    });
    // All of that is there for who did not give it up.
    assert_eq!(fs::read(other.join("file")).unwrap(), b"text");
    assert_eq!(fs::read(own.join("link/file")).unwrap(), b"text");
}

#[test]
fn no_program_is_executed() {
    if !is_offered() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut policy = Policy::default();
    policy.write(folder.path()).read("/usr").read("/lib").read("/bin");
    confined(&policy, || {
        is_refused(Command::new("/bin/true").status());
        let copied = folder.path().join("true");
        fs::write(&copied, fs::read("/bin/true").unwrap()).unwrap();
        fs::set_permissions(&copied, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        is_refused(Command::new(&copied).status());
    });
    assert!(Command::new(folder.path().join("true")).status().unwrap().success());
}

#[test]
fn ports_are_connected_to_and_taken_where_they_are_named() {
    if !is_offered() {
        return;
    }
    let [named, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [named, other] = [&named, &other].map(|listener| listener.local_addr().unwrap());
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (taken, stranger) = (free(), free());
    let mut policy = Policy::default();
    policy.connect(named.port()).bind(taken.port());
    confined(&policy, || {
        TcpStream::connect(named).unwrap();
        is_refused(TcpStream::connect(other));
        TcpListener::bind(taken).unwrap();
        is_refused(TcpListener::bind(stranger));
        is_refused(TcpListener::bind("127.0.0.1:0"));
    });
    TcpStream::connect(other).unwrap();
    assert_eq!(policy.ports().collect::<Vec<_>>(), [named.port()]);
}

#[test]
fn other_programs_get_no_signal_and_their_abstract_sockets_no_caller() {
    if !is_offered() {
        return;
    }
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let name = |what: &str| SocketAddr::from_abstract_name(format!("tripoint-{what}-{}", child.id())).unwrap();
    let (theirs, ours) = (name("theirs"), name("ours"));
    let _theirs = UnixListener::bind_addr(&theirs).unwrap();
    confined(&Policy::default(), || {
        is_refused(kill_process(pid, Signal::TERM).map_err(io::Error::from));
        is_refused(UnixStream::connect_addr(&theirs));
        let _ours = UnixListener::bind_addr(&ours).unwrap();
        UnixStream::connect_addr(&ours).unwrap();
    });
    UnixStream::connect_addr(&theirs).unwrap();
    assert!(child.try_wait().unwrap().is_none(), "it runs on");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_folder_that_is_to_be_written_has_to_be_there() {
    if !is_offered() {
        return;
    }
    let mut policy = Policy::default();
    policy.write("/nowhere/at/all");
    std::thread::scope(|scope| {
        let told = scope.spawn(|| {
            let error = confine(&policy).unwrap_err();
            (error.to_string(), fs::read("/etc/passwd").is_ok())
        });
        assert_eq!(told.join().unwrap(), ("open /nowhere/at/all".to_owned(), true));
    });
}

#[test]
fn what_older_kernels_do_not_hold_back_is_said() {
    let said = |abi| Confined { abi, lost: lost_without(abi) };
    assert_eq!((said(0).state(), said(3).state(), said(6).state()), ("not", "partly", "whole"));
    assert!(said(0).to_string().starts_with("not confined; not held back: files and programs, "));
    assert_eq!(said(7).to_string(), "confined by landlock 7");
    assert_eq!(
        said(4).to_string(),
        "confined by landlock 4; not held back: commands to devices, signals to other programs and their abstract sockets"
    );
    let count = [0, 1, 2, 3, 4, 5, 6].map(|abi| lost_without(abi).len());
    assert_eq!(count, [5, 4, 4, 3, 2, 1, 0]);
}

#[test]
fn a_file_that_may_be_replaced_is_read_where_it_and_what_it_links_to_lie() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["live", "archive"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("archive/chain2.pem"), "").unwrap();
    symlink("../archive/chain2.pem", at("live/chain.pem")).unwrap();
    let places = places_of(&at("live/chain.pem")).unwrap();
    assert_eq!(places, [at("live"), at("live/../archive")]);
    assert_eq!(places_of(Path::new("/chain.pem")).unwrap(), [Path::new("/chain.pem")]);
}

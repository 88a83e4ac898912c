//! How do child processes end with their parent, and how does a process learn that it shall end?

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::netns::NetNs;

/// Has the kernel end the child when the thread that starts it ends, however that comes about.
/// The child starts with no signal blocked, whatever `on_stop_signal` blocked here.
pub fn ends_with_parent(command: &mut Command) {
    // SAFETY: only system calls that are safe between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            if libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) != 0
                || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Has the kernel write no image of this process's memory when it dies, neither into a file nor to a program: tokens,
/// keys and what people typed would lie in it. Children that it starts may say otherwise of themselves. Call it after
/// the user was changed, which sets this anew.
pub fn without_core_dumps() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // The limit alone does not count where the kernel hands images to a program.
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Starts the child inside a network namespace.
pub fn in_namespace(command: &mut Command, namespace: &NetNs) -> io::Result<()> {
    let file = namespace.file().try_clone()?;
    // SAFETY: `setns` on a descriptor that the closure owns is safe between fork and exec.
    unsafe {
        command.pre_exec(move || {
            if libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    Ok(())
}

/// Gives up every right for good: this process is that user from now on, in its group and in `others` alone. Keeps
/// ending with its parent, which the change of user would undo.
pub fn become_user(uid: u32, gid: u32, others: &[u32]) -> io::Result<()> {
    // SAFETY: plain system calls; the list lives as long as the call that reads it.
    let done = unsafe {
        libc::setgroups(others.len(), others.as_ptr()) == 0
            && libc::setgid(gid) == 0
            && libc::setuid(uid) == 0
            && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks a child of ours to end (SIGTERM). One that has ended already is left alone.
pub fn terminate(child: &mut Child) {
    if let Ok(None) = child.try_wait()
        && let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// What a process has used up when it has ended, with its own waited-for children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// The most memory it ever had resident, KiB. Not less than what its parent had when it was started.
    pub peak_kib: u64,
}

/// Waits for a child and tells what it used; `child` must not be waited for otherwise.
pub fn wait_with_usage(child: &Child) -> io::Result<(ExitStatus, Usage)> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: an all-zero `rusage` is a valid value of it.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live values of this thread.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut used) } == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    let usage = Usage { cpu: time(used.ru_utime) + time(used.ru_stime), peak_kib: used.ru_maxrss.unsigned_abs() };
    Ok((ExitStatus::from_raw(status), usage))
}

/// As many signals end the process at once; a supervisor and a terminal may each send one.
const SIGNALS_MAX: u32 = 5;

/// Sets `stop` at the first SIGINT, SIGTERM or SIGHUP; the fifth ends the process at once.
/// Call it before any other thread is started: the threads inherit the blocked signals.
pub fn on_stop_signal(stop: Arc<AtomicBool>) -> io::Result<()> {
    // SAFETY: an all-zero `sigset_t` is initialised by `sigemptyset` before it is used.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::sigaddset(&raw mut set, signal);
        }
        if libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        set
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for heard in 0..SIGNALS_MAX {
            let mut signal = 0;
            // SAFETY: both pointers are to live values of this thread.
            if unsafe { libc::sigwait(&raw const set, &raw mut signal) } != 0 {
                return;
            }
            stop.store(true, Ordering::Relaxed);
            if heard == SIGNALS_MAX - 1 {
                std::process::exit(130);
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::zombie_processes, reason = "waited for by what is tested")]
    fn what_a_child_used_is_told_with_its_status() {
        let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3";
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let (status, used) = wait_with_usage(&child).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(used.cpu > Duration::ZERO && used.peak_kib > 100, "{used:?}");
    }
}

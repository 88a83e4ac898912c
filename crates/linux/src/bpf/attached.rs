//! Are the programs still attached where we attached them? Whoever is root can take out what we put in.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// `BPF_PROG_QUERY` of `linux/bpf.h`.
const PROGRAM_QUERY: libc::c_int = 16;
/// How many programs of one kind are looked at: the kernel takes no more on one cgroup (`BPF_CGROUP_MAX_PROGS`).
const PROGRAMS_MAX: usize = 64;

/// Where on a cgroup a program is attached (`enum bpf_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hook(u32);

impl Hook {
    /// The hook of the program with this name; `None` for those that are attached elsewhere, where nobody can take
    /// them out.
    pub(super) fn of(program: &str) -> Option<Self> {
        let number = match program {
            "tp_ingress" => 0,
            "tp_egress" => 1,
            "tp_connect4" => 10,
            "tp_connect6" => 11,
            "tp_sendmsg4" => 14,
            "tp_sendmsg6" => 15,
            "tp_recvmsg4" => 19,
            "tp_recvmsg6" => 20,
            "tp_release" => 34,
            _ => return None,
        };
        Some(Self(number))
    }
}

/// `union bpf_attr` for `BPF_PROG_QUERY`.
#[repr(C)]
struct Query {
    target: u32,
    hook: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    pad: u32,
}

/// Ids of the programs that are attached to this hook of the cgroup.
pub(super) fn attached(cgroup: &File, hook: Hook) -> io::Result<Vec<u32>> {
    let mut ids = [0u32; PROGRAMS_MAX];
    let target = u32::try_from(cgroup.as_fd().as_raw_fd()).map_err(io::Error::other)?;
    let mut query = Query {
        target,
        hook: hook.0,
        query_flags: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: PROGRAMS_MAX as u32,
        pad: 0,
    };
    // SAFETY: `query` is the structure that the command reads and writes, of the length given; `ids` has room for
    // `count` numbers and lives until the call returns.
    let done =
        unsafe { libc::syscall(libc::SYS_bpf, PROGRAM_QUERY, std::ptr::from_mut(&mut query), size_of::<Query>()) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let count = usize::try_from(query.count).unwrap_or(0).min(PROGRAMS_MAX);
    Ok(ids[..count].to_vec())
}

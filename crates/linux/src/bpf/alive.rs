//! Which conversations does the kernel remember as begun and not ended?

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use aya::maps::Map;
use aya::programs::{Iter, Program};

use super::Programs;
use super::kernel::{self, Kernel};

/// `BPF_LINK_CREATE`, `BPF_ITER_CREATE` and `BPF_TRACE_ITER` of `linux/bpf.h`.
const LINK_CREATE: libc::c_int = 28;
const ITER_CREATE: libc::c_int = 33;
const TRACE_ITER: u32 = 28;

/// `union bpf_attr` for `BPF_LINK_CREATE` of an iterator over one map.
#[repr(C)]
struct LinkAttributes {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    over: u64,
    over_length: u32,
    pad: u32,
}

/// `union bpf_attr` for `BPF_ITER_CREATE`.
#[repr(C)]
struct IterAttributes {
    link: u32,
    flags: u32,
}

impl Programs {
    /// How many conversations are alive now: begun, and without an end. The kernel walks the storage
    /// of every socket in every namespace, also of those that no process holds any more.
    pub fn alive(&self) -> io::Result<u64> {
        let mut file = open(&kernel::hold(&self.kernel))?;
        let mut buffer = vec![0u8; 64 << 10];
        let mut bytes = 0;
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(bytes / 8),
                read => bytes += read as u64,
            }
        }
    }
}

/// The iterator over the map of sockets; aya opens only iterators over the whole kernel.
fn open(kernel: &Kernel) -> io::Result<File> {
    let absent = || io::Error::other("not in the object");
    let Some(Program::Iter(program)) = kernel.ebpf.program("tp_alive") else { return Err(absent()) };
    let Some(Map::SkStorage(sockets)) = kernel.ebpf.map("sockets") else { return Err(absent()) };
    let program: &Iter = program;
    let number = |fd: i32| u32::try_from(fd).map_err(io::Error::other);
    let over = number(sockets.fd().as_fd().as_raw_fd())?;
    let link = LinkAttributes {
        program: number(program.fd().map_err(io::Error::other)?.as_fd().as_raw_fd())?,
        target: 0,
        attach_type: TRACE_ITER,
        flags: 0,
        over: std::ptr::from_ref(&over) as u64,
        over_length: size_of::<u32>() as u32,
        pad: 0,
    };
    let link = call(LINK_CREATE, &link)?;
    let reader = call(ITER_CREATE, &IterAttributes { link: number(link.as_raw_fd())?, flags: 0 })?;
    Ok(File::from(reader))
}

fn call<T>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: `attributes` is the structure that the command reads, of the length given; what it
    // points to lives in the caller's frame until the call returns.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

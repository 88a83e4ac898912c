//! How does SQLite come to sum its pages when it writes them, and to compare when it reads?
//!
//! A file of ours is what SQLite's default VFS opens, with a header of ours before it. Only databases are looked at;
//! every other file is the default's own.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;
use std::slice;
use std::sync::OnceLock;

use libsqlite3_sys as ffi;

use crate::sum;

/// By this name SQLite finds it.
pub const NAME: &str = "tripoint-pages";
const C_NAME: &CStr = c"tripoint-pages";

/// How a database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The part of the header that SQLite reads before it knows how long pages are.
const HEADER: usize = 100;
/// Where the header says how many bytes at the end of each page are not SQLite's.
pub const RESERVED_AT: usize = 20;
/// What it says there: room for a number and a sum.
pub const RESERVED: u8 = (sum::NUMBER + sum::BYTES) as u8;
/// Where it says how long a page is, and for 4096 bytes what.
const PAGE_SIZE_AT: usize = 16;
const PAGE_SIZE: [u8; 2] = [0x10, 0x00];
const PAGE_MIN: usize = 512;

/// Gives SQLite the VFS, once for the process.
///
/// # Errors
/// SQLite's code where it has no default VFS or does not take another one.
pub fn register() -> Result<(), i32> {
    static DONE: OnceLock<Result<(), i32>> = OnceLock::new();
    *DONE.get_or_init(|| {
        // SAFETY: with a null name it is a look at SQLite's own list; initialisation is thread-safe.
        let default = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        if default.is_null() {
            return Err(ffi::SQLITE_ERROR);
        }
        // SAFETY: a VFS that was registered is never freed.
        let base = unsafe { &*default };
        let own = ffi::sqlite3_vfs {
            szOsFile: size_of::<Paged>() as c_int + base.szOsFile,
            pNext: ptr::null_mut(),
            zName: C_NAME.as_ptr(),
            // The default's functions are given the default itself where they need it, by those below.
            pAppData: default.cast::<c_void>(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            ..*base
        };
        // SQLite's from here on: made once, and as long as the process.
        let own = Box::into_raw(Box::new(own));
        // SAFETY: nothing ever frees it.
        match unsafe { ffi::sqlite3_vfs_register(own, 0) } {
            ffi::SQLITE_OK => Ok(()),
            code => Err(code),
        }
    })
}

/// An open database: what SQLite sees, then the default's file.
#[repr(C)]
struct Paged {
    base: ffi::sqlite3_file,
    /// A page on its way out; SQLite's own is not written to.
    page: Vec<u8>,
}

/// # Safety
/// `file` is one that `open` made a `Paged` of.
unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite gave as many bytes as `szOsFile` says.
    unsafe { file.cast::<Paged>().add(1).cast() }
}

/// # Safety
/// `vfs` is ours.
unsafe fn default_of(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: `register` put it there.
    unsafe { (*vfs).pAppData.cast() }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's own, of a VFS that `register` made.
    unsafe {
        let default = default_of(vfs);
        let Some(open) = (*default).xOpen else { return ffi::SQLITE_CANTOPEN };
        if flags & ffi::SQLITE_OPEN_MAIN_DB == 0 {
            return open(default, name, file, flags, out);
        }
        (*file).pMethods = ptr::null();
        let below = inner(file);
        let code = open(default, name, below, flags, out);
        if code == ffi::SQLITE_OK {
            file.cast::<Paged>()
                .write(Paged { base: ffi::sqlite3_file { pMethods: &raw const METHODS }, page: Vec::new() });
        }
        code
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: handed on as it came.
    unsafe {
        let default = default_of(vfs);
        (*default).xDelete.map_or(ffi::SQLITE_IOERR, |delete| delete(default, name, sync))
    }
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: handed on as it came.
    unsafe {
        let default = default_of(vfs);
        (*default).xAccess.map_or(ffi::SQLITE_IOERR, |access| access(default, name, flags, out))
    }
}

unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: handed on as it came.
    unsafe {
        let default = default_of(vfs);
        (*default).xFullPathname.map_or(ffi::SQLITE_IOERR, |full| full(default, name, room, out))
    }
}

/// Calls the default's method of this name with the default's file.
macro_rules! below {
    ($file:ident, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: the file is one of ours, and the arguments are handed on as they came.
        unsafe {
            let below = inner($file);
            match (*(*below).pMethods).$method {
                Some(method) => method(below $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = below!(file, xClose);
    // SAFETY: SQLite forgets the file after this call; `open` wrote it.
    unsafe { ptr::drop_in_place(file.cast::<Paged>()) };
    code
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let code = below!(file, xRead, into, amount, at);
    let Ok(length) = usize::try_from(amount) else { return code };
    // After any other error nobody says what is in the buffer.
    if ![ffi::SQLITE_OK, ffi::SQLITE_IOERR_SHORT_READ].contains(&code) {
        return code;
    }
    // SAFETY: SQLite's buffer has `amount` bytes, which the default has filled: where the file is shorter, with zeros.
    let bytes = unsafe { slice::from_raw_parts_mut(into.cast::<u8>(), length) };
    match code {
        ffi::SQLITE_OK if is_as_written(bytes, at) => ffi::SQLITE_OK,
        ffi::SQLITE_OK => ffi::SQLITE_IOERR_DATA,
        // A database that is still empty is begun with room for numbers and sums.
        _ if at == 0 && length == HEADER && bytes.iter().all(|byte| *byte == 0) => {
            bytes[PAGE_SIZE_AT..PAGE_SIZE_AT + 2].copy_from_slice(&PAGE_SIZE);
            bytes[RESERVED_AT] = RESERVED;
            code
        }
        _ => code,
    }
}

/// Whether a header says that pages are numbered and summed, and a page is. Every database of ours is: whatever its
/// header says, no bit of it switches the comparison off.
fn is_as_written(bytes: &[u8], at: ffi::sqlite3_int64) -> bool {
    let is_ours = reserved_of(bytes, at).is_none_or(|reserved| reserved == RESERVED);
    let is_good = || number_of(bytes, at).is_some_and(|number| sum::holds_at(bytes, number));
    is_ours && (!is_page(bytes) || is_good())
}

/// What the header says of the end of each page, where it is among these bytes.
fn reserved_of(bytes: &[u8], at: ffi::sqlite3_int64) -> Option<u8> {
    (at == 0 && bytes.len() >= HEADER && bytes.starts_with(MAGIC)).then(|| bytes[RESERVED_AT])
}

/// The number of a page, from 1.
fn number_of(bytes: &[u8], at: ffi::sqlite3_int64) -> Option<u32> {
    let (at, length) = (u64::try_from(at).ok()?, bytes.len() as u64);
    if at % length != 0 {
        return None;
    }
    u32::try_from(at / length + 1).ok()
}

/// SQLite reads and writes a database page by page, but for its header.
fn is_page(bytes: &[u8]) -> bool {
    bytes.len() >= PAGE_MIN && bytes.len().is_power_of_two()
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let Ok(length) = usize::try_from(amount) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: the file is ours, and SQLite's buffer has `amount` bytes.
    let (paged, bytes) = unsafe { (&mut *file.cast::<Paged>(), slice::from_raw_parts(from.cast::<u8>(), length)) };
    if !is_page(bytes) {
        return below!(file, xWrite, from, amount, at);
    }
    let is_ours = reserved_of(bytes, at).is_none_or(|reserved| reserved == RESERVED);
    let Some(number) = number_of(bytes, at).filter(|_| is_ours) else { return ffi::SQLITE_IOERR_WRITE };
    sum::seal(&bytes[..length - usize::from(RESERVED)], number, &mut paged.page);
    let page = paged.page.as_ptr().cast::<c_void>();
    below!(file, xWrite, page, amount, at)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    below!(file, xTruncate, size)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    below!(file, xSync, flags)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut ffi::sqlite3_int64) -> c_int {
    below!(file, xFileSize, size)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    below!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    below!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    below!(file, xCheckReservedLock, out)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, what: c_int, argument: *mut c_void) -> c_int {
    below!(file, xFileControl, what, argument)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    below!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    below!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    below!(file, xShmMap, page, size, extend, out)
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    below!(file, xShmLock, offset, count, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: the file is one of ours.
    unsafe {
        let below = inner(file);
        if let Some(barrier) = (*(*below).pMethods).xShmBarrier {
            barrier(below);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    below!(file, xShmUnmap, delete)
}

/// Version 2: with shared memory for the write-ahead log, without mapped reads, which would pass the comparison by.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

#[cfg(test)]
mod tests;

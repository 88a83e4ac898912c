//! Do the pages of a database still say what was written?
//!
//! # Start here
//! `register` gives SQLite a VFS of the name `NAME`. A database that is made through it ends each page with eight bytes
//! that are computed over the rest when it is written, and compared when it is read; a page that says something else is
//! never given to SQLite, which fails with `SQLITE_IOERR_DATA`. `journal` looks at a write-ahead log that a kill left.
//!
//! # What it never knows
//! Tables, SQL, the server.
//!
//! # Why it is so
//! - The bytes and their place are those of SQLite's own checksum VFS (sqlite.org/cksumvfs.html), so that its tools read
//!   and check the same files. That one is not part of the library that Rust programs link.
//! - Pages are summed when they come into the database, by a checkpoint, not when they come into the write-ahead log:
//!   its frames have checksums of their own, over the page as SQLite gave it.

pub mod journal;
mod sum;
mod vfs;

pub use vfs::{NAME, register};

//! Do the pages of a database still say what was written?
//!
//! # Start here
//! `register` gives SQLite a VFS of the name `NAME`. A database that is made through it ends each page with the page's
//! number and eight bytes that are computed over the rest when it is written to the database, and compared when it is
//! read from there; a page that says something else, or stands in another's place, is never given to SQLite, which fails
//! with `SQLITE_IOERR_DATA`. `journal` looks at a write-ahead log that a kill left.
//!
//! # What it never knows
//! Tables, SQL, the server.
//!
//! # Why it is so
//! - The sum is that of SQLite's own checksum VFS (sqlite.org/cksumvfs.html), which is not part of the library that Rust
//!   programs link. The number is ours: a sum alone holds for a page of zeros, and for one in another's place.
//! - Pages are summed when they come into the database, by a checkpoint, not when they come into the write-ahead log:
//!   its frames have checksums of their own, over the page as SQLite gave it.
//!
//! # What it does not see
//! - A bit that turns in the log while the database is open: SQLite compares its frames' checksums when it opens the log
//!   and not again, and the next checkpoint gives what it finds there a good sum. The log is some megabytes, and young.
//! - A page that was never written over: as it was before, it has a good sum and its own number.

pub mod journal;
mod sum;
mod vfs;

pub use vfs::{NAME, RESERVED, RESERVED_AT, register};

//! What is inside a compressed file or an archive that a stranger made?
//!
//! # Start here
//! `entries` shows every file inside a source, whatever it is packed in, as a bounded reader;
//! `bounded_lines` cuts a reader into lines of bounded length.
//!
//! # What it never knows
//! What the bytes mean. Where to write them: nothing is ever written to disk.
//!
//! # Why it is so
//! A feed, an advisory archive or a jar is hostile until proven otherwise. One place counts bytes,
//! ratios and entries, so that no parser can forget to.

mod bounded;
mod codec;
mod error;
mod json;
mod limits;
mod lines;
mod members;
mod said;
mod source;
mod tarball;
mod zipped;

pub mod archive;

pub use archive::{decompress, entries, kind, read_entry};
pub use codec::{Codec, inner_name};
pub use error::UnpackError;
pub use json::{BoundedStrings, bounded_strings};
pub use limits::{Limit, Limits};
pub use lines::{LINE_MAX, LineError, Lines, bounded_lines};
pub use members::{Member, MemberKind, members};
pub use source::{Kind, Source};

//! Which of the installed software is vulnerable, and who says so?
//!
//! # Start here
//! `Database` answers `query`, `match_package` and `lookup_cve` from an image; `import` and `sync`
//! (feature `advisories`) read or fetch foreign advisories and build the image; `version::compare`
//! orders versions as each ecosystem does.
//!
//! # What it never knows
//! What is installed, what runs, which host it stands on, what time it is.
//!
//! # Why it is so
//! Parsing strangers' files and answering are far apart: an unprivileged program builds an image
//! once, the privileged agent only looks things up in it, and carries no parser.

#[cfg(feature = "advisories")]
pub mod advisory;
#[cfg(feature = "advisories")]
pub mod carry;
#[cfg(feature = "advisories")]
pub mod import;
#[cfg(feature = "advisories")]
pub mod oval;
#[cfg(feature = "advisories")]
mod severity;
#[cfg(feature = "advisories")]
mod store;
#[cfg(feature = "advisories")]
pub mod sync;
#[cfg(feature = "advisories")]
pub mod vex;

pub mod image;
pub mod matching;
pub mod query;
pub mod status;
pub mod version;

mod evaluate;
mod fix;
mod naming;
mod ratings;
mod release;
mod said;
mod subject;

pub use image::{Database, Hit, ImageBytes, ImageError, SourceInfo, image_files, open_latest, open_latest_with};
#[cfg(feature = "advisories")]
pub use import::{ImportContext, ImportError, ImportOptions, ImportReport, forget, import};
pub use matching::{match_package, statements};
pub use query::{CveAnswer, QueryAnswer, QueryError, QueryFinding, lookup_cve, query, query_purl};
pub use ratings::Ratings;
#[cfg(feature = "advisories")]
pub use severity::base_tenths;
pub use status::{Freshness, Patience, SourceState, SourceStatus};
pub use subject::{Asked, NameKind};

//! Which addresses are known bad, and who says so?
//!
//! # Start here
//! `index::Index` answers from an image; `import` and `sync` (feature `feeds`) make images from
//! feeds; `table` finds an address among the records of an image, `kernel_set` is the part that the kernel program
//! maps. `lookup` and `about` say what is known of one address, `guardlist` what must not be blocked.
//!
//! # What it never knows
//! Connections, applications, alerts. Clocks: the moment is an argument.
//!
//! # Why it is so
//! Feeds are hostile text, so everything that parses lies behind a feature that the privileged
//! agent is built without. The agent maps an immutable, checksummed image and swaps it whole.

#[cfg(feature = "feeds")]
pub mod about;
#[cfg(feature = "feeds")]
pub mod carry;
#[cfg(feature = "feeds")]
pub mod change;
#[cfg(feature = "feeds")]
pub mod choice;
#[cfg(feature = "feeds")]
pub mod delta;
#[cfg(feature = "feeds")]
pub mod descriptor;
#[cfg(feature = "feeds")]
pub mod export;
#[cfg(feature = "feeds")]
pub mod feed;
pub mod guardlist;
pub mod image;
pub mod image_delta;
pub mod images;
#[cfg(feature = "feeds")]
pub mod import;
pub mod index;
pub mod kernel_set;
#[cfg(feature = "feeds")]
pub mod load;
pub mod lookup;
pub mod networks;
#[cfg(feature = "feeds")]
pub mod online;
#[cfg(feature = "feeds")]
pub mod past;
#[cfg(feature = "feeds")]
pub mod rules;
#[cfg(feature = "feeds")]
pub mod store;
#[cfg(feature = "feeds")]
pub mod sync;
#[cfg(feature = "feeds")]
pub mod systems;
pub mod table;
#[cfg(feature = "feeds")]
pub mod taxii;
pub mod trust;

#[cfg(feature = "feeds")]
pub use descriptor::{Descriptor, DescriptorError, Origin, built_in, parse as parse_descriptors};
pub use image::{ImageBytes, ImageError};
#[cfg(feature = "feeds")]
pub use import::{Context, ImportError, ImportOptions, ImportReport, import};
pub use index::Index;
pub use kernel_set::KernelSetRef;
pub use lookup::{LookupAnswer, Verdict, lookup, lookup_with};
#[cfg(feature = "feeds")]
pub use store::{FeedState, FeedStatus, list};
#[cfg(feature = "feeds")]
pub use sync::{SyncOptions, SyncReport, SyncState, sync};
#[cfg(feature = "feeds")]
pub use tripoint_fetch::{FetchError, Fetcher, Settings as FetchSettings};

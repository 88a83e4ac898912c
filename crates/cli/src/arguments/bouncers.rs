//! What can be typed after `tripoint bouncers`?

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Bouncers {
    /// Make a key for one; it is printed once and kept nowhere
    Add {
        /// What to call it
        name: String,
    },
    /// All of them, what they did, and which networks they cannot enforce
    List,
    /// Drop one; its key opens nothing any more
    Remove {
        /// Its name
        name: String,
    },
}

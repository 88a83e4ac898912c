//! What can be typed after `tripoint config`?

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Config {
    /// Is it right? (all files, or only FILE)
    Check {
        /// Check only this file
        file: Option<PathBuf>,
    },
    /// What does a key mean, what is it now and where does that come from?
    Explain {
        /// `section.key`; nothing: all
        key: Option<String>,
    },
    /// The whole default configuration, commented
    Default,
    /// The values in force
    Show {
        /// With where each comes from
        #[arg(long)]
        origin: bool,
    },
}

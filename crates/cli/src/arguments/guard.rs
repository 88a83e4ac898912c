//! What can be typed after `tripoint intel guard`?

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Guard {
    /// Load lists: MISP's warning lists, or one address, network or name a line
    Import {
        /// The files, also compressed, or archives of many lists
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Name of the list (default: that of the file or its folder); loading it again replaces it
        #[arg(long)]
        name: Option<String>,
        /// What being on it means (default: by its name): guard, sinkhole, special, popular, suffix, rented, scanner,
        /// hosting, known or other
        #[arg(long)]
        purpose: Option<String>,
    },
    /// The lists in force, built-in ones too
    List,
    /// Take a list out
    Forget {
        /// Its name
        name: String,
    },
}

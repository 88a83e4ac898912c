//! How is a backup asked for, and by what is the server known?

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum ServerWork {
    /// Put everything the server knows aside into one file, also while it runs
    Backup {
        /// A file that does not exist yet
        file: PathBuf,
    },
    /// Bring a backup back into the data folder, where no server may run; what was there is kept beside it
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Seal every secret with a new key, where no server runs; broken off, run it again
    Reseal {
        /// The key that the service manager gives as `tripoint.key` now (32 bytes), where it does
        #[arg(long, value_name = "FILE", requires = "new_key")]
        old_key: Option<PathBuf>,
        /// The one that it will give
        #[arg(long, value_name = "FILE", requires = "old_key")]
        new_key: Option<PathBuf>,
    },
    /// The certificate that vouches for this data folder's server (PEM), for browsers and `--ca`
    Ca {
        /// Print its SHA-256 alone, as `--server https://HOST:PORT#sha256=…` takes it
        #[arg(long)]
        fingerprint: bool,
    },
}

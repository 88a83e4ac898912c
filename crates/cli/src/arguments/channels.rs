//! What can be typed after `tripoint channels`?

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Channels {
    /// All of them, what waits for each, and which are broken
    List,
    /// What goes to which of them and when, and what is promised about alerts
    Routes {
        /// Where this alert would be told if it were new now, and why; nothing is sent
        #[arg(long, value_name = "ID")]
        alert: Option<String>,
    },
    /// Send a message that says that it is a test, and say what came of it
    Test {
        /// Its name
        name: String,
    },
    /// What would be sent of an alert, without secrets
    Preview {
        /// Its name
        name: String,
        /// The alert's id
        alert: String,
    },
    /// Messages that were given up, the newest first
    Dead {
        /// Its name
        name: String,
        /// Most messages to show
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Try messages again that were given up
    Retry {
        /// Its name
        name: String,
        /// Their numbers; all, where none is given
        numbers: Vec<u64>,
    },
}

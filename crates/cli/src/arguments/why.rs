//! How is it asked why something is connected?

use clap::Args;

#[derive(Args)]
pub struct Why {
    /// Process id, alert id, or address of the peer
    #[arg(value_name = "PID|ALERT|ADDRESS")]
    pub of: String,
    /// Seconds that may be spent on each connection
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
}

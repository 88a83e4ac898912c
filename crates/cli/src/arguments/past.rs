//! What can be said to the commands that look at the connections of the last hours?

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum Connections {
    /// Who was in contact with whom, by application, peer and hour, the newest report first
    List(ConnectionsList),
}

#[derive(Args)]
pub struct ConnectionsList {
    /// Only with this peer: address, network, address:port or name
    #[arg(long)]
    pub peer: Option<String>,
    /// Only of this application: its name or key (`unit:NAME`, `container:ID`, `exe:PATH`)
    #[arg(long)]
    pub application: Option<String>,
    /// inbound or outbound
    #[arg(long)]
    pub direction: Option<String>,
    /// Only of this host
    #[arg(long)]
    pub host: Option<String>,
    /// How far back: 90s, 10m, 24h
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub since: String,
    /// Most rows; the rest is counted
    #[arg(long, default_value_t = 1_000)]
    pub limit: usize,
}

#[derive(Subcommand)]
pub enum Policy {
    /// What policy would have done in the last hours, and whom it would have cut off; nothing is done
    Simulate {
        /// Read this configuration after all others: what you think of setting
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// How far back: 90s, 10m, 24h
        #[arg(long, value_name = "SPAN", default_value = "24h")]
        since: String,
    },
}

//! What can be said to the commands that do something about a peer, an application or this host?

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args)]
pub struct Act {
    /// Address, network, address:port, name, or `*.name` for a name and all beneath it
    #[arg(required_unless_present = "from")]
    pub targets: Vec<String>,
    /// Also everybody in this file, one a line (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Only for this application: `unit:NAME`, `container:ID` or `exe:PATH`, as alerts name it
    #[arg(long, value_name = "KEY")]
    pub application: Option<String>,
    /// More than 20 targets are only previewed without it
    #[arg(long)]
    pub yes: bool,
    /// For how long: 90s, 10m, 24h, 7d (default 24h, longest 30d)
    #[arg(long = "for", value_name = "SPAN")]
    pub span: Option<String>,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// The alert that this answers
    #[arg(long)]
    pub alert: Option<String>,
    /// Block in spite of these rules of the guard (root on this host): gateway, resolver, time-server, server,
    /// admin-session, special-range, too-wide
    #[arg(long = "override", value_name = "RULE", value_delimiter = ',', requires = "confirm_within")]
    pub overrides: Vec<String>,
    /// With --override: it ends by itself unless `actions confirm` follows within this span (10s to 1h)
    #[arg(long, value_name = "SPAN", requires = "overrides")]
    pub confirm_within: Option<String>,
}

#[derive(Args)]
pub struct Alone {
    /// For how long: 90s, 10m, 24h, 7d
    #[arg(long = "for", value_name = "SPAN", default_value = "15m")]
    pub span: String,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// The alert that this answers
    #[arg(long)]
    pub alert: Option<String>,
}

impl From<Alone> for Act {
    fn from(alone: Alone) -> Self {
        Self {
            targets: vec!["host".into()],
            from: None,
            application: None,
            yes: false,
            span: Some(alone.span),
            reason: alone.reason,
            dry_run: alone.dry_run,
            alert: alone.alert,
            overrides: Vec::new(),
            confirm_within: None,
        }
    }
}

#[derive(Subcommand)]
pub enum Actions {
    /// Every block in force, and what waits for a second person
    List {
        /// Fail (exit 1) where ledger and kernel differ
        #[arg(long)]
        verify: bool,
    },
    /// Agree to what somebody else proposed; the guard is asked again and it is done
    Approve {
        /// Its id
        id: String,
    },
    /// Reject what was proposed, or take back one's own
    Reject {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a block made with --override hold until its time (root on this host)
    Confirm {
        /// Its id
        id: String,
    },
}

#[derive(Subcommand)]
pub enum Exceptions {
    /// All that are in force
    List,
    /// Add one; it must end
    Add(Box<ExceptionAdd>),
    /// Withdraw one
    Remove {
        /// Its id
        id: String,
    },
}

#[derive(Args)]
pub struct ExceptionAdd {
    /// Peer: address, network, address:port, name (with all beneath it) or AS number
    #[arg(long)]
    pub target: Option<String>,
    /// Application key, `unit:NAME`, `container:ID` or `exe:PATH`
    #[arg(long)]
    pub application: Option<String>,
    /// Only on hosts whose names fit: `web-*`
    #[arg(long, value_name = "PATTERN")]
    pub host: Option<String>,
    /// inbound or outbound
    #[arg(long)]
    pub direction: Option<String>,
    /// Rule
    #[arg(long)]
    pub rule: Option<String>,
    /// Only alerts for this indicator, as the alert names it
    #[arg(long)]
    pub indicator: Option<String>,
    /// Accept this vulnerability (may be repeated): covers what is vulnerable to nothing else
    #[arg(long, value_name = "ID")]
    pub cve: Vec<String>,
    /// For how long (default 24h, longest 30d)
    #[arg(long = "for", value_name = "SPAN")]
    pub span: Option<String>,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// Where that is written down
    #[arg(long)]
    pub ticket: Option<String>,
    /// Only say which stored alerts and which blocks in force it would cover
    #[arg(long)]
    pub dry_run: bool,
}

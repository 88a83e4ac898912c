//! What can be typed after `tripoint`?

mod accounts;
mod alerts;
mod backup;
mod bouncers;
mod channels;
mod config;
mod content;
mod evidence;
mod guard;
mod past;
mod response;
mod why;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use response::{Act, Actions, Alone, ExceptionAdd, Exceptions};

pub use accounts::{Audit, Groups, Tokens, Users, UsersChange};
pub use alerts::{Alerts, Views};
pub use backup::ServerWork;
pub use bouncers::Bouncers;
pub use channels::Channels;
pub use config::Config;
pub use content::{Bundle, Lookup, Networks, Vulns};
pub use evidence::{CompileRules, Evidence, Rules, ScanLogs};
pub use guard::Guard;
pub use past::{Connections, ConnectionsList, Policy};
pub use why::Why;

/// Catches the moment a known-bad address, a live connection and a vulnerable application meet.
#[derive(Parser)]
#[command(name = "tripoint", version, propagate_version = true, max_term_width = 100, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// May stand before or after the command.
#[derive(Args)]
pub struct Global {
    /// Folder that holds everything of this instance
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "TRIPOINT_DATA_DIR", default_value = "/var/lib/tripoint", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Print JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Server, `https://HOST:PORT`, `https://HOST:PORT#sha256=FINGERPRINT`, on this host `http://ADDRESS:PORT` or `unix:PATH`
    /// (default: the Unix socket of the data folder)
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL")]
    pub server: Option<String>,
    /// File with the token for `--server` (or TRIPOINT_TOKEN); DIR/run/token is shown to DIR's own server only
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) of who vouches for an `https://` server (default: what the system trusts, and the authority of
    /// the data folder)
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "TRIPOINT_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Read this configuration file too
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say more (twice: everything)
    #[arg(short, long, global = true, help_heading = EVERYWHERE, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only what is wrong
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run agent and server on this host
    Up(Listen),
    /// Run the agent alone
    Agent {
        /// Written once the agent senses
        #[arg(long)]
        ready_file: Option<PathBuf>,
    },
    /// Run the server alone, or put aside what it knows
    #[command(args_conflicts_with_subcommands = true)]
    Server {
        #[command(flatten)]
        listen: Listen,
        #[command(subcommand)]
        what: Option<ServerWork>,
    },
    /// Stage a real attack in network namespaces: detect, investigate, contain
    Demo {
        /// Leave everything running to explore; Ctrl-C cleans up
        #[arg(long)]
        keep: bool,
        /// With --keep: the console too, at this address
        #[arg(long, value_name = "ADDRESS:PORT", requires = "keep")]
        listen: Option<String>,
        /// Do not touch the kernel: replay the recorded story
        #[arg(long)]
        replay: bool,
    },
    /// What this host offers, what is degraded, how fresh the data is
    Doctor,
    /// What is vulnerable here
    Scan(Scan),
    /// Who is known to be bad
    #[command(subcommand, arg_required_else_help = true)]
    Intel(Intel),
    /// What is known to be vulnerable
    #[command(subcommand, arg_required_else_help = true)]
    Vulns(Vulns),
    /// What logs say of attacks
    #[command(subcommand, arg_required_else_help = true)]
    Evidence(Evidence),
    /// Why a process is connected to a peer at all: what names it, who started it, what let it in
    Why(Why),
    /// Intelligence, advisories and rules as one signed file, for hosts without a network
    #[command(subcommand, arg_required_else_help = true)]
    Bundle(Bundle),
    /// What has to be looked at
    #[command(subcommand, arg_required_else_help = true)]
    Alerts(Alerts),
    /// Searches that are kept
    #[command(subcommand, arg_required_else_help = true)]
    Views(Views),
    /// The queue and the connections of this hour in a terminal, as they change
    Top {
        /// Only what this takes (docs/reference/filter.md); default: what is not resolved
        #[arg(long)]
        filter: Option<String>,
    },
    /// Look into an alert now: who is it, is the application vulnerable, what do its logs say
    Investigate {
        /// The alert's id
        id: String,
    },
    /// Refuse an address, network or address:port until it expires
    Block(Act),
    /// Lift a block
    Unblock(Act),
    /// Never block this until it expires, and lift what blocks it now
    Allow(Act),
    /// End open connections now (and block the peer for ten minutes)
    Disconnect(Act),
    /// Halt every process of an application (`unit:NAME`, `container:ID`, `exe:PATH`) until it expires
    Freeze(Act),
    /// Let a halted application go on
    Thaw(Act),
    /// Cut this host off from everybody but the server, resolvers, gateways and whoever is logged in (default 15m)
    Isolate(Alone),
    /// End the isolation of this host
    Rejoin(Alone),
    /// What is in force, by the ledger and by the kernel
    #[command(subcommand, arg_required_else_help = true)]
    Actions(Actions),
    /// Lift every block
    ReleaseAll,
    /// Who was in contact with whom in the last hours
    #[command(subcommand, arg_required_else_help = true)]
    Connections(Connections),
    /// What is done unasked
    #[command(subcommand, arg_required_else_help = true)]
    Policy(Policy),
    /// What is not to be alerted on or blocked
    #[command(subcommand, arg_required_else_help = true)]
    Exceptions(Exceptions),
    /// Programs that enforce our blocks elsewhere: CrowdSec's bouncers, firewalls that read a list
    #[command(subcommand, arg_required_else_help = true)]
    Bouncers(Bouncers),
    /// Over which channels people are told: Slack, mail, PagerDuty, webhooks …
    #[command(subcommand, arg_required_else_help = true)]
    Channels(Channels),
    /// Who may sign in
    #[command(subcommand, arg_required_else_help = true)]
    Users(Users),
    /// Which programs may ask
    #[command(subcommand, arg_required_else_help = true)]
    Tokens(Tokens),
    /// What was done, by whom
    #[command(subcommand, arg_required_else_help = true)]
    Audit(Audit),
    /// What is configured
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    #[command(hide = true)]
    DemoApp(crate::demo::app::Options),
}

#[derive(Args, Clone)]
pub struct Listen {
    /// TCP address besides the Unix socket; `none` for none
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Written once everything is ready
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// Give up root for this user once the configuration is read
    #[arg(long, value_name = "UID:GID", hide = true)]
    pub user: Option<String>,
}

#[derive(Args)]
pub struct Scan {
    /// Root filesystem to look at
    #[arg(long, default_value = "/")]
    pub root: PathBuf,
    /// Bill of materials to look at instead (CycloneDX or SPDX)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root", "in_use"])]
    pub sbom: Option<PathBuf>,
    /// Container image to look at instead (Docker archive, or OCI layout as archive or folder)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root", "sbom", "in_use"])]
    pub image: Option<PathBuf>,
    /// What others say of the findings (OpenVEX, CycloneDX or CSAF; several)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub vex: Vec<PathBuf>,
    /// Only what processes run now (this host)
    #[arg(long)]
    pub in_use: bool,
    /// Form of the report: table, json, ndjson, csv, sarif, cyclonedx, spdx, openvex or csaf
    #[arg(long)]
    pub format: Option<String>,
    /// Write the report to this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only findings that an update ends
    #[arg(long)]
    pub only_fixed: bool,
    /// Exit 2 when a finding is at least this severe
    #[arg(long, value_enum)]
    pub fail_on: Option<FailOn>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum FailOn {
    Any,
    Medium,
    High,
    Critical,
    /// Listed as exploited in the wild
    Exploited,
}

#[derive(Subcommand)]
pub enum Intel {
    /// Load a file
    Import {
        /// The file, also compressed
        file: PathBuf,
        /// Name of the feed; loading it again replaces it
        #[arg(long)]
        name: String,
        /// Format (default: found by the content)
        #[arg(long)]
        format: Option<String>,
        /// Category of entries that state none
        #[arg(long)]
        category: Option<String>,
        /// Direction of entries that state none: in, out or both
        #[arg(long)]
        direction: Option<String>,
        /// Confidence of entries that state none, 0 to 100
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
        confidence: Option<u8>,
        /// Any refusal refuses the whole file
        #[arg(long)]
        strict: bool,
    },
    /// Fetch the configured feeds (DIR/feeds.toml or /etc/tripoint/feeds.toml; else the built-in set)
    Sync {
        /// Only these feeds
        feeds: Vec<String>,
        /// Also feeds that are not due
        #[arg(long)]
        force: bool,
        /// Let held copies take force
        #[arg(long)]
        accept: bool,
    },
    /// The feeds and how they are
    List,
    /// Which public feeds there are, and which of them are fetched
    Feeds,
    /// Fetch these built-in feeds from now on
    Enable {
        /// Names that `intel feeds` shows
        #[arg(required = true)]
        feeds: Vec<String>,
        /// File that holds the key, where the publisher wants one
        #[arg(long)]
        key_file: Option<PathBuf>,
    },
    /// Fetch these built-in feeds no longer; the copy in force stays
    Disable {
        /// Names that `intel feeds` shows
        #[arg(required = true)]
        feeds: Vec<String>,
    },
    /// What is bad now, for other programs: csv, edl, haproxy, iptables, ip6tables, ipset, mikrotik, misp, nftables,
    /// nginx, pf, rpz, stix, suricata, txt or zeek
    Export {
        /// For which program
        format: String,
        /// At least so sure, 0 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
        min_confidence: u8,
        /// Only what is bad in this direction: in or out
        #[arg(long)]
        direction: Option<String>,
        /// Only of this category
        #[arg(long)]
        category: Option<String>,
        /// Write to this file
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Lists of shared infrastructure that is never blocked automatically
    #[command(subcommand, arg_required_else_help = true)]
    Guard(Guard),
    /// What is said about addresses, now and before
    Lookup(Lookup),
    /// Whose network an address is in, from tables that you bring
    #[command(subcommand, arg_required_else_help = true)]
    Networks(Networks),
}

/// Apart from a command's own, which are what one looks for.
const EVERYWHERE: &str = "Options of every command";

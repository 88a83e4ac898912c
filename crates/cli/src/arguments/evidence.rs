//! How are logs asked for attacks on the command line?

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum Evidence {
    /// Which attacks do these logs show?
    Scan(ScanLogs),
    /// What attacks look like
    #[command(subcommand, arg_required_else_help = true)]
    Rules(Rules),
}

#[derive(Args)]
pub struct ScanLogs {
    /// Logs, plain or compressed; `-` for standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Format of the lines; `auto` finds it, `log_format:…` and `grok:…` make one of a pattern (`@FILE`: in a file)
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// Year of time stamps that have none (default: the latest that does not lie ahead)
    #[arg(long)]
    pub year: Option<i16>,
    /// Zone of time stamps that have none: `Europe/Berlin`, `+02:00`, `UTC`
    #[arg(long, default_value = "UTC")]
    pub tz: String,
    /// Peers whose `X-Forwarded-For` and the like are believed (addresses, networks; several)
    #[arg(long, value_name = "NETWORK")]
    pub proxy: Vec<String>,
    /// More rules, Tripoint's (.toml) and Sigma's (.yml): folder, file or rule image
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
}

#[derive(Args)]
pub struct RuleFiles {
    /// Folder or file of rules, Tripoint's (.toml) and Sigma's (.yml) (none: those that come with Tripoint)
    pub path: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Rules {
    /// Every rule, with its technique and CVEs (`--json`: an object a line)
    List(RuleFiles),
    /// Do rules find the attacks of their examples and leave the innocents alone?
    Test(RuleFiles),
    /// What is wrong with files of rules?
    Check(RuleFiles),
    /// Makes a rule image of them, which agents read (`evidence.rules`)
    Compile(CompileRules),
}

#[derive(Args)]
pub struct CompileRules {
    /// Folder or file of rules, Tripoint's (.toml) and Sigma's (.yml)
    pub path: PathBuf,
    /// The image; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Give up root for this user once the files are read
    #[arg(long, value_name = "UID:GID", hide = true)]
    pub user: Option<String>,
}

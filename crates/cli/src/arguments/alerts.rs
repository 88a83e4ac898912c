//! What can be typed after `tripoint alerts` and `views`?

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum Alerts {
    /// The queue, worst first
    List {
        /// Only what this takes, such as `severity>=high host:web-* not kev:no` (docs/reference/filter.md)
        #[arg(long, conflicts_with_all = ["status", "rule", "all", "suppressed"])]
        filter: Option<String>,
        /// As this kept search takes and orders them (`tripoint views list`)
        #[arg(long, value_name = "NAME", conflicts_with_all = ["filter", "status", "rule", "all", "suppressed"])]
        view: Option<String>,
        /// What comes first: -score, score, -last_seen, last_seen, -first_seen, first_seen, -changed or due
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, conflicts_with_all = ["rule", "all", "suppressed"])]
        sort: Option<String>,
        /// open, investigating, contained or resolved
        #[arg(long)]
        status: Option<String>,
        /// Only this rule
        #[arg(long)]
        rule: Option<String>,
        /// Also what an exception suppresses
        #[arg(long)]
        all: bool,
        /// Only what an exception suppresses
        #[arg(long, conflicts_with = "all")]
        suppressed: bool,
    },
    /// One alert, whole
    Show {
        /// Its id
        id: String,
    },
    /// What can be done beside blocking, as commands to copy
    Advise {
        /// Its id
        id: String,
        /// package, systemd, egress, listener, nft, suricata or zeek
        #[arg(long)]
        kind: Option<String>,
    },
    /// Alerts as they happen
    Watch,
    /// Close them
    Resolve {
        #[command(flatten)]
        which: Which,
        /// true-positive-remediated, false-positive, expected, testing, not-enough-information or other
        #[arg(long = "as", value_name = "RESOLUTION")]
        resolution: String,
        /// Why
        #[arg(long)]
        comment: Option<String>,
    },
    /// Open them again
    Reopen {
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long)]
        comment: Option<String>,
    },
    /// Say something about one; `-` for each id on standard input
    Comment {
        /// Its id
        id: String,
        /// What
        text: String,
    },
    /// Give one to somebody; `-` for each id on standard input
    Assign {
        /// Its id
        id: String,
        /// To whom; nobody when missing
        to: Option<String>,
    },
    /// Say how they stand; what is closed is open again by that, and nobody is told
    Status {
        #[command(flatten)]
        which: Which,
        /// open, investigating or contained
        #[arg(long = "as", value_name = "STATUS")]
        status: String,
    },
    /// Say how bad they are, or leave that to the sum again
    Severity {
        #[command(flatten)]
        which: Which,
        /// informational, low, medium, high or critical
        #[arg(long = "as", value_name = "LEVEL", required_unless_present = "sum", requires = "reason")]
        level: Option<String>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Take an earlier word back
        #[arg(long, conflicts_with = "level")]
        sum: bool,
    },
    /// Add a tag, or change its value
    Tag {
        #[command(flatten)]
        which: Which,
        /// The tag
        #[arg(long = "as", value_name = "NAME[=VALUE]")]
        tag: String,
    },
    /// Take a tag away
    Untag {
        #[command(flatten)]
        which: Which,
        /// Its name
        #[arg(long)]
        name: String,
    },
    /// Refer to something that lies elsewhere, such as a ticket
    Attach {
        #[command(flatten)]
        which: Which,
        /// What it is
        #[arg(long)]
        name: String,
        /// Where it lies: http or https
        #[arg(long)]
        url: String,
        /// SHA-256 of it, hex
        #[arg(long, value_name = "HASH")]
        sha256: Option<String>,
    },
    /// Take a reference away
    Detach {
        #[command(flatten)]
        which: Which,
        /// Where it lies
        #[arg(long)]
        url: String,
    },
    /// Make them parts of another alert
    Merge {
        #[command(flatten)]
        which: Which,
        /// Of which
        #[arg(long, value_name = "ID")]
        into: String,
    },
    /// Make them alerts of their own again
    Split {
        #[command(flatten)]
        which: Which,
    },
}

/// One alert or many.
#[derive(Args)]
pub struct Which {
    /// Their ids; `-` for those on standard input, one a line
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
}

#[derive(Subcommand)]
pub enum Views {
    /// Your own, then those that others share
    List,
    /// Keep a search, or change one of yours
    Keep {
        /// What it is called
        name: String,
        /// What it takes (docs/reference/filter.md)
        #[arg(long, default_value = "")]
        filter: String,
        /// What comes first: -score, score, -last_seen, last_seen, -first_seen, first_seen, -changed or due
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, default_value = "-score")]
        sort: String,
        /// Let others see it too
        #[arg(long)]
        shared: bool,
    },
    /// Drop one of yours
    Drop {
        /// Its name
        name: String,
    },
}

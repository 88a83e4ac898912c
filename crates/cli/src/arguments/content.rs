//! What can be typed after `vulns`, `bundle`, `intel lookup` and `intel networks`?

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum Vulns {
    /// Load advisories, exploited lists or probabilities
    Import {
        /// Files, also zip and tar.gz
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Format (default: found by the content)
        #[arg(long)]
        format: Option<String>,
        /// Name of the source; loading it again replaces it
        #[arg(long)]
        source: Option<String>,
    },
    /// Fetch what this host needs (DIR/advisories.toml or /etc/tripoint/advisories.toml change it)
    Sync {
        /// Instead these: names, `NAME:RELEASE`, or URLs of advisories
        #[arg(value_name = "SOURCE")]
        sources: Vec<String>,
        /// Also sources that are not due
        #[arg(long)]
        force: bool,
        /// Let held copies take force
        #[arg(long)]
        accept: bool,
        /// URLs may be plain http, which anybody on the way can change
        #[arg(long)]
        unencrypted: bool,
    },
    /// The sources that are known, and which of them this host fetches
    Sources,
    /// The sources in force: how old, how many records, what is wrong (exit 3 when something is)
    Status,
    /// Take a source out of force
    Forget {
        /// Its name, as `vulns status` shows it
        source: String,
    },
    /// What is known of a CVE
    Lookup {
        /// `CVE-…`
        cve: String,
    },
    /// What hits this version
    Query {
        /// OSV ecosystem, with or without release (`Debian:12`)
        ecosystem: Option<String>,
        /// Name as the advisory spells it
        name: Option<String>,
        /// Version
        // Not `version`: that is the flag's own name.
        #[arg(id = "package_version", value_name = "VERSION")]
        version: Option<String>,
        /// Read JSON lines {ecosystem,name,version} or {purl}
        #[arg(long)]
        stdin: bool,
    },
    /// Which definitions of an OVAL file are true here (rpm packages)
    Evaluate {
        /// The file, also compressed
        file: PathBuf,
        /// Root filesystem to ask
        #[arg(long, default_value = "/")]
        root: PathBuf,
        /// Also definitions for another distribution or release
        #[arg(long)]
        force: bool,
    },
    /// Compare two versions
    Compare {
        /// SCHEME A B; with --stdin: SCHEME or nothing
        words: Vec<String>,
        /// Read `A⇥B` or `SCHEME⇥A⇥B` lines
        #[arg(long)]
        stdin: bool,
    },
    /// Is the version in the range?
    Satisfies {
        /// SCHEME VERSION RANGE
        words: Vec<String>,
        /// Read `SCHEME⇥VERSION⇥RANGE` lines
        #[arg(long)]
        stdin: bool,
    },
}

#[derive(Subcommand)]
pub enum Bundle {
    /// Write what this host knows
    Export {
        /// The file to write
        file: PathBuf,
        /// Secret key (default: DIR/bundle/bundle.key)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// How long it may be imported, in days
        #[arg(long, value_name = "DAYS", default_value = "30d")]
        good_for: String,
    },
    /// Verify a file and put all of it into force
    Import {
        /// The file
        file: PathBuf,
        /// Trusted public key, besides those of bundle.keys
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// Also when a newer one of its key was imported
        #[arg(long)]
        allow_older: bool,
        /// Also when it has expired
        #[arg(long)]
        allow_expired: bool,
        /// Leave rules and descriptors as they are
        #[arg(long)]
        without_rules: bool,
    },
    /// Verify a file and list what is in it
    Show {
        /// The file
        file: PathBuf,
        /// Trusted public key, besides those of bundle.keys
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
    },
    /// Make a pair of keys, FILE and FILE with the ending .pub
    Keygen {
        /// The secret one (default: DIR/bundle/bundle.key)
        file: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct Lookup {
    /// Addresses, address:port or names
    pub addresses: Vec<String>,
    /// Read one address a line: what is said now, a line each
    #[arg(long)]
    pub stdin: bool,
    /// As of this moment (RFC 3339)
    #[arg(long)]
    pub at: Option<String>,
    /// Also ask services on the internet, which then know the address: abuseipdb, greynoise, otx, virustotal, internetdb
    /// (none named: all that have a key, and internetdb)
    #[arg(long, value_name = "SERVICE", num_args = 0.., value_delimiter = ',', conflicts_with = "stdin")]
    pub online: Option<Vec<String>>,
    /// Agree that they are asked
    #[arg(long, requires = "online")]
    pub yes: bool,
}

#[derive(Subcommand)]
pub enum Networks {
    /// Load tables of owners or countries: CSV, TSV or MMDB, also compressed
    Import {
        /// The files; those of one kind together replace the table of that kind
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// The tables and how old they are
    List,
}

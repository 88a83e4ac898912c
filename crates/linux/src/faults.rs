//! What shall this kernel seem to lack, so that a test can see what is done without it?
//!
//! Only with the feature `faults`, which nothing but tests asks for: without it neither the variable nor the question
//! is in the program. Each lack answers as a kernel without it does.

use std::io;

/// Something that a kernel may have been built without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// `CONFIG_INET_DIAG_DESTROY`: no socket can be ended from outside.
    SockDestroy,
    /// `CONFIG_NF_TABLES`, for questions: nfnetlink knows no such subsystem.
    NftablesAsked,
    /// The same for transactions, which are answered otherwise.
    NftablesChanged,
    /// The flags owner and persist of a table of nftables (Linux 6.9).
    TableOwner,
    /// Kernel programs.
    Programs,
    /// The cgroup v2 hierarchy.
    Cgroup2,
    /// `CONFIG_SECURITY_LANDLOCK`.
    Landlock,
}

impl Lack {
    /// What the kernel says then.
    pub fn errno(self) -> i32 {
        match self {
            Self::SockDestroy | Self::NftablesChanged | Self::TableOwner | Self::Landlock => libc::EOPNOTSUPP,
            Self::NftablesAsked => libc::EINVAL,
            Self::Programs => libc::EPERM,
            Self::Cgroup2 => libc::ENODEV,
        }
    }

    /// Its name in the variable.
    #[cfg(feature = "faults")]
    fn name(self) -> &'static str {
        match self {
            Self::SockDestroy => "sock_destroy",
            Self::NftablesAsked | Self::NftablesChanged => "nftables",
            Self::TableOwner => "table_owner",
            Self::Programs => "programs",
            Self::Cgroup2 => "cgroup2",
            Self::Landlock => "landlock",
        }
    }
}

/// Names of lacks with spaces between, for a process that a test starts.
#[cfg(feature = "faults")]
pub const VARIABLE: &str = "TRIPOINT_TEST_KERNEL_LACKS";

/// The kernel's refusal, if it shall seem to lack this.
#[cfg(feature = "faults")]
pub(crate) fn refuse(lack: Lack) -> io::Result<()> {
    static LACKS: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let lacks = LACKS.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default());
    let is_lacking = lacks.split_whitespace().any(|name| name == lack.name());
    if is_lacking { Err(io::Error::from_raw_os_error(lack.errno())) } else { Ok(()) }
}

/// Nothing is ever refused here.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn refuse(_: Lack) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Fails when a program that people run could be told to do without something.
    #[test]
    fn only_tests_ask_for_the_feature() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut asked = 0;
        for entry in std::fs::read_dir(crates).unwrap().flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else { continue };
            let mut section = "";
            for line in text.lines() {
                section = if line.starts_with('[') { line } else { section };
                let names = line.contains("\"faults\"");
                assert!(!names || section == "[dev-dependencies]", "{}: {section}: {line}", entry.path().display());
                assert!(!line.starts_with("default") || !line.contains("faults"), "{}", entry.path().display());
                asked += usize::from(names);
            }
        }
        assert!(asked > 0, "nothing asks for it any more");
    }
}

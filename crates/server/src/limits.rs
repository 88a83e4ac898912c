//! How much may be asked of the server?

/// Bounds that an administrator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most TCP connections open at once.
    pub open_max: usize,
    /// Most of them from one address (IPv6: from one /64).
    pub open_per_source: usize,
    /// Most requests a minute over TCP of one caller who is known; 0: without bound.
    pub requests_per_minute: u32,
    /// Most requests a minute of one address (IPv6: one /64) that open nothing; 0: without bound.
    pub strangers_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open_max: 1024, open_per_source: 256, requests_per_minute: 12_000, strangers_per_minute: 600 }
    }
}

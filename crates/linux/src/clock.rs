//! What time is it for the kernel, and which wall-clock moment was that?

use std::time::SystemTime;

use rustix::time::{ClockId, clock_gettime};
use tripoint_model::Timestamp;

/// Nanoseconds of the boot clock (counts while suspended), as `bpf_ktime_get_boot_ns`.
pub fn boot_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Turns boot-clock moments into wall-clock ones. The offset is taken once and renewed by
/// `refresh`, so that records of one batch agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct BootClock {
    offset_us: i64,
}

impl BootClock {
    /// Reads both clocks.
    pub fn new() -> Self {
        let wall = Timestamp::from_system(SystemTime::now()).0;
        Self { offset_us: wall - i64::try_from(boot_ns() / 1000).unwrap_or(0) }
    }

    /// Reads both clocks again; a small difference is reading noise and changes nothing.
    pub fn refresh(&mut self) {
        let fresh = Self::new();
        if (fresh.offset_us - self.offset_us).abs() > 10_000 {
            *self = fresh;
        }
    }

    /// The wall-clock moment of a boot-clock one.
    pub fn wall(&self, boot_ns: u64) -> Timestamp {
        Timestamp(self.offset_us + i64::try_from(boot_ns / 1000).unwrap_or(i64::MAX / 2))
    }

    /// The boot-clock moment of a wall-clock one; 0 when it was before boot.
    pub fn boot(&self, wall: Timestamp) -> u64 {
        u64::try_from(wall.0 - self.offset_us).unwrap_or(0).saturating_mul(1000)
    }
}

impl Default for BootClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let clock = BootClock::new();
        let now = boot_ns() / 1000 * 1000;
        assert_eq!(clock.boot(clock.wall(now)), now);
    }
}

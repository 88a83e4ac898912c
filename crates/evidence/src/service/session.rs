//! Of whom does sshd speak in a line that names nobody? Of whom the same process named before.
//!
//! A process of sshd serves one client. Why it ended the connection it says without naming the client again. Lines that
//! are read against their order (journals) find nothing that was said before.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::Timestamp;

use super::sshd::bare;
use crate::entry::{Entry, LogIn, Outcome, Said};

/// The clients of processes, at most `KNOWN_MAX`; those named first go first.
#[derive(Default)]
pub(crate) struct Sessions {
    known: HashMap<u32, (IpAddr, Option<Timestamp>)>,
    order: VecDeque<u32>,
}

const KNOWN_MAX: usize = 4096;
/// Whoever has not logged in by then was disconnected; later the number may be another process's.
const WITHIN: Duration = Duration::from_secs(600);

impl Sessions {
    /// Takes whom an entry names, or gives it the one that was named before.
    pub(crate) fn join<'l>(&mut self, entry: &mut Entry<'l>, text: &'l str) {
        if matches!(entry.said, Said::Request(_)) {
            return;
        }
        let Some((pid, message)) = process(text) else { return };
        if let Some(remote) = entry.remote {
            return self.name(pid, remote, entry.time);
        }
        let message = bare(message);
        let Some((start, outcome)) = ENDS.iter().find(|(start, _)| message.starts_with(start)) else { return };
        let Some((remote, at)) = self.known.get(&pid) else { return };
        let apart = at.zip(entry.time).map(|(at, time)| at.0.abs_diff(time.0));
        if apart.is_some_and(|apart| u128::from(apart) > WITHIN.as_micros()) {
            return;
        }
        entry.remote = Some(*remote);
        let user = message[start.len()..].strip_prefix(" for ").unwrap_or_default();
        let user = user.strip_suffix(" [preauth]").unwrap_or(user);
        entry.said = Said::LogIn(LogIn { service: "sshd", user: user.into(), outcome: *outcome });
    }

    fn name(&mut self, pid: u32, remote: IpAddr, at: Option<Timestamp>) {
        if self.known.insert(pid, (remote, at)).is_some() {
            return;
        }
        self.order.push_back(pid);
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Why sshd ends a connection, without a name: how the message begins, and what it means.
const ENDS: &[(&str, Outcome)] = &[
    ("Disconnecting: Too many authentication failures", Outcome::Failed),
    ("Unable to negotiate a key exchange method", Outcome::Refused),
    ("no matching ", Outcome::Refused),
    ("Read from socket failed: Connection reset by peer [preauth]", Outcome::Refused),
];

/// The process and the message of a line of sshd's: `… sshd-session[4711]: message`.
fn process(text: &str) -> Option<(u32, &str)> {
    let head = tripoint_model::text::truncate(text, HEAD_BYTES_MAX).0;
    let at = head.find("sshd")?;
    let rest = &text[at + "sshd".len()..];
    let rest = ["-session", "-auth"].iter().find_map(|part| rest.strip_prefix(part)).unwrap_or(rest);
    let (pid, message) = rest.strip_prefix('[')?.split_once("]: ")?;
    Some((pid.parse().ok()?, message))
}

/// Behind time, host and priority the program stands.
const HEAD_BYTES_MAX: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::pack;
    use crate::scan::{Options, scan};
    use crate::stamp::Clock;

    fn told(lines: &[&str]) -> Vec<(u64, Option<IpAddr>)> {
        let clock = Clock::at("2026-11-01T00:00:00Z".parse().unwrap());
        let options = Options { format: None, clock, pack: pack(), is_proxy: &|_| false };
        let mut found = Vec::new();
        let text = lines.join("\n");
        scan(text.as_bytes(), "a", &options, &mut |hit| found.push((hit.line, hit.remote))).unwrap();
        found
    }

    #[test]
    fn whom_a_process_named_it_means_and_nobody_else() {
        let line = |time: &str, pid: u32, message: &str| format!("Oct 31 {time} h sshd[{pid}]: {message}");
        let from = "Connection from 203.0.113.9 port 39678 on 192.0.2.8 port 22";
        let ended = "Disconnecting: Too many authentication failures for root [preauth]";
        let lines = [
            line("10:00:00", 7, from),
            line("10:00:01", 8, ended),
            line("10:00:02", 7, ended),
            line("10:00:03", 7, "fatal: Unable to negotiate a key exchange method [preauth]"),
            line("10:00:04", 7, "fatal: out of memory"),
            line("11:00:00", 7, ended),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let peer = "203.0.113.9".parse().ok();
        assert_eq!(told(&lines), [(3, peer), (4, peer)]);
    }

    #[test]
    fn memory_is_bounded_and_a_name_forges_no_process() {
        let mut sessions = Sessions::default();
        for pid in 0..3 * KNOWN_MAX as u32 {
            sessions.name(pid, "203.0.113.9".parse().unwrap(), None);
            sessions.name(pid, "203.0.113.10".parse().unwrap(), None);
        }
        assert_eq!((sessions.known.len(), sessions.order.len()), (KNOWN_MAX, KNOWN_MAX));
        assert_eq!(
            process("h sshd[7]: Invalid user sshd[8]: x from 203.0.113.9"),
            Some((7, "Invalid user sshd[8]: x from 203.0.113.9"))
        );
        assert_eq!((process("sshd[x]: a"), process("sshd: a"), process("")), (None, None, None));
    }
}

//! What do the messages of each service mean?
//!
//! A service whose messages need reading with care is a file and a line in `SERVICES`; one whose messages a pattern
//! describes is a row of `row`, one that writes named values a row of `event`. Messages that mean something, and others
//! that are like them and do not, lie in `fixtures/service/`.

pub(crate) mod event;
mod pam;
pub mod row;
pub(crate) mod session;
mod sshd;

use std::net::IpAddr;

use tripoint_model::Timestamp;

use crate::entry::{Entry, LogIn, Outcome, Said};
use crate::log::peer_in;

/// Every service.
pub const SERVICES: &[&dyn Service] = &[&sshd::Sshd, &pam::Pam];

/// A program whose messages are understood.
pub trait Service: Sync {
    /// The name in reports and of its fixture folder.
    fn name(&self) -> &'static str;
    /// The names under which it writes to the system's log; a trailing `*` takes any ending.
    fn programs(&self) -> &'static [&'static str];
    /// What a message says, where it says something of a peer.
    fn read<'l>(&self, message: &'l str) -> Option<Told<'l>>;
}

/// What a message says of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'l> {
    /// The peer.
    pub remote: Option<IpAddr>,
    /// What it did.
    pub said: Said<'l>,
}

impl<'l> Told<'l> {
    /// A try to log in.
    pub fn log_in(service: &'static str, remote: Option<IpAddr>, user: &'l str, outcome: Outcome) -> Self {
        Self { remote, said: Said::LogIn(LogIn { service, user: user.into(), outcome }) }
    }
}

/// An entry of `program`: by its service, else by the first row that fits, else as text that may name a peer.
pub(crate) fn entry<'l>(time: Option<Timestamp>, program: &str, message: &'l str) -> Entry<'l> {
    // A program that tells of log-ins itself tells each of them: what PAM says of the same would count it twice.
    let own = knows(program);
    let asked = SERVICES.iter().filter(|service| service.programs().iter().any(|name| is_program(program, name)));
    let told = asked.filter(|service| !own || service.programs() != ["*"] || !message.starts_with("pam_"));
    match told.filter_map(|service| service.read(message)).next().or_else(|| row::read(message)) {
        Some(Told { remote, said }) => Entry::new(time, remote, said),
        None => Entry::new(time, peer_in(message), Said::Text(message.into())),
    }
}

/// Whether a service of its own reads what the program writes.
pub(crate) fn knows(program: &str) -> bool {
    SERVICES.iter().flat_map(|service| service.programs()).any(|name| *name != "*" && is_program(program, name))
}

fn is_program(program: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => program.starts_with(start),
        None => program == pattern,
    }
}

/// The text between two others.
pub(crate) fn between<'l>(text: &'l str, from: &str, to: &str) -> Option<&'l str> {
    let rest = text.split_once(from)?.1;
    Some(rest.split_once(to)?.0)
}

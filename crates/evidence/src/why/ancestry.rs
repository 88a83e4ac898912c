//! Who started the process, and what is each of them?

use std::collections::BTreeSet;
use std::path::Path;

use tripoint_model::process::Ancestor;
use tripoint_model::text::truncate;
use tripoint_model::why::Starter;

use super::role::{Role, role_of};
use super::terms::Terms;
use super::{Question, Subject, redact};

/// The process and its ancestors with their roles.
pub(super) fn starters(question: &Question<'_>, subject: &Subject, terms: &Terms) -> Vec<Starter> {
    let process = question.process;
    let own = Ancestor {
        pid: process.key.pid,
        start_ns: process.key.start_ns,
        exe: process.exe.clone(),
        argv: process.argv.clone(),
    };
    let all = std::iter::once(&own).chain(&process.ancestry).take(ANCESTORS_MAX);
    // Numbers of processes that ended may be others' by now.
    let listens = |one: &Ancestor| subject.is_alive && listens(one);
    let starter = |(at, one): (usize, &Ancestor)| {
        let role = role_of(&one.exe, &one.argv).or_else(|| listens(one).then_some(Role::Server));
        // A language's runtime that waits for others is the server that it runs.
        let is_runtime = role == Some(Role::Interpreter);
        let role = if is_runtime && at > 0 && listens(one) { Some(Role::Server) } else { role };
        let whole = one.argv.join(" ");
        let whole = truncate(&whole, redact::LINE_BYTES_MAX).0;
        let command = redact::text(whole, &|line| terms.plain(line)).replace('\n', " ");
        let command = truncate(&command, COMMAND_BYTES_MAX).0.to_owned();
        Starter { pid: one.pid, exe: one.exe.clone(), command, role: role.map(|role| role.as_str().to_owned()) }
    };
    all.enumerate().map(starter).collect()
}

const ANCESTORS_MAX: usize = 32;
const COMMAND_BYTES_MAX: usize = 240;

/// Whether a process waits for connections over the network: one of its descriptors is a listening socket.
fn listens(one: &Ancestor) -> bool {
    let proc = format!("/proc/{}", one.pid);
    let mut waiting = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("{proc}/net/{table}")).unwrap_or_default();
        // State `0A` waits; field 9 is the inode [proc_pid_net(5)].
        let inodes = text.lines().skip(1).filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            (fields.get(3) == Some(&"0A")).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        });
        waiting.extend(inodes);
    }
    if waiting.is_empty() {
        return false;
    }
    let Ok(entries) = std::fs::read_dir(Path::new(&proc).join("fd")) else { return false };
    let links = entries.flatten().take(DESCRIPTORS_MAX).filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.into_iter().any(|link| {
        let inode = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'));
        inode.is_some_and(|inode| waiting.contains(inode))
    })
}

const DESCRIPTORS_MAX: usize = 4096;

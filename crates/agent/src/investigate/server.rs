//! Whose logs tell of a connection: those of the process, or of the server that it was begun below?

use std::sync::Arc;

use tripoint_evidence::locate::{Located, Subject, locate};
use tripoint_evidence::why::{Role, role_of};
use tripoint_model::{Direction, Process};
use tripoint_sensor::procfs;

/// Ancestors that are asked for logs.
const ANCESTORS_MAX: usize = 6;

/// The process whose logs are to be read, and the logs. Of what a server began it is the server: a shell below it may
/// hold its log open too. Where nobody has logs it is the process itself.
pub fn of(process: &Arc<Process>, direction: Option<Direction>) -> (Arc<Process>, Located) {
    let mut best = (Arc::clone(process), locate(&subject(process)));
    if direction != Some(Direction::Outbound) {
        return best;
    }
    for (depth, ancestor) in process.ancestry.iter().take(ANCESTORS_MAX).enumerate() {
        let key = ancestor.key();
        let living = key.and_then(|key| procfs::read(key.pid, Some(key))).filter(|living| living.key.pid > 1);
        let role = role_of(&ancestor.exe, &ancestor.argv);
        if living.is_none()
            || matches!(role, Some(Role::Session | Role::Init | Role::Scheduler | Role::Container | Role::Ci))
        {
            break;
        }
        let Some(mut living) = living.filter(|_| role != Some(Role::Shell)) else { continue };
        living.ancestry = process.ancestry.iter().skip(depth + 1).cloned().collect();
        let located = locate(&subject(&living));
        if !located.is_empty() {
            best = (Arc::new(living), located);
        }
    }
    best
}

fn subject(process: &Process) -> Subject {
    Subject {
        pid: (procfs::key_of(process.key.pid) == Some(process.key)).then_some(process.key.pid),
        exe: process.exe.clone(),
        argv: process.argv.clone(),
        unit: process.unit.clone(),
        container: process.container.as_ref().map(|container| (container.runtime.clone(), container.id.clone())),
    }
}

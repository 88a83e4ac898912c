//! Whose logs tell of a connection: those of the process, or of the server that it was begun below?

use std::sync::Arc;

use tripoint_evidence::locate::{Located, Subject, locate};
use tripoint_evidence::why::{Role, role_of};
use tripoint_model::{Direction, Process};
use tripoint_sensor::procfs;

/// Ancestors that are asked for logs.
const ANCESTORS_MAX: usize = 6;

/// The process whose logs are to be read, and the logs. Of what a server began it is the server: a shell below it may
/// hold its log open too. Whoever only runs a program that has logs of its own (a supervisor, a terminal's script) is
/// not asked in its place. Where nobody has logs it is the process itself.
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
        if located.is_empty() {
            continue;
        }
        if !holds_all(&located, &best.1) {
            break;
        }
        best = (Arc::new(living), located);
    }
    best
}

/// Whether these are all logs of the other too: then the other has them from here.
fn holds_all(these: &Located, other: &Located) -> bool {
    other.logs.iter().all(|log| these.logs.iter().any(|one| one.path == log.path))
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use tripoint_model::process::Ancestor;

    use super::*;

    /// `timeout` runs a program, and holds its output as a log.
    fn run(folder: &Path, script: &str) -> Child {
        let log = File::create(folder.join("run.log")).unwrap();
        let mut command = Command::new("timeout");
        command.args(["60", "sh", "-c", script]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What `timeout` runs, with it as its one ancestor.
    fn below(child: &Child) -> Arc<Process> {
        let until = Instant::now() + Duration::from_secs(10);
        let listed = format!("/proc/{0}/task/{0}/children", child.id());
        loop {
            let text = std::fs::read_to_string(&listed).unwrap();
            let pid = text.split_whitespace().next().and_then(|word| word.parse().ok());
            let process = pid.and_then(|pid| procfs::read(pid, None));
            if let Some(mut process) = process.filter(|process| process.exe.ends_with("/sleep")) {
                let parent = procfs::read(child.id(), None).unwrap();
                let (key, exe, argv) = (parent.key, parent.exe, parent.argv);
                process.ancestry = vec![Ancestor { pid: key.pid, start_ns: key.start_ns, exe, argv }];
                return Arc::new(process);
            }
            assert!(Instant::now() < until, "nothing was run");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn named(located: &Located) -> Vec<String> {
        located.logs.iter().map(|log| log.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn who_runs_a_program_with_logs_of_its_own_is_not_asked_in_its_place() {
        for (script, of_itself, logs) in [
            ("exec 3>>app.log; exec sleep 60 >/dev/null", true, "app.log"),
            ("exec sleep 60", false, "run.log"),
            ("exec sleep 60 >/dev/null", false, "run.log"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut child = run(folder.path(), script);
            let process = below(&child);
            let (server, located) = of(&process, Some(Direction::Outbound));
            let _ = Command::new("kill").arg(process.key.pid.to_string()).status();
            let _ = child.wait();
            assert_eq!((server.key == process.key, named(&located)), (of_itself, vec![logs.to_owned()]), "{script}");
        }
    }
}

//! What has to be begun anew so that the code on disk is the code that runs, and how?

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::package::PackageState;
use crate::process::Process;
use crate::text::visible;

/// What has to be begun anew. The order is the one in which a person would do it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Restart {
    /// A container.
    Container {
        /// Its runtime.
        runtime: String,
        /// Its name, else its id.
        name: String,
    },
    /// A systemd service.
    Unit(String),
    /// A service of a user's own systemd.
    UserUnit {
        /// The user.
        uid: u32,
        /// The service.
        unit: String,
    },
    /// The system's first process, which systemd can replace in place.
    Manager,
    /// The kernel, or a service on which everything hangs.
    Host,
    /// A process that no service manager began.
    Process {
        /// Its pid.
        pid: u32,
        /// Its program.
        exe: String,
    },
}

impl Restart {
    /// What has to be begun anew where this process shall run other code.
    pub fn of(process: &Process) -> Self {
        let itself = || Self::Process { pid: process.key.pid, exe: process.exe.clone() };
        if let Some(container) = &process.container {
            let name = container.name.clone().filter(|name| is_plain(name));
            let name = name.unwrap_or_else(|| container.id.clone());
            return if is_plain(&name) {
                Self::Container { runtime: container.runtime.clone(), name }
            } else {
                itself()
            };
        }
        if process.key.pid == 1 {
            return if process.exe.ends_with("/systemd") { Self::Manager } else { Self::Host };
        }
        let Some(unit) = process.unit.as_ref().filter(|unit| unit.ends_with(".service") && is_plain(unit)) else {
            return itself();
        };
        if HOLD_ALL.contains(&unit.as_str()) {
            return Self::Host;
        }
        // `/user.slice/user-1000.slice/user@1000.service/app.slice/demo.service`
        match process.cgroup.split("/user@").nth(1).and_then(|rest| rest.split_once(".service/")) {
            Some((uid, _)) => uid.parse().map_or_else(|_| itself(), |uid| Self::UserUnit { uid, unit: unit.clone() }),
            // A log-in session holds what a person is doing now.
            None if unit.starts_with("user@") => itself(),
            None => Self::Unit(unit.clone()),
        }
    }

    /// The command, where there is one.
    fn command(&self) -> Option<String> {
        Some(match self {
            Self::Container { runtime, name } => match runtime.as_str() {
                "docker" | "podman" => format!("{runtime} restart {name}"),
                "nspawn" => format!("machinectl reboot {name}"),
                "lxc" => format!("lxc-stop --reboot -n {name}"),
                _ => return None,
            },
            Self::Unit(unit) => format!("systemctl restart {unit}"),
            Self::UserUnit { uid, unit } => format!("systemctl --user --machine={uid}@.host restart {unit}"),
            Self::Manager => "systemctl daemon-reexec".to_owned(),
            Self::Host => "systemctl reboot".to_owned(),
            Self::Process { .. } => return None,
        })
    }

    /// The command, or where there is none the same in words.
    pub fn words(&self) -> String {
        match self {
            Self::Container { runtime, name } => format!("restart the {runtime} container {name}"),
            Self::Process { pid, exe } if exe.is_empty() => format!("restart process {pid}"),
            Self::Process { pid, exe } => format!("restart process {pid} ({})", visible(exe)),
            other => other.command().unwrap_or_default(),
        }
    }
}

/// Adds to a finding's fix what has to be restarted for it; where the fix is on disk already,
/// that is all there is to do.
pub fn complete(finding: &mut Finding, restarts: &BTreeSet<Restart>, fixed_on_disk: bool) {
    if restarts.is_empty() || finding.presence == PackageState::Installed || !finding.state.is_vulnerable() {
        return;
    }
    let (commands, words) = ways(restarts);
    let install = if fixed_on_disk { None } else { finding.fix_command.as_deref().map(|fix| within(fix, restarts)) };
    if install.is_none() && !fixed_on_disk {
        return;
    }
    let is_command = install.as_ref().is_none_or(|install| !is_words(install));
    let commands: Vec<String> = if is_command { install.iter().cloned().chain(commands).collect() } else { commands };
    let mut out = match install {
        Some(install) if !is_command => vec![install],
        _ => Vec::new(),
    };
    if !commands.is_empty() {
        out.push(commands.join(" && "));
    }
    out.extend(words);
    finding.fix_command = Some(out.join("; then "));
}

/// The fix where it has to be carried out: what only a container runs is fixed inside of it, or in
/// its image where its runtime has no command for that.
fn within(fix: &str, restarts: &BTreeSet<Restart>) -> String {
    let one = restarts.first().filter(|_| restarts.len() == 1);
    match one {
        _ if is_words(fix) => fix.to_owned(),
        Some(Restart::Container { runtime, name }) if matches!(runtime.as_str(), "docker" | "podman") => {
            format!("{runtime} exec {name} {fix}")
        }
        Some(Restart::Container { name, .. }) => format!("rebuild the image of {name} with {fix}"),
        _ => fix.to_owned(),
    }
}

/// Whether a fix is said in words because no command is known.
fn is_words(fix: &str) -> bool {
    WORDS.iter().any(|word| fix.starts_with(word))
}

fn ways(restarts: &BTreeSet<Restart>) -> (Vec<String>, Vec<String>) {
    // Who restarts the host restarts all of it.
    if restarts.contains(&Restart::Host) {
        return (vec!["systemctl reboot".to_owned()], Vec::new());
    }
    let units: Vec<&str> = restarts
        .iter()
        .filter_map(|one| if let Restart::Unit(unit) = one { Some(unit.as_str()) } else { None })
        .take(RESTARTS_MAX)
        .collect();
    let mut commands: Vec<String> = Vec::new();
    if !units.is_empty() {
        commands.push(format!("systemctl restart {}", units.join(" ")));
    }
    let mut words = Vec::new();
    for one in restarts.iter().filter(|one| !matches!(one, Restart::Unit(_))).take(RESTARTS_MAX) {
        match one.command() {
            Some(command) => commands.push(command),
            None => words.push(one.words()),
        }
    }
    let said = units.len() + commands.len() + words.len() - usize::from(!units.is_empty());
    if restarts.len() > said {
        words.push(format!("restart {} more", restarts.len() - said));
    }
    (commands, words)
}

/// Only what needs no quoting is put into a command.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_@:\\".contains(&byte))
        && !text.contains('\\')
}

/// Restarting one of them takes everything with it.
const HOLD_ALL: &[&str] = &["dbus.service", "dbus-broker.service", "systemd-logind.service"];
/// How a fix begins that is no command.
pub const WORDS: &[&str] = &["replace ", "upgrade ", "rebuild "];
/// Named one by one in one fix.
const RESTARTS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Container, ProcessKey};

    fn process(pid: u32, unit: Option<&str>, cgroup: &str) -> Process {
        Process {
            key: ProcessKey { pid, start_ns: 1 },
            exe: "/usr/bin/demo".into(),
            unit: unit.map(str::to_owned),
            cgroup: cgroup.into(),
            ..Process::default()
        }
    }

    fn finding(presence: PackageState, fix: Option<&str>) -> Finding {
        Finding { name: "demo".into(), presence, fix_command: fix.map(str::to_owned), ..crate::testing::finding() }
    }

    #[test]
    fn what_to_restart_follows_who_began_it() {
        let contained = |runtime: &str, name: Option<&str>| Process {
            container: Some(Container {
                id: "0123".into(),
                runtime: runtime.into(),
                name: name.map(str::to_owned),
                ..Container::default()
            }),
            ..process(7, Some("docker.service"), "")
        };
        let systemd =
            Process { exe: "/usr/lib/systemd/systemd".into(), ..process(1, Some("init.scope"), "/init.scope") };
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/demo.service";
        for (process, expected) in [
            (process(7, Some("demo.service"), "/system.slice/demo.service"), "systemctl restart demo.service"),
            (process(7, Some("demo@a.service"), ""), "systemctl restart demo@a.service"),
            (process(7, Some("demo.service"), user), "systemctl --user --machine=1000@.host restart demo.service"),
            (process(7, Some("session-3.scope"), ""), "restart process 7 (/usr/bin/demo)"),
            (process(7, Some("x;reboot.service"), ""), "restart process 7 (/usr/bin/demo)"),
            (process(7, Some("dbus.service"), ""), "systemctl reboot"),
            (process(7, None, ""), "restart process 7 (/usr/bin/demo)"),
            (systemd, "systemctl daemon-reexec"),
            (contained("docker", Some("shop")), "docker restart shop"),
            (contained("podman", Some("$(x)")), "podman restart 0123"),
            (contained("containerd", Some("shop")), "restart the containerd container shop"),
        ] {
            let mut finding = finding(PackageState::Stale, Some("never said"));
            complete(&mut finding, &BTreeSet::from([Restart::of(&process)]), true);
            assert_eq!(finding.fix_command.as_deref(), Some(expected));
        }
    }

    #[test]
    fn install_first_then_restart() {
        let units = BTreeSet::from([Restart::Unit("a.service".into()), Restart::Unit("b.service".into())]);
        let said = |presence, fix, on_disk| {
            let mut finding = finding(presence, fix);
            complete(&mut finding, &units, on_disk);
            finding.fix_command
        };
        let install = Some("apt-get install --only-upgrade demo=2");
        assert_eq!(
            said(PackageState::Loaded, install, false).as_deref(),
            Some("apt-get install --only-upgrade demo=2 && systemctl restart a.service b.service")
        );
        assert_eq!(said(PackageState::Installed, install, false).as_deref(), install, "nothing runs it");
        assert_eq!(said(PackageState::Loaded, None, false), None, "no fix is known: a restart mends nothing");
        assert_eq!(
            said(PackageState::Loaded, Some("replace /a.jar by demo version 2 or later"), false).as_deref(),
            Some("replace /a.jar by demo version 2 or later; then systemctl restart a.service b.service")
        );
        for (runtime, expected) in [
            ("docker", "docker exec shop apt-get install --only-upgrade demo=2 && docker restart shop"),
            (
                "containerd",
                "rebuild the image of shop with apt-get install --only-upgrade demo=2; then restart the containerd container shop",
            ),
        ] {
            let mut finding = finding(PackageState::Loaded, install);
            let container = Restart::Container { runtime: runtime.into(), name: "shop".into() };
            complete(&mut finding, &BTreeSet::from([container]), false);
            assert_eq!(finding.fix_command.as_deref(), Some(expected));
        }
        let many: BTreeSet<Restart> = (0..30).map(|number| Restart::Unit(format!("u{number:02}.service"))).collect();
        let mut finding = finding(PackageState::Stale, None);
        complete(&mut finding, &many, true);
        assert!(finding.fix_command.is_some_and(|fix| fix.ends_with("u19.service; then restart 10 more")));
    }
}

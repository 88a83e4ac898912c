//! Is advice what a person may copy, whatever an attacker called his things?

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

fn stories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn alert(story: &str) -> Alert {
    let text = std::fs::read_to_string(stories().join(story).join("alerts.json")).unwrap();
    let all: Vec<Alert> = serde_json::from_str(&text).unwrap();
    all.into_iter().next().unwrap()
}

fn around() -> Around {
    let restarts = BTreeSet::from([
        Restart::Unit("shop.service".into()),
        Restart::Process { pid: 77, exe: "/opt/\u{1b}[2Jdemo".into() },
    ]);
    Around { runs: Some(Ok([("pkg:deb/debian/libexample1@1.2-3".to_owned(), restarts)].into())) }
}

fn said(alert: &Alert) -> String {
    let mut out = String::new();
    for kind in KINDS {
        match kind.advise(alert, &around()) {
            Ok(advice) => {
                let _ = writeln!(out, "{}: {}", advice.kind, advice.what);
                advice.commands.iter().for_each(|line| _ = writeln!(out, "  $ {line}"));
                advice.undo.iter().for_each(|line| _ = writeln!(out, "  undo $ {line}"));
                advice.notes.iter().for_each(|line| _ = writeln!(out, "  note {line}"));
            }
            Err(why) => _ = writeln!(out, "{}: nothing, {why}", kind.name()),
        }
    }
    out
}

#[test]
fn advice_is_as_kept() {
    for story in
        ["exception-expires", "bad-client-of-vulnerable-app", "bad-name-of-vulnerable-app", "container-application"]
    {
        let fresh = said(&alert(story));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/advice-{story}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == fresh, "{} differs; UPDATE=1 rewrites it:\n{fresh}", path.display());
    }
}

/// Names that would do harm in a shell, a path, a unit file, a rule, a terminal.
const HOSTILE: &[&str] = &[
    "a;reboot.service",
    "$(reboot).service",
    "`id`.service",
    "../../etc/passwd.service",
    "-rf.service",
    "a b.service",
    "a'b.service",
    "a\nb.service",
    "a\u{1b}[2J.service",
    "a%h.service",
    "a\\x2d.service",
    "",
];

#[test]
fn no_hostile_name_gets_into_a_command() {
    for name in HOSTILE {
        let mut alert = alert("exception-expires");
        alert.application.id = (*name).to_owned();
        alert.title = (*name).to_owned();
        alert.host = (*name).to_owned();
        for claim in &mut alert.claims {
            claim.feed = (*name).to_owned();
        }
        for kind in KINDS {
            let Ok(advice) = kind.advise(&alert, &Around::default()) else { continue };
            for line in advice.commands.iter().chain(&advice.undo) {
                assert!(name.is_empty() || !line.contains(name), "{}: {line}", advice.kind);
            }
        }
        assert!(systemd::Systemd.advise(&alert, &Around::default()).is_err(), "{name:?}");
    }
}

#[test]
fn an_id_that_is_none_of_ours_gives_no_file_and_no_table() {
    for id in ["x; reboot", "../..", "", "0123456789abcdef0123456789abcdef0"] {
        let mut alert = alert("exception-expires");
        alert.id.0 = id.to_owned();
        for kind in KINDS.iter().filter(|kind| !["package", "listener"].contains(&kind.name())) {
            assert!(kind.advise(&alert, &Around::default()).is_err(), "{} {id:?}", kind.name());
        }
    }
}

#[test]
fn a_fix_that_must_be_escaped_is_no_command() {
    let mut alert = alert("exception-expires");
    alert.findings[0].fix_command = Some("apt-get install x\u{1b}]0;\u{7}".to_owned());
    let advice = package::Package.advise(&alert, &Around::default()).unwrap();
    assert!(advice.commands.is_empty());
    assert!(advice.notes[0].contains("\\u{1b}"), "{:?}", advice.notes);
}

/// The shell gets from each command what was meant; it is asked with harmless commands in their places.
fn files_of(commands: &[String]) -> Vec<(String, String)> {
    let writes = commands.iter().filter(|command| command.starts_with("printf "));
    let one = |command: &String| {
        let (print, path) = command.rsplit_once(" > ").unwrap();
        let output = Command::new("sh").args(["-c", print]).output().unwrap();
        assert!(output.status.success());
        (path.to_owned(), String::from_utf8(output.stdout).unwrap())
    };
    writes.map(one).collect()
}

#[test]
fn nftables_takes_the_table() {
    for story in ["exception-expires", "bad-client-of-vulnerable-app"] {
        let mut alert = alert(story);
        let mut six = (*alert.connections[0]).clone();
        six.remote = "[2001:db8::66]:443".parse().unwrap();
        alert.connections.push(std::sync::Arc::new(six));
        let advice = nft::Nft.advise(&alert, &Around::default()).unwrap();
        assert!(advice.commands[0].contains("ip6 ") && advice.commands[0].contains("ip "));
        let checked = advice.commands[0].replacen("nft ", "nft -c ", 1);
        let Ok(output) =
            Command::new("sh").args(["-c", &format!("command -v nft >/dev/null || exit 99; {checked}")]).output()
        else {
            continue;
        };
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(99) || error.contains("Operation not permitted") {
            println!("skipped: nft is not here or may not be asked");
            return;
        }
        assert!(output.status.success(), "{checked}\n{error}");
    }
}

#[test]
fn systemd_takes_the_drop_ins() {
    let alert = alert("exception-expires");
    let folder = std::env::temp_dir().join(format!("tripoint-advice-{}", std::process::id()));
    let dropins = folder.join("nginx.service.d");
    std::fs::create_dir_all(&dropins).unwrap();
    std::fs::write(folder.join("nginx.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
    for kind in [&systemd::Systemd as &dyn Kind, &egress::Egress] {
        let advice = kind.advise(&alert, &Around::default()).unwrap();
        for (path, text) in files_of(&advice.commands) {
            assert!(text.starts_with("[Service]\n") || text.starts_with("# "), "{text}");
            std::fs::write(dropins.join(Path::new(&path).file_name().unwrap()), text).unwrap();
        }
    }
    let output = Command::new("systemd-analyze").arg("verify").arg(folder.join("nginx.service")).output();
    std::fs::remove_dir_all(&folder).unwrap();
    let Ok(output) = output else {
        println!("skipped: systemd-analyze is not here");
        return;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    for word in ["Unknown", "Failed to parse", "Invalid", "ignoring"] {
        assert!(!error.contains(word), "{error}");
    }
}

#[test]
fn rules_for_the_network_are_one_line_each() {
    for story in ["exception-expires", "bad-client-of-vulnerable-app", "bad-name-of-vulnerable-app"] {
        let alert = alert(story);
        let advice = suricata::Suricata.advise(&alert, &Around::default()).unwrap();
        for (_, text) in files_of(&advice.commands) {
            for rule in text.lines() {
                assert!(rule.starts_with("alert ") && rule.ends_with(";)"), "{rule}");
                assert_eq!(rule.matches('"').count() % 2, 0, "{rule}");
            }
        }
        let advice = zeek::Zeek.advise(&alert, &Around::default()).unwrap();
        let (_, text) = files_of(&advice.commands).remove(0);
        assert!(
            text.lines().all(|line| line.matches('\t').count() == 3 + usize::from(line.starts_with('#'))),
            "{text}"
        );
    }
}

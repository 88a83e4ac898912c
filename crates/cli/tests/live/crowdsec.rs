//! Do Debian's own firewall bouncer and CrowdSec, unchanged, enforce what our hosts block, and let go what they release?

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tripoint_linux::child;
use tripoint_linux::netns::NetNs;

use crate::instance::{Instance, lab};
use crate::{alone, asked_for};

/// Programs that others wrote: installed, or unpacked from Debian's packages. `None`: not to be had here.
struct Programs {
    bouncer: PathBuf,
    crowdsec: PathBuf,
    cscli: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        let at = |root: &Path| Self {
            bouncer: root.join("usr/bin/crowdsec-firewall-bouncer"),
            crowdsec: root.join("usr/bin/crowdsec"),
            cscli: root.join("usr/bin/cscli"),
        };
        // Got once for a target folder: they are large.
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crowdsec");
        for root in [Path::new("/"), &kept] {
            let programs = at(root);
            if [&programs.bouncer, &programs.crowdsec, &programs.cscli].iter().all(|program| program.exists()) {
                return Some(programs);
            }
        }
        match unpack(&kept) {
            Ok(()) => Some(at(&kept)),
            Err(why) => {
                println!("skipped: Debian's crowdsec packages are not to be had: {why}");
                None
            }
        }
    }
}

fn unpack(into: &Path) -> Result<(), String> {
    let beside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|error| error.to_string())?;
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(beside.path()).stdin(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()),
            Err(error) => Err(format!("{program}: {error}")),
        }
    };
    let patience = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"];
    run("apt-get", &[&patience[..], &["download", "crowdsec", "crowdsec-firewall-bouncer"]].concat())?;
    for entry in fs::read_dir(beside.path()).map_err(|error| error.to_string())?.flatten() {
        run("dpkg", &["-x", &entry.path().display().to_string(), "root"])?;
    }
    fs::rename(beside.path().join("root"), into).map_err(|error| error.to_string())
}

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(program: &Path, arguments: &[&str], log: &Path, host: &NetNs) -> Self {
        let log = fs::File::create(log).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        child::ends_with_parent(&mut command);
        child::in_namespace(&mut command, host).unwrap();
        Self(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        child::terminate(&mut self.0);
        let _ = self.0.wait();
    }
}

/// What a program inside the host prints.
fn told(host: &NetNs, program: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    child::in_namespace(&mut command, host).unwrap();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program:?} {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A CrowdSec with nothing but its Local API, in a folder of its own.
struct LocalApi<'a> {
    cscli: &'a Path,
    config: String,
    host: &'a NetNs,
    _running: Running,
}

impl<'a> LocalApi<'a> {
    fn start(programs: &'a Programs, folder: &Path, host: &'a NetNs) -> Self {
        let at = folder.display();
        for name in ["conf", "data", "hub", "notifications", "plugins"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("hub/.index.json", "{}");
        write("conf/simulation.yaml", "simulation: false\n");
        write("conf/console.yaml", "share_manual_decisions: false\n");
        write("conf/profiles.yaml", "name: none\nfilters:\n - \"false\"\ndecisions: []\n");
        write("conf/machine.yaml", &format!("url: http://127.0.0.1:8081\nlogin: tripoint\npassword: {PASSWORD}\n"));
        write("password", &format!("{PASSWORD}\n"));
        let paths = format!(
            "{{config_dir: {at}/conf, data_dir: {at}/data, simulation_path: {at}/conf/simulation.yaml, hub_dir: {at}/hub, \
             index_path: {at}/hub/.index.json, notification_dir: {at}/notifications, plugin_dir: {at}/plugins}}"
        );
        let config = format!(
            "common: {{daemonize: false, log_media: stdout, log_level: info, working_dir: .}}\nconfig_paths: {paths}\n\
             crowdsec_service: {{enable: false}}\ncscli: {{output: json}}\n\
             db_config: {{type: sqlite, db_path: {at}/data/crowdsec.db, log_level: info}}\napi:\n  \
             client: {{credentials_path: {at}/conf/machine.yaml}}\n  \
             server: {{log_level: info, listen_uri: \"127.0.0.1:8081\", profiles_path: {at}/conf/profiles.yaml, \
             console_path: {at}/conf/console.yaml}}\nprometheus: {{enabled: false}}\n"
        );
        write("config.yaml", &config);
        let config = folder.join("config.yaml").display().to_string();
        let machine = folder.join("conf/machine.yaml").display().to_string();
        let add = ["-c", &config, "machines", "add", "tripoint", "--password", PASSWORD, "-f", &machine, "--force"];
        told(host, &programs.cscli, &add);
        let log = folder.join("log");
        let running = Running::start(&programs.crowdsec, &["-c", &config, "-no-cs"], &log, host);
        Self { cscli: &programs.cscli, config, host, _running: running }
    }

    fn cscli(&self, arguments: &[&str]) -> String {
        told(self.host, self.cscli, &[&["-c", self.config.as_str()], arguments].concat())
    }

    /// Values and reasons of all decisions in force.
    fn decisions(&self) -> Vec<(String, String)> {
        let list: Value = serde_json::from_str(&self.cscli(&["decisions", "list", "-o", "json"])).unwrap();
        let alerts = list.as_array().cloned().unwrap_or_default();
        let decisions = alerts.iter().flat_map(|alert| alert["decisions"].as_array().unwrap());
        let text = |decision: &Value, name: &str| decision[name].as_str().unwrap().to_owned();
        let mut found: Vec<_> = decisions.map(|one| (text(one, "value"), text(one, "scenario"))).collect();
        found.sort();
        found
    }
}

const PASSWORD: &str = "a-word-of-this-test";
const ADDRESS: &str = "203.0.113.77";
const NETWORK: &str = "203.0.113.128/30";
const ADDRESS6: &str = "2001:db8::77";

/// The bouncer's configuration, as its package has it but for paths, key and pace.
fn bouncer_config(folder: &Path, key: &str) -> String {
    let at = folder.display();
    format!(
        "mode: nftables\npid_dir: {at}/\nupdate_frequency: 1s\ndaemonize: false\nlog_mode: stdout\nlog_dir: {at}/\n\
         log_level: info\napi_url: http://127.0.0.1:8080/\napi_key: {key}\ndisable_ipv6: false\ndeny_action: DROP\n\
         deny_log: false\nsupported_decisions_types: [ban]\nnftables:\n  \
         ipv4: {{enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}}\n  \
         ipv6: {{enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}}\nprometheus: {{enabled: false}}\n"
    )
}

/// Elements of the bouncer's sets and the seconds until each ends.
fn banned(host: &NetNs) -> Vec<(String, u64)> {
    let ruleset = told(host, Path::new("nft"), &["-j", "list", "ruleset"]);
    let ruleset: Value = serde_json::from_str(&ruleset).unwrap();
    let sets = ruleset["nftables"].as_array().unwrap().iter().filter_map(|object| object.get("set"));
    let ours = sets.filter(|set| set["name"].as_str().is_some_and(|name| name.starts_with("crowdsec")));
    let elements = ours.filter_map(|set| set["elem"].as_array()).flatten().map(|element| &element["elem"]);
    let one = |element: &Value| (element["val"].as_str().unwrap().to_owned(), element["expires"].as_u64().unwrap());
    let mut found: Vec<_> = elements.map(one).collect();
    found.sort();
    found
}

fn values(found: &[(String, u64)]) -> Vec<&str> {
    found.iter().map(|(value, _)| value.as_str()).collect()
}

#[test]
fn what_our_hosts_block_others_enforce_and_let_go_again() {
    if !asked_for() {
        return;
    }
    let Some(programs) = Programs::find() else { return };
    let _alone = alone();
    let lab = lab();
    let host = &lab.router;
    let folder = tempfile::tempdir().unwrap();
    let api = LocalApi::start(&programs, &folder.path().join("crowdsec"), host);
    let password = folder.path().join("crowdsec/password");
    let mut instance = Instance::new(&format!(
        "[crowdsec]\npush = true\nurl = \"http://127.0.0.1:8081\"\nmachine_id = \"tripoint\"\npassword_file = {password:?}\n"
    ));
    instance.up_listening(host, "127.0.0.1:8080");
    let key = instance.fine(&["bouncers", "add", "firewall"])["key"].as_str().unwrap().to_owned();
    let config = folder.path().join("bouncer.yaml");
    fs::write(&config, bouncer_config(folder.path(), &key)).unwrap();
    let arguments = ["-c", &config.display().to_string()];
    let _bouncer = Running::start(&programs.bouncer, &arguments, &folder.path().join("bouncer.log"), host);

    instance.fine(&["block", ADDRESS, NETWORK, ADDRESS6, "--for", "10m"]);
    instance.fine(&["block", "203.0.113.99:443", "--for", "10m"]);
    let all = [ADDRESS6, "203.0.113.128", "203.0.113.129", "203.0.113.130", "203.0.113.131", ADDRESS];
    let found = instance.wait("the bouncer's sets", || Some(banned(host)).filter(|found| values(found) == all));
    assert!(found.iter().all(|(_, left_s)| (500..=600).contains(left_s)), "{found:?}");
    let reason = |value: &str| (value.to_owned(), "tripoint/block".to_owned());
    let pushed = vec![reason(ADDRESS6), reason(NETWORK), reason(ADDRESS)];
    let taken = instance.wait("the decisions of CrowdSec", || Some(api.decisions()).filter(|found| *found == pushed));
    println!("in the bouncer's sets: {found:?}; in CrowdSec: {taken:?}");

    // A longer block reaches a set that holds the address already.
    instance.fine(&["block", ADDRESS, "--for", "2h"]);
    instance.wait("the later end", || {
        banned(host).iter().any(|(value, left_s)| value == ADDRESS && *left_s > 3600).then_some(())
    });
    // A release lets go here and there, and leaves alone what somebody else banned.
    api.cscli(&["decisions", "add", "-i", ADDRESS, "-d", "1h", "-R", "somebody else"]);
    instance.fine(&["unblock", ADDRESS]);
    instance.wait("the release", || (!values(&banned(host)).contains(&ADDRESS)).then_some(()));
    let left = vec![reason(ADDRESS6), reason(NETWORK), (ADDRESS.to_owned(), "somebody else".to_owned())];
    instance.wait("the release at CrowdSec", || (api.decisions() == left).then_some(()));
    instance.fine(&["release-all"]);
    instance.wait("the end of all", || banned(host).is_empty().then_some(()));
    instance.wait("the end of all at CrowdSec", || (api.decisions().len() == 1).then_some(()));

    let list = instance.fine(&["bouncers", "list"]);
    let bouncer = &list["bouncers"][0];
    assert_eq!((&bouncer["name"], &bouncer["kind"]), (&"firewall".into(), &"crowdsec-firewall-bouncer".into()));
    let crowdsec = instance.run(&["doctor"]).1["crowdsec"].clone();
    assert_eq!(crowdsec["state"], "ok", "{crowdsec}");
    instance.fine(&["bouncers", "remove", "firewall"]);
}

/// The other way: decisions of a CrowdSec that runs already are a feed, and what it withdraws claims nothing any more.
#[test]
fn what_crowdsec_decides_is_claimed_until_it_lets_go() {
    if !asked_for() {
        return;
    }
    let Some(programs) = Programs::find() else { return };
    let _alone = alone();
    let lab = lab();
    let host = &lab.router;
    let folder = tempfile::tempdir().unwrap();
    let api = LocalApi::start(&programs, &folder.path().join("crowdsec"), host);
    let instance = Instance::new("");
    let key = folder.path().join("key");
    fs::write(&key, api.cscli(&["bouncers", "add", "feed", "-o", "raw"]).trim()).unwrap();
    let feed = format!(
        "[[feed]]\nname = \"crowdsec\"\nformat = \"crowdsec\"\nheader = \"X-Api-Key\"\nkey_file = {key:?}\n\
         url = \"http://127.0.0.1:8081/v1/decisions/stream?startup=true\"\n"
    );
    fs::write(instance.path().join("feeds.toml"), feed).unwrap();
    let decide = |value: &str, scenario: &str| {
        let scope = if value.contains('/') { "-r" } else { "-i" };
        api.cscli(&["decisions", "add", scope, value, "-d", "2h", "-R", scenario]);
    };
    let ours = Path::new(env!("CARGO_BIN_EXE_tripoint"));
    let sync = || {
        let folder = instance.path().display().to_string();
        let told = told(host, ours, &["--data-dir", &folder, "intel", "sync", "--force", "--json"]);
        let reports: Value = serde_json::from_str(&told).unwrap();
        (reports[0]["state"].clone(), reports[0]["count"].clone())
    };
    let asked = |address: &str| instance.fine(&["intel", "lookup", address])["claims"].clone();
    let answers = || host.run(|| TcpStream::connect(("127.0.0.1", 8081))).unwrap().is_ok();

    instance.wait("the Local API", || answers().then_some(()));
    for (value, scenario) in [
        (ADDRESS, "crowdsecurity/ssh-bf"),
        (NETWORK, "crowdsecurity/http-probing"),
        (ADDRESS6, "crowdsecurity/http-cve-2021-41773"),
        ("203.0.113.50", "tripoint/bad_peer"),
    ] {
        decide(value, scenario);
    }
    assert_eq!(sync(), ("updated".into(), 3.into()));
    let claims = asked(ADDRESS);
    assert_eq!((&claims[0]["feed"], &claims[0]["category"]), (&"crowdsec".into(), &"brute-force".into()), "{claims}");
    assert!(!claims[0]["valid_until"].is_null(), "{claims}");
    assert_eq!(asked("203.0.113.129")[0]["matched"], NETWORK);
    assert_eq!(asked("203.0.113.50"), Value::Array(Vec::new()), "our own block is nobody else's word");
    api.cscli(&["decisions", "delete", "-i", ADDRESS]);
    assert_eq!(sync(), ("updated".into(), 2.into()));
    let gone = instance.run(&["intel", "lookup", ADDRESS]).1;
    assert_ne!(gone["verdict"], "bad", "{gone}");
}

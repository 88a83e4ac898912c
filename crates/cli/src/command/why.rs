//! `tripoint why`: why is a process connected to a peer at all?

mod page;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tripoint_api::{AlertList, AlertQuery, path};
use tripoint_evidence::why::{Owner, Question, explain, names_of};
use tripoint_linux::{capability, netns::NetNs};
use tripoint_model::address::canonical;
use tripoint_model::{Alert, Connection, Process, Verdict};
use tripoint_sensor::Seen;
use tripoint_sensor::diag::DiagSensor;

use crate::arguments::Why as Asked;
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub use page::shortly;
#[cfg(test)]
pub use page::whole as page;

/// One connection, explained.
#[derive(Serialize)]
struct Explained {
    schema: u32,
    /// The alert that it was asked by.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    connection: Connection,
    #[serde(flatten)]
    why: tripoint_model::Why,
}

/// Connections that one question explains; a process may have thousands, to the same few peers.
const CONNECTIONS_MAX: usize = 8;

pub fn run(context: &Context, asked: &Asked) -> anyhow::Result<Exit> {
    let seconds = Duration::from_secs(asked.seconds.clamp(1, 600));
    let found = if let Ok(pid) = asked.of.parse::<u32>() {
        of_process(pid)?
    } else if let Ok(address) = asked.of.parse::<IpAddr>() {
        of_address(context, canonical(address))?
    } else if asked.of.len() == 16 && asked.of.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        of_alert(context, &asked.of)?
    } else {
        return Err(WrongUsage(format!("{:?} is no process id, alert id or address", asked.of)).into());
    };
    let explained: Vec<Explained> =
        found.into_iter().map(|(connection, alert)| one(connection, alert.as_ref(), seconds)).collect();
    if context.json {
        explained.iter().try_for_each(output::json_line)?;
        return Ok(Exit::Fine);
    }
    for (number, one) in explained.iter().enumerate() {
        if number > 0 {
            output::line("")?;
        }
        output::line(&page::whole(&one.connection, one.alert.as_deref(), &one.why))?;
    }
    Ok(Exit::Fine)
}

type Found = Vec<(Connection, Option<Alert>)>;

/// Every connection that is open now on this host.
fn open_now() -> Vec<Arc<Connection>> {
    let seen = DiagSensor::new("/").poll(now()).into_iter();
    let connections = seen.filter_map(|seen| match seen {
        Seen::Connection { connection, .. } => Some(connection),
        _ => None,
    });
    connections.filter(|connection| connection.process.is_some()).collect()
}

/// One for each peer, direction and process: the others have the same reasons.
fn each_once(connections: impl Iterator<Item = Connection>) -> Vec<Connection> {
    let mut seen = BTreeSet::new();
    let key = |one: &Connection| {
        let service =
            if one.direction == tripoint_model::Direction::Inbound { one.local.port() } else { one.remote.port() };
        (one.process.as_ref().map(|process| process.key.pid), canonical(one.remote.ip()), service, one.direction)
    };
    connections.filter(|one| seen.insert(key(one))).take(CONNECTIONS_MAX).collect()
}

fn of_process(pid: u32) -> anyhow::Result<Found> {
    anyhow::ensure!(tripoint_sensor::procfs::key_of(pid).is_some(), "there is no process {pid} here");
    let own = |one: &Arc<Connection>| one.process.as_ref().is_some_and(|process| process.key.pid == pid);
    let found = each_once(open_now().iter().filter(|one| own(one)).map(|one| Connection::clone(one)));
    anyhow::ensure!(
        !found.is_empty(),
        "process {pid} has no connection open now; name the peer or an alert to ask about earlier ones"
    );
    Ok(found.into_iter().map(|connection| (connection, None)).collect())
}

fn of_alert(context: &Context, id: &str) -> anyhow::Result<Found> {
    let client = context.client()?;
    let alert: Alert = context.ask(async { Ok(client.get(&path::alert(id)).await?) })?;
    let here = capability::host_name();
    anyhow::ensure!(alert.host == here, "the alert is of {}: ask there, this is {here}", alert.host);
    let found = each_once(alert.connections.iter().map(|one| of_alerts(one, &alert)));
    anyhow::ensure!(!found.is_empty(), "the alert carries no connection");
    Ok(found.into_iter().map(|connection| (connection, Some(alert.clone()))).collect())
}

/// A connection as the alert has it; its process may stand in the alert alone.
fn of_alerts(connection: &Connection, alert: &Alert) -> Connection {
    let process = connection.process.clone().or_else(|| alert.process.clone());
    Connection { process, ..connection.clone() }
}

/// Who talks with it now, and who did, by this host's alerts where a server can be asked.
fn of_address(context: &Context, address: IpAddr) -> anyhow::Result<Found> {
    let now = open_now();
    let open = now.iter().filter(|one| canonical(one.remote.ip()) == address).map(|one| Connection::clone(one));
    let mut found: Found = each_once(open).into_iter().map(|connection| (connection, None)).collect();
    match alerts_of(context, address) {
        Ok(alerts) => {
            for alert in alerts {
                let of = alert.connections.iter().filter(|one| canonical(one.remote.ip()) == address);
                for connection in each_once(of.map(|one| of_alerts(one, &alert))) {
                    let pid = connection.process.as_ref().map(|process| process.key);
                    let has_room = found.len() < CONNECTIONS_MAX;
                    let known =
                        found.iter_mut().find(|(known, _)| known.process.as_ref().map(|process| process.key) == pid);
                    match known {
                        Some((_, of)) => *of = Some(alert.clone()),
                        None if has_room => found.push((connection, Some(alert.clone()))),
                        None => {}
                    }
                }
            }
        }
        Err(error) if !context.quiet => eprintln!("earlier connections are not known: {}", output::causes(&error)),
        Err(_) => {}
    }
    anyhow::ensure!(
        !found.is_empty(),
        "no process of this host talks with {address} now, and no alert says that one did"
    );
    Ok(found)
}

fn alerts_of(context: &Context, address: IpAddr) -> anyhow::Result<Vec<Alert>> {
    let client = context.client()?;
    let query = AlertQuery { suppressed: Some(true), host: Some(capability::host_name()), ..AlertQuery::default() };
    let list: AlertList =
        context.ask(async { Ok(client.get(&format!("{}{}", path::ALERTS, query.to_query())).await?) })?;
    let names = |alert: &Alert| alert.connections.iter().any(|one| canonical(one.remote.ip()) == address);
    Ok(list.alerts.into_iter().filter(names).collect())
}

fn one(connection: Connection, alert: Option<&Alert>, seconds: Duration) -> Explained {
    let nobody = Process::default();
    let process = connection.process.as_deref().unwrap_or(&nobody);
    let since = Instant::now();
    let attempted = alert.and_then(|alert| alert.investigation.as_ref()).and_then(|found| found.logs.verdict);
    let question = Question {
        process,
        peer: canonical(connection.remote.ip()),
        port: connection.remote.port(),
        direction: connection.direction,
        protocol: connection.protocol,
        names: names_of(&connection),
        local: Some(connection.local),
        attempted: attempted.filter(|verdict| *verdict >= Verdict::Attempted),
        owner: Owner::NotKnown,
        ruleset: ruleset(process.key.pid),
        alert: alert.map(|alert| alert.id.to_string()),
        is_over: &|| since.elapsed() > seconds,
    };
    let why = explain(&question);
    Explained { schema: 1, alert: alert.map(|alert| alert.id.to_string()), why, connection: connection.clone() }
}

/// Sets of a million elements are told whole.
const RULESET_BYTES_MAX: u64 = 64 << 20;
const COMPLAINT_BYTES_MAX: u64 = 1 << 10;

/// The rules of the packet filter that the process's connections pass.
fn ruleset(pid: u32) -> Result<String, String> {
    let namespace = NetNs::of_process(pid).map_err(|error| format!("its network namespace: {error}"))?;
    let mut nft = Command::new("nft");
    nft.args(["-j", "list", "ruleset"]);
    namespace.run(|| bounded(nft, RULESET_BYTES_MAX)).unwrap_or_else(|error| Err(format!("nft: {error}")))
}

/// What a program prints, where that is no more than so many bytes; one that prints more is ended there.
fn bounded(mut command: Command, bytes_max: u64) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (output, complaint) = (child.stdout.take(), child.stderr.take());
    // Beside the output: a program whose complaint nobody takes waits.
    let listener = std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut complaint) = complaint {
            let _ = complaint.by_ref().take(COMPLAINT_BYTES_MAX).read_to_end(&mut kept);
            let _ = std::io::copy(&mut complaint, &mut std::io::sink());
        }
        kept
    });
    let mut text = Vec::new();
    let read = output.map_or(Ok(0), |output| output.take(bytes_max + 1).read_to_end(&mut text));
    let is_more = text.len() as u64 > bytes_max;
    if is_more || read.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let complaint = listener.join().unwrap_or_default();
    read.map_err(failed)?;
    match status.success() {
        _ if is_more => Err(format!("{name} prints more than {bytes_max} bytes, which is not read")),
        true => Ok(String::from_utf8_lossy(&text).into_owned()),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&complaint).trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str) -> Result<String, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        bounded(command, 1 << 20)
    }

    #[test]
    fn a_program_that_prints_without_end_is_ended_at_the_bound() {
        assert_eq!(of("exec yes").unwrap_err(), "sh prints more than 1048576 bytes, which is not read");
        // One that complains without end does not hold up either.
        assert_eq!(of("yes 2>/dev/null | head -c 300000 >&2; echo fine").unwrap(), "fine\n");
        assert_eq!(of("echo no right >&2; exit 1").unwrap_err(), "sh: no right");
    }
}

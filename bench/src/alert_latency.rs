//! How long from a connect to its alert, stored and visible through the API, while the host is busy?

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use tripoint_api::Client;
use tripoint_model::Timestamp;

use crate::Figure;
use crate::instance::{self, App, Up};
use crate::workload;

/// Connects to listed peers, each a peer of its own, so that each raises an alert of its own.
const CONNECTS: u16 = 400;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(25);
/// Of the background alone, before the first connect.
const CALM: Duration = Duration::from_secs(10);
/// Unlisted connections a second meanwhile.
const BACKGROUND: &str = "1000";

pub fn run() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let program = instance::program()?;
    prepare(&program, folder.path())?;
    let lab = instance::lab()?;
    let jar = folder.path().join("log4j-core-2.14.1.jar");
    instance::write_jar(&jar)?;
    let launcher = [program.to_str().context("a path in Unicode is needed")?];
    let mut app = App::start(&launcher, &["--library", &jar.display().to_string()], &lab)?;
    let mut up = Up::start(&launcher, folder.path())?;
    let seconds = (u64::from(CONNECTS) * PAUSE.as_millis() as u64).div_ceil(1000) + 4 + CALM.as_secs();
    let mut background =
        workload::command(&["flood", "tcp", BACKGROUND, &seconds.to_string()])?.stdout(Stdio::piped()).spawn()?;
    std::thread::sleep(Duration::from_secs(2));
    let calm = agent_ticks(&up)?;
    std::thread::sleep(CALM);
    let ticks = agent_ticks(&up)?;
    let calm = (ticks - calm) as f64 / CALM.as_secs_f64();
    let begun = Instant::now();
    let latencies = measure(folder.path(), &mut app)?;
    let busy = begun.elapsed();
    let used = agent_ticks(&up)? - ticks;
    let memory = agent_memory(&up)?;
    let mut made = String::new();
    background.stdout.take().context("no output")?.read_to_string(&mut made)?;
    background.wait()?;
    let (fsync, round_trip) = bare(folder.path())?;
    up.stop();
    ensure!(latencies.len() >= usize::from(CONNECTS) * 99 / 100, "only {} of {CONNECTS} alerts came", latencies.len());
    let made: f64 = made.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    Ok(vec![
        Figure::count("alerts", latencies.len(), "of 400"),
        Figure::new("background connections", made, "in all"),
        Figure::new("connect to alert visible, p50", percentile(&latencies, 50), "ms"),
        Figure::new("connect to alert visible, p99", percentile(&latencies, 99), "ms"),
        Figure::new("connect to alert visible, worst", percentile(&latencies, 100), "ms"),
        Figure::new("bare fsync of 4 KiB, median", fsync, "ms"),
        Figure::new("bare loopback round trip, median", round_trip, "ms"),
        // A tick is a hundredth of a second.
        Figure::new("agent, share of one core before the first alert", calm, "%"),
        Figure::new("agent, share of one core meanwhile", used as f64 / 100.0 / busy.as_secs_f64() * 100.0, "%"),
        Figure::new("agent, anonymous memory", memory, "MiB"),
    ])
}

fn peer(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, number)
}

fn prepare(program: &Path, folder: &Path) -> Result<()> {
    let file = |name: &str| folder.join(name);
    std::fs::write(file("agent.toml"), "[intel]\npermit_ranges = [\"2001:db8::/32\", \"198.51.100.0/24\"]\n")?;
    let list: String = (1..=CONNECTS).map(|number| format!("{}\n", peer(number))).collect();
    std::fs::write(file("list.txt"), list)?;
    std::fs::write(file("advisory.json"), ADVISORY)?;
    let command = |words: &[&str]| instance::command(program, folder, words);
    command(&[
        "intel",
        "import",
        &file("list.txt").display().to_string(),
        "--name",
        "bench",
        "--category",
        "c2",
        "--confidence",
        "90",
    ])?;
    command(&["vulns", "import", &file("advisory.json").display().to_string()])
}

/// Hundredths of a second of processor time that the agent has used.
fn agent_ticks(up: &Up) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", up.agent()?))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("no fields")?.1.split_whitespace().collect();
    Ok(fields.get(11).context("no utime")?.parse::<u64>()? + fields.get(12).context("no stime")?.parse::<u64>()?)
}

/// Anonymous resident memory of the agent, MiB.
fn agent_memory(up: &Up) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", up.agent()?))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

/// Milliseconds from each connect, as the kernel saw it, to its alert on the stream, sorted.
fn measure(folder: &Path, app: &mut App) -> Result<Vec<f64>> {
    let client = Client::unix(&folder.join("run/tripoint.sock")).with_patience(Duration::from_secs(120));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut watch = client.watch().await?;
        let mut first: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
        let begun = Instant::now();
        let mut asked = 0u16;
        let whole = PAUSE * u32::from(CONNECTS) + Duration::from_secs(3);
        while begun.elapsed() < whole && first.len() < usize::from(CONNECTS) {
            let due = u16::try_from(begun.elapsed().as_millis() / PAUSE.as_millis()).unwrap_or(u16::MAX).min(CONNECTS);
            while asked < due {
                asked += 1;
                writeln!(app.input, "tcp {}", SocketAddr::new(peer(asked).into(), 1389))?;
            }
            match tokio::time::timeout(Duration::from_millis(5), watch.next()).await {
                Err(_) => {}
                Ok(Ok(Some(alert))) => {
                    let now = Timestamp::from_system(SystemTime::now());
                    let Some(opened) = alert.connections.last().map(|connection| connection.opened) else { continue };
                    first.entry(alert.id.0.clone()).or_insert(now.since(opened).as_secs_f64() * 1000.0);
                }
                Ok(Ok(None)) => bail!("the stream ended"),
                Ok(Err(error)) => return Err(error.into()),
            }
        }
        let mut all: Vec<f64> = first.into_values().collect();
        all.sort_by(f64::total_cmp);
        Ok(all)
    })
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1).min(last)).copied().unwrap_or(f64::NAN)
}

/// What the machine itself takes: medians of one small durable write, and of one question over loopback.
fn bare(folder: &Path) -> Result<(f64, f64)> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("bare"))?;
    let timed = |work: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..100 {
            let begun = Instant::now();
            work()?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(crate::statistics::median(&times))
    };
    let fsync = timed(&mut || {
        file.write_all(&[0; 4096])?;
        Ok(file.sync_data()?)
    })?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let mut server = listener.accept()?.0;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    std::thread::spawn(move || {
        let mut byte = [0];
        while server.read(&mut byte).is_ok_and(|read| read > 0) && server.write_all(&byte).is_ok() {}
    });
    let round_trip = timed(&mut || {
        let mut byte = [1];
        client.write_all(&byte)?;
        Ok(client.read_exact(&mut byte)?)
    })?;
    Ok((fsync, round_trip))
}

const ADVISORY: &str = r#"{"schema_version":"1.6.0","id":"GHSA-jfh8-c2jp-5v3q","modified":"2025-05-09T13:13:16Z","aliases":["CVE-2021-44228"],"affected":[{"package":{"ecosystem":"Maven","name":"org.apache.logging.log4j:log4j-core"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.13.0"},{"fixed":"2.15.0"}]}]}]}"#;

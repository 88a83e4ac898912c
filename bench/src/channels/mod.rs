//! Does an alert wait for channels whose receivers sleep, drip, fail, hang up or answer a gigabyte?
//!
//! The same reports at the same pace to the real server without channels, with five well ones, and with five sick ones,
//! in short blocks in turn, so that whatever else the machine does falls on all of them. Servers without channels take
//! part twice: how far those two lie apart is what this machine cannot tell.

mod endpoint;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tripoint_api::agent::Item;
use tripoint_api::channel::ChannelList;
use tripoint_api::{Client, path};
use tripoint_fetch::Settings;
use tripoint_server::notify_config::{ChannelConfig, NotifyConfig, RouteConfig};
use tripoint_server::{Notify, ServeError, ServerOptions, serve, socket_path};

use self::endpoint::{Manner, listen};
use crate::Figure;
use crate::queue::{alert, percentile, send, watcher};

const WELL: &[Manner] = &[Manner::Takes; 5];
const SICK: &[Manner] = &[Manner::Sleeps, Manner::Drips, Manner::Fails, Manner::Closes, Manner::Floods];
const SIDES: &[(&str, &[Manner])] =
    &[("no channels", &[]), ("no channels, again", &[]), ("five well channels", WELL), ("five sick channels", SICK)];
/// What is divided by what.
const RATIOS: &[(usize, usize)] = &[(1, 0), (2, 0), (3, 0), (3, 2)];
const ROUNDS: usize = 36;
/// Reports of one block, each with one new alert, and their pace.
const REPORTS: usize = 200;
const EVERY: Duration = Duration::from_millis(10);
/// After a start, before anything counts: what waited from the block before is offered again meanwhile.
const SETTLE: Duration = Duration::from_millis(500);
/// How often rounds are drawn anew for the bounds of a ratio.
const DRAWN: usize = 400;

pub fn run() -> Result<Vec<Figure>> {
    let receivers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let mut sides = Vec::new();
    for (at, (_, manners)) in SIDES.iter().enumerate() {
        let urls = manners.iter().map(|manner| Ok((*manner, listen(&receivers, *manner)?))).collect::<Result<_>>()?;
        sides.push(Side { folder: folder.path().join(at.to_string()), urls, reports: 0, rounds: Vec::new() });
    }
    let figures = tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured(&mut sides));
    receivers.shutdown_background();
    figures
}

async fn measured(sides: &mut [Side]) -> Result<Vec<Figure>> {
    let mut last = Vec::new();
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS} …", round + 1);
        for turn in 0..sides.len() {
            // Nobody is always the first.
            let at = (turn + round) % sides.len();
            let (times, channels) = sides[at].block().await.with_context(|| SIDES[at].0)?;
            let [most, longest] = [99, 100].map(|percent| percentile(&times.acknowledged, percent));
            eprintln!("  {}: 99 % {most:.1} ms, longest {longest:.1} ms", SIDES[at].0);
            sides[at].rounds.push(times);
            if SIDES[at].1 == SICK {
                last = channels;
            }
        }
    }
    let mut figures = Vec::new();
    for (name, _) in MEASURES {
        let of = |side: &Side| side.rounds.iter().map(|times| times.of(name).to_vec()).collect::<Vec<_>>();
        let all: Vec<Vec<Vec<f64>>> = sides.iter().map(of).collect();
        for (percent, of, said) in PERCENTS {
            for ((side, _), rounds) in SIDES.iter().zip(&all) {
                let value = of(&rounds.iter().collect::<Vec<_>>(), *percent);
                figures.push(Figure::new(format!("{name}, {said}: {side}"), value, "ms"));
            }
            for (over, under) in RATIOS {
                let [ratio, low, high] = ratio(&all[*over], &all[*under], |rounds| of(rounds, *percent));
                let what = format!("{name}, {said}: {} / {}", SIDES[*over].0, SIDES[*under].0);
                figures.push(Figure::new(&what, ratio, ""));
                figures.push(Figure::new(format!("{what}, 5 %"), low, ""));
                figures.push(Figure::new(format!("{what}, 95 %"), high, ""));
            }
        }
    }
    figures.extend(last);
    Ok(figures)
}

/// One server, which runs while its blocks do.
struct Side {
    folder: std::path::PathBuf,
    urls: Vec<(Manner, String)>,
    reports: u64,
    rounds: Vec<Times>,
}

/// Of the reports of one block, in milliseconds.
struct Times {
    acknowledged: Vec<f64>,
    seen: Vec<f64>,
}

/// One of them.
type Measure = fn(&Times) -> &[f64];

const MEASURES: &[(&str, Measure)] =
    &[("reported to acknowledged", |times| &times.acknowledged), ("reported to seen", |times| &times.seen)];

impl Times {
    fn of(&self, name: &str) -> &[f64] {
        MEASURES.iter().find(|(known, _)| *known == name).map_or(&[], |(_, of)| of(self))
    }
}

impl Side {
    /// Starts the server, reports, stops it; how its channels stood at the end.
    async fn block(&mut self) -> Result<(Times, Vec<Figure>)> {
        let server = Running::start(&self.folder, self.notify()?).await?;
        let client = Client::unix(&socket_path(&self.folder));
        let start = Instant::now();
        let (tell, mut heard) = mpsc::unbounded_channel();
        let mut stream = UnixStream::connect(socket_path(&self.folder)).await?;
        stream.write_all(format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", path::ALERTS_WATCH).as_bytes()).await?;
        let watching = tokio::spawn(watcher(stream, start, tell));
        sleep(SETTLE).await;
        let mut pace = interval(EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut acknowledged = Vec::with_capacity(REPORTS);
        let mut free = Instant::now();
        for _ in 0..REPORTS {
            let due = pace.tick().await.into_std();
            // What had to wait for the report before has waited since it was due.
            let begun = if free > due { due } else { Instant::now() };
            self.reports += 1;
            let sent = begun.duration_since(start).as_micros() as u64;
            let item = Item::Alert { alert: Box::new(alert(self.reports as usize, sent)) };
            send(&client, "web-1", self.reports, vec![item]).await?;
            free = Instant::now();
            acknowledged.push(free.duration_since(begun).as_secs_f64() * 1e3);
        }
        let mut seen = Vec::with_capacity(REPORTS);
        while seen.len() < REPORTS
            && let Ok(Some(delay)) = timeout(Duration::from_secs(5), heard.recv()).await
        {
            seen.push(delay);
        }
        anyhow::ensure!(seen.len() == REPORTS, "{} of {REPORTS} alerts were seen", seen.len());
        let channels = self.standing(&client).await?;
        watching.abort();
        server.stop().await?;
        Ok((Times { acknowledged, seen }, channels))
    }

    fn notify(&self) -> Result<Option<Notify>> {
        if self.urls.is_empty() {
            return Ok(None);
        }
        std::fs::create_dir_all(&self.folder)?;
        let secret_file = self.folder.join("secret");
        std::fs::write(&secret_file, "a secret of the benchmark\n")?;
        let channel = |(at, (manner, url)): (usize, &(Manner, String))| ChannelConfig {
            name: format!("{manner:?}-{at}").to_ascii_lowercase(),
            kind: "webhook".into(),
            url: url.clone(),
            secret_file: secret_file.clone(),
            ..ChannelConfig::default()
        };
        let channels: Vec<ChannelConfig> = self.urls.iter().enumerate().map(channel).collect();
        let names = channels.iter().map(|channel| channel.name.clone()).collect();
        let routes = vec![RouteConfig { channels: names, ..RouteConfig::default() }];
        let config = NotifyConfig { channels, routes, ..NotifyConfig::default() };
        Ok(Some(Notify::new(&config, Settings::default())?))
    }

    async fn standing(&self, client: &Client) -> Result<Vec<Figure>> {
        if self.urls.is_empty() {
            return Ok(Vec::new());
        }
        let list: ChannelList = client.get(path::CHANNELS).await?;
        let one = |status: tripoint_api::channel::ChannelStatus| {
            [("waiting", status.waiting), ("delivered", status.delivered)].map(|(what, count)| {
                Figure::new(format!("{}: {what} at the end", status.name), count as f64, "messages")
            })
        };
        Ok(list.channels.into_iter().flat_map(one).collect())
    }
}

/// A server at work.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    async fn start(folder: &Path, notify: Option<Notify>) -> Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let options = ServerOptions {
            data_dir: folder.to_owned(),
            listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
            ready: Some(tell),
            notify,
            ..ServerOptions::default()
        };
        let task = tokio::spawn(serve(options, async { drop(stopped.await) }));
        told.await.context("the server did not start")?;
        Ok(Self { stop, task })
    }

    async fn stop(self) -> Result<()> {
        let _ = self.stop.send(());
        Ok(self.task.await??)
    }
}

/// What is told of the times of some rounds.
type Of = fn(&[&Vec<f64>], usize) -> f64;

/// One stall of the machine is most of what is above 99 % of all; of the blocks' own, half are never in one.
const PERCENTS: &[(usize, Of, &str)] =
    &[(50, of_all, "median"), (99, of_blocks, "99 % of a block, median of blocks"), (99, of_all, "99 % of all")];

fn of_all(rounds: &[&Vec<f64>], percent: usize) -> f64 {
    percentile(&rounds.iter().flat_map(|times| times.iter().copied()).collect::<Vec<_>>(), percent)
}

fn of_blocks(rounds: &[&Vec<f64>], percent: usize) -> f64 {
    percentile(&rounds.iter().map(|times| percentile(times, percent)).collect::<Vec<_>>(), 50)
}

/// The ratio of what is told of two sides, and between what nine in ten of those lie that draws of the rounds give.
fn ratio(over: &[Vec<f64>], under: &[Vec<f64>], of: impl Fn(&[&Vec<f64>]) -> f64) -> [f64; 3] {
    let rounds = over.len().min(under.len());
    let ratio = |drawn: &[usize]| {
        let of = |side: &[Vec<f64>]| of(&drawn.iter().map(|at| &side[*at]).collect::<Vec<_>>());
        of(over) / of(under)
    };
    let mut seed = 1_u64;
    let mut dice = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % rounds
    };
    // The same rounds of both: what the machine did in one fell on both.
    let draws: Vec<f64> = (0..DRAWN).map(|_| ratio(&(0..rounds).map(|_| dice()).collect::<Vec<_>>())).collect();
    [ratio(&(0..rounds).collect::<Vec<_>>()), percentile(&draws, 5), percentile(&draws, 95)]
}

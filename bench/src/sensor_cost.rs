//! What does one connection cost more because Tripoint watches?

use std::time::Duration;

use anyhow::Result;
use tripoint_linux::bpf::KernelBlock;
use tripoint_linux::clock;

use crate::Figure;
use crate::sensing::{self, Chance, Stats};
use crate::statistics::{median, median_bounds};
use crate::workload::{Tcp, message, udp_once};

/// What of the programs is at work.
#[derive(Clone, Copy, Default)]
struct State {
    dns: bool,
    block: bool,
    hello: bool,
}

const STATES: [(&str, State); 4] = [
    ("sensing only", State { dns: false, block: false, hello: false }),
    ("DNS on", State { dns: true, block: false, hello: false }),
    ("DNS and first words on", State { dns: true, block: false, hello: true }),
    ("one block, DNS on", State { dns: true, block: true, hello: false }),
];

type Work = Box<dyn FnMut() -> Result<()>>;

const PAIRS: usize = 21;
const TCP_CONNECTIONS: usize = 10_000;
const UDP_CONNECTIONS: usize = 40_000;
const MESSAGES: usize = 200_000;

/// Pairs with the programs and without, then the kernel's own account.
pub fn run() -> Result<Vec<Figure>> {
    let set = sensing::million()?;
    let mut figures = vec![Figure::count("listed /24 networks in the kernel", set.kernel_set().nodes.len() / 4, "")];
    let tcp = Tcp::listen()?;
    let mut chance = Chance::new(3);
    let mut works: [(&str, usize, Work); 2] = [
        ("tcp connect+accept+close", TCP_CONNECTIONS, {
            let mut chance = Chance::new(5);
            Box::new(move || tcp.once(&mut chance))
        }),
        ("udp socket+connect+close", UDP_CONNECTIONS, Box::new(move || udp_once(&mut chance, 9, false))),
    ];
    for (name, count, work) in &mut works {
        figures.extend(pairs(name, *count, work, &set)?);
    }
    for (name, state) in STATES {
        for (work_name, count, work) in &mut works {
            figures.extend(account(&format!("{work_name}, {name}"), *count, work, &set, state)?);
        }
        let (tcp, mut chance) = (Tcp::listen()?, Chance::new(7));
        let mut greet = || tcp.greet(&mut chance);
        figures.extend(account(&format!("tcp with first words, {name}"), TCP_CONNECTIONS, &mut greet, &set, state)?);
        figures.extend(messages(name, &set, state)?);
    }
    eprintln!("note: the kernel's account holds its own clock reading, some 40 to 50 ns for each run of a program");
    Ok(figures)
}

/// Processor time of this thread for each connection, in nanoseconds.
fn cost(count: usize, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    (0..count / 10).try_for_each(|_| work())?;
    let begun = now();
    (0..count).try_for_each(|_| work())?;
    Ok((now() - begun) / count as f64)
}

fn pairs(
    name: &str,
    count: usize,
    work: &mut dyn FnMut() -> Result<()>,
    set: &tripoint_intel::Index,
) -> Result<Vec<Figure>> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Which comes first changes, so that a drift of the machine falls on both.
        for on in [pair % 2 == 0, pair % 2 == 1] {
            if on {
                let watch = sensing::Watch::start(sensing::start(set, false)?, (), |(), _| {})?;
                with.push(cost(count, work)?);
                watch.finish()?;
            } else {
                without.push(cost(count, work)?);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let ratios: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with / without).collect();
    let (low, high) = median_bounds(&ratios);
    Ok(vec![
        Figure::count(format!("{name}: pairs"), PAIRS, ""),
        Figure::new(format!("{name}: without, median"), median(&without), "ns CPU"),
        Figure::new(format!("{name}: with, median"), median(&with), "ns CPU"),
        Figure::new(format!("{name}: paired ratio, median"), median(&ratios), ""),
        Figure::new(format!("{name}: paired ratio, 95 % from"), low, ""),
        Figure::new(format!("{name}: paired ratio, 95 % to"), high, ""),
    ])
}

/// What the kernel says its programs took for each connection.
fn account(
    name: &str,
    count: usize,
    work: &mut dyn FnMut() -> Result<()>,
    set: &tripoint_intel::Index,
    state: State,
) -> Result<Vec<Figure>> {
    let mut loaded = start(set, state)?;
    if state.block {
        let expires_ns = clock::boot_ns() + 600_000_000_000;
        let net = "127.77.0.1/32".parse()?;
        loaded.blocks.insert(&KernelBlock { net, port: 0, cgroup_id: 0, expires_ns, hits: 0, id: 1 })?;
    }
    let programs = loaded.programs.account();
    // Somebody has to read: a full ring wakes its reader with every record.
    let watch = sensing::Watch::start(loaded, (), |(), _| {})?;
    (0..count / 10).try_for_each(|_| work())?;
    let stats = Stats::on()?;
    let spent = sensing::spent(&programs, || (0..count).try_for_each(|_| work()))?;
    drop(stats);
    watch.finish()?;
    let each = |total: u64| total as f64 / count as f64;
    let mut figures = vec![
        Figure::new(
            format!("{name}: all programs"),
            each(spent.iter().map(|(_, time, _)| time).sum()),
            "ns/connection",
        ),
        Figure::new(format!("{name}: runs"), each(spent.iter().map(|(.., runs)| runs).sum()), "runs/connection"),
    ];
    let busiest = spent.iter().filter(|(.., runs)| each(*runs) >= 0.01);
    figures.extend(busiest.flat_map(|(program, time, runs)| {
        [
            Figure::new(format!("{name}: {program}"), each(*time), "ns/connection"),
            Figure::new(format!("{name}: {program} runs"), each(*runs), "runs/connection"),
        ]
    }));
    Ok(figures)
}

fn start(set: &tripoint_intel::Index, state: State) -> Result<tripoint_linux::bpf::Loaded> {
    let mut loaded = sensing::start(set, state.dns)?;
    loaded.set.set_hello(state.hello);
    Ok(loaded)
}

/// Messages over a connection that began while the programs were at work.
fn messages(name: &str, set: &tripoint_intel::Index, state: State) -> Result<Vec<Figure>> {
    let tcp = Tcp::listen()?;
    let mut ends = None;
    let mut once = || {
        let open = match &mut ends {
            Some(open) => open,
            none => none.insert(tcp.open()?),
        };
        message(open)
    };
    account(&format!("tcp message, {name}"), MESSAGES, &mut once, set, state)
}

//! Do a hundred of a hundred blocks end on time although nobody of ours lives, and does nothing pass while all of them
//! are written anew?

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tripoint_agent::firewall::{BpfFirewall, IpsetFirewall, NftFirewall};
use tripoint_linux::bpf::{LoadOptions, Programs, load, pins};
use tripoint_linux::link::Links;
use tripoint_linux::netns::NetNs;
use tripoint_model::{Scope, Timestamp};
use tripoint_responder::{Firewall, KernelBlock};

const NAME: &str = "tripoint_endings";
/// Swaps when nobody asks for more, and blocks that are swapped; the long run asks by these variables.
const SWAPS: (&str, u64) = ("TRIPOINT_SWAPS", 20);
const SWAPPED: (&str, u64) = ("TRIPOINT_SWAPPED", 2_000);

fn asked((variable, usual): (&str, u64)) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

type Opened = (Box<dyn Firewall>, Option<Programs>);
type Open = fn() -> Result<Opened, String>;

const MECHANISMS: [(&str, Open); 3] = [
    ("nft", || {
        let opened = NftFirewall::open(NAME).map_err(|error| error.to_string())?;
        Ok((Box::new(opened), None))
    }),
    ("ipset", || {
        let opened = IpsetFirewall::open(NAME).map_err(|error| error.to_string())?;
        Ok((Box::new(opened), None))
    }),
    ("bpf", || {
        let loaded = load(&LoadOptions::default()).map_err(|error| error.to_string())?;
        Ok((Box::new(BpfFirewall::new(loaded.blocks, loaded.isolation, NAME)), Some(loaded.programs)))
    }),
];

/// Runs the test with each mechanism, in a namespace where every address of 203.0.113.0/24 is its own.
fn each(test: fn(&str, Opened)) {
    for (name, open) in MECHANISMS {
        let run = || -> Result<(), String> {
            let namespace = NetNs::create().map_err(|error| error.to_string())?;
            let set_up = || -> std::io::Result<()> {
                let mut links = Links::open()?;
                links.up("lo")?;
                links.address("lo", "203.0.113.1/24".parse().map_err(std::io::Error::other)?)
            };
            namespace.run(set_up).and_then(|done| done).map_err(|error| error.to_string())?;
            namespace.run(|| open().map(|opened| test(name, opened))).map_err(|error| error.to_string())?
        };
        match run() {
            Ok(()) => {}
            Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{name}: {error}"),
            Err(error) => println!("skipped: {error}"),
        }
    }
}

fn peer(at: u64) -> String {
    format!("203.0.113.{}", 100 + at)
}

fn block(target: &str, expires: Timestamp) -> KernelBlock {
    KernelBlock { target: target.parse().unwrap(), scope: Scope::Host, expires }
}

/// Whether the kernel lets a packet to this address go: all mechanisms refuse the sender with an error.
fn goes(speaker: &UdpSocket, address: &str) -> bool {
    speaker.send_to(b"x", (address, 9)).is_ok()
}

#[test]
fn r4_a_hundred_of_a_hundred_end_within_a_second_and_none_before() {
    each(|name, (mut firewall, programs)| {
        let speaker = UdpSocket::bind("0.0.0.0:0").unwrap();
        let (start, begun) = (now(), Instant::now());
        let ends = |at: u64| Duration::from_millis(1_500 + at * 15);
        for at in 0..100 {
            let one = block(&peer(at), start.plus(ends(at)));
            firewall.block(&one.target, &one.scope, one.expires, now()).unwrap();
            assert!(!goes(&speaker, &peer(at)), "{name}: {at} is blocked");
        }
        // Nobody of ours is there to lift anything.
        drop((firewall, programs));
        let mut late = Vec::new();
        let mut standing: Vec<u64> = (0..100).collect();
        while !standing.is_empty() {
            standing.retain(|at| {
                // Asked before the answer is known, so that it is not called early for it.
                let asked = begun.elapsed();
                let stands = !goes(&speaker, &peer(*at));
                if !stands {
                    assert!(begun.elapsed() + Duration::from_millis(20) >= ends(*at), "{name}: {at} ended early");
                    late.push(asked.saturating_sub(ends(*at)));
                }
                stands
            });
            assert!(begun.elapsed() < ends(100) + Duration::from_secs(5), "{name}: {standing:?} stand for ever");
            std::thread::sleep(Duration::from_millis(2));
        }
        late.sort();
        println!("{name}: {} ended, the last {:?} behind its time", late.len(), late[99]);
        // The sets of ipset count whole seconds, begun ones too; the rest is the scheduler's.
        assert!(late[99] <= Duration::from_millis(1_100), "{name}: {:?} late", late[99]);
        for kept in pins::kept(NAME) {
            pins::let_go(&kept).unwrap();
        }
    });
}

/// Sends to a blocked address without a pause while `swap` runs; how many packets went out, and how many were tried.
fn under_probe(swap: impl FnOnce()) -> (u64, u64) {
    let (passed, tried, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    // The probe must stand in the namespace of the test.
    let here = NetNs::of_thread().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            here.enter().unwrap();
            let speaker = UdpSocket::bind("0.0.0.0:0").unwrap();
            while !done.load(Ordering::Relaxed) {
                for at in 0..10 {
                    passed.fetch_add(u64::from(goes(&speaker, &peer(at))), Ordering::Relaxed);
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        while tried.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        swap();
        done.store(true, Ordering::Relaxed);
    });
    (passed.into_inner(), tried.into_inner())
}

#[test]
fn r7_nothing_passes_while_all_blocks_are_written_anew_and_two_steps_leak() {
    each(|name, (mut firewall, programs)| {
        // The kernel programs see the whole machine: addresses that nobody has, and no more than there is room for.
        let many = if name == "bpf" { asked(SWAPPED).min(30_000) } else { asked(SWAPPED) };
        let all = |end: Timestamp| -> Vec<KernelBlock> {
            let rest = (10..many).map(|at| format!("2001:db8:77::{at:x}"));
            (0..10).map(peer).chain(rest).map(|target| block(&target, end)).collect()
        };
        let begin = |firewall: &mut dyn Firewall, round: u64| {
            let end = now().plus(Duration::from_secs(600 + round));
            assert!(firewall.block_many(&all(end), now()).iter().all(Result::is_ok), "{name}");
        };
        begin(firewall.as_mut(), 0);
        let swaps = asked(SWAPS);
        let begun = Instant::now();
        let (passed, tried) = under_probe(|| (1..=swaps).for_each(|round| begin(firewall.as_mut(), round)));
        println!("{name}: {swaps} swaps of {many} in {:?}, {tried} packets tried, {passed} passed", begun.elapsed());
        assert_eq!(passed, 0, "{name}");
        assert!(tried > 100, "{name}: the probe was at work");
        let (leaked, tried) = under_probe(|| {
            firewall.release(now()).unwrap();
            begin(firewall.as_mut(), swaps + 1);
        });
        println!("{name}: in two steps {leaked} of {tried} passed");
        assert!(leaked > 0, "{name}: the probe sees a hole");
        firewall.release(now()).unwrap();
        drop(programs);
    });
}

//! temp
use std::collections::HashMap;
use std::process::{Command, Stdio};
use tripoint_linux::bpf::*;
use tripoint_linux::contract::*;
fn main() {
    let proto = std::env::args().nth(1).unwrap();
    let mut l = load(&LoadOptions { dns: false, ..Default::default() }).unwrap();
    let mut child = Command::new("/work/target-house/demo/tripoint-bench").args(["workload", "flood", &proto, "0", "10"]).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let mut kinds: HashMap<(u32, u8, bool), u64> = HashMap::new();
    let mut total = 0u64;
    let mut other = 0u64;
    let mut parse_none = 0u64;
    let mut last = 0;
    let mut odd = Vec::new(); let mut all: Vec<(std::net::IpAddr,u64,u64,u64,u16)> = Vec::new();
    loop {
        let done = child.try_wait().unwrap().is_some();
        l.events.drain(usize::MAX, &mut |r| match r {
            Record::Conn(c) => { total += 1; if c.tgid==pid && c.direction==2 { all.push((address(c.remote), c.opened_ns, c.at_ns, c.cookie, c.local_port)); } *kinds.entry((c.kind, c.direction, c.tgid == pid)).or_default() += 1;
              if c.tgid != pid || c.kind != 3 { if odd.len() < 30 { odd.push(c); } } }
            _ => other += 1,
        });
        if done { last += 1; }
        if last > 5 { break; }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    parse_none += 0;
    let out = child.wait_with_output().unwrap();
    println!("made {}", String::from_utf8_lossy(&out.stdout));
    println!("total conn {total} other {other} {parse_none} {kinds:?}");
    println!("{:?}", l.counters.read());
    let mut x: u64 = 11 | 1;
    let mut next = || { x ^= x << 13; x ^= x >> 7; x ^= x << 17; (x >> 16) as u32 };
    let mut at = 0; let mut index = 0u64; let mut missed = 0;
    while at < all.len() && missed < 5 {
        let [.., c, d] = next().to_be_bytes();
        let listed = index % 1000 == 0;
        let b = if listed { 66 } else { 1 + (next() % 60) as u8 };
        let want = std::net::IpAddr::from([127, b, c, d.clamp(1, 254)]);
        if all[at].0 == want { at += 1; } else {
            missed += 1;
            println!("missing #{index} {want}");
            for k in at.saturating_sub(3)..(at+3).min(all.len()) { println!("   {:?} open {} life {} after-prev {}", all[k].0, all[k].1, all[k].2 as i64-all[k].1 as i64, all[k].1 as i64 - all[k.saturating_sub(1)].2 as i64); }
        }
        index += 1;
    }
    for c in odd { println!("{} dir {} tgid {} state {} flags {} {}:{} -> {}:{} {}", c.kind, c.direction, c.tgid, c.state, c.flags, address(c.local), c.local_port, address(c.remote), c.remote_port, text(&c.comm)); }
}

//! Do blocks inside of blocks, and the isolation of the host, hold as long as they should and no longer?

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ipnet::IpNet;

use super::{ALONE, loaded};
use crate::bpf::{KernelBlock, Loaded};
use crate::clock::boot_ns;

fn block(loaded: &mut Loaded, net: &str, ms: u64) {
    let expires_ns = boot_ns() + ms * 1_000_000;
    let block = KernelBlock { net: net.parse().unwrap(), port: 0, cgroup_id: 0, expires_ns, hits: 0, id: 1 };
    loaded.blocks.insert(&block).unwrap();
}

fn refused(listener: &TcpListener) -> bool {
    match TcpStream::connect_timeout(&listener.local_addr().unwrap(), Duration::from_secs(2)) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            true
        }
    }
}

#[test]
fn a_narrow_block_that_has_ended_does_not_hide_a_wide_one() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    let listener = TcpListener::bind("127.8.8.8:0").unwrap();
    // The wide one first and the narrow one first.
    for (first, second) in [("127.8.8.0/24", "127.8.8.0/28"), ("127.8.8.0/28", "127.8.8.0/24")] {
        let wide_ms = 5_000;
        let ms = |net: &str| if net.ends_with("/24") { wide_ms } else { 200 };
        block(&mut loaded, first, ms(first));
        block(&mut loaded, second, ms(second));
        std::thread::sleep(Duration::from_millis(300));
        assert!(refused(&listener), "{first}, then {second}");
        // Lifting the wide one lifts it for everybody.
        loaded.blocks.remove("127.8.8.0/24".parse().unwrap(), 0, 0).unwrap();
        assert!(!refused(&listener), "{first}, then {second}, lifted");
        loaded.blocks.clear().unwrap();
    }
    // And the wide one ends although the narrow one lies in the table.
    block(&mut loaded, "127.8.8.0/24", 300);
    block(&mut loaded, "127.8.8.0/28", 100);
    std::thread::sleep(Duration::from_millis(400));
    assert!(!refused(&listener));
}

/// Everything but one /16: this test must not cut the host off.
fn all_but(cut: &str) -> Vec<IpNet> {
    let cut: IpNet = cut.parse().unwrap();
    let mut rest = vec!["0.0.0.0/0".parse::<IpNet>().unwrap()];
    for length in 1..=cut.prefix_len() {
        let halves: Vec<IpNet> = rest.pop().unwrap().subnets(length).unwrap().collect();
        let (with, without): (Vec<IpNet>, Vec<IpNet>) = halves.into_iter().partition(|half| half.contains(&cut));
        rest.extend(without);
        rest.extend(with);
    }
    rest.pop();
    rest.push("::/0".parse().unwrap());
    rest
}

#[test]
fn an_isolated_host_speaks_with_the_admitted_only_and_is_free_again_by_itself() {
    let _alone = ALONE.lock();
    let Some(mut loaded) = loaded() else { return };
    let listener = TcpListener::bind("127.8.8.8:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(!refused(&listener), "not isolated yet");
    let mut open = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    while listener.accept().unwrap().1 != open.local_addr().unwrap() {}
    let admitted = all_but("127.8.0.0/16");
    loaded.isolation.isolate(&admitted, boot_ns() + 2_000_000_000).unwrap();
    assert!(refused(&listener) && !refused(&other));
    let mapped = TcpStream::connect(("::ffff:127.8.8.8", listener.local_addr().unwrap().port())).unwrap_err();
    assert_eq!(mapped.kind(), ErrorKind::PermissionDenied);
    // What was open carries nothing any more.
    let dropped =
        |loaded: &Loaded| loaded.counters.read().into_iter().find(|(name, _)| *name == "dropped_egress").unwrap().1;
    let before = dropped(&loaded);
    std::io::Write::write_all(&mut open, b"x").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(dropped(&loaded) > before);
    assert_eq!(loaded.isolation.admitted().len(), admitted.len());
    // Admitted while it lasts, and the end by the kernel alone.
    let mut more = admitted.clone();
    more.push("127.8.8.8/32".parse().unwrap());
    let until_ns = boot_ns() + 1_000_000_000;
    loaded.isolation.isolate(&more, until_ns).unwrap();
    assert!(!refused(&listener));
    loaded.isolation.isolate(&admitted, until_ns).unwrap();
    assert!(refused(&listener));
    std::thread::sleep(Duration::from_millis(1_100));
    assert!(!refused(&listener), "its time was up");
    assert!(loaded.isolation.rejoin().unwrap());
    assert!(!loaded.isolation.rejoin().unwrap() && loaded.isolation.admitted().is_empty());
}

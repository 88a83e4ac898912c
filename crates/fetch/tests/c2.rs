//! Promise C2, its sentences on downloads: endless data and slow drips end, by size and by pace.
//!
//! Those on signed content (replay, expiry, mixing, fast-forward) stand beside bundles in the command line.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use tripoint_fetch::{FetchError, Fetcher, Request, Settings};

/// Sends a head and then `piece` every `pause`, until nobody listens.
fn dripping(piece: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}/list", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
                while stream.write_all(piece).is_ok() {
                    std::thread::sleep(pause);
                }
            });
        }
    });
    url
}

/// Far more time than a stall may take: what ends it is the pace.
fn fetcher() -> Fetcher {
    let settings = Settings {
        attempts: 1,
        total_timeout: Duration::from_secs(60),
        stall_timeout: Duration::from_millis(400),
        ..Settings::default()
    };
    Fetcher::new(settings).expect("a fetcher")
}

/// "Slow drip … 60 s stall limit".
#[test]
fn c2_a_body_that_hardly_moves_ends_long_before_its_time() {
    assert_eq!(Settings::default().stall_timeout, Duration::from_secs(60));
    let folder = tempfile::tempdir().expect("tempdir");
    // A byte now and then, and none at all after the first.
    for pause in [Duration::from_millis(20), Duration::from_secs(30)] {
        let url = dripping(b"x", pause);
        let begun = Instant::now();
        let error = fetcher().get(&Request::new(&url)).expect_err("it drips");
        assert!(matches!(error, FetchError::Timeout { .. }), "{error}");
        let error = fetcher().download(&Request::new(&url), &folder.path().join("file"), &mut |_, _| {});
        assert!(matches!(error, Err(FetchError::Timeout { .. })), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

/// A slow line is no drip: it brings what is little, and enough.
#[test]
fn c2_a_slow_body_that_moves_is_waited_for() {
    let url = dripping(&[b'x'; 4096], Duration::from_millis(20));
    let begun = Instant::now();
    let error = fetcher().get(&Request { bytes_max: 200 << 10, ..Request::new(&url) }).expect_err("it has no end");
    assert!(matches!(error, FetchError::TooBig { .. }), "{error}");
    assert!(begun.elapsed() > Duration::from_millis(800), "longer than a stall: {:?}", begun.elapsed());
}

/// "Endless data … download cap": no more than asked for is taken, stated or not.
#[test]
fn c2_endless_data_is_cut_at_the_cap() {
    let url = dripping(&[b'x'; 64 << 10], Duration::ZERO);
    let folder = tempfile::tempdir().expect("tempdir");
    let request = Request { bytes_max: 1 << 20, ..Request::new(&url) };
    assert!(matches!(fetcher().get(&request), Err(FetchError::TooBig { bytes_max: 1_048_576, .. })));
    let file = folder.path().join("file");
    assert!(matches!(fetcher().download(&request, &file, &mut |_, _| {}), Err(FetchError::TooBig { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0, "nothing of it is left");
}

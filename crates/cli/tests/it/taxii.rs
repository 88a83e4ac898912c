//! Does one installation learn from another what its feeds call bad, and what they do no longer?

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::bench::Bench;

/// Ended with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_one_knows_another_pulls() {
    let (teller, puller) = (Bench::new(), Bench::new());
    let tell = |text: &str| {
        let list = teller.write("list.txt", text);
        let words = ["intel", "import", list.to_str().unwrap(), "--name", "mine", "--confidence", "90"];
        teller.run(&words).expect(0);
    };
    tell("203.0.113.1\n203.0.113.2\n203.0.113.3\n198.51.100.7:443\nbad.example\n");
    let ready = teller.path("ready");
    let mut server = teller.command(&["server", "--listen", "127.0.0.1:0", "--ready-file", ready.to_str().unwrap()]);
    let _server = Server(server.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let until = Instant::now() + Duration::from_secs(20);
    let address = loop {
        let text = std::fs::read_to_string(&ready).unwrap_or_default();
        if let Some(address) = text.lines().find_map(|line| line.strip_prefix("address ")) {
            break address.to_owned();
        }
        assert!(Instant::now() < until, "no server within 20 seconds");
        std::thread::sleep(Duration::from_millis(10));
    };
    let token = std::fs::read_to_string(teller.path("data/run/token")).unwrap();
    let key = puller.write("key", format!("anybody:{token}"));
    let feeds = format!(
        "[[feed]]\nname = \"peer\"\nurl = \"{address}/taxii2/\"\ntaxii = \"Indicators\"\nkey_file = {:?}\n",
        key.display()
    );
    puller.write("data/feeds.toml", feeds);
    let sync = || puller.run(&["intel", "sync", "--force", "--json"]).expect(0).json();
    let first = sync();
    assert_eq!((&first[0]["state"], &first[0]["count"]), (&"updated".into(), &5.into()), "{first}");
    assert_eq!(sync()[0]["state"], "not-modified");
    tell("203.0.113.1\n203.0.113.2\n203.0.113.4\n198.51.100.7:443\nbad.example\n");
    assert_eq!(sync()[0]["state"], "updated");
    for (address, code) in [("203.0.113.1", "bad"), ("203.0.113.3", "unknown"), ("203.0.113.4", "bad")] {
        let told = puller.run(&["intel", "lookup", address]);
        assert!(told.out.starts_with(&format!("{address}  {code}")), "{told:?}");
    }
    let kept = std::fs::read_to_string(puller.path("data/intel/peer/taxii.json")).unwrap();
    assert_eq!(kept.matches("203.0.113.4'").count(), 1);
    assert!(!kept.contains("203.0.113.3'"));
}

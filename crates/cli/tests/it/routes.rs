//! Is it said what goes to which channel, to people and to scripts alike?

use tripoint_api::agent::Item;

use crate::bench::Bench;
use crate::rig::{Rig, alert};

const CONFIG: &str = r#"
[sla]
respond = ["critical=15m"]
resolve = ["critical=1d", "high=36h"]

[[notify.channel]]
name = "log"
kind = "syslog"
server = "127.0.0.1:514"
transport = "udp"

[[notify.channel]]
name = "pager"
kind = "syslog"
server = "127.0.0.1:514"
transport = "udp"

[[notify.route]]
name = "worst"
filter = "severity>=high"
channels = ["pager"]
escalate = [{ after = "1h30m", if = "unassigned", to = ["log"] }]

[[notify.route]]
name = "rest"
kinds = ["work", "feeds"]
channels = ["log"]
digest = "15m"
quiet = ["08:00-08:00"]
zone = "+01:00"

[[notify.maintenance]]
name = "database move"
filter = "host:db-*"
from = "2020-01-01T20:00:00Z"
until = "2020-01-02T04:00:00Z"
"#;

#[test]
fn routes_windows_and_promises_are_said_and_where_an_alert_would_go() {
    let bench = Bench::new();
    let config = bench.write("routes.toml", CONFIG).display().to_string();
    let mut rig = Rig::talking(bench, &["--config", &config]);
    rig.report(1, vec![Item::Alert { alert: alert("aa", 90) }, Item::Alert { alert: alert("bb", 30) }]);
    let routing = rig.bench.run(&["channels", "routes", "--json"]).expect(0).json();
    assert_eq!(routing["routes"][0]["escalate"][0]["after_s"], 5400);
    // Quiet around the clock: when that ends depends on the day of the test.
    let until = routing["routes"][1]["quiet_until"].as_str().unwrap().to_owned();
    rig.bench.mask(&until, "QUIET-UNTIL");
    rig.bench.tell(&["channels", "routes"]).expect(0);
    rig.bench.tell(&["channels", "routes", "--alert", "aa"]).expect(0);
    rig.bench.tell(&["channels", "routes", "--alert", "bb"]).expect(0);
    rig.bench.tell(&["channels", "routes", "--alert", "none"]).expect(1);
    std::mem::replace(&mut rig.bench, Bench::new()).golden("routes");
}

//! What does the agent do on a kernel that lacks something, and does it say so? The door to the kernel answers as such a
//! kernel does.

use serde_json::Value;

use crate::instance::{App, BAD4, Instance, stage};

/// A kernel, and what must become of it.
struct Kernel {
    lacks: &'static str,
    mechanism: &'static str,
    sensor: &'static str,
    /// What `doctor` must name as missing.
    missing: &'static [&'static str],
    /// What an open connection comes to when its peer is blocked.
    ends: bool,
}

const KERNELS: [Kernel; 5] = [
    Kernel { lacks: "", mechanism: "bpf", sensor: "bpf", missing: &[], ends: true },
    Kernel { lacks: "sock_destroy", mechanism: "bpf", sensor: "bpf", missing: &["sock_destroy"], ends: false },
    Kernel { lacks: "programs", mechanism: "nft", sensor: "sock_diag", missing: &[], ends: true },
    Kernel { lacks: "cgroup2", mechanism: "nft", sensor: "sock_diag", missing: &["cgroup_v2"], ends: true },
    Kernel { lacks: "programs nftables", mechanism: "ipset", sensor: "sock_diag", missing: &["nftables"], ends: true },
];

fn connects(app: &mut App) -> bool {
    app.drain();
    app.call("tcp", BAD4);
    app.next()["event"] == "connected"
}

fn health(instance: &Instance) -> Option<Value> {
    let health = instance.run(&["doctor"]).1["agents"][0]["health"].clone();
    health["capabilities"].is_array().then_some(health)
}

#[test]
fn a_kernel_that_lacks_something_is_blocked_on_by_the_next_best_and_it_is_said() {
    for kernel in KERNELS {
        let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
        let lacks = kernel.lacks;
        instance.lacking = lacks;
        instance.up_in(&lab.inside);
        let health = instance.wait("health", || health(&instance));
        let missing = |name: &str| {
            let all = health["capabilities"].as_array().unwrap();
            all.iter().any(|one| one["name"] == name && one["status"] == "missing")
        };
        assert_eq!(
            (&health["firewall"], &health["sensor"]),
            (&kernel.mechanism.into(), &kernel.sensor.into()),
            "without {lacks:?}; is the agent built for tests (with the workspace)?"
        );
        for name in ["sock_destroy", "cgroup_v2", "nftables"] {
            assert_eq!(missing(name), kernel.missing.contains(&name), "without {lacks:?}: {name}");
        }
        assert!(connects(&mut app), "without {lacks:?}: the probe works");
        let said = instance.fine(&["block", BAD4, "--for", "10m"]);
        let outcome = &said["outcomes"][0];
        assert_eq!(
            (&outcome["mechanism"], &outcome["state"], &outcome["verified"]),
            (&kernel.mechanism.into(), &"applied".into(), &true.into()),
            "without {lacks:?}: {said:#}"
        );
        let detail = outcome["detail"].as_str().unwrap();
        assert_eq!(detail.contains("1 connections ended"), kernel.ends, "without {lacks:?}: {detail}");
        assert_eq!(detail.contains("CONFIG_INET_DIAG_DESTROY"), !kernel.ends, "without {lacks:?}: {detail}");
        assert!(!connects(&mut app), "without {lacks:?}: blocked");
        if lacks == "cgroup2" {
            let (code, said) = instance.run(&["freeze", "unit:nobody-runs-this.service"]);
            assert_eq!((code, &said["outcomes"][0]["state"]), (1, &"failed".into()), "{said:#}");
            assert!(said["outcomes"][0]["detail"].as_str().unwrap().contains("cgroup v2"), "{said:#}");
        }
        if !kernel.ends {
            // Ending alone cannot be done, and is not said to be.
            let (code, said) = instance.run(&["disconnect", BAD4]);
            let ended = said["outcomes"].as_array().unwrap().iter().find(|one| one["action"] == "disconnect").cloned();
            let ended = ended.unwrap_or_else(|| panic!("{said:#}"));
            assert!(code == 0 || ended["state"] == "failed", "{said:#}");
        }
        instance.fine(&["release-all"]);
        assert!(connects(&mut app), "without {lacks:?}: lifted");
        instance.down();
    }
}

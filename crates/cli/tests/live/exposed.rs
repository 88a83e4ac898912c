//! Is the rule that let a connection in the one that the kernel counted it by?

use std::process::{Command, Stdio};

use serde_json::Value;
use tripoint_linux::netns::NetNs;

use crate::instance::stage;

const RULES: &str = "table inet filter {
  set near { type ipv4_addr; flags interval; elements = { 198.51.100.0/24 } }
  map services { type inet_service : verdict; elements = { 22 : drop, 8080 : jump shop } }
  chain shop {
    ip saddr @near counter accept
    ip saddr 192.0.2.0/24 counter drop
    ct state new counter accept comment \"the shop\"
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname \"lo\" accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport vmap @services
    counter
  }
}";

fn nft(inside: &NetNs, arguments: &[&str]) -> String {
    let run = || Command::new("nft").args(arguments).stdin(Stdio::null()).output().unwrap();
    let output = inside.run(run).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_rule_that_let_a_peer_in_is_the_one_that_counted_it() {
    let Some((_alone, lab, instance, app)) = stage("") else { return };
    nft(&lab.inside, &[RULES]);
    let stream = lab.connect_from_outside("198.51.100.10:8080".parse().unwrap()).unwrap();
    let explained = instance.fine(&["why", &app.pid().to_string()]);
    let exposure = &explained["exposure"];
    let listing: Value = serde_json::from_str(&nft(&lab.inside, &["-j", "list", "ruleset"])).unwrap();
    let counted = |rule: &&Value| rule["expr"].as_array().unwrap().iter().any(|one| one["counter"]["packets"] == 1);
    let rules: Vec<&Value> = listing["nftables"].as_array().unwrap().iter().map(|item| &item["rule"]).collect();
    let rules: Vec<&&Value> = rules.iter().filter(|rule| rule.is_object() && counted(rule)).collect();
    let handle = &rules[0]["handle"];
    assert_eq!(rules.len(), 1, "{listing:#}");
    assert_eq!(exposure["admitted_by"][0], format!("inet filter shop handle {handle} (the shop)"), "{exposure:#}");
    assert!(!exposure.to_string().contains("not evaluated"), "{exposure:#}");
    // Its address is of a documentation range, which stands for a public one, and anybody is let in.
    assert_eq!(exposure["from_internet"], true, "{exposure:#}");
    drop(stream);
}

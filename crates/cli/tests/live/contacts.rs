//! Are real connections kept, and does a dry run name the ones that were there?

use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::instance::{BAD4, Instance, PORT, stage};

/// What is kept of connections with the bad peer, in this direction.
fn kept(instance: &Instance, direction: &str, peer: &str) -> Vec<Value> {
    let list = instance.fine(&["connections", "list", "--peer", peer, "--direction", direction]);
    list["connections"].as_array().unwrap().clone()
}

fn name(contact: &Value) -> &str {
    contact["application"]["name"].as_str().unwrap_or_default()
}

#[test]
fn what_was_connected_is_kept_and_a_dry_run_names_it() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    // Others too, who come and go.
    let at = SocketAddr::new(BAD4.parse().unwrap(), PORT);
    lab.inside.run(|| (0..5).for_each(|_| drop(TcpStream::connect(at).unwrap()))).unwrap();

    let shop = instance.wait("the open connection", || {
        kept(&instance, "outbound", BAD4).into_iter().find(|contact| name(contact) == "shop")
    });
    assert_eq!((shop["port"].as_u64(), shop["count"].as_u64()), (Some(u64::from(PORT)), Some(1)), "{shop:#}");
    let key = |contact: &Value| format!("exe:{}", contact["application"]["id"].as_str().unwrap());
    let own = instance.wait("those that came and went", || {
        let own = kept(&instance, "outbound", BAD4).into_iter().filter(|contact| name(contact) != "shop");
        let count = own.clone().map(|contact| contact["count"].as_u64().unwrap()).sum::<u64>();
        own.clone().next().filter(|_| count >= 5)
    });
    assert_eq!(own["count"], 5, "each once: {own:#}");
    let called = kept(&instance, "inbound", "198.51.100.10");
    assert!(called.iter().all(|contact| contact["port"] == PORT) && !called.is_empty(), "{called:#?}");

    let plan = instance.fine(&["block", BAD4, "--dry-run"]);
    let past = &plan["past"][0];
    assert_eq!((past["target"].as_str(), past["connections"].as_u64()), (Some(BAD4), Some(6)), "{plan:#}");
    assert_eq!(past["id"], plan["plan"][0]["id"]);
    let named: Vec<&str> =
        past["applications"].as_array().unwrap().iter().map(|one| one["application"].as_str().unwrap()).collect();
    assert_eq!(named, [key(&own), key(&shop)], "the most first");
    let alone = instance.fine(&["block", BAD4, "--application", &key(&shop), "--dry-run"]);
    assert_eq!(alone["past"][0]["connections"], 1, "{alone:#}");
    let nobody = instance.fine(&["block", "203.0.113.99", "--dry-run"]);
    assert_eq!(nobody.get("past"), None, "{nobody:#}");
    let done = instance.fine(&["unblock", BAD4]);
    assert_eq!(done.get("past"), None, "only what is only said");

    simulated(&instance, &key(&shop));
}

/// The same by policy that nobody has switched on yet.
fn simulated(instance: &Instance, shop: &str) {
    instance.wait("the alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    let file = instance.path().join("thought-of.toml");
    let text = "[response]\nmin_confidence = 99\n[[response.policy]]\nname = \"shops\"\napplications = [\"exe:*/shop\"]\n\
                min_confidence = 90\nblock_for = \"10m\"\n";
    std::fs::write(&file, text).unwrap();
    let simulate = ["policy", "simulate", "--file", file.to_str().unwrap(), "--since", "1h"];
    let said = instance.fine(&simulate);
    let shops = &said["policies"][0];
    assert_eq!((shops["policy"].as_str(), shops["blocks"].as_u64()), (Some("shops"), Some(1)), "{said:#}");
    assert!(shops["connections"].as_u64().unwrap() >= 1, "{said:#}");
    assert!(shops["applications"].as_array().unwrap().contains(&Value::from(shop)), "{said:#}");
    assert_eq!((&said["mode"], &said["blocks"][0]["target"]), (&"advise".into(), &BAD4.into()), "{said:#}");
    let list = instance.fine(&["actions", "list"]);
    assert_eq!(list["actions"].as_array().map(Vec::len), Some(0), "nothing was done");
    // What an exception spares it spares here too.
    let preview = instance.fine(&["exceptions", "add", "--target", BAD4, "--reason", "partner", "--dry-run"]);
    assert_eq!(preview["connections"]["connections"], 6, "{preview:#}");
    instance.fine(&["exceptions", "add", "--target", BAD4, "--application", shop, "--reason", "partner"]);
    let spared = instance.wait("the alert to be quiet", || {
        let said = instance.fine(&simulate);
        (said["suppressed"][0]["count"] == 1).then_some(said)
    });
    assert_eq!(spared["policies"][0]["blocks"], 0, "{spared:#}");
}

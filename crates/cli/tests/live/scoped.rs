//! Is a peer refused to one application only, when that is what was asked?

use std::net::TcpStream;
use std::time::Duration;

use crate::instance::{BAD4, Cgroup, PORT, stage};

#[test]
fn a_block_for_one_application_leaves_the_others_alone() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    let key = format!("exe:{}", instance.path().join("shop").display());
    let block = ["block", BAD4, "--application", &key, "--for", "1h"];
    let elsewhere = || {
        let at = (BAD4.parse::<std::net::IpAddr>().unwrap(), PORT).into();
        lab.inside.run(|| TcpStream::connect_timeout(&at, Duration::from_secs(3))).unwrap()
    };
    // In a cgroup that it shares it cannot be told from its neighbours.
    let (code, shared) = instance.run(&block);
    assert_eq!((code, shared["outcomes"][0]["state"].as_str()), (1, Some("failed")), "{shared:#}");
    assert!(shared["outcomes"][0]["detail"].as_str().unwrap().contains("shares the cgroup"), "{shared:#}");
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected", "nothing is half blocked");

    let cgroup = Cgroup::with(app.pid());
    let done = instance.fine(&block);
    assert_eq!(
        (done["outcomes"][0]["state"].as_str(), done["outcomes"][0]["verified"].as_bool()),
        (Some("applied"), Some(true))
    );
    assert_eq!(done["outcomes"][0]["scope"]["application"], key.as_str(), "{done:#}");
    app.drain();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["denied"], true, "the application is refused");
    elsewhere().expect("others are not");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!((list["actions"].as_array().unwrap().len(), list["actions"][0]["kernel"].as_str()), (1, Some("held")));

    let lifted = instance.fine(&["unblock", BAD4, "--application", &key]);
    assert_eq!(lifted["outcomes"][0]["state"], "lifted", "{lifted:#}");
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    drop(cgroup);
}

//! Are many blocked at once only when a person has seen what it means, and does the kernel then hold them all?

use crate::instance::{BAD4, BAD6, Instance};
use crate::{alone, asked_for};

#[test]
fn many_are_blocked_from_a_file_and_listed_as_the_kernel_holds_them() {
    if !asked_for() {
        return;
    }
    let _alone = alone();
    let mut instance = Instance::new("");
    instance.up();
    let v4 = (0..200).map(|host| format!("203.0.113.{host}\n"));
    let v6 = (0..6_000).map(|host| format!("2001:db8:9::{host:x}\n"));
    // The last one is nobody that may be blocked: it is refused, and the others are blocked all the same.
    let text: String = v4.chain(v6).chain(["127.0.0.1 # ourselves\n".to_owned()]).collect();
    let file = instance.path().join("many.txt");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();

    let (code, preview) = instance.run(&["block", "--from", file]);
    assert_eq!(code, 1, "a preview alone does nothing");
    assert_eq!(preview["outcomes"].as_array().unwrap().iter().filter(|one| one["state"] != "dry-run").count(), 0);
    let (code, list) = instance.run(&["actions", "list", "--verify"]);
    assert_eq!((code, list["actions"].as_array().unwrap().len()), (0, 0));

    let (code, done) = instance.run(&["block", "--from", file, "--yes", "--for", "1h"]);
    assert_eq!((code, done["refused"][0]["rule"].as_str()), (1, Some("loopback")), "one was refused");
    let outcomes = done["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 6_200);
    assert!(outcomes.iter().all(|one| one["state"] == "applied" && one["verified"] == true));
    let (code, list) = instance.run(&["actions", "list", "--verify"]);
    let held = list["actions"].as_array().unwrap();
    assert_eq!((code, held.len()), (0, 6_200));
    assert!(held.iter().all(|one| one["kernel"] == "held"), "{}", held[0]);

    let (code, _) = instance.run(&["unblock", "--from", file, "--yes"]);
    assert_eq!(code, 0, "lifting is never refused");
    let (_, list) = instance.run(&["actions", "list"]);
    assert_eq!(list["actions"].as_array().unwrap().len(), 0);
    // Single ones are done at once, as before.
    instance.fine(&["block", BAD4, BAD6]);
    let (_, list) = instance.run(&["actions", "list"]);
    assert_eq!(list["actions"].as_array().unwrap().len(), 2);
}

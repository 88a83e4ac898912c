//! Is what goes wrong told with its place, to people and to scripts, and what goes well to whoever reads the log?

use serde_json::{Value, json};
use tripoint_api::agent::Item;

use crate::bench::Bench;
use crate::rig::{Rig, alert};

#[test]
fn a_wrong_filter_is_shown_with_a_mark_under_its_place() {
    let bench = Bench::new();
    let told = bench.run(&["alerts", "list", "--filter", "kev:yes hots:web-1"]).expect(64);
    let wanted = "tripoint: the filter cannot be read:\nkev:yes hots:web-1\n        ^^^^ there is no field \"hots\"; is host meant?\n";
    assert_eq!((told.err.as_str(), told.out.as_str()), (wanted, ""));
    // Marked is what is shown, and what is shown steers no terminal.
    let told = bench.run(&["alerts", "list", "--filter", "a\u{1b}[2J\n hots:b"]).expect(64).err;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[1], "a\\u{1b}[2J\\u{a} hots:b");
    assert_eq!((lines[2].find('^'), lines.len()), (lines[1].find("hots"), 3), "{told}");
}

#[test]
fn a_wrong_route_is_named_with_its_own_line() {
    let bench = Bench::new();
    let channel =
        "[[notify.channel]]\nname = \"log\"\nkind = \"syslog\"\nserver = \"127.0.0.1:514\"\ntransport = \"udp\"\n";
    let route = "\n[[notify.route]]\nname = \"all\"\nchannels = [\"log\"]\n";
    let wrong =
        "\n# The second.\n[[notify.route]]\nname = \"bad\"\nchannels = [\"log\"]\nfilter = \"kev:yes hots:a\"\n";
    bench.write("c4.toml", format!("{channel}{route}{wrong}"));
    let told = bench.run(&["config", "check", "c4.toml"]).expect(1).err;
    let wanted = "tripoint: c4.toml:15: notify.route: route \"bad\": filter:\nkev:yes hots:a\n        ^^^^ there is no field \"hots\"; is host meant?\n";
    assert_eq!(told, wanted);
    // What is wrong with the table as a whole is told with where it begins.
    bench.write("c5.toml", format!("{channel}{route}\n[[notify.route]]\nname = \"bad\"\nchannels = [\"lgo\"]\n"));
    let told = bench.run(&["config", "check", "c5.toml"]).expect(1).err;
    assert!(told.starts_with("tripoint: c5.toml:11: notify.route: route \"bad\": "), "{told}");
}

#[test]
fn scripts_read_errors_as_json_and_lists_in_the_order_of_the_table() {
    let rig = Rig::start("none");
    let told = rig.bench.run(&["--json", "alerts", "show", "nope"]).expect(1);
    let error: Value = serde_json::from_str(&told.err).unwrap();
    assert_eq!((told.out.as_str(), &error["exit"]), ("", &json!(1)));
    assert!(error["error"].as_str().is_some_and(|text| text.contains("404")) && error["causes"].is_array(), "{error}");
    let told = rig.bench.run(&["alerts", "list", "--json", "--filter", "hots:a"]).expect(64);
    let error: Value = serde_json::from_str(&told.err).unwrap();
    assert_eq!((&error["error"], &error["exit"]), (&json!("the filter cannot be read"), &json!(64)));
    assert!(error["causes"][0].as_str().unwrap().starts_with("hots:a\n^^^^ "), "{error}");
    let told = rig.bench.run(&["alerts", "frobnicate", "--json"]).expect(64);
    let error: Value = serde_json::from_str(&told.err).unwrap();
    assert_eq!(error, json!({ "error": "unrecognized subcommand 'frobnicate'", "causes": [], "exit": 64 }));
    for (sequence, (id, score)) in [("b1", 85), ("a1", 50), ("c1", 90), ("a0", 85)].into_iter().enumerate() {
        rig.report(sequence as u64 + 1, vec![Item::Alert { alert: alert(id, score) }]);
    }
    let list = rig.bench.run(&["alerts", "list", "--json"]).expect(0).json();
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["c1", "a0", "b1", "a1"], "the worst first");
    assert_eq!(list, rig.bench.run(&["alerts", "list", "--json", "--filter", "id:*1 or id:a0"]).expect(0).json());
    let default = rig.bench.run(&["config", "default", "--json"]).expect(0).json();
    assert_eq!(default["response"]["mode"], "advise");
}

#[test]
fn a_log_that_is_asked_for_in_json_is_json_line_by_line() {
    let rig = Rig::talking(Bench::new(), &["-v", "--json"]);
    rig.report(1, vec![Item::Alert { alert: alert("aa", 85) }]);
    rig.bench.run(&["alerts", "list", "--filter", "title:secret"]).expect(0);
    let bench = rig.without_server();
    let log = std::fs::read_to_string(bench.path("log")).unwrap();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let asked: Vec<&Value> = lines.iter().filter(|line| line["route"] == "/v1/queue").collect();
    let [asked] = asked.as_slice() else { panic!("one line for the question: {log}") };
    assert_eq!((&asked["method"], &asked["status"]), (&json!("GET"), &json!(200)));
    assert!(asked["ms"].is_u64() && !log.contains("secret"), "no query: {log}");
    let taken = lines.iter().find(|line| line["message"] == "report taken").expect("the report");
    assert_eq!((&taken["host"], &taken["items"]), (&json!("web1"), &json!(1)));
}

#[test]
fn each_new_head_of_the_audit_is_logged_unasked() {
    let rig = Rig::talking(Bench::new(), &[]);
    rig.report(1, Vec::new());
    let bench = rig.without_server();
    let log = std::fs::read_to_string(bench.path("log")).unwrap();
    let head = std::fs::read_to_string(bench.path("data/server/audit.heads")).unwrap();
    let hash =
        serde_json::from_str::<Value>(head.lines().last().unwrap()).unwrap()["hash"].as_str().unwrap().to_owned();
    assert!(log.lines().any(|line| line.contains("audit head") && line.contains(&hash)), "{log}");
    assert!(!log.contains("report taken"), "nothing else is: {log}");
}

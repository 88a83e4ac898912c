//! Do feeds of autonomous systems mean networks, and does a damaged guard list hold everything, at the command line?

use crate::bench::Bench;

const REASON: &str = "AS64500: there is no owners' table: run `tripoint intel networks import FILE`";

#[test]
fn a_system_means_what_the_owners_table_gives_to_it() {
    let bench = Bench::new();
    bench.write("asn.csv", "asn,name\n64500,EXAMPLE\n64501,Other\n");
    let import = ["intel", "import", "asn.csv", "--name", "systems", "--category", "hijacked", "--confidence", "80"];
    let import = [&import[..], &["--direction", "out", "--json"]].concat();
    let report = bench.run(&import).expect(1).json();
    assert_eq!((&report["read"], &report["imported"], &report["refused"]), (&2.into(), &0.into(), &2.into()));
    assert_eq!((&report["refusals"][0]["reason"], &report["refusals"][0]["line"]), (&REASON.into(), &2.into()));
    bench.write("owners.csv", "45.66.0.0/24,64500,EXAMPLE\n45.66.1.7,45.66.1.7,64500,EXAMPLE\n");
    bench.run(&["intel", "networks", "import", "owners.csv"]).expect(0);
    let report = bench.run(&import).expect(0).json();
    assert_eq!((&report["imported"], &report["refused"]), (&1.into(), &1.into()), "{report}");
    let answer = bench.run(&["intel", "lookup", "45.66.0.9", "--json"]).expect(0).json();
    assert_eq!((&answer["verdict"], &answer["confidence"]), (&"bad".into(), &40.into()), "{answer}");
    let label = answer["claims"][0]["labels"][0].as_str().unwrap();
    assert!(label.starts_with("AS64500 EXAMPLE through the owners' table of 20"), "{label}");
    assert_eq!(
        (&answer["claims"][0]["matched"], &answer["claims"][0]["category"]),
        (&"45.66.0.0/24".into(), &"hijacked".into())
    );
    // Another table, and what is meant is another at once.
    bench.write("owners.csv", "45.67.0.0/24,64501,Other\n");
    bench.run(&["intel", "networks", "import", "owners.csv"]).expect(0);
    let verdict = |address: &str| bench.run(&["intel", "lookup", address, "--json"]).json()["verdict"].clone();
    assert_eq!((verdict("45.66.0.9"), verdict("45.67.0.9")), ("unknown".into(), "bad".into()));
    let list = bench.run(&["intel", "list", "--json"]).expect(0).json();
    assert_eq!((&list[0]["systems"]["named"], &list[0]["systems"]["in_force"]), (&2.into(), &1.into()), "{list}");
    let told = bench.run(&["intel", "export", "csv", "--min-confidence", "0"]).expect(0);
    assert!(!told.out.contains("45.67") && told.err.contains("autonomous systems, too broad to block: 2"), "{told:?}");
    let told = bench.run(&["intel", "lookup", "AS64500"]).expect(0);
    assert!(told.out.contains("AS64500 is an autonomous system; ask for one address"), "{told:?}");
}

#[test]
fn a_damaged_guard_list_holds_the_image_and_is_named_everywhere() {
    let bench = Bench::new();
    bench.write("own.txt", "45.66.10.10\n");
    bench.write("one.txt", "45.66.10.10\n45.66.11.11\n");
    bench.write("two.txt", "45.66.10.10\n45.66.12.12\n");
    bench.run(&["intel", "guard", "import", "own.txt"]).expect(0);
    bench.run(&["intel", "import", "one.txt", "--name", "feed"]).expect(0);
    let verdict = |address: &str| bench.run(&["intel", "lookup", address, "--json"]).json()["verdict"].clone();
    assert_eq!((verdict("45.66.10.10"), verdict("45.66.11.11")), ("guarded".into(), "bad".into()));
    let path = bench.path("data/intel/guard/own.list");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..whole.len() - 3], b"xyz"].concat()).unwrap();
    let told = bench.run(&["intel", "import", "two.txt", "--name", "feed"]).expect(1);
    assert!(told.err.contains("guard list own: damaged") && told.err.contains("the one in force stays"), "{told:?}");
    assert_eq!((verdict("45.66.10.10"), verdict("45.66.12.12")), ("guarded".into(), "unknown".into()));
    for command in [&["intel", "guard", "list"][..], &["doctor"]] {
        let told = bench.run(command).expect(0);
        assert!(told.out.contains("until it is imported again or forgotten"), "{told:?}");
    }
    bench.run(&["intel", "export", "txt"]).expect(1);
    bench.write("data/feeds.toml", format!("[[feed]]\nname = \"synced\"\nfile = {:?}\n", bench.path("two.txt")));
    let report = bench.run(&["intel", "sync", "--json"]).expect(1).json();
    assert_eq!(report[0]["state"], "held", "{report}");
    // Imported again, everything that came meanwhile takes force.
    bench.run(&["intel", "guard", "import", "own.txt"]).expect(0);
    assert_eq!((verdict("45.66.10.10"), verdict("45.66.12.12")), ("guarded".into(), "bad".into()));
    assert!(bench.run(&["doctor"]).out.contains("ok"));
    std::fs::write(&path, b"nothing").unwrap();
    bench.run(&["intel", "guard", "forget", "own"]).expect(0);
    assert_eq!(verdict("45.66.10.10"), "bad");
}

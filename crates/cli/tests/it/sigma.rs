//! Are Sigma rules taken wherever rules are, and does a rule image say the same as the folder it was made of?

use std::os::unix::fs::PermissionsExt as _;

use crate::bench::Bench;

const TRIES: &str = "title: Export of everything
id: 0b7a1f7e-6b1c-4f0a-9b52-000000000001
name: export
status: test
level: high
tags: [attack.t1190, cve.2024-0001]
logsource:
  category: webserver
detection:
  selection:
    cs-method: GET
    cs-uri-query|contains: /export/all
  ours:
    cs-user-agent|startswith: backup/
  condition: selection and not ours
attacks: [GET /export%2Fall.csv]
innocents: [POST /export/all.csv]
";

const OFTEN: &str = "---
title: Export, again and again
id: 0b7a1f7e-6b1c-4f0a-9b52-000000000002
level: critical
correlation:
  type: event_count
  rules: export
  group-by: [c-ip]
  timespan: 5m
  condition:
    gte: 3
generate: true
";

const ELSEWHERE: &str = "title: Somewhere else
id: 0b7a1f7e-6b1c-4f0a-9b52-000000000003
logsource:
  product: windows
  service: security
detection:
  a:
    EventID: 4624
  condition: a
";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("rules/web/tries.yml", format!("{TRIES}{OFTEN}"));
    bench.write("rules/else.yaml", ELSEWHERE);
    bench.write("rules/own.toml", "[[rule]]\nid = \"own\"\nfamily = \"web-shell\"\npattern = \"evil\\\\.php\"\n");
    let line = |second: u32, target: &str| {
        format!("203.0.113.9 - - [10/Oct/2025:13:55:{second:02} +0000] \"GET {target} HTTP/1.1\" 200 7 \"-\" \"x\"\n")
    };
    let lines =
        [line(1, "/%65xport/all"), line(2, "/evil.php"), line(3, "/export/all.csv"), line(4, "/a?b=/export/all")];
    bench.write("access.log", lines.concat());
    bench
}

#[test]
fn a_folder_and_its_image_find_the_same() {
    let bench = bench();
    let folder = bench.run(&["evidence", "scan", "access.log", "--rules", "rules", "--json"]).expect(0);
    let made = bench.run(&["evidence", "rules", "compile", "rules", "--out", "rules.image", "--json"]).expect(0).json();
    assert_eq!((&made["sigma"], &made["correlations"], &made["rules"]), (&1.into(), &1.into(), &1.into()), "{made}");
    let image = bench.run(&["evidence", "scan", "access.log", "--rules", "rules.image", "--json"]).expect(0);
    assert_eq!(folder.out, image.out);
    let hits = folder.lines();
    let sigma: Vec<_> = hits.iter().filter(|hit| hit["sigma"].is_object()).collect();
    let shown = |hit: &serde_json::Value| (hit["line"].as_u64(), hit["kind"].as_str().map(str::to_owned));
    let expected =
        [(1, "line"), (3, "line"), (4, "line"), (4, "series")].map(|(line, kind)| (Some(line), Some(kind.into())));
    assert_eq!(sigma.iter().map(|hit| shown(hit)).collect::<Vec<_>>(), expected);
    let first = sigma[0];
    assert_eq!(first["family"], "sigma");
    assert_eq!(first["attack"], serde_json::json!(["T1190"]));
    assert_eq!(first["cves"], serde_json::json!(["CVE-2024-0001"]));
    assert_eq!((&first["verdict"], &first["remote"]), (&"attempted".into(), &"203.0.113.9".into()));
    let title = serde_json::json!({"title": "Export of everything", "id": first["rule"], "level": "high"});
    assert_eq!(first["sigma"], title);
    assert_eq!(sigma[3]["lines"], serde_json::json!([1, 3, 4]));
    assert!(hits.iter().any(|hit| hit["rule"] == "own" && hit["sigma"].is_null()));
}

#[test]
fn what_is_not_used_is_named() {
    let bench = bench();
    let listed = bench.run(&["evidence", "rules", "list", "rules", "--json"]).expect(0).lines();
    let states: Vec<_> = listed.iter().filter_map(|rule| rule["state"].as_str()).collect();
    assert_eq!(states, ["skipped", "loaded", "loaded"]);
    assert!(
        listed.iter().any(|rule| rule["reason"].as_str().is_some_and(|why| why.starts_with("no log of this source")))
    );
    let page = bench.run(&["evidence", "rules", "list", "rules"]).expect(0).out;
    assert!(page.contains("skipped: no log of this source is read here") && page.contains("own"), "{page}");
    bench.run(&["evidence", "rules", "test", "rules"]).expect(0);
    let checked = bench.run(&["evidence", "rules", "check", "rules"]).expect(0);
    assert!(checked.err.contains("1 Sigma rule, 1 correlation; 1 skipped"), "{}", checked.err);

    bench.write("rules/wrong.yml", TRIES.replace("cs-method", "cs-method|sounds").replace("0001\n", "0009\n"));
    let checked = bench.run(&["evidence", "rules", "check", "rules"]).expect(1);
    assert!(checked.out.contains("rules/wrong.yml:11: Unknown modifier 'sounds'"), "{}", checked.out);
    // What others wrote and cannot be used is told, and the rest is used.
    let scanned = bench.run(&["evidence", "scan", "access.log", "--rules", "rules", "--json"]).expect(0);
    assert!(scanned.err.contains("wrong.yml:11") && scanned.out.contains("Export of everything"), "{}", scanned.err);
    bench.run(&["evidence", "rules", "compile", "rules", "--out", "rules.image"]).expect(3);
}

#[test]
fn an_image_that_is_none_is_refused() {
    let bench = bench();
    bench.run(&["evidence", "rules", "compile", "rules", "--out", "rules.image"]).expect(0);
    let mut bytes = std::fs::read(bench.path("rules.image")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    bench.write("damaged.image", &bytes);
    let refused = bench.run(&["evidence", "scan", "access.log", "--rules", "damaged.image"]).expect(1);
    assert!(refused.err.contains("checksum"), "{}", refused.err);
    bench.write("data/rules.toml", format!("[evidence]\nrules = \"{}\"\n", bench.path("damaged.image").display()));
    let doctor = bench.run(&["doctor", "--json"]).expect(0).json();
    let of = |doctor: &serde_json::Value| {
        let data = doctor["data"].as_array().unwrap();
        data.iter().find(|data| data["source"] == "rules of evidence").unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert!(of(&doctor).contains("its checksum is wrong"));
    bench.write("data/rules.toml", format!("[evidence]\nrules = \"{}\"\n", bench.path("rules.image").display()));
    let doctor = bench.run(&["doctor", "--json"]).expect(0).json();
    assert!(of(&doctor).starts_with("ok, 1 Sigma rules, 1 correlations, 1 others"), "{}", of(&doctor));
}

/// As `up` has rules compiled: what asks for their meaning may write nothing of root's any more.
#[test]
fn whoever_compiles_for_up_has_no_rights_left() {
    if !rustix::process::getuid().is_root() {
        println!("skipped: only root has rights to give up");
        return;
    }
    let bench = bench();
    let only_root = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(bench.path("rules"), only_root).unwrap();
    let compile = |out: &str, user: &str| {
        let arguments = ["evidence", "rules", "compile", "--out", out, "--user", user, "--", "rules"];
        let told = bench.command(&arguments).output().unwrap();
        (told.status.code().unwrap(), told.stdout, String::from_utf8(told.stderr).unwrap())
    };
    let (code, image, said) = compile("-", "61199:61199");
    assert!(code == 0 && image.starts_with(b"TRIRULES"), "the files were read before: {said}");
    let (code, _, said) = compile("rules.image", "61199:61199");
    assert!(code == 77 && said.contains("Permission denied"), "{code} {said}");
    assert_eq!(compile("-", "somebody").0, 1);
}

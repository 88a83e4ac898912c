//! Does the documentation say who may ask what, as the server has it?

use std::path::Path;

use tripoint_server::permits::{Confirm, Hosts, Permit, Who, all};

/// A row of the table in `docs/reference/people.md`.
fn row(permit: &Permit) -> String {
    let who = match permit.who {
        Who::Anybody => "anybody".to_owned(),
        Who::Bouncers => "bouncers".to_owned(),
        Who::Agents => "agents".to_owned(),
        Who::People(role) => role.as_str().to_owned(),
        Who::Persons(role) => format!("{}, no token", role.as_str()),
        Who::Givers(role) => format!("{}, no made token", role.as_str()),
        Who::SignedIn => "signed in".to_owned(),
        Who::Root => "root, by the socket".to_owned(),
    };
    let is_peoples = matches!(permit.who, Who::People(_) | Who::Persons(_) | Who::Givers(_));
    let scope = format!("{}:{}", permit.area.as_str(), if permit.write { "write" } else { "read" });
    let confirm = match permit.confirm {
        Confirm::No => "",
        Confirm::Yes => "yes",
        Confirm::ToAct => "unless `dry_run`",
    };
    let hosts = match permit.hosts {
        Hosts::Apart => "",
        Hosts::OfAlert => "404 for others' alerts",
        Hosts::Own => "own",
        Hosts::Whole => "all or 403",
    };
    let scope = if is_peoples { scope } else { String::new() };
    format!("| {} `{}` | {who} | {scope} | {hosts} | {confirm} |", permit.method.to_uppercase(), permit.route)
}

#[test]
fn the_table_in_the_reference_is_the_one_in_force() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/people.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let rows: String = all().iter().map(|permit| format!("{}\n", row(permit))).collect();
    let fresh = format!("{before}{BEGIN}{HEAD}{rows}{END}{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == fresh,
        "docs/reference/people.md is stale; UPDATE=1 rewrites it"
    );
}

const BEGIN: &str = "<!-- routes -->\n";
const END: &str = "<!-- end of routes -->\n";
const HEAD: &str =
    "| request | from which role | scope of a token | groups of hosts | confirmed |\n|---|---|---|---|---|\n";

//! Is what a simulation says what policy does, and are its counts those of the connections?

use std::time::Duration;

use tripoint_model::contact::HOUR;
use tripoint_model::{Application, ApplicationKind, Direction, Exception, Protocol};
use tripoint_responder::Protected;

use super::*;
use crate::config::Config;

const DAY: Timestamp = Timestamp(86_400_000_000 * 20_000);
const BAD: &str = "203.0.113.66";

fn at(minute: u32) -> Timestamp {
    DAY.plus(Duration::from_secs(60) * minute)
}

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    std::fs::write(&file, format!("[intel]\npermit_ranges = [\"203.0.113.0/24\"]\n{text}")).unwrap();
    crate::config::check(&file).unwrap().config
}

/// An alert of an application that met a peer in these minutes, a feed being so sure.
fn alert(id: &str, application: &str, peer: &str, confidence: u8, minutes: &[u32]) -> Alert {
    let connection = |minute: &u32| {
        format!(
            r#"{{"id":{{"cookie":{minute},"peer":0}},"protocol":"tcp","direction":"outbound","local":"198.51.100.1:4000",
            "remote":"{peer}:443","state":"closed","opened":"{0}","closed":"{0}","bytes_in":0,"bytes_out":0}}"#,
            at(*minute)
        )
    };
    let connections: Vec<String> = minutes.iter().rev().map(connection).collect();
    let text = format!(
        r#"{{"schema":1,"id":"{id}","rule":"bad_server_of_vulnerable_app","title":"t","host":"h","application":{{"kind":
        "unit","id":"{application}.service","name":"{application}"}},"indicator":"{peer}","direction":"outbound",
        "severity":{{"score":80,"level":"critical","factors":[]}},"confidence":{confidence},"first_seen":"{}",
        "last_seen":"{}","count":{},"bytes_in":0,"bytes_out":0,"still_open":false,"connections":[{}],"claims":[{{"feed":
        "lab","category":"c2","direction":"both","confidence":{confidence},"matched":"{peer}","first_seen":"{4}",
        "last_seen":"{4}","valid_until":null}}],"findings":[]}}"#,
        at(minutes[0]),
        at(*minutes.last().unwrap()),
        minutes.len(),
        connections.join(","),
        at(0),
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Ten connections of an application with a peer in an hour.
fn contact(application: &str, peer: &str, hour: u32) -> Contact {
    Contact {
        hour: DAY.plus(HOUR * hour),
        application: Some(Application {
            kind: ApplicationKind::Unit,
            id: format!("{application}.service"),
            name: application.into(),
        }),
        direction: Direction::Outbound,
        protocol: Protocol::Tcp,
        peer: peer.parse().unwrap(),
        port: 443,
        name: None,
        count: 10,
        carried: 0,
        bytes_in: 0,
        bytes_out: 0,
        first_seen: DAY.plus(HOUR * hour).plus(Duration::from_secs(60)),
        last_seen: DAY.plus(HOUR * hour).plus(Duration::from_secs(3000)),
    }
}

fn guard_of(config: &Config) -> Guard {
    let protected = Protected { gateways: vec!["203.0.113.1".parse().unwrap()], ..Protected::default() };
    Guard { protected: Some(protected), host: "h".into(), ..crate::protected::guard(config) }
}

fn run(config: &Config, guard: Guard, alerts: &[Alert], contacts: &[Contact]) -> Simulation {
    simulate(&config.response, guard, &Past { alerts, contacts, since: at(0), until: at(24 * 60) })
}

fn of<'a>(simulation: &'a Simulation, policy: &str) -> &'a OfPolicy {
    simulation.policies.iter().find(|of| of.policy == policy).unwrap()
}

#[test]
fn blocks_cut_what_came_after_them_and_name_whose_it_was() {
    let config = config("[response]\nblock_for = \"2h\"\n");
    let alerts = [alert("a", "shop", BAD, 95, &[90, 95, 100])];
    let contacts = [
        contact("shop", BAD, 0),
        contact("shop", BAD, 1),
        contact("cron", BAD, 2),
        contact("cron", "203.0.113.67", 2),
        contact("shop", BAD, 4),
    ];
    let simulation = run(&config, guard_of(&config), &alerts, &contacts);
    let response = of(&simulation, "response");
    // From 1:30 to 3:30: the hour of one in part, that of two whole.
    assert_eq!((response.alerts, response.blocks, response.observed), (1, 1, 0));
    assert_eq!((response.connections, response.partly), (20, 10));
    assert_eq!(response.applications, ["unit:cron.service", "unit:shop.service"]);
    assert_eq!((simulation.blocks[0].from, simulation.blocks[0].until), (at(90), at(210)));
    assert_eq!((simulation.alerts, simulation.connections, simulation.mode), (1, 50, "advise"));
    // Met again after its end it is blocked again.
    let twice = [alert("a", "shop", BAD, 95, &[90, 95, 300])];
    assert_eq!(of(&run(&config, guard_of(&config), &twice, &contacts), "response").blocks, 2);
}

#[test]
fn each_entry_answers_for_itself() {
    let config = config(
        "[response]\n[[response.policy]]\nname = \"shops\"\napplications = [\"unit:shop*\"]\nscope = \"application\"\n\
         [[response.policy]]\nname = \"crons\"\napplications = [\"unit:cron*\"]\nrollout = \"observe\"\n",
    );
    let alerts = [
        alert("a", "shop", BAD, 95, &[1]),
        alert("b", "cron", BAD, 95, &[2]),
        alert("c", "shop", BAD, 40, &[3]),
        alert("d", "mail", BAD, 95, &[4]),
    ];
    let contacts = [contact("shop", BAD, 0), contact("cron", BAD, 0), contact("mail", BAD, 0)];
    let simulation = run(&config, guard_of(&config), &alerts, &contacts);
    let (shops, crons) = (of(&simulation, "shops"), of(&simulation, "crons"));
    assert_eq!(
        (shops.blocks, shops.connections, &shops.applications[..]),
        (1, 10, &["unit:shop.service".to_owned()][..])
    );
    assert_eq!((crons.blocks, crons.observed, crons.connections, crons.rollout.as_str()), (0, 1, 0, "observe"));
    assert_eq!(of(&simulation, "response").connections, 30, "a block of the host cuts everybody");
    assert_eq!((simulation.unconcerned, simulation.blocks_total), (1, 3));
}

#[test]
fn the_guard_and_exceptions_spare_whom_they_spare_in_earnest() {
    let config = config("[response]\n");
    let mut guard = guard_of(&config);
    guard.exceptions = vec![Exception {
        // Made after it all: what is excepted now counts.
        created: at(23 * 60),
        ..tripoint_model::testing::exception("x1", "203.0.113.66", at(48 * 60))
    }];
    let quiet = Alert { suppressed_by: Some("x2".into()), ..alert("q", "shop", "203.0.113.9", 95, &[5]) };
    let alerts = [
        alert("a", "shop", BAD, 95, &[1]),
        alert("b", "shop", "203.0.113.1", 95, &[2]),
        alert("c", "shop", "192.0.2.1", 95, &[3]),
        quiet,
    ];
    let contacts = [contact("shop", BAD, 0), contact("shop", "203.0.113.1", 0)];
    let simulation = run(&config, guard, &alerts, &contacts);
    let response = of(&simulation, "response");
    assert_eq!((response.blocks, response.connections), (0, 0));
    let refused: Vec<_> = response.refused.iter().map(|(rule, count)| (rule.as_str(), *count)).collect();
    assert_eq!(refused, [("exception", 1), ("gateway", 1), ("special-range", 1)]);
    assert_eq!(response.excepted, [ByException { exception: "x1".into(), count: 1 }]);
    assert_eq!(simulation.suppressed, [ByException { exception: "x2".into(), count: 1 }]);
}

/// The caps count by the time of the past, not by that of the look at it.
#[test]
fn rates_are_those_of_the_time() {
    let config = config("[response]\nautomatic_per_minute = 2\nblock_for = \"1h\"\n");
    let peers = |from: u32, minute: u32| {
        (from..from + 5).map(move |n| alert(&format!("a{n}"), "shop", &format!("203.0.113.{n}"), 95, &[minute]))
    };
    let together: Vec<Alert> = peers(10, 1).collect();
    let simulation = run(&config, guard_of(&config), &together, &[]);
    assert_eq!((of(&simulation, "response").blocks, of(&simulation, "response").refused["cap-rate"]), (2, 3));
    let apart: Vec<Alert> = (0..5).flat_map(|n| peers(10 + n, 1 + 2 * n).take(1)).collect();
    assert_eq!(of(&run(&config, guard_of(&config), &apart, &[]), "response").blocks, 5);
}

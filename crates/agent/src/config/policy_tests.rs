//! Does the entry decide that was meant, and is a share a share?

use super::super::tests::with;
use super::*;

const TEXT: &str = r#"
[response]
mode = "enforce"
min_confidence = 80
[[response.policy]]
name = "database"
applications = ["unit:postgres*", "container:db-??"]
scope = "application"
min_confidence = 95
block_for = "10m"
[[response.policy]]
name = "database, less sure"
applications = ["unit:postgres*"]
rollout = "observe"
min_confidence = 60
[[response.policy]]
name = "scanners"
rules = ["bad_client_of_vulnerable_app"]
direction = "inbound"
rollout = "25%"
"#;

fn response() -> Response {
    with(TEXT, &[]).unwrap().config.response
}

fn chosen(rule: &str, direction: Direction, application: &str, confidence: u8) -> Option<String> {
    response().policy_for(&Matter { rule, direction, application, confidence }).map(|policy| policy.name)
}

#[test]
fn the_first_entry_that_concerns_and_is_content_decides() {
    let (server, client) = ("bad_server_of_vulnerable_app", "bad_client_of_vulnerable_app");
    let (out, inbound) = (Direction::Outbound, Direction::Inbound);
    for (rule, direction, application, confidence, name) in [
        (server, out, "unit:postgresql.service", 95, Some("database")),
        (server, out, "unit:postgresql.service", 94, Some("database, less sure")),
        (server, out, "container:db-01", 95, Some("database")),
        // An entry that concerns it and is not content is the end: the keys of [response] would be less strict.
        (server, out, "container:db-01", 94, None),
        (server, out, "container:db-001", 94, Some("response")),
        (server, out, "unit:shop.service", 80, Some("response")),
        (server, out, "unit:shop.service", 79, None),
        (client, inbound, "unit:shop.service", 80, Some("scanners")),
        (client, out, "unit:shop.service", 80, None),
        ("bad_peer", out, "unit:shop.service", 100, None),
    ] {
        assert_eq!(
            chosen(rule, direction, application, confidence).as_deref(),
            name,
            "{rule} {application} {confidence}"
        );
    }
}

#[test]
fn what_an_entry_leaves_out_is_as_in_its_section() {
    let matter = |confidence| Matter {
        rule: "bad_server_of_vulnerable_app",
        direction: Direction::Outbound,
        application: "unit:postgres",
        confidence,
    };
    let sure = response().policy_for(&matter(99)).unwrap();
    assert_eq!((sure.block_for, sure.scope), (Some(Duration::from_secs(600)), Reach::Application));
    let less = response().policy_for(&matter(70)).unwrap();
    assert_eq!(
        (less.block_for, less.scope, less.rollout),
        (Some(Duration::from_secs(3600)), Reach::Host, Rollout::Observe)
    );
    assert!(!response().refuses_ahead(), "one list in the kernel cannot tell applications apart");
    assert!(with("[response]\nmode = \"enforce\"\n", &[]).unwrap().config.response.refuses_ahead());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let message = |entry: &str| {
        let text = format!("[response]\nmode = \"enforce\"\n[[response.policy]]\nname = \"a\"\n{entry}\n");
        with(&text, &[]).unwrap_err().to_string()
    };
    for (entry, says) in [
        ("rollout = \"101%\"", "is no rollout"),
        ("rollout = \"some\"", "is no rollout"),
        ("rules = [\"bad\"]", "a: there is no rule \"bad\""),
        ("min_confidence = 101", "a: is a percentage"),
        ("block_for = \"31d\"", "a: is longer than 30 days"),
        ("widen = true", "a: widen is for scope"),
        ("color = \"red\"", "unknown field `color`"),
        ("[[response.policy]]\nname = \"a\"", "name of its own"),
    ] {
        let message = message(entry);
        assert!(message.contains("agent.toml:3: response.policy: ") && message.contains(says), "{message}");
    }
}

/// Promise of the rollout: the same targets each time, about as many as said, and more of them keep the former.
#[test]
fn a_share_is_a_share_and_only_grows() {
    let peers: Vec<IpAddr> = (0..40_000_u32).map(|at| IpAddr::from((0xcb00_7100 + at).to_be_bytes())).collect();
    let acted = |rollout: Rollout| peers.iter().filter(|peer| rollout.acts_on(**peer)).count();
    for percent in [1, 10, 25, 50, 90] {
        let share = acted(Rollout::Percent(percent)) * 1000 / peers.len();
        assert!(share.abs_diff(usize::from(percent) * 10) <= 10, "{percent}% are {share} of a thousand");
    }
    for peer in &peers {
        assert!(!Rollout::Percent(10).acts_on(*peer) || Rollout::Percent(25).acts_on(*peer), "{peer}");
    }
    assert_eq!((acted(Rollout::Percent(0)), acted(Rollout::Observe)), (0, 0));
    assert_eq!((acted(Rollout::Percent(100)), acted(Rollout::All)), (peers.len(), peers.len()));
    let mapped = "::ffff:203.0.113.66".parse().unwrap();
    let plain = "203.0.113.66".parse().unwrap();
    for percent in 0..100 {
        assert_eq!(Rollout::Percent(percent).acts_on(mapped), Rollout::Percent(percent).acts_on(plain));
    }
}

#[test]
fn globs_are_whole_and_never_slow() {
    for (glob, text, is) in [
        ("*", "", true),
        ("unit:*", "unit:shop.service", true),
        ("unit:*", "xunit:shop", false),
        ("*shop*", "unit:shop.service", true),
        ("unit:sh?p.service", "unit:shop.service", true),
        ("unit:shop", "unit:shop.service", false),
        ("", "unit:shop", false),
        ("*.service", "unit:a.service.service", true),
    ] {
        assert_eq!(matches(glob, text), is, "{glob} {text}");
    }
    assert!(!matches(&"*a".repeat(500), &"a".repeat(400)));
}

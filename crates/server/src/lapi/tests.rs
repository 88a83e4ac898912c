//! Do bouncers read what is meant, whatever they can hold and however much there is?

use std::time::Duration;

use super::filter::{Asked, Filter, place};
use super::list::{Family, list};
use super::metrics::Usage;
use super::stream::{Changes, Question};
use super::way::{Cover, Way, name, version};
use super::*;
use crate::store::{Metered, Which};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

fn decision(net: &str, in_force: bool, left_s: u64, changed: u64) -> Decision {
    Decision {
        number: changed,
        net: tripoint_model::address::parse_net(net).unwrap(),
        in_force,
        expires: NOW.plus(Duration::from_secs(left_s)),
        why: "bad_peer".into(),
        changed,
    }
}

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn filter(query: &[(&str, &str)]) -> Filter {
    Filter::read(&Asked::new(&pairs(query)).unwrap()).unwrap()
}

const FIREWALL: &str = "crowdsec-firewall-bouncer/v0.0.25-debian";

fn answer(user_agent: &str, is_startup: bool, changed: &[Decision], in_force: &[Decision]) -> (Changes, Option<u64>) {
    let way = Way::of(user_agent, 24);
    let cover = matches!(way, Way::Addresses { .. }).then(|| Cover::of(in_force, way));
    let filter = Filter::default();
    Question { is_startup, filter: &filter, way, cover: cover.as_ref(), now: NOW }.answer(changed)
}

fn told(list: &Option<Vec<Shown>>) -> Vec<(&str, &str, &str)> {
    list.iter().flatten().map(|shown| (shown.scope, shown.value.as_str(), shown.duration.as_str())).collect()
}

#[test]
fn durations_are_those_of_go() {
    for (ms, text) in [
        (14_390_500, "3h59m50.5s"),
        (3_600_000, "1h0m0s"),
        (59_000, "59s"),
        (60_000, "1m0s"),
        (1, "0.001s"),
        (61_250, "1m1.25s"),
    ] {
        assert_eq!(duration(Duration::from_millis(ms)), text);
    }
    assert_eq!(duration(Duration::from_micros(1)), "0.001s", "what is in force is never told as over");
    assert_eq!(duration(Duration::from_secs(30 * 86_400)), "720h0m0s");
}

#[test]
fn an_answer_is_what_the_local_api_writes() {
    let rows = [decision("203.0.113.66", true, 3600, 7), decision("198.51.100.0/24", false, 60, 8)];
    let (changes, last) = answer("traefik", false, &rows, &[]);
    assert_eq!(last, Some(8));
    assert_eq!(
        serde_json::to_string(&changes).unwrap(),
        r#"{"new":[{"id":7,"origin":"tripoint","type":"ban","scope":"Ip","value":"203.0.113.66","duration":"1h0m0s","scenario":"tripoint/bad_peer"}],"deleted":[{"id":8,"origin":"tripoint","type":"ban","scope":"Range","value":"198.51.100.0/24","duration":"-1s","scenario":"tripoint/bad_peer"}]}"#
    );
    let nothing = serde_json::to_string(&answer("traefik", false, &[], &[]).0).unwrap();
    assert_eq!(nothing, r#"{"new":null,"deleted":null}"#);
    // Who holds nothing has nothing to drop.
    assert_eq!(answer("traefik", true, &rows, &[]).0.deleted, None);
}

#[test]
fn networks_are_addresses_for_a_bouncer_that_holds_addresses() {
    assert_eq!((name(FIREWALL), version(FIREWALL)), ("crowdsec-firewall-bouncer", "v0.0.25-debian"));
    let rows = [decision("203.0.113.0/30", true, 60, 1), decision("198.51.0.0/16", true, 60, 2)];
    let (changes, last) = answer(FIREWALL, true, &rows, &rows);
    let expected = [0, 1, 2, 3].map(|last| format!("203.0.113.{last}"));
    assert_eq!(told(&changes.new).iter().map(|(_, value, _)| *value).collect::<Vec<_>>(), expected);
    assert_eq!(last, Some(2), "what it cannot enforce is not asked for again and again");
    let ways = [Way::of(FIREWALL, 24), Way::of("cs-nginx", 24), Way::of(FIREWALL, 16)];
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    assert_eq!(ways.map(|way| way.enforces(net("198.51.100.0/23"))), [false, true, true]);
    assert_eq!(ways.map(|way| way.enforces(net("2001:db8::/64"))), [false, true, false]);
    assert_eq!(Way::of(FIREWALL, 24).parts(net("2001:db8::/120")).len(), 256);
}

#[test]
fn an_address_that_something_else_still_blocks_is_not_let_go() {
    let wide = decision("203.0.113.0/30", true, 7200, 1);
    let gone = decision("203.0.113.2", false, 60, 5);
    let (changes, _) = answer(FIREWALL, false, &[gone], std::slice::from_ref(&wide));
    // It is put back at once, until the network ends: its own timer would have let it go earlier.
    assert_eq!(told(&changes.new), [("Ip", "203.0.113.2", "2h0m0s")]);
    // The other way round: the network goes, the address in it stays.
    let gone = decision("203.0.113.0/30", false, 60, 6);
    let stays = decision("203.0.113.1", true, 600, 2);
    let (changes, _) = answer(FIREWALL, false, &[gone], &[stays]);
    assert_eq!(told(&changes.new), [("Ip", "203.0.113.1", "10m0s")]);
    assert_eq!(changes.deleted.unwrap().len(), 4);
}

#[test]
fn a_longer_end_is_withdrawn_first_where_it_would_be_skipped() {
    let longer = decision("203.0.113.66", true, 7200, 9);
    let rows = [longer];
    let (changes, _) = answer(FIREWALL, false, &rows, &rows);
    assert_eq!(told(&changes.deleted), [("Ip", "203.0.113.66", "-1s")]);
    assert_eq!(told(&changes.new), [("Ip", "203.0.113.66", "2h0m0s")]);
    assert_eq!(answer("traefik", false, &rows, &[]).0.deleted, None);
}

#[test]
fn a_long_answer_ends_and_goes_on() {
    let rows: Vec<Decision> = (0..256).map(|at| decision(&format!("198.51.{at}.0/24"), true, 60, at + 1)).collect();
    let (changes, last) = answer(FIREWALL, true, &rows, &rows);
    let last = last.unwrap();
    assert!(last < 256 && changes.count().new == last * 256, "{last}");
    let rest: Vec<Decision> = rows.iter().filter(|row| row.changed > last).cloned().collect();
    assert_eq!(answer(FIREWALL, true, &rest, &rows).0.count().new, (256 - last) * 256);
}

#[test]
fn filters_narrow() {
    let (address, network) = (decision("203.0.113.66", true, 60, 1), decision("198.51.100.0/24", true, 60, 2));
    let takes = |query: &[(&str, &str)]| [&address, &network].map(|row| filter(query).takes(row));
    assert_eq!(takes(&[]), [true, true]);
    assert_eq!(takes(&[("scopes", "ip")]), [true, false]);
    assert_eq!(takes(&[("scopes", "Ip, Range")]), [true, true]);
    assert_eq!(takes(&[("scopes", "country")]), [false, false]);
    assert_eq!(takes(&[("origins", "cscli,CAPI")]), [false, false]);
    assert_eq!(takes(&[("origins", "cscli,Tripoint")]), [true, true]);
    assert_eq!(takes(&[("scenarios_containing", "ssh,BAD")]), [true, true]);
    assert_eq!(takes(&[("scenarios_not_containing", "bad_peer")]), [false, false]);
    assert_eq!(takes(&[("type", "captcha")]), [false, false]);
}

#[test]
fn hostile_parameters_are_refused_with_a_reason() {
    let long = "x".repeat(5000);
    let many = "a,".repeat(500);
    let refused = |query: &[(&str, &str)]| {
        let pairs = pairs(query);
        let asked = match Asked::new(&pairs) {
            Ok(asked) => asked,
            Err(refused) => return refused.1,
        };
        let read = asked.flag("startup", false).map(drop).and_then(|()| Filter::read(&asked).map(drop));
        let Err(Refused(status, why)) = read.and_then(|()| place(&asked).map(drop)) else { panic!("taken: {query:?}") };
        assert_eq!(status, StatusCode::BAD_REQUEST);
        why
    };
    assert!(refused(&[("startup", "maybe")]).contains("true or false"));
    assert!(refused(&[("scopes", &long)]).contains("longer than"));
    assert!(refused(&[("scopes", &many)]).contains("more than 100 words"));
    assert!(refused(&[("ip", "1"), ("ip", "2")]).contains("twice"));
    assert!(refused(&[("ip", "203.0.113.0/24")]).contains("no address"));
    assert!(refused(&[("range", "203.0.113.0/33")]).contains("no address or network"));
    assert!(refused(&[("ip", "203.0.113.1"), ("range", "203.0.113.0/24")]).contains("one of"));
    let at = |query: &[(&str, &str)]| place(&Asked::new(&pairs(query)).unwrap()).unwrap();
    let net = |text: &str| tripoint_model::address::parse_net(text).unwrap();
    assert_eq!(at(&[("ip", "::ffff:203.0.113.1")]), Some(Which::Around(net("203.0.113.1"))));
    assert_eq!(at(&[("range", "203.0.113.9/24"), ("contains", "false")]), Some(Which::Within(net("203.0.113.0/24"))));
    assert_eq!((at(&[("scope", "Country"), ("value", "XX")]), at(&[])), (None, Some(Which::InForce)));
}

#[test]
fn a_list_says_the_same_in_fewer_lines() {
    let nets = ["203.0.113.1", "2001:db8::1", "203.0.113.0", "198.51.100.7", "198.51.100.0/24"];
    let nets: Vec<IpNet> = nets.iter().map(|text| tripoint_model::address::parse_net(text).unwrap()).collect();
    let all = list(&nets, None, 100);
    assert_eq!((all.text.as_str(), all.left_out), ("198.51.100.0/24\n203.0.113.0/31\n2001:db8::1\n", 0));
    assert_eq!(list(&nets, Some(Family::V6), 100).text, "2001:db8::1\n");
    // The newest stay where there is no room.
    let short = list(&nets, Some(Family::V4), 1);
    assert_eq!((short.text.as_str(), short.left_out), ("203.0.113.1\n", 1));
    assert_ne!(all.etag, short.etag);
    assert_eq!(all.etag, list(&nets, None, 99).etag);
}

#[test]
fn what_a_bouncer_dropped_is_summed() {
    let text = r#"{"remediation_components":[{"type":"x","version":"v1","metrics":[{"meta":{"window_size_seconds":900},"items":[
        {"name":"dropped","value":12,"unit":"packet","labels":{"origin":"tripoint"}},{"name":"dropped","value":3.0,"unit":"request"},
        {"name":"dropped","value":700,"unit":"byte"},{"name":"processed","value":50,"unit":"packet"},
        {"name":"dropped","value":-4,"unit":"packet"},{"name":"active_decisions","value":9,"unit":"ip"}]},{"items":null}]}],"log_processors":null}"#;
    let usage: Usage = serde_json::from_str(text).unwrap();
    assert_eq!(usage.sum(), Metered { dropped_packets: 15, dropped_bytes: 700, processed: 50 });
    assert_eq!(serde_json::from_str::<Usage>("{}").unwrap().sum(), Metered::default());
    let huge = r#"{"remediation_components":[{"metrics":[{"items":[{"name":"dropped","value":1e300},{"name":"dropped","value":5}]}]}]}"#;
    assert_eq!(serde_json::from_str::<Usage>(huge).unwrap().sum().dropped_packets, u64::MAX);
}

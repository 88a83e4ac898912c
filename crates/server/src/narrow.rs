//! What is the least that must be excepted so that a false alert does not come again?

use std::collections::BTreeSet;
use std::time::Duration;

use tripoint_api::{ExceptionRequest, ProposedException};
use tripoint_model::{Alert, Direction, Observable};

/// This application, this peer (and its port, where we called), this direction, for a month.
pub(crate) fn exception(alert: &Alert) -> ProposedException {
    let id = alert.application.key();
    // Nobody could name the owner: its key matches nothing.
    let application = Some(id).filter(|_| alert.application.id != UNKNOWN);
    let request = ExceptionRequest {
        target: Some(target(alert)),
        application,
        hosts: None,
        direction: Some(alert.direction),
        rule: None,
        indicator: None,
        cves: Vec::new(),
        ticket: None,
        reason: format!("alert {} is a false positive", alert.id),
        for_seconds: Some(FOR.as_secs()),
    };
    let command = command(&request);
    ProposedException { request, command }
}

/// One peer where there was one; else what was met.
fn target(alert: &Alert) -> Observable {
    let peers: BTreeSet<_> = alert.connections.iter().map(|connection| connection.remote).collect();
    let addresses: BTreeSet<_> = peers.iter().map(std::net::SocketAddr::ip).collect();
    match (addresses.first(), addresses.len(), peers.first(), peers.len()) {
        (Some(address), 1, Some(peer), 1) if alert.direction == Direction::Outbound => {
            Observable::AddressPort(*address, peer.port())
        }
        // A client takes another port each time.
        (Some(address), 1, ..) => Observable::Address(*address),
        _ => alert.indicator.clone(),
    }
}

fn command(request: &ExceptionRequest) -> String {
    let mut command = "tripoint exceptions add".to_owned();
    let target = request.target.as_ref().map(ToString::to_string);
    let direction = request.direction.map(|direction| direction.as_str().to_owned());
    let options = [
        ("--target", target),
        ("--application", request.application.clone()),
        ("--direction", direction),
        ("--for", Some(format!("{}d", FOR.as_secs() / 86_400))),
        ("--reason", Some(request.reason.clone())),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            command.push_str(&format!(" {name} {}", quoted(&value)));
        }
    }
    command
}

/// As a shell takes it for one word; the names of applications are foreign text.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "./:_@[]-".contains(c);
    if text.chars().all(is_plain) && !text.contains(['[', ']']) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The id of the application of a connection whose owner could not be named.
const UNKNOWN: &str = "unknown";
/// As long as an exception may last.
const FOR: Duration = tripoint_api::SPAN_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(connections: &str, direction: &str, application: &str) -> Alert {
        let text = format!(
            r#"{{"schema":1,"id":"aa","rule":"r","title":"t","host":"h","application":{{"kind":"executable",
            "id":"{application}","name":"a"}},"indicator":"203.0.113.0/24","direction":"{direction}","severity":
            {{"score":1,"level":"low","factors":[]}},"confidence":90,"first_seen":"2026-11-20T03:00:00Z",
            "last_seen":"2026-11-20T03:00:00Z","count":1,"bytes_in":0,"bytes_out":0,"still_open":true,
            "connections":[{connections}],"claims":[],"findings":[]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn to(remote: &str) -> String {
        format!(
            r#"{{"id":{{"cookie":1,"peer":0}},"protocol":"tcp","direction":"outbound","local":"198.51.100.1:4000",
            "remote":"{remote}","state":"closed","opened":"2026-11-20T03:00:00Z","bytes_in":0,"bytes_out":0,"netns":1}}"#
        )
    }

    #[test]
    fn it_is_as_narrow_as_what_was_seen() {
        let (one, same, other) = (to("203.0.113.66:443"), to("203.0.113.66:80"), to("203.0.113.67:443"));
        for (connections, direction, target) in [
            (one.clone(), "outbound", "203.0.113.66:443"),
            (one.clone(), "inbound", "203.0.113.66"),
            (format!("{one},{same}"), "outbound", "203.0.113.66"),
            (format!("{one},{other}"), "outbound", "203.0.113.0/24"),
            (String::new(), "outbound", "203.0.113.0/24"),
        ] {
            let proposed = exception(&alert(&connections, direction, "/usr/bin/app"));
            assert_eq!(proposed.request.target.unwrap().to_string(), target);
            let expected = format!(
                "tripoint exceptions add --target {target} --application exe:/usr/bin/app --direction {direction} \
                 --for 30d --reason 'alert aa is a false positive'"
            );
            assert_eq!(proposed.command, expected);
        }
    }

    #[test]
    fn foreign_names_stay_one_word() {
        let proposed = exception(&alert("", "outbound", "/tmp/a'; rm -rf ~ #"));
        assert!(proposed.command.contains(r"--application 'exe:/tmp/a'\''; rm -rf ~ #' --direction"));
        assert_eq!(exception(&alert("", "outbound", "unknown")).request.application, None);
    }
}

//! Is everybody told over every channel, does no channel wait for another, and is nothing lost on the way?

use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use tripoint_api::channel::{ChannelList, ChannelPreview, ChannelStatus, ChannelTest, PreviewRequest};
use tripoint_api::path;
use tripoint_fetch::Settings;
use tripoint_model::{Alert, AlertId, Timestamp};
use tripoint_server::Notify;
use tripoint_server::notify_config::{ChannelConfig, NotifyConfig, RouteConfig};

use crate::receiver::{Came, Manner, Receiver, smtp};
use crate::rig::{Rig, alert};

pub const TICK: Duration = Duration::from_millis(20);

pub fn secret(folder: &Path, name: &str) -> std::path::PathBuf {
    let path = folder.join(format!("{name}.secret"));
    std::fs::write(&path, format!("the {name} secret\n")).unwrap();
    path
}

pub fn channel(name: &str, kind: &str, url: &str) -> ChannelConfig {
    ChannelConfig { name: name.into(), kind: kind.into(), url: url.into(), ..ChannelConfig::default() }
}

pub fn webhook(folder: &Path, name: &str, url: &str) -> ChannelConfig {
    ChannelConfig { secret_file: secret(folder, name), ..channel(name, "webhook", url) }
}

pub fn to(names: &[&str]) -> RouteConfig {
    RouteConfig { channels: names.iter().map(|name| (*name).to_owned()).collect(), ..RouteConfig::default() }
}

pub async fn serve(folder: &Path, config: &NotifyConfig) -> Rig {
    let settings = Settings { total_timeout: Duration::from_millis(700), ..Settings::default() };
    let notify = Notify::new(config, settings).unwrap().paced(Duration::from_secs(30), TICK, TICK);
    Rig::start_as(folder, |options| options.notify = Some(notify)).await
}

pub fn config(channels: Vec<ChannelConfig>, routes: Vec<RouteConfig>) -> NotifyConfig {
    NotifyConfig { channels, routes, ..NotifyConfig::default() }
}

pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..800 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come about");
}

pub async fn status(rig: &Rig, name: &str) -> ChannelStatus {
    let list: ChannelList = rig.client.get(path::CHANNELS).await.unwrap();
    list.channels.into_iter().find(|channel| channel.name == name).unwrap()
}

pub fn types(came: &[Came]) -> Vec<String> {
    let one = |came: &Came| {
        let message = came.json();
        let id = message["alert"]["id"].as_str().unwrap_or("-").to_owned();
        format!("{} {id}", message["type"].as_str().unwrap())
    };
    came.iter().map(one).collect()
}

/// A channel of each kind that speaks HTTP, with its receiver.
async fn each_of_http(folder: &Path) -> (Vec<ChannelConfig>, Vec<Receiver>) {
    let mut channels = Vec::new();
    let mut receivers = Vec::new();
    for kind in HTTP {
        let receiver = Receiver::new(Manner::Says(200)).await;
        let mut one = channel(kind, kind, &receiver.url);
        match kind {
            "elastic" | "splunk-hec" => one.index = "tripoint".into(),
            "jira" => one.project = "SEC".into(),
            "servicenow" => (one.user, one.password_file) = ("me".into(), secret(folder, kind)),
            "webhook" => one.secret_file = secret(folder, kind),
            _ => {}
        }
        if ["jira", "pagerduty", "splunk-hec"].contains(&kind) {
            one.token_file = secret(folder, kind);
        }
        channels.push(one);
        receivers.push(receiver);
    }
    (channels, receivers)
}

const HTTP: [&str; 10] = [
    "alertmanager",
    "elastic",
    "falcosidekick",
    "jira",
    "pagerduty",
    "servicenow",
    "slack",
    "splunk-hec",
    "teams",
    "webhook",
];

fn syslog(name: &str, port: u16, transport: &str, format: &str) -> ChannelConfig {
    let server = format!("127.0.0.1:{port}");
    ChannelConfig { server, transport: transport.into(), format: format.into(), ..channel(name, "syslog", "") }
}

/// One mail, whatever its text says.
fn check_mail(mail: &[String]) {
    let is_command = |line: &&String| ["MAIL", "RCPT", "DATA", "AUTH"].iter().any(|word| line.starts_with(word));
    assert_eq!(mail.iter().filter(is_command).count(), 4, "{mail:?}");
    assert_eq!(mail.iter().filter(|line| line.as_str() == ".").count(), 1);
    assert!(!mail.iter().any(|line| line.starts_with("Bcc")), "{mail:?}");
}

#[tokio::test]
async fn every_kind_delivers_to_a_receiver_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (mut channels, receivers) = each_of_http(folder.path()).await;
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mail_port, mail) = smtp("AUTH PLAIN", "").await;
    channels.push(syslog("udp", udp.local_addr().unwrap().port(), "", "cef"));
    channels.push(syslog("tcp", tcp.local_addr().unwrap().port(), "tcp", ""));
    channels.push(ChannelConfig {
        server: format!("127.0.0.1:{mail_port}"),
        tls: "plain".into(),
        from: "tripoint@example.org".into(),
        to: vec!["ops@example.org".into()],
        user: "me".into(),
        password_file: secret(folder.path(), "mail"),
        ..channel("mail", "email", "")
    });
    let names: Vec<String> = channels.iter().map(|channel| channel.name.clone()).collect();
    let route = RouteConfig { channels: names.clone(), ..RouteConfig::default() };
    let rig = serve(folder.path(), &config(channels, vec![route])).await;
    let title = "x\r\nBcc: v@example.org\r\n\r\n.\r\nMAIL FROM:<x>\u{1b}[2J\u{202e}".into();
    rig.report("web1", 1, &[Alert { title, ..alert("aa", 50, 1) }]).await;
    for (kind, receiver) in HTTP.iter().zip(&receivers) {
        until(kind, async || !receiver.came().is_empty()).await;
        let body = &receiver.came()[0].body;
        assert!(!body.contains('\u{202e}') && body.contains("aa"), "{kind}: {body}");
    }
    let mut datagram = vec![0; 4096];
    let length = udp.recv(&mut datagram).await.unwrap();
    let record = String::from_utf8(datagram[..length].to_vec()).unwrap();
    assert!(record.starts_with("<132>1 20"), "{record}");
    assert!(record.contains(" CEF:0|Tripoint|") && !record.contains(['\n', '\r', '\u{1b}']), "{record}");
    let (mut stream, _) = tcp.accept().await.unwrap();
    let mut framed = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut framed).await.unwrap();
    let (length, rest) = framed.split_once(' ').unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), rest.len());
    until("the mail", async || mail.lock().unwrap().iter().any(|line| line == "QUIT")).await;
    check_mail(&mail.lock().unwrap());
    // And each says by itself whether it works; nobody listens to the one over TCP any more.
    for name in names.iter().filter(|name| *name != "tcp") {
        let test: ChannelTest = rig.client.post(&path::channel(name, "test"), &json!({})).await.unwrap();
        assert!(test.delivered, "{name}: {test:?}");
    }
    for name in ["webhook", "mail", "udp"] {
        until("a count", async || status(&rig, name).await.delivered == 1).await;
    }
    rig.stop().await;
}

/// What a receiver does with a request, as the page says: the signature, and no time that is minutes away.
fn is_genuine(came: &Came, secret: &str, now: i64) -> bool {
    let seconds = came.header("x-tripoint-timestamp");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{}", came.body).as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    came.header("x-tripoint-signature") == format!("sha256={hex}")
        && (now - seconds.parse::<i64>().unwrap()).abs() < 300
}

#[tokio::test]
async fn a_webhook_is_signed_anew_for_each_attempt_and_cannot_be_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(Manner::Says(503)).await;
    let rig = serve(folder.path(), &config(vec![webhook(folder.path(), "a", &receiver.url)], vec![to(&["a"])])).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    until("attempts over a second", async || {
        let times: std::collections::BTreeSet<String> =
            receiver.came().iter().map(|came| came.header("x-tripoint-timestamp").to_owned()).collect();
        times.len() > 1
    })
    .await;
    receiver.behave(Manner::Says(204));
    until("the message", async || status(&rig, "a").await.delivered == 1).await;
    let came = receiver.came();
    let now = Timestamp::from_system(std::time::SystemTime::now()).0 / 1_000_000;
    for one in &came {
        assert!(is_genuine(one, "the a secret", now));
        assert!(!is_genuine(one, "another", now));
        assert!(!is_genuine(one, "the a secret", now + 600), "played again later");
        let forged = Came { body: one.body.replace("web1", "web2"), ..one.clone() };
        assert!(!is_genuine(&forged, "the a secret", now));
        assert_eq!(one.header("x-tripoint-delivery"), came[0].header("x-tripoint-delivery"));
    }
    rig.stop().await;
}

/// Promise S17: whoever sleeps, drips, fails, hangs up or answers a gigabyte harms nobody else. Counts, not seconds:
/// the well channel has everything in order while the sick ones have taken nothing, and every report was acknowledged.
#[tokio::test]
async fn s17_a_sick_channel_delays_neither_another_nor_the_reports() {
    const ALERTS: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let sick = [
        ("sleeps", Manner::Sleeps),
        ("drips", Manner::Drips),
        ("fails", Manner::Says(500)),
        ("closes", Manner::Closes),
        ("floods", Manner::Floods),
    ];
    let well = Receiver::new(Manner::Says(200)).await;
    let mut channels = vec![webhook(folder.path(), "well", &well.url)];
    let mut receivers = Vec::new();
    for (name, manner) in sick {
        let receiver = Receiver::new(manner).await;
        channels.push(webhook(folder.path(), name, &receiver.url));
        receivers.push(receiver);
    }
    let names: Vec<String> = channels.iter().map(|channel| channel.name.clone()).collect();
    let route = RouteConfig { channels: names, ..RouteConfig::default() };
    let rig = serve(folder.path(), &config(channels, vec![route])).await;
    for number in 1..=ALERTS {
        let answer = rig.report("web1", number, &[alert(&format!("a{number}"), 50, 1)]).await;
        assert_eq!(answer.acknowledged, number);
    }
    until("all at the well one", async || well.came().len() as u64 == ALERTS).await;
    let expected: Vec<String> = (1..=ALERTS).map(|number| format!("alert-new a{number}")).collect();
    assert_eq!(types(&well.came()), expected);
    for (name, manner) in sick {
        let status = status(&rig, name).await;
        println!("{name}: {} waiting, {} failures, {:?}", status.waiting, status.failures, status.trouble);
        match manner {
            // It was taken, though nobody listens to the end.
            Manner::Floods => assert!(status.delivered > 0, "{status:?}"),
            _ => assert_eq!((status.delivered, status.waiting, status.dead), (0, ALERTS, 0), "{name}"),
        }
    }
    for name in ["sleeps", "drips", "fails", "closes"] {
        until("an open breaker", async || status(&rig, name).await.breaker == "open").await;
        assert!(status(&rig, name).await.next_attempt.is_some() || status(&rig, name).await.failures >= 5);
    }
    // Of a gigabyte each, what fits into sockets and 64 KiB.
    let floods = &receivers[4];
    let per_answer = floods.sent.load(std::sync::atomic::Ordering::Relaxed) / floods.came().len() as u64;
    println!("{per_answer} bytes of each gigabyte were sent");
    assert!(per_answer < 32 << 20, "{per_answer}");
    // Once it is well, it has everything, in order.
    receivers[2].behave(Manner::Says(200));
    until("the rest", async || status(&rig, "fails").await.delivered == ALERTS).await;
    let taken: Vec<String> = types(&receivers[2].came());
    let last: Vec<String> = taken[taken.len() - expected.len()..].to_vec();
    assert_eq!((last, status(&rig, "fails").await.breaker.as_str()), (expected, "closed"));
    rig.abort().await;
}

/// Promise S8: a name that leads to a private place is not connected to unless the channel says so.
#[tokio::test]
async fn s8_a_channel_leads_to_no_private_place_unless_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(Manner::Says(200)).await;
    let sideways = Receiver::new(Manner::Says(200)).await;
    // Another spelling of 127.0.0.1, which the resolver knows and the URL does not show.
    let url = format!("http://2130706433:{}", receiver.port);
    let closed = ChannelConfig { unencrypted: true, ..webhook(folder.path(), "closed", &url) };
    let open = ChannelConfig {
        private: true,
        unencrypted: true,
        ..webhook(folder.path(), "open", &format!("http://2130706433:{}", sideways.port))
    };
    let mail = ChannelConfig {
        server: format!("2130706433:{}", receiver.port),
        from: "a@example.org".into(),
        to: vec!["b@example.org".into()],
        ..channel("mail", "email", "")
    };
    let syslog = ChannelConfig {
        server: format!("2130706433:{}", receiver.port),
        transport: "tcp".into(),
        unencrypted: true,
        ..channel("syslog", "syslog", "")
    };
    let rig = serve(folder.path(), &config(vec![closed, open, mail, syslog], vec![to(&["open"])])).await;
    for name in ["closed", "mail", "syslog"] {
        let test: ChannelTest = rig.client.post(&path::channel(name, "test"), &json!({})).await.unwrap();
        assert!(test.trouble.as_ref().unwrap().contains("is not public"), "{name}: {test:?}");
    }
    assert_eq!(receiver.connections.load(std::sync::atomic::Ordering::Relaxed), 0);
    let test: ChannelTest = rig.client.post(&path::channel("open", "test"), &json!({})).await.unwrap();
    assert!(test.delivered, "{test:?}");
    rig.stop().await;
}

#[tokio::test]
async fn a_mail_goes_nowhere_in_the_clear_and_refusals_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mail = |name: &str, port: u16, tls: &str| ChannelConfig {
        server: format!("127.0.0.1:{port}"),
        tls: tls.into(),
        from: "a@example.org".into(),
        to: vec!["b@example.org".into(), "c@example.org".into()],
        user: "me".into(),
        password_file: secret(folder.path(), name),
        ..channel(name, "email", "")
    };
    let (bare, told) = smtp("AUTH PLAIN", "").await;
    let (partly, some) = smtp("AUTH PLAIN", "b@example.org").await;
    let (full, none) = smtp("AUTH PLAIN", "RCPT").await;
    let channels = vec![mail("starttls", bare, ""), mail("partly", partly, "plain"), mail("full", full, "plain")];
    let rig = serve(folder.path(), &config(channels, vec![to(&["partly", "full"])])).await;
    let test: ChannelTest = rig.client.post(&path::channel("starttls", "test"), &json!({})).await.unwrap();
    assert!(test.trouble.unwrap().contains("without STARTTLS"));
    assert!(told.lock().unwrap().iter().all(|line| line.starts_with("EHLO")), "{told:?}");
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    until("the one that is taken", async || status(&rig, "partly").await.delivered == 1).await;
    assert!(some.lock().unwrap().iter().any(|line| line == "."));
    until("the one that is not", async || status(&rig, "full").await.dead == 1).await;
    assert!(!none.lock().unwrap().iter().any(|line| line == "DATA"));
    rig.stop().await;
}

#[tokio::test]
async fn a_preview_shows_what_would_be_sent_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(Manner::Says(500)).await;
    let url_file = folder.path().join("slack.url");
    std::fs::write(&url_file, format!("{}/services/T0/B0/verysecret", receiver.url)).unwrap();
    let slack = ChannelConfig {
        url_file,
        template: "own: {{ alert.title }} {{ nothing.here }}".into(),
        ..channel("slack", "slack", "")
    };
    let pager =
        ChannelConfig { token_file: secret(folder.path(), "pager"), ..channel("pager", "pagerduty", &receiver.url) };
    let rig = serve(folder.path(), &config(vec![slack, pager], vec![])).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    let asked = PreviewRequest { alert: AlertId("aa".into()) };
    for (name, hidden) in [("slack", "verysecret"), ("pager", "the pager secret")] {
        let preview: ChannelPreview = rig.client.post(&path::channel(name, "preview"), &asked).await.unwrap();
        assert!(preview.requests[0].what.starts_with("POST http://127.0.0.1"), "{preview:?}");
        assert!(preview.requests[0].body.contains("app@web1 connected"), "the default stands in: {preview:?}");
        assert!(!format!("{preview:?}").contains(hidden), "{preview:?}");
    }
    assert!(receiver.came().is_empty(), "nothing is sent");
    // Nor do errors tell it.
    let test: ChannelTest = rig.client.post(&path::channel("slack", "test"), &json!({})).await.unwrap();
    assert!(!test.delivered && !format!("{test:?}").contains("verysecret"), "{test:?}");
    let gone = PreviewRequest { alert: AlertId("zz".into()) };
    let missing = rig.client.post::<ChannelPreview>(&path::channel("slack", "preview"), &gone).await.unwrap_err();
    assert!(missing.to_string().contains("no such alert"), "{missing}");
    rig.stop().await;
}

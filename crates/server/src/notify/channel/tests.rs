//! Does every kind say what its golden files say, and does nothing hostile come through?

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::Value;

use super::*;
use crate::notify::config::ChannelConfig;
use crate::notify::text_of;

/// Every key that a kind knows, with a value; secrets in files of a folder.
fn spec(kind: &'static dyn Channel, folder: &Path, format: &str) -> Spec {
    let knows = |key: &str| kind.needs().contains(&key) || kind.takes().contains(&key);
    let text = |key: &str, value: &str| if knows(key) { value.to_owned() } else { String::new() };
    let file = |key: &str| {
        if !knows(key) {
            return PathBuf::new();
        }
        let path = folder.join(key);
        fs::write(&path, format!("the-{key}-of-it\n")).unwrap();
        path
    };
    // What proves who we are is one thing: where a password is known, that.
    let token = if knows("password") { PathBuf::new() } else { file("token") };
    let config = ChannelConfig {
        name: "here".into(),
        kind: kind.name().into(),
        url: text("url", "https://receiver.example/hook"),
        secret_file: file("secret"),
        token_file: token,
        user: text("user", "tripoint"),
        password_file: file("password"),
        format: format.into(),
        from: text("from", "tripoint@example.org"),
        to: if knows("to") { vec!["ops@example.org".into(), "night@example.org".into()] } else { Vec::new() },
        server: text("server", "receiver.example:25"),
        transport: text("transport", "tls"),
        project: text("project", "SEC"),
        index: text("index", "tripoint"),
        ..ChannelConfig::default()
    };
    Spec::new(&config).unwrap()
}

#[test]
fn a_channel_names_the_port_that_it_is_reached_at() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let mut of = spec(*kind, folder.path(), "");
        let expected = if kind.needs().contains(&"server") { 25 } else { 443 };
        assert_eq!(of.port(), Some(expected), "{}", kind.name());
        if of.url.is_empty() {
            of.transport = "udp".into();
            assert_eq!(of.port(), Some(25).filter(|_| kind.name() != "syslog"), "{}", kind.name());
        }
    }
    // Nothing said: the service's own address.
    let mut own = spec(find("pagerduty").unwrap(), folder.path(), "");
    own.url = Default::default();
    assert_eq!(own.port(), Some(443));
}

/// What would be sent, as a person would look at it.
fn sent(spec: &Spec, news: &News) -> String {
    let text = text_of(spec, news);
    let told = Told { news, text: &text, number: 7, seconds: 1_795_000_000 };
    let mut out = String::new();
    for wire in spec.kind.requests(spec, &told) {
        match wire {
            Wire::Http(http) => {
                out.push_str(&format!("POST {}{}\n", spec.url.text(), http.path));
                out.push_str(&format!("content-type: {}\n", http.content));
                http.headers.iter().for_each(|(name, value)| out.push_str(&format!("{name}: {value}\n")));
                for line in String::from_utf8(http.body).unwrap().lines() {
                    let value: Value = serde_json::from_str(line).unwrap();
                    out.push_str(&serde_json::to_string_pretty(&value).unwrap());
                    out.push('\n');
                }
            }
            Wire::Mail(mail) => out.push_str(&String::from_utf8(mail).unwrap().replace("\r\n", "\n")),
            Wire::Record(record) => out.push_str(&format!("{}\n", String::from_utf8(record).unwrap())),
        }
    }
    out
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/notify").join(name)
}

fn messages() -> Vec<(String, News)> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(fixture("message")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, News::read(&fs::read_to_string(path).unwrap()).unwrap())
    };
    found.iter().map(read).collect()
}

/// Kind, and form where it has several.
fn shapes() -> Vec<(&'static dyn Channel, &'static str)> {
    let mut shapes: Vec<_> = KINDS.iter().map(|kind| (*kind, "")).collect();
    shapes.extend([("webhook", "ocsf"), ("syslog", "cef")].map(|(name, format)| (find(name).unwrap(), format)));
    shapes
}

#[test]
fn every_kind_says_what_its_golden_files_say() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, format) in shapes() {
        let spec = spec(kind, folder.path(), format);
        for (name, news) in messages() {
            let dash = if format.is_empty() { "" } else { "-" };
            let path = fixture("sent").join(format!("{}{dash}{format}", kind.name())).join(format!("{name}.txt"));
            let said = sent(&spec, &news);
            if std::env::var_os("UPDATE").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &said).unwrap();
            }
            let golden = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(said, golden, "{}: run with UPDATE=1 and read the difference", path.display());
        }
    }
}

/// Whether a character steers a terminal or the direction of writing (S7).
fn steers(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Promise S7, of every kind, of the bytes that leave and of the texts in them.
#[test]
fn s7_nothing_that_steers_comes_out_of_any_kind() {
    fn texts(value: &Value, with: &mut dyn FnMut(&str)) {
        match value {
            Value::String(text) => with(text),
            Value::Array(values) => values.iter().for_each(|value| texts(value, with)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                with(name);
                texts(value, with);
            }),
            _ => {}
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for (kind, format) in shapes() {
        let spec = spec(kind, folder.path(), format);
        for (name, news) in messages() {
            let text = text_of(&spec, &news);
            let told = Told { news: &news, text: &text, number: 7, seconds: 0 };
            for wire in kind.requests(&spec, &told) {
                let check = |text: &str| {
                    let found = text.chars().find(|c| steers(*c));
                    assert_eq!(found, None, "{} {name}: {text:?}", kind.name());
                };
                match wire {
                    Wire::Http(http) => {
                        let body = String::from_utf8(http.body).unwrap();
                        check(&body);
                        for line in body.lines() {
                            texts(&serde_json::from_str(line).unwrap(), &mut |text| check(text));
                        }
                        http.headers.iter().for_each(|(_, value)| assert!(!value.contains(['\r', '\n']), "{value:?}"));
                    }
                    Wire::Mail(mail) => check_mail(&String::from_utf8(mail).unwrap(), &check),
                    Wire::Record(record) => {
                        let record = String::from_utf8(record).unwrap();
                        check(&record);
                        assert_eq!(record.lines().count(), 1, "{record:?}");
                    }
                }
            }
        }
    }
}

/// What stands in for a template that fails must not fail itself.
#[test]
fn the_defaults_take_every_message() {
    for default in KINDS.iter().filter_map(|kind| kind.template()) {
        let template = template::Template::new(None, default).unwrap();
        for (name, news) in messages() {
            assert_eq!(template.text(&news).1, None, "{name}");
        }
    }
}

/// Every header is one of ours, and what is encoded holds nothing that steers.
fn check_mail(mail: &str, check: &dyn Fn(&str)) {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let ours = [
        "From",
        "To",
        "Date",
        "Message-ID",
        "References",
        "Subject",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    let mut names = Vec::new();
    for line in head.split("\r\n").filter(|line| !line.starts_with(' ')) {
        names.push(line.split_once(": ").unwrap().0);
    }
    assert_eq!(names, ours);
    assert!(mail.is_ascii());
    let encoded: String = body.split("\r\n").collect();
    let text = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    check(&String::from_utf8(text).unwrap().replace("\r\n", "\n"));
}

/// What strangers wrote can be told from markup by each reader.
#[test]
fn markup_of_strangers_is_no_markup() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, format: &str| {
        let spec = spec(find(name).unwrap(), folder.path(), format);
        let hostile = messages().into_iter().find(|(name, _)| name == "hostile").unwrap().1;
        sent(&spec, &hostile)
    };
    let slack = said("slack", "");
    assert!(
        slack.contains("&lt;!channel&gt;")
            && slack.contains("\"mrkdwn\": false")
            && !slack.contains("\"type\": \"mrkdwn\"")
    );
    let teams = said("teams", "");
    assert!(!teams.contains("\"TextBlock\"") && !teams.contains("FactSet"), "these read Markdown: {teams}");
    let syslog = said("syslog", "");
    assert!(syslog.contains(r#"application="a\"\] [x y=\"z""#), "{syslog}");
    let cef = said("syslog", "cef");
    let head = cef.split("CEF:0").nth(1).unwrap();
    assert!(head.contains(r"\|9\|"), "{cef}");
    assert!(cef.contains(r"/sh src\=192.0.2.1 "), "{cef}");
    let jira = said("jira", "");
    let description = jira.lines().find(|line| line.contains("\"description\"")).unwrap();
    assert_eq!(description.matches("{noformat}").count(), 2, "{jira}");
    let servicenow = said("servicenow", "");
    assert!(!servicenow.contains("[code]"), "{servicenow}");
}

#[test]
fn every_kind_is_on_the_page_and_each_name_once() {
    let page = include_str!("../../../../../docs/reference/notifications.md");
    let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    for kind in KINDS {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.name())));
        let row = row.unwrap_or_else(|| panic!("{} is not on the page", kind.name()));
        for key in kind.needs().iter().chain(kind.takes()) {
            assert!(row.contains(&format!("`{key}")), "{}: {key} is not on the page", kind.name());
        }
    }
    names.dedup();
    assert_eq!(names.len(), KINDS.len());
    assert!(names.is_sorted());
}

/// Secrets are shown by nothing: not by a preview, not by an error, not by `Debug`.
#[test]
fn no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, format) in shapes() {
        let spec = spec(kind, folder.path(), format);
        let mut all = format!("{spec:?}");
        for (_, news) in messages() {
            all.push_str(&spec.redacted(&sent(&spec, &news)));
        }
        let url = if spec.url.is_empty() { "" } else { "cannot fetch https://receiver.example/hook/api: no" };
        all.push_str(&spec.redacted(url));
        for secret in ["the-secret-of-it", "the-token-of-it", "the-password-of-it", "receiver.example/hook"] {
            assert!(!all.contains(secret), "{} shows {secret}", kind.name());
        }
        let basic = base64::engine::general_purpose::STANDARD.encode("tripoint:the-password-of-it");
        assert!(!all.contains(&basic), "{}", kind.name());
    }
}

#[test]
fn what_a_kind_does_not_know_or_lacks_is_told() {
    let config = |kind: &str| ChannelConfig { name: "c".into(), kind: kind.into(), ..ChannelConfig::default() };
    let wrong = |config: &ChannelConfig| Spec::new(config).unwrap_err();
    assert!(wrong(&config("irc")).contains("known: alertmanager, elastic"));
    assert_eq!(wrong(&config("webhook")), "a channel of kind webhook needs url");
    let url = |kind: &str, url: &str| ChannelConfig { url: url.into(), ..config(kind) };
    assert_eq!(wrong(&url("webhook", "https://a.example")), "a channel of kind webhook needs secret_file");
    let foreign = ChannelConfig { index: "x".into(), ..url("slack", "https://a.example") };
    assert_eq!(wrong(&foreign), "a channel of kind slack has no index");
    assert!(wrong(&url("slack", "http://a.example/x")).contains("use https"));
    assert!(wrong(&url("slack", "ftp://a.example/x")).contains("neither https:// nor http://"));
    assert!(Spec::new(&url("slack", "http://127.0.0.1:8080/x")).is_ok());
    let mail = |server: &str, tls: &str| ChannelConfig {
        server: server.into(),
        tls: tls.into(),
        from: "a@example.org".into(),
        to: vec!["b@example.org".into()],
        ..config("email")
    };
    assert!(wrong(&mail("mail.example:25", "plain")).contains("this host alone"));
    assert!(Spec::new(&mail("127.0.0.1:25", "plain")).is_ok() && Spec::new(&mail("mail.example:587", "")).is_ok());
    assert!(wrong(&mail("mail.example", "")).contains("no HOST:PORT"));
    assert!(wrong(&mail("mail.example\r\nx:25", "")).contains("no HOST:PORT"));
    let template = ChannelConfig { template: "a\n{{ b".into(), ..url("slack", "https://a.example") };
    assert!(wrong(&template).starts_with("template line 2: "), "{}", wrong(&template));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.jinja");
    fs::write(&file, "a\n\n{% if %}").unwrap();
    let template = ChannelConfig { template_file: file.clone(), ..url("slack", "https://a.example") };
    assert!(wrong(&template).starts_with(&format!("{}: template line 3: ", file.display())), "{}", wrong(&template));
}

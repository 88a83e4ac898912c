//! How does a message become the text that an administrator wants, and never none?
//!
//! Templates are minijinja's, without includes, imports and macros. They are compiled when the configuration is
//! read; one that fails with a message gives way to the default, so that nothing goes untold because of a template.

use std::sync::Arc;

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, UndefinedBehavior, Value};
use tripoint_model::text::{truncate, visible};

use super::news::News;

/// A text of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Template(Arc<Environment<'static>>);

/// What is wrong with a template, and on which of its lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template line {line}: {why}")]
pub(crate) struct TemplateError {
    pub(crate) line: usize,
    pub(crate) why: String,
}

impl Template {
    /// Compiles an administrator's own text, and the default that stands in for it.
    pub(crate) fn new(own: Option<&str>, default: &'static str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_formatter(|out, _, value| match value.kind() {
            ValueKind::None | ValueKind::Undefined => Ok(()),
            _ => out.write_str(&value.to_string()).map_err(minijinja::Error::from),
        });
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(32);
        // What is misspelt fails, rather than saying nothing; what may be absent can be asked for.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let named = |error: &minijinja::Error| TemplateError {
            line: error.line().unwrap_or(1),
            why: truncate(&visible(&error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)), 300)
                .0
                .to_owned(),
        };
        environment.add_template(DEFAULT, default).map_err(|error| named(&error))?;
        if let Some(own) = own {
            if own.len() > SOURCE_MAX {
                return Err(TemplateError { line: 1, why: format!("longer than {SOURCE_MAX} bytes") });
            }
            environment.add_template_owned(OWN, own.to_owned()).map_err(|error| named(&error))?;
        }
        Ok(Self(Arc::new(environment)))
    }

    /// The text, and what was wrong where the default had to stand in.
    pub(crate) fn text(&self, news: &News) -> (String, Option<TemplateError>) {
        let mut trouble = None;
        for name in [OWN, DEFAULT] {
            let Ok(template) = self.0.get_template(name) else { continue };
            let mut out = Bounded(Vec::new());
            match template.render_captured_to(context(news), &mut out) {
                Ok(_) => return (plain(&String::from_utf8_lossy(&out.0)), trouble),
                Err(error) => {
                    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                    trouble = trouble.or(Some(TemplateError { line: error.line().unwrap_or(1), why }));
                }
            }
        }
        (news.headline(), trouble)
    }
}

/// The message as webhooks have it, with `headline`, `level` and `about`.
fn context(news: &News) -> Value {
    let mut all = news.value.clone();
    all["headline"] = news.headline().into();
    all["level"] = news.level().to_string().into();
    all["about"] = news.host().into();
    for name in ["alert", "actions", "targets", "feed", "trouble", "digest", "channel", "why", "host"] {
        if all.get(name).is_none() {
            all[name] = serde_json::Value::Null;
        }
    }
    Value::from(Serde(&all))
}

/// Line ends and tabs are the template's; nothing else steers.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in truncate(text, TEXT_MAX).0.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (at, part) in line.trim_end_matches('\r').split('\t').enumerate() {
            if at > 0 {
                out.push('\t');
            }
            out.push_str(&visible(part));
        }
    }
    out
}

/// Takes no more than `TEXT_MAX` bytes.
struct Bounded(Vec<u8>);

impl std::io::Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > TEXT_MAX {
            return Err(std::io::Error::other(format!("the text is longer than {TEXT_MAX} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What people read.
pub(crate) const LONG: &str = "\
{{ headline }}
{% if alert %}
host: {{ alert.host }}
application: {{ alert.application.name }} ({{ alert.application.id }})
peer: {{ alert.indicator }}, {{ alert.direction }}{% if alert.peer %}, {{ alert.peer.address }} port {{ alert.peer.port }}{% endif %}
severity: {{ level }} ({{ alert.severity.score }}), confidence {{ alert.confidence }}
{% if alert.feeds %}called bad by: {{ alert.feeds|join(', ') }}
{% endif %}{% if alert.cves %}vulnerable to: {{ alert.cves|join(', ') }}
{% endif %}{% if alert.evidence %}its logs say: {{ alert.evidence }}
{% endif %}{% if alert.process %}process: {{ alert.process.exe }} ({{ alert.process.pid }})
{% endif %}seen: {{ alert.first_seen }} to {{ alert.last_seen }}, {{ alert.count }} connections
alert: {{ alert.id }} ({{ alert.rule }}, {{ alert.status }})
{% for command in alert.suggested or [] %}try: {{ command }}
{% endfor %}{% endif %}{% if actions %}
{% for one in actions %}{{ one.action }} {{ one.target }}: {{ one.state }}
{% endfor %}{% endif %}{% if digest %}
{{ digest.from }} to {{ digest.until }}
{% for line in digest.lines %}- {{ line }}
{% endfor %}{% if digest.left_out %}and {{ digest.left_out }} more
{% endif %}{% endif %}";

/// One line for what has little room.
pub(crate) const LINE: &str = "{% if alert %}{{ headline }} (host {{ alert.host }}, alert {{ alert.id }})\
{% else %}{{ headline }}{% endif %}";

const OWN: &str = "own";
const DEFAULT: &str = "default";
/// Steps of a rendering: the default takes some hundreds.
const FUEL: u64 = 100_000;
const SOURCE_MAX: usize = 16 << 10;
const TEXT_MAX: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn news() -> News {
        News::read(r#"{"schema":1,"type":"feed-trouble","at":"2026-11-20T03:00:00Z","feed":"a\u001b[2Jb","trouble":"x\u202ey"}"#)
            .unwrap()
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_another_file_is_out_of_reach() {
        let error = |text: &str| Template::new(Some(text), LINE).unwrap_err();
        assert_eq!(error("a\nb {{ x\n").line, 2);
        assert_eq!(error("a\n\n{% nonsense %}").line, 3);
        assert!(error("{% include 'x' %}").why.contains("include"), "{:?}", error("{% include 'x' %}"));
        for closed in ["{% import 'x' as y %}", "{% macro x() %}{% endmacro %}", "{% extends 'x' %}"] {
            assert!(Template::new(Some(closed), LINE).is_err(), "{closed}");
        }
        assert!(error(&"x".repeat(SOURCE_MAX + 1)).why.contains("longer"));
    }

    /// No message is lost for a template, however it fails or how long it would run.
    #[test]
    fn what_fails_gives_way_to_the_default() {
        let plain = "feed a\\u{1b}[2Jb is in trouble: x\\u{202e}y";
        for (own, fails) in [
            ("{{ headline }}", false),
            ("{{ nonsense }}", true),
            ("{{ alert.title }}", true),
            (
                "{% for a in '0123456789' %}{% for b in '0123456789' %}{% for c in '0123456789' %}{% for d in '0123456789' %}{% for e in '0123456789' %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
                true,
            ),
            ("{{ headline|nonsense }}", true),
        ] {
            let Ok(template) = Template::new(Some(own), LINE) else {
                assert!(fails, "{own}");
                continue;
            };
            let (text, trouble) = template.text(&news());
            assert_eq!((text.as_str(), trouble.is_some()), (plain, fails), "{own}: {trouble:?}");
        }
    }

    #[test]
    fn nothing_that_steers_comes_out_whatever_the_template_says() {
        let template = Template::new(Some("{{ feed }}\t\u{1b}[0m\u{202e}\r\n{{ trouble|upper }}"), LINE).unwrap();
        assert_eq!(template.text(&news()).0, "a\\u{1b}[2Jb\t\\u{1b}[0m\\u{202e}\nX\\U{202E}Y");
    }
}
